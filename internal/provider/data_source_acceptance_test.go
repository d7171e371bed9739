package provider_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// found is a state check of one attribute of a data source.
func found(address, attribute string, value knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue("data."+address, tfjsonpath.New(attribute), value)
}

func TestDataSourcesShowWhatTheResourcesMade(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	port := lb.FreePort()
	const lookups = `
data "alb_load_balancer" "first" {
  name = "alb-default"
}
data "alb_listener" "web" {
  id = alb_listener.web.id
}
data "alb_backend_service" "web" {
  name       = alb_backend_service.web.name
  depends_on = [alb_listener.web]
}
data "alb_server_group" "web" {
  name             = "web"
  load_balancer_id = data.alb_load_balancer.first.id
  depends_on       = [alb_listener.web]
}
`
	chained := func(backendService string) string {
		return chain(lb, port, `
    a = { address = "10.0.0.1", port = 80, weight = 0 }
    b = { address = "10.0.0.2" }`, backendService, "idle_timeout = 7\n  description = \"the door\"") + lookups
	}
	acctest.Run(t,
		acctest.Step{
			Config: chained("session_persistence = { timeout = 60 }\n  forwarded_headers = [\"proto\"]\n  health_check = { protocol = \"http\", path = \"/up\" }"),
			State: []statecheck.StateCheck{
				found("alb_load_balancer.first", "deletion_protection", knownvalue.Bool(false)),
				found("alb_load_balancer.first", "address", knownvalue.StringRegexp(regexp.MustCompile(`^127\.`))),
				found("alb_listener.web", "name", knownvalue.StringExact("web")),
				found("alb_listener.web", "port", knownvalue.Int64Exact(int64(port))),
				found("alb_listener.web", "idle_timeout", knownvalue.Int64Exact(7)),
				found("alb_listener.web", "description", knownvalue.StringExact("the door")),
				found("alb_listener.web", "enabled", knownvalue.Bool(true)),
				found("alb_backend_service.web", "session_persistence", knownvalue.ObjectExact(map[string]knownvalue.Check{
					"enabled": knownvalue.Bool(true), "timeout": knownvalue.Int64Exact(60), "same_site": knownvalue.StringExact("lax"),
				})),
				found("alb_backend_service.web", "forwarded_headers", knownvalue.SetExact([]knownvalue.Check{knownvalue.StringExact("proto")})),
				found("alb_backend_service.web", "health_check", knownvalue.ObjectPartial(map[string]knownvalue.Check{
					"enabled": knownvalue.Bool(true), "path": knownvalue.StringExact("/up"), "domain": knownvalue.Null(),
				})),
				found("alb_server_group.web", "servers", knownvalue.MapExact(map[string]knownvalue.Check{
					"10.0.0.1:80": knownvalue.ObjectPartial(map[string]knownvalue.Check{
						"address": knownvalue.StringExact("10.0.0.1"), "weight": knownvalue.Int64Exact(0), "instance_id": knownvalue.Null(),
					}),
					"10.0.0.2": knownvalue.ObjectPartial(map[string]knownvalue.Check{"port": knownvalue.Null()}),
				})),
			},
		},
		acctest.Step{ // what is off is shown as off
			Config: chained("health_check = { enabled = false }"),
			State: []statecheck.StateCheck{
				found("alb_backend_service.web", "session_persistence", knownvalue.ObjectExact(map[string]knownvalue.Check{
					"enabled": knownvalue.Bool(false), "timeout": knownvalue.Int64Exact(0), "same_site": knownvalue.StringExact("lax"),
				})),
				found("alb_backend_service.web", "health_check", knownvalue.ObjectPartial(map[string]knownvalue.Check{
					"enabled": knownvalue.Bool(false), "protocol": knownvalue.Null(), "interval": knownvalue.Null(),
				})),
			},
		},
	)
}

// strangers makes server groups behind Terraform's back.
func strangers(t *testing.T, lb *acctest.LoadBalancer, on string, names ...string) (ids []string) {
	t.Helper()
	for _, name := range names {
		id, err := lb.CreateServerGroup(t.Context(), lbapi.CreateServerGroup{Name: &name, LoadBalancerID: &on})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// twoLoadBalancers are the ids of the first load balancer and of a second one.
func twoLoadBalancers(t *testing.T, lb *acctest.LoadBalancer) (first, second string) {
	t.Helper()
	balancers, err := lb.LoadBalancers(t.Context())
	second, secondErr := lb.CreateLoadBalancer(t.Context(), lbapi.CreateLoadBalancer{Name: new("second")})
	if err := errors.Join(err, secondErr); err != nil {
		t.Fatal(err)
	}
	return balancers[0].ID, second
}

func TestADataSourceFindsExactlyOneOrSaysWhichThereAre(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	first, second := twoLoadBalancers(t, lb)
	twins := append(strangers(t, lb, first, "twin"), strangers(t, lb, second, "twin")...)
	group := func(lines string, settings ...string) string {
		return lb.Configuration("data \"alb_server_group\" \"it\" {\n  "+lines+"\n}\n", settings...)
	}
	is := func(id string) []statecheck.StateCheck {
		return []statecheck.StateCheck{found("alb_server_group.it", "id", knownvalue.StringExact(id))}
	}
	on := func(id string) string { return fmt.Sprintf("load_balancer_id = %q", id) }
	acctest.Run(t,
		acctest.Step{
			Config: group(`name = "twin"`),
			ExpectError: inWords(fmt.Sprintf(`In region "local" there are 2 server groups named "twin": %s on load balancer %s, %s on load balancer %s. `+
				`Set "id" to one of them.`, twins[0], first, twins[1], second) + "|" +
				fmt.Sprintf(`named "twin": %s on load balancer %s, %s on load balancer %s.`, twins[1], second, twins[0], first)),
		},
		acctest.Step{Config: group("name = \"twin\"\n  " + on(second)), State: is(twins[1])},
		acctest.Step{Config: group(`name = "twin"`, on(first)), State: is(twins[0])}, // by the provider's default
		acctest.Step{Config: group(fmt.Sprintf("id = %q", twins[1]), on(first)), State: is(twins[1])},
		acctest.Step{
			Config:      group(`name = "twi"`),
			ExpectError: inWords(`In region "local" there is no server group named "twi".`),
		},
		acctest.Step{
			Config:      group(`id = "tg-aaaaaaaaaa"`),
			ExpectError: inWords(`there is no server group "tg-aaaaaaaaaa"`),
		},
		acctest.Step{Config: group(""), ExpectError: inWords(`Exactly one of "id" and "name" must be set to find a server group.`)},
		acctest.Step{Config: group("id = \"tg-a2b3c4d5e6\"\n  name = \"a\""), ExpectError: inWords(`Exactly one of "id" and "name" must be set`)},
		acctest.Step{
			Config:      group("id = \"tg-a2b3c4d5e6\"\n  " + on(first)),
			ExpectError: inWords(`Attribute "load_balancer_id" cannot be set when "id" is`),
		},
		acctest.Step{Config: lb.Configuration("")}, // one that can be destroyed
	)
}

func TestEveryKindIsFoundByNameExactlyOnceOrNot(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	ids := twins(t, lb)
	lookups := func(name string) string {
		var text strings.Builder
		for kind := range ids {
			fmt.Fprintf(&text, "data %q \"it\" {\n  name = %q\n}\n", kind, name)
			fmt.Fprintf(&text, "data \"%ss\" \"it\" {\n  name = %q\n}\n", kind, name)
			fmt.Fprintf(&text, "data \"%ss\" \"like\" {\n  name_contains = %q\n}\n", kind, name[1:])
		}
		return lb.Configuration(text.String())
	}
	var single []statecheck.StateCheck
	for kind, of := range ids {
		list := strings.TrimPrefix(kind, "alb_") + "s"
		it := knownvalue.ListExact([]knownvalue.Check{knownvalue.ObjectPartial(map[string]knownvalue.Check{"id": knownvalue.StringExact(of["single"][0])})})
		single = append(single, found(kind+".it", "id", knownvalue.StringExact(of["single"][0])),
			found(kind+"s.it", list, it), found(kind+"s.like", list, it))
	}
	failures := acctest.RunToFailure(t,
		acctest.Step{Config: lookups("single"), State: single},
		acctest.Step{Config: lookups("twin")},
	)
	failures = append(failures, acctest.RunToFailure(t, acctest.Step{Config: lookups("nobody")})...)
	if len(failures) != 2 {
		t.Fatalf("%d failures, want one for the twins and one for nobody:\n%s", len(failures), strings.Join(failures, "\n"))
	}
	for kind, of := range ids {
		word := strings.ReplaceAll(strings.TrimPrefix(kind, "alb_"), "_", " ")
		there := regexp.MustCompile(`there\s+are\s+2\s+` + strings.ReplaceAll(word, " ", `\s+`) + `s\s+named\s+"twin":([^.]|\.\d)*`).FindString(failures[0])
		for _, id := range of["twin"] {
			if !strings.Contains(there, id) {
				t.Errorf("%s: %s is not named in %q of\n%s", kind, id, there, failures[0])
			}
		}
		if nobody := "there is no " + word + " named \"nobody\"."; !inWords(nobody).MatchString(failures[1]) {
			t.Errorf("%s: want %q in\n%s", kind, nobody, failures[1])
		}
	}
}

// twins makes of each kind two objects of one name, and one that is alone with its own. It returns their ids by the data
// source of the kind and their name.
func twins(t *testing.T, lb *acctest.LoadBalancer) map[string]map[string][]string {
	t.Helper()
	ctx, ids := t.Context(), map[string]map[string][]string{}
	for _, name := range []string{"twin", "twin", "single"} {
		made := func(kind, id string, err error) *string {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			if ids[kind] == nil {
				ids[kind] = map[string][]string{}
			}
			ids[kind][name] = append(ids[kind][name], id)
			return &id
		}
		id, err := lb.CreateLoadBalancer(ctx, lbapi.CreateLoadBalancer{Name: &name})
		balancer := made("alb_load_balancer", id, err)
		id, err = lb.CreateServerGroup(ctx, lbapi.CreateServerGroup{Name: &name, LoadBalancerID: balancer})
		made("alb_server_group", id, err)
		id, err = lb.CreateBackendService(ctx, lbapi.CreateBackendService{
			Name: &name, LoadBalancerID: balancer, Protocol: new(lbapi.HTTP), Port: new(80), HealthCheck: &lbapi.HealthCheckSpec{Protocol: new(lbapi.TCP)},
		})
		service := made("alb_backend_service", id, err)
		id, err = lb.CreateListener(ctx, lbapi.CreateListener{
			Name: &name, LoadBalancerID: balancer, Protocol: new(lbapi.HTTP), Port: new(lb.FreePort()), BackendServiceID: service,
		})
		made("alb_listener", id, err)
	}
	return ids
}

func TestListsFollowTheirFilters(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	first, second := twoLoadBalancers(t, lb)
	strangers(t, lb, first, "web", "web-blue", "api")
	strangers(t, lb, second, "web-green")
	lists := func(lines string) string {
		return lb.Configuration(fmt.Sprintf("data \"alb_server_groups\" \"all\" {\n  %s\n}\n", lines))
	}
	number := func(number int) []statecheck.StateCheck {
		return []statecheck.StateCheck{found("alb_server_groups.all", "server_groups", knownvalue.ListSizeExact(number))}
	}
	empty := "data \"alb_load_balancers\" \"all\" {}\ndata \"alb_listeners\" \"all\" {}\ndata \"alb_backend_services\" \"all\" {}\n"
	acctest.Run(t,
		acctest.Step{
			Config: lists("") + empty,
			State: append(number(4),
				found("alb_load_balancers.all", "load_balancers", knownvalue.ListSizeExact(2)),
				found("alb_listeners.all", "listeners", knownvalue.ListSizeExact(0)),
				found("alb_backend_services.all", "backend_services", knownvalue.ListSizeExact(0))),
		},
		acctest.Step{Config: lists(`name = "web"`), State: number(1)},
		acctest.Step{Config: lists(`name_contains = "web"`), State: number(3)},
		acctest.Step{Config: lists(fmt.Sprintf("name_contains = \"web\"\n  load_balancer_id = %q", first)), State: number(2)},
		acctest.Step{Config: lists("name = \"web\"\n  name_contains = \"blue\""), State: number(0)},
	)
}

func TestServerHealthTellsCheckBlocksWhichServerFailsAndWhy(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	_, element := acctest.SampleServer(t, "a")
	dead, deadElement := acctest.SampleServer(t, "b")
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	configuration := chain(lb, lb.FreePort(), "a = "+element("")+"\n    b = "+deadElement(""), "", "")
	health := configuration + "data \"alb_server_health\" \"web\" {\n  backend_service_id = alb_backend_service.web.id\n}\n"
	acctest.Run(t,
		acctest.Step{Config: configuration, Check: func(state *acctest.State) error {
			acctest.Eventually(t, func() error {
				servers, err := lb.ServerHealth(t.Context(), state.ID("alb_backend_service.web"))
				for _, server := range servers {
					if server.Status == lbapi.HealthUnknown {
						return fmt.Errorf("no verdict on %+v yet", server)
					}
				}
				return err
			})
			return nil
		}},
		acctest.Step{
			Config: health,
			State: []statecheck.StateCheck{
				found("alb_server_health.web", "healthy_servers", knownvalue.Int64Exact(1)),
				found("alb_server_health.web", "servers", knownvalue.ListPartial(map[int]knownvalue.Check{
					0: knownvalue.ObjectPartial(map[string]knownvalue.Check{
						"status": knownvalue.StringExact("healthy"), "reason": knownvalue.Null(), "weight": knownvalue.Int64Exact(10),
					}),
					1: knownvalue.ObjectPartial(map[string]knownvalue.Check{
						"status": knownvalue.StringExact("unhealthy"), "reason": knownvalue.StringExact("CONNECT_FAILED"),
						"detail": knownvalue.StringRegexp(regexp.MustCompile("refused")),
					}),
				})),
			},
		},
		acctest.Step{
			Config:      lb.Configuration("data \"alb_server_health\" \"web\" {\n  backend_service_id = \"backend-aaaaaaaaaa\"\n}\n"),
			ExpectError: inWords(`there is no backend service "backend-aaaaaaaaaa"`),
		},
	)
}
