package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

const oneGroup = "resource \"alb_server_group\" \"web\" {\n  name = \"web\"\n  %s\n}\n"

func TestTheLoadBalancerIsTheResourcesTheProvidersOrTheOnlyOne(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	balancers, err := lb.LoadBalancers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := balancers[0].ID
	second, err := lb.CreateLoadBalancer(t.Context(), lbapi.CreateLoadBalancer{Name: new("second"), PrivateIPAddress: new("127.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	on := func(id string) []statecheck.StateCheck {
		return []statecheck.StateCheck{statecheck.ExpectKnownValue("alb_server_group.web", tfjsonpath.New("load_balancer_id"), knownvalue.StringExact(id))}
	}
	replaces := []plancheck.PlanCheck{
		plancheck.ExpectResourceAction("alb_server_group.web", plancheck.ResourceActionDestroyBeforeCreate),
	}
	group := func(line string, settings ...string) string {
		return lb.Configuration(fmt.Sprintf(oneGroup, line), settings...)
	}
	named := func(id string) string { return fmt.Sprintf("load_balancer_id = %q", id) }
	acctest.Run(t,
		acctest.Step{
			Config: group(""), PlanOnly: true,
			ExpectError: inWords(`has 2 load balancers:`),
		},
		acctest.Step{Config: group("", named(second)), State: on(second)},
		acctest.Step{ // where it is, it stays, without any setting
			Config: group(""),
			Plan:   []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
		},
		acctest.Step{Config: group("", named(first)), Plan: replaces, State: on(first)},
		acctest.Step{Config: group(named(second), named(first)), Plan: replaces, State: on(second)},
	)
}

func TestTheOnlyLoadBalancerIsTakenAndShownInThePlan(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	balancers, err := lb.LoadBalancers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	acctest.Run(t, acctest.Step{
		Config: lb.Configuration(fmt.Sprintf(oneGroup, "")),
		Plan: []plancheck.PlanCheck{plancheck.ExpectKnownValue("alb_server_group.web",
			tfjsonpath.New("load_balancer_id"), knownvalue.StringExact(balancers[0].ID))},
	})
}

func TestAProviderThatCannotWorkSaysWhy(t *testing.T) {
	t.Parallel()
	const whole = "endpoint = \"http://127.0.0.1:1\"\n  region = \"local\"\n  access_key = \"AK\"\n  secret_key = \"the secret\"\n  max_retries = 0\n"
	without := func(attribute string) string {
		var lines []string
		for line := range strings.Lines(whole) {
			if !strings.Contains(line, attribute) {
				lines = append(lines, line)
			}
		}
		return strings.Join(lines, "")
	}
	for name, test := range map[string]struct{ provider, want string }{
		"no endpoint":       {without("endpoint"), `The provider needs "endpoint": set the attribute in the provider block, or the environment variable ALB_ENDPOINT.`},
		"no region":         {without("region"), `needs "region"`},
		"no access key":     {without("access_key"), `needs "access_key"`},
		"no secret key":     {without("secret_key"), `needs "secret_key"`},
		"an empty region":   {without("region") + "region = \"\"\n", `The provider needs "region"`},
		"an empty endpoint": {without("endpoint") + "endpoint = \"\"\n", `The provider needs "endpoint"`},
		"an unknown region": {without("region") + "region = terraform_data.later.output\n", `Attribute "region" of the provider is not known before other resources are applied.`},
		"a bad endpoint":    {without("endpoint") + "endpoint = \"127.0.0.1:9080\"\n", `Attribute "endpoint" must be a URL such as`},
		"a bad region":      {without("region") + "region = \"a/b\"\n", `Attribute "region" must be of visible ASCII characters other than "/" and ",", got "a/b".`},
		"a bad access key":  {without("access_key") + "access_key = \"a b\"\n", `Attribute "access_key" must be of visible ASCII characters`},
		"a bad timeout":     {whole + "request_timeout = \"30\"\n", `Attribute "request_timeout" must be a duration above 0`},
		"too many retries":  {without("max_retries") + "max_retries = 21\n", `Attribute "max_retries" must be 0 to 20, got 21.`},
		"half a retry":      {without("max_retries") + "max_retries = 0.5\n", `Attribute "max_retries" must be a whole number, got 0.5.`},
		"nobody there":      {whole, `nothing listens at the endpoint "http://127.0.0.1:1"`},
		"nobody to trust":   {strings.Replace(whole, "http:", "ftp:", 1), `does not start with "http://" or "https://"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			acctest.Run(t, acctest.Step{
				Config: "provider \"alb\" {\n  " + test.provider + "}\nresource \"terraform_data\" \"later\" {\n  input = \"x\"\n}\n" +
					fmt.Sprintf(oneGroup, ""),
				ExpectError: inWords(test.want),
			})
		})
	}
}
