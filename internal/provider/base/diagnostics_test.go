package base

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// byTerms finds attributes by a table of terms, as the models of the kinds do.
func byTerms(terms lbapi.Terms) AttributeFinder {
	return func(field string) (path.Path, bool) { return AttributeOf(terms, field) }
}

func TestDetailsLandOnTheirAttributesAndTheRestOnTheResource(t *testing.T) {
	bad := func(field string) lbapi.Detail { return lbapi.Detail{Field: field, Reason: "is bad"} }
	for _, test := range []struct {
		name string
		err  error
		want []string
	}{
		{"a field", failed(lbapi.Conflict, "taken", bad("port")), []string{"port"}},
		{"a nested field", failed(lbapi.InvalidArgument, "bad", bad("healthCheckSpec.httpPath")), []string{"health_check.path"}},
		{"two fields", failed(lbapi.InvalidArgument, "bad", bad("backendName"), bad("algorithm")), []string{"name", "scheduler"}},
		{"an element of a list", failed(lbapi.InvalidArgument, "bad", bad("targetGroupIds[0]")), []string{"server_group_id"}},
		{"a field nobody knows", failed(lbapi.InvalidArgument, "bad", bad("regionId")), []string{""}},
		{"both", failed(lbapi.InvalidArgument, "bad", bad("regionId"), bad("port"), bad("body")), []string{"port", ""}},
		{"no details", failed(lbapi.Internal, "a fault"), []string{""}},
		{"not the API's", fmt.Errorf("call: %w", errors.New("connection refused")), []string{""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var diags diag.Diagnostics
			AddCallError(&diags, "Not done", test.err, byTerms(lbapi.BackendServiceTerms()))
			var got []string
			for _, one := range diags {
				at := ""
				if located, ok := one.(diag.DiagnosticWithPath); ok {
					at = located.Path().String()
				}
				got = append(got, at)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnErrorThatEndsInAQuestionGetsNoFullStop(t *testing.T) {
	var diags diag.Diagnostics
	AddCallError(&diags, "Not done", errors.New("is the server running?"), byTerms(lbapi.ListenerTerms()))
	if got := diags[0].Detail(); got != "Is the server running?" {
		t.Errorf("got %q", got)
	}
}
