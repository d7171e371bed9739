package base

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
)

// AttributeFinder finds the attribute that a field of a call was made from; false if there is none.
type AttributeFinder func(field string) (path.Path, bool)

// AddCallError reports a failed call: each detail of the API at the attribute that caused it, and the whole error at
// the resource if some detail has no attribute or there are no details.
func AddCallError(diags *diag.Diagnostics, summary string, err error, attribute AttributeFinder) {
	refusal, ok := errors.AsType[*lbapi.Error](err)
	if !ok || len(refusal.Details) == 0 {
		diags.AddError(summary, ErrorSentence(err))
		return
	}
	trace := ""
	if call, ok := errors.AsType[*client.CallError](err); ok {
		trace = "\n\n" + capitalized(call.Trace()) + "."
	}
	whole := false
	for _, detail := range refusal.Details {
		at, ok := attribute(detail.Field)
		if !ok {
			whole = true
			continue
		}
		diags.AddAttributeError(at, summary, fmt.Sprintf("Attribute \"%s\": %s", at, WithFullStop(detail.InTerraform()))+trace)
	}
	if whole {
		diags.AddError(summary, ErrorSentence(err))
	}
}

// AttributeOf finds the attribute of a field by a table of terms.
func AttributeOf(terms lbapi.Terms, field string) (path.Path, bool) {
	attribute, ok := terms.Attribute(field)
	if !ok {
		return path.Empty(), false
	}
	return AttributePath(attribute), true
}

// AttributePath is the path of an attribute such as "health_check.interval".
func AttributePath(attribute string) path.Path {
	names := strings.Split(attribute, ".")
	at := path.Root(names[0])
	for _, name := range names[1:] {
		at = at.AtName(name)
	}
	return at
}

// AttributeSentence makes a reason of the rule table, such as "must be 1 to 65535, got 0", into a sentence about an
// attribute.
func AttributeSentence(attribute, reason string) string {
	return fmt.Sprintf("Attribute \"%s\" %s", attribute, WithFullStop(reason))
}

// ErrorSentence makes an error into a sentence.
func ErrorSentence(err error) string { return WithFullStop(capitalized(err.Error())) }

// WithFullStop ends a text with a full stop, unless it ends with one or with a question mark.
func WithFullStop(text string) string {
	if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}

func capitalized(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
