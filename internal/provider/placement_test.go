package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

func TestAProviderThatNamesNoLoadBalancerThereIsIsOneError(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	groups := "resource \"alb_server_group\" \"many\" {\n  count = 3\n  name = \"web\"\n}\n"
	const wrong = `load_balancer_id = "alb-a2b3c4d5e6"`
	for when, steps := range map[string][]acctest.Step{
		"to create": {{Config: lb.Configuration(groups, wrong)}},
		"to change": {{Config: lb.Configuration(groups)}, {Config: lb.Configuration(groups, wrong)}},
	} {
		failures := acctest.RunToFailure(t, steps...)
		said := inWords(fmt.Sprintf(`"load_balancer_id" of the provider is "alb-a2b3c4d5e6", and region %q has no load balancer of that id. It has: %s (alb-default).`,
			lb.Region(), firstLoadBalancer(t, lb)))
		if len(failures) != 1 || len(said.FindAllString(failures[0], -1)) != 1 || strings.Count(failures[0], "Error:") != 1 {
			t.Errorf("%s: %q", when, failures)
		}
	}
}

func TestAMoveToTheProvidersLoadBalancerIsExplained(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	first := firstLoadBalancer(t, lb)
	second, err := lb.CreateLoadBalancer(t.Context(), lbapi.CreateLoadBalancer{Name: new("second"), PrivateIPAddress: new("127.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	group := values{"name": text("web")}
	made := speak(t, lb, values{"load_balancer_id": text(first)}).apply("alb_server_group", applied{}, group)
	planned := speak(t, lb, values{"load_balancer_id": text(second)}).plan("alb_server_group", made, group)
	var warnings []string
	for _, one := range planned.Diagnostics {
		if one.Severity == tfprotov6.DiagnosticSeverityWarning {
			warnings = append(warnings, one.Detail)
		}
	}
	want := []string{fmt.Sprintf("It is on load balancer %q, and \"load_balancer_id\" of the provider is that of \"second\" (%s): the plan replaces it. "+
		"To leave it where it is, correct the provider's, or set its own \"load_balancer_id\" to %[1]q.", first, second)}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	if len(planned.RequiresReplace) != 1 {
		t.Errorf("replaced for %v", planned.RequiresReplace)
	}
	if again := speak(t, lb).plan("alb_server_group", made, group); len(again.Diagnostics) > 0 || len(again.RequiresReplace) > 0 {
		t.Errorf("without a setting: %v, replaced for %v", again.Diagnostics, again.RequiresReplace)
	}
}
