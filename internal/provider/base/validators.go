package base

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// The validators make rules of package lbapi into those of Terraform. None judges a null or an unknown value.
var (
	_ validator.String = TextRule{}
	_ validator.Int64  = RangeRule{}
	_ validator.Set    = ElementsRule{}
)

// TextRule judges a text by a function of the rule table, which gives the reason against it or "".
type TextRule struct {
	Rule    string
	Invalid func(string) string
}

func (r TextRule) Description(context.Context) string { return r.Rule }

func (r TextRule) MarkdownDescription(context.Context) string { return r.Rule }

func (r TextRule) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	addViolation(&resp.Diagnostics, req.Path, r.Invalid(req.ConfigValue.ValueString()))
}

// WordRule judges a word by a list of words.
func WordRule(words []string) TextRule {
	return TextRule{"one of " + Quoted(words), func(word string) string {
		if slices.Contains(words, word) {
			return ""
		}
		return fmt.Sprintf("must be one of %s, got %q", Quoted(words), word)
	}}
}

// IDRule judges an id by the form of its kind.
func IDRule(form lbapi.IDForm) TextRule { return TextRule{form.Rule(), form.Invalid} }

// GivenRule refuses the empty text, which is neither an id nor left out.
func GivenRule() TextRule {
	return TextRule{"not empty", func(text string) string {
		if text == "" {
			return "must not be empty"
		}
		return ""
	}}
}

// RangeRule judges a number by its range.
type RangeRule struct{ lbapi.Range }

func (r RangeRule) Description(context.Context) string { return r.String() }

func (r RangeRule) MarkdownDescription(context.Context) string { return r.String() }

func (r RangeRule) ValidateInt64(_ context.Context, req validator.Int64Request, resp *validator.Int64Response) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	addViolation(&resp.Diagnostics, req.Path, r.Invalid(req.ConfigValue.ValueInt64()))
}

// ElementsRule judges the elements of a set of texts together, at the set: an element of a set has no name to point at.
type ElementsRule struct {
	Rule    string
	Invalid func([]string) string
}

func (r ElementsRule) Description(context.Context) string { return r.Rule }

func (r ElementsRule) MarkdownDescription(context.Context) string { return r.Rule }

func (r ElementsRule) ValidateSet(_ context.Context, req validator.SetRequest, resp *validator.SetResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	known := []string{}
	for _, element := range req.ConfigValue.Elements() {
		text, ok := element.(types.String)
		if !ok || text.IsUnknown() {
			return // with an unknown element, neither their number nor the rest is certain
		}
		if text.IsNull() {
			addViolation(&resp.Diagnostics, req.Path, "must not hold null")
			return
		}
		known = append(known, text.ValueString())
	}
	addViolation(&resp.Diagnostics, req.Path, r.Invalid(known))
}

// Given reports whether a configuration certainly gives a value. A variable is unknown while a module is validated, and
// may turn out to be null.
func Given(value attr.Value) bool { return !value.IsNull() && !value.IsUnknown() }

func addViolation(diags *diag.Diagnostics, at path.Path, reason string) {
	if reason != "" {
		diags.AddAttributeError(at, "Invalid value", AttributeSentence(at.String(), reason))
	}
}

// AddDependencyViolations reports each feature that a configuration uses although the value it depends on rules it out,
// at the feature's attribute. used and value say what the configuration holds; they return false for what is not known,
// which is never judged.
func AddDependencyViolations(
	diags *diag.Diagnostics, rules []lbapi.Dependency, at func(attribute string) path.Path,
	used func(attribute string) bool, value func(attribute string) (string, bool),
) {
	said := map[string]bool{}
	for _, rule := range rules {
		wire, known := value(rule.On.Attribute)
		if !known || slices.Contains(rule.Allowed, wire) || !used(rule.Feature.Attribute) {
			continue
		}
		where := at(rule.Feature.Attribute)
		rule.Feature.Attribute = where.String()
		message := rule.Message(lbapi.Terraform, wire)
		if !said[message] {
			diags.AddAttributeError(where, "Invalid combination", message)
		}
		said[message] = true
	}
}

// Quoted lists words in quotes: "\"a\", \"b\"".
func Quoted(words []string) string {
	texts := make([]string, len(words))
	for i, word := range words {
		texts[i] = fmt.Sprintf("%q", word)
	}
	return strings.Join(texts, ", ")
}
