package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// The validators make rules of package lbapi into those of Terraform. None judges a null or an unknown value.
var (
	_ validator.String = stringRule{}
	_ validator.Int64  = int64Rule{}
	_ validator.Set    = elementsRule{}
)

// stringRule judges a text by a function of the rule table, which gives the reason against it or "".
type stringRule struct {
	rule    string
	invalid func(string) string
}

// Description implements validator.Describer.
func (r stringRule) Description(context.Context) string { return r.rule }

// MarkdownDescription implements validator.Describer.
func (r stringRule) MarkdownDescription(context.Context) string { return r.rule }

// ValidateString implements validator.String.
func (r stringRule) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	addViolation(&resp.Diagnostics, req.Path, r.invalid(req.ConfigValue.ValueString()))
}

// wordRule judges a word by a list of words.
func wordRule(words []string) stringRule {
	return stringRule{"one of " + quoted(words), func(word string) string {
		if slices.Contains(words, word) {
			return ""
		}
		return fmt.Sprintf("must be one of %s, got %q", quoted(words), word)
	}}
}

// idRule judges an id by the form of its kind.
func idRule(form lbapi.IDForm) stringRule { return stringRule{form.Rule(), form.Invalid} }

// givenRule refuses the empty text, which is neither an id nor left out.
func givenRule() stringRule {
	return stringRule{"not empty", func(text string) string {
		if text == "" {
			return "must not be empty"
		}
		return ""
	}}
}

// int64Rule judges a number by its range.
type int64Rule struct{ lbapi.Range }

// Description implements validator.Describer.
func (r int64Rule) Description(context.Context) string { return r.String() }

// MarkdownDescription implements validator.Describer.
func (r int64Rule) MarkdownDescription(context.Context) string { return r.String() }

// ValidateInt64 implements validator.Int64.
func (r int64Rule) ValidateInt64(_ context.Context, req validator.Int64Request, resp *validator.Int64Response) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	addViolation(&resp.Diagnostics, req.Path, r.Invalid(req.ConfigValue.ValueInt64()))
}

// elementsRule judges the known elements of a set of texts together, at the set: an element of a set has no name to point at.
type elementsRule struct {
	rule    string
	invalid func([]string) string
}

// Description implements validator.Describer.
func (r elementsRule) Description(context.Context) string { return r.rule }

// MarkdownDescription implements validator.Describer.
func (r elementsRule) MarkdownDescription(context.Context) string { return r.rule }

// ValidateSet implements validator.Set.
func (r elementsRule) ValidateSet(_ context.Context, req validator.SetRequest, resp *validator.SetResponse) {
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
	addViolation(&resp.Diagnostics, req.Path, r.invalid(known))
}

// given reports whether a configuration certainly gives a value. A variable is unknown while a module is validated, and may
// turn out to be null.
func given(value attr.Value) bool { return !value.IsNull() && !value.IsUnknown() }

func addViolation(diags *diag.Diagnostics, at path.Path, reason string) {
	if reason != "" {
		diags.AddAttributeError(at, "Invalid value", sentence(at.String(), reason))
	}
}

// dependencyViolations reports every feature that a configuration uses although the value it depends on rules it out: once
// each, at the feature's attribute. used and value say what the configuration holds; they report false for what is not
// known, which is never judged.
func dependencyViolations(
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

// judgeIgnored judges a plan by the rules of ValidateConfig. That has passed what the configuration says; where "ignore_changes" keeps
// other values of the state, those come in its place, and only here.
func judgeIgnored(ctx context.Context, r resource.ResourceWithValidateConfig, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() || req.State.Raw.Equal(resp.Plan.Raw) {
		return
	}
	var found resource.ValidateConfigResponse
	r.ValidateConfig(ctx, resource.ValidateConfigRequest{Config: req.Config}, &found)
	for _, one := range found.Diagnostics {
		detail := one.Detail() + " \"ignore_changes\" keeps a value which the configuration does not have."
		if located, ok := one.(diag.DiagnosticWithPath); ok {
			resp.Diagnostics.AddAttributeError(located.Path(), one.Summary(), detail)
		} else {
			resp.Diagnostics.AddError(one.Summary(), detail)
		}
	}
}

func quoted(words []string) string {
	texts := make([]string, len(words))
	for i, word := range words {
		texts[i] = fmt.Sprintf("%q", word)
	}
	return strings.Join(texts, ", ")
}
