package provider

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
)

// addCallError reports a failed call: every detail of the API at the attribute that caused it, and the whole at the resource
// when some detail has no attribute or there is none.
func addCallError(diags *diag.Diagnostics, summary string, err error, attribute func(field string) (path.Path, bool)) {
	refusal, ok := errors.AsType[*lbapi.Error](err)
	if !ok || len(refusal.Details) == 0 {
		diags.AddError(summary, stopped(capitalized(err.Error())))
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
		diags.AddAttributeError(at, summary, fmt.Sprintf("Attribute \"%s\": %s", at, stopped(detail.InTerraform()))+trace)
	}
	if whole {
		diags.AddError(summary, stopped(capitalized(err.Error())))
	}
}

// attributesOf finds attributes by a table of terms.
func attributesOf(terms lbapi.Terms) func(field string) (path.Path, bool) {
	return func(field string) (path.Path, bool) {
		attribute, ok := terms.Attribute(field)
		if !ok {
			return path.Empty(), false
		}
		return attributePath(attribute), true
	}
}

// attributePath is the path of "health_check.interval".
func attributePath(attribute string) path.Path {
	names := strings.Split(attribute, ".")
	at := path.Root(names[0])
	for _, name := range names[1:] {
		at = at.AtName(name)
	}
	return at
}

// sentence makes a reason of the rule table, such as "must be 1 to 65535, got 0", into a sentence about an attribute.
func sentence(attribute, reason string) string {
	return fmt.Sprintf("Attribute \"%s\" %s", attribute, stopped(reason))
}

func stopped(text string) string {
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
