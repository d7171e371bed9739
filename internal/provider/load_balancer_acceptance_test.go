package provider_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver"
)

// secondAddress is a loopback address that is not the VIP of the load balancer that lbserver starts with.
const secondAddress = "127.0.0.2"

// ownLoadBalancer is a load balancer of its own, made of lines, with a chain on it whose listener has a port.
func ownLoadBalancer(lb *acctest.LoadBalancer, port int, servers, lines string) string {
	return lb.Configuration(fmt.Sprintf(`
resource "alb_load_balancer" "own" {
  name = "own"
  %s
}

resource "alb_server_group" "web" {
  name             = "web"
  load_balancer_id = alb_load_balancer.own.id
  servers          = { %s }
}

resource "alb_backend_service" "web" {
  name             = "web"
  load_balancer_id = alb_load_balancer.own.id
  protocol         = "http"
  port             = 80
  server_group_id  = alb_server_group.web.id
}

resource "alb_listener" "web" {
  name               = "web"
  load_balancer_id   = alb_load_balancer.own.id
  protocol           = "http"
  port               = %d
  backend_service_id = alb_backend_service.web.id
}
`, lines, servers, port))
}

func TestAnotherSpellingOfALoadBalancersAddressChangesNothing(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	balancer := func(address string) string {
		return lb.Configuration("resource \"alb_load_balancer\" \"own\" {\n  name = \"own\"\n  address = \"" + address + "\"\n}\n")
	}
	acctest.Run(t,
		acctest.Step{Config: balancer(secondAddress)},
		acctest.Step{Config: balancer("::ffff:" + secondAddress), Plan: updates("alb_load_balancer.own")},
		acctest.Step{Config: balancer("::ffff:" + secondAddress), PlanOnly: true},
		acctest.Step{Config: balancer("127.0.0.3"), Plan: []plancheck.PlanCheck{
			plancheck.ExpectResourceAction("alb_load_balancer.own", plancheck.ResourceActionDestroyBeforeCreate),
		}},
	)
}

// What a plan says of the load balancer holds when the same apply makes another one first.
func TestAPlannedPlaceHoldsWhenTheApplyMakesAnotherLoadBalancer(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	first := firstLoadBalancer(t, lb)
	configuration := lb.Configuration(`
resource "alb_load_balancer" "edge" {
  name = "edge"
}

resource "alb_server_group" "web" {
  name       = "web"
  depends_on = [alb_load_balancer.edge]
}
`)
	acctest.Run(t,
		acctest.Step{Config: configuration, State: []statecheck.StateCheck{
			statecheck.ExpectKnownValue("alb_server_group.web", tfjsonpath.New("load_balancer_id"), knownvalue.StringExact(first)),
		}},
		acctest.Step{Config: configuration, PlanOnly: true},
	)
}

// A provider may be given the load balancer that another one makes in the same configuration.
func TestAProvidersLoadBalancerMayBeOneThatTheApplyMakes(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	accessKey, secretKey := lb.Server.Credentials()
	configuration := func(lines string) string {
		return lb.Configuration(fmt.Sprintf(`
resource "alb_load_balancer" "edge" {
  name = "edge"
  %s
  lifecycle {
    create_before_destroy = true # what is on it moves first
  }
}

provider "alb" {
  alias            = "edge"
  endpoint         = %q
  region           = %q
  access_key       = %q
  secret_key       = %q
  load_balancer_id = alb_load_balancer.edge.id
}

resource "alb_server_group" "web" {
  provider = alb.edge
  name     = "web"
}
`, lines, lb.Endpoint(), lb.Region(), accessKey, secretKey))
	}
	there := func(state *acctest.State) error {
		if is, want := state.Attributes("alb_server_group.web")["load_balancer_id"], state.ID("alb_load_balancer.edge"); is != want {
			return fmt.Errorf("the server group is on %q, want %q", is, want)
		}
		return nil
	}
	replaced := plancheck.ExpectResourceAction("alb_server_group.web", plancheck.ResourceActionDestroyBeforeCreate)
	const search = "data \"alb_server_groups\" \"all\" {\n  provider = alb.edge\n}\n"
	acctest.Run(t,
		acctest.Step{ // what others have is not what is meant
			Config: configuration("") + search, ExpectError: inWords("Unknown load_balancer_id"),
		},
		acctest.Step{Config: configuration(""), Check: there},
		acctest.Step{Config: configuration(""), PlanOnly: true},
		acctest.Step{
			Config: configuration("address = \"" + secondAddress + "\""), Check: there,
			Plan: []plancheck.PlanCheck{replaced},
		},
		acctest.Step{Config: configuration("address = \"" + secondAddress + "\""), PlanOnly: true},
	)
}

func TestALoadBalancerTakesTrafficOnItsOwnAddress(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	port := lb.FreePort()
	_, element := acctest.SampleServer(t, "a")
	url := "http://" + net.JoinHostPort(secondAddress, strconv.Itoa(port)) + "/"
	address := "address = \"" + secondAddress + "\"\n  "
	serves := checkTraffic(func() error {
		if visit := acctest.Stranger(t)(url); visit.Status != http.StatusOK || visit.Server != "a" {
			return fmt.Errorf("%s answers %+v, want server a", url, visit)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, lb.URL(port), http.NoBody)
		if err != nil {
			return err
		}
		if response, err := http.DefaultTransport.RoundTrip(request); err == nil {
			return fmt.Errorf("the first load balancer's address answers too: %s, %w", response.Status, response.Body.Close())
		}
		return nil
	})
	known := func(attribute string, value knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue("alb_load_balancer.own", tfjsonpath.New(attribute), value)
	}
	acctest.Run(t,
		acctest.Step{
			Config: ownLoadBalancer(lb, port, "a = "+element(""), address),
			Check:  serves,
			State: []statecheck.StateCheck{
				known("address", knownvalue.StringExact(secondAddress)), known("deletion_protection", knownvalue.Bool(false)),
				known("subnet_id", knownvalue.Null()), known("availability_zones", knownvalue.SetSizeExact(0)),
			},
		},
		acctest.Step{ // in place, under the traffic
			Config: ownLoadBalancer(lb, port, "a = "+element(""), address+"description = \"for tests\"\n  deletion_protection = true"),
			Plan:   updates("alb_load_balancer.own"),
			State:  []statecheck.StateCheck{known("deletion_protection", knownvalue.Bool(true))},
			Check:  serves,
		},
		acctest.Step{Import: &acctest.Import{Address: "alb_load_balancer.own"}},
		acctest.Step{ // said before the listener is gone
			Config:      ownLoadBalancer(lb, port, "a = "+element(""), address+"deletion_protection = true"),
			Destroy:     true,
			ExpectError: inWords(`The plan deletes load balancer "own"`),
		},
		acctest.Step{
			Config:      ownLoadBalancer(lb, port, "a = "+element(""), "address = \"127.0.0.3\"\n  deletion_protection = true"),
			ExpectError: inWords(`The plan replaces load balancer "own"`),
		},
		acctest.Step{
			Config: ownLoadBalancer(lb, port, "a = "+element(""), address),
			Plan:   updates("alb_load_balancer.own"),
			Check:  serves,
		},
	)
}

func TestALoadBalancerInTheCloudKeepsItsPlace(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	placed := func(lines string) string {
		return lb.Configuration("resource \"alb_load_balancer\" \"own\" {\n  name = \"own\"\n  " + lines + "\n}\n")
	}
	zones := knownvalue.SetExact([]knownvalue.Check{knownvalue.StringExact("zone-a"), knownvalue.StringExact("zone-b")})
	acctest.Run(t,
		acctest.Step{
			Config: placed("subnet_id = \"subnet-1\"\n  availability_zones = [\"zone-b\", \"zone-a\"]"),
			State: []statecheck.StateCheck{
				statecheck.ExpectKnownValue("alb_load_balancer.own", tfjsonpath.New("subnet_id"), knownvalue.StringExact("subnet-1")),
				statecheck.ExpectKnownValue("alb_load_balancer.own", tfjsonpath.New("availability_zones"), zones),
			},
		},
		acctest.Step{ // what is not written any more stays where it is
			Config: placed(""),
			Plan:   []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
		},
		acctest.Step{
			Config: placed("subnet_id = \"subnet-2\""),
			Plan: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("alb_load_balancer.own", plancheck.ResourceActionDestroyBeforeCreate),
			},
		},
		acctest.Step{
			Config: placed("address = \"nowhere\""), PlanOnly: true,
			ExpectError: inWords(`Attribute "address" must be an IPv4 or IPv6 address`),
		},
		acctest.Step{Config: placed("subnet_id = \"subnet-2\"")},
	)
}

func TestALoadBalancerThatIsUsedOrProtectedByOthersIsNotDeleted(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	ctx := t.Context()
	configuration := lb.Configuration("resource \"alb_load_balancer\" \"own\" {\n  name = \"own\"\n  timeouts = { delete = \"1s\" }\n}\n")
	var id, group, other string
	acctest.Run(t,
		acctest.Step{Config: configuration, Check: func(state *acctest.State) error {
			id = state.ID("alb_load_balancer.own")
			var err, otherErr error
			group, err = lb.CreateServerGroup(ctx, lbapi.CreateServerGroup{Name: new("strangers"), LoadBalancerID: &id})
			other, otherErr = lb.CreateServerGroup(ctx, lbapi.CreateServerGroup{Name: new("strangers"), LoadBalancerID: &id})
			return errors.Join(err, otherErr)
		}},
		acctest.Step{
			Config:      lb.Configuration(""),
			ExpectError: regexp.MustCompile(`is in\s+use\s+by(\s+server\s+group\s+"strangers"\s+\(tg-\w+\),?){2}\s+\(HTTP`),
		},
		acctest.Step{
			PreConfig: func() {
				if err := errors.Join(lb.DeleteServerGroup(ctx, group), lb.DeleteServerGroup(ctx, other),
					lb.PatchLoadBalancer(ctx, id, lbapi.PatchLoadBalancer{DeleteProtection: new(true)})); err != nil {
					t.Fatal(err)
				}
			},
			Config: lb.Configuration(""), // planned without a refresh, so the API is the one to say it: at once
			// Terraform plans by the state as it was and is refused by the API; OpenTofu by what it has just read.
			ExpectError: regexp.MustCompile(`is\s+protected;\s+turn\s+its\s+delete\s+protection\s+off|whose\s+"deletion_protection"\s+is\s+on`),
		},
		acctest.Step{Config: configuration, Plan: updates("alb_load_balancer.own")},
	)
}

func TestAProtectedLoadBalancerThatAReplacementLeftShowsTheWayOut(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	w := acctest.NewWorkspace(t, lb.Configuration("resource \"alb_load_balancer\" \"own\" {\n  name = \"own\"\n"+
		"  deletion_protection = true\n  lifecycle {\n    create_before_destroy = true\n  }\n}\n"))
	w.Run(t, "apply", "-auto-approve")
	id := w.IDs(t)[0]
	want := inWords(fmt.Sprintf(`turn its protection off by the API: PATCH /loadBalancers/%s with {"deleteProtection":false}`, id))
	for _, arguments := range [][]string{{"apply", "-auto-approve", "-replace=alb_load_balancer.own"}, {"plan"}} {
		running := w.Start(t, arguments...)
		if err := running.Wait(); err == nil || !want.MatchString(running.Output()) {
			t.Fatalf("%v: %v, want %q in\n%s", arguments, err, want, running.Output())
		}
	}
	if err := lb.PatchLoadBalancer(t.Context(), id, lbapi.PatchLoadBalancer{DeleteProtection: new(false)}); err != nil {
		t.Fatal(err)
	}
	w.Run(t, "apply", "-auto-approve")
	w.Run(t, "plan", "-detailed-exitcode")
}

func TestOneLoadBalancerTooManyIsAQuotaError(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t, func(config *lbserver.Config) { config.Quotas.LoadBalancers = 2 })
	var blocks strings.Builder
	for _, name := range []string{"one", "two"} {
		fmt.Fprintf(&blocks, "resource \"alb_load_balancer\" %q {\n  name = %q\n}\n", name, name)
	}
	acctest.Run(t, acctest.Step{
		Config:      lb.Configuration(blocks.String()),
		ExpectError: inWords(`this server has 2 of 2 load balancers; delete one or raise the quota`),
	})
}
