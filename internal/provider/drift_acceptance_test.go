package provider_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// ids remembers the ids of a chain while its steps run.
type ids struct{ group, backendService, listener string }

func (i *ids) remember(state *acctest.State) error {
	i.group = state.ID("alb_server_group.web")
	i.backendService = state.ID("alb_backend_service.web")
	i.listener = state.ID("alb_listener.web")
	return nil
}

func TestEditsByOthersAreNoticedAndUndone(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	port := lb.FreePort()
	configuration := chain(lb, port, `
    a = { address = "10.0.0.1", port = 80, weight = 3 }
    b = { address = "10.0.0.2" }
    c = { address = "10.0.0.3", port = 80 }`, "forwarded_headers = [\"proto\"]\n  session_persistence = { timeout = 60 }\n  health_check = { protocol = \"http\", interval = 10 }", "")
	var chain ids
	ctx := t.Context()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	acctest.Run(t,
		acctest.Step{Config: configuration, Check: chain.remember},
		acctest.Step{
			PreConfig: func() {
				must(lb.PatchBackendService(ctx, chain.backendService, lbapi.PatchBackendService{
					SessionPersistence: new(false), Scheduler: new(lbapi.SourceIP), CloseHealthCheck: new(true), ForwardedProto: new(false),
				}))
				must(lb.PatchListener(ctx, chain.listener, lbapi.PatchListener{Status: new(lbapi.Off), IdleTimeout: new(7)}))
				group, err := lb.ServerGroup(ctx, chain.group)
				must(err)
				at := map[string]string{}
				for _, server := range group.Servers {
					at[server.Address] = server.ID
				}
				must(lb.UpdateServers(ctx, chain.group, []lbapi.UpdateServer{{ID: new(at["10.0.0.1"]), Weight: new(0), Port: new(8080)}}))
				must(lb.DeregisterServers(ctx, chain.group, []string{at["10.0.0.3"]}))
				must(lb.RegisterServers(ctx, chain.group, []lbapi.RegisterServer{
					{Type: new(lbapi.ServerAddress), Address: new("10.0.0.9"), Port: new(90)},
				}))
			},
			Config: configuration,
			Plan: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("alb_server_group.web", plancheck.ResourceActionUpdate),
				plancheck.ExpectResourceAction("alb_backend_service.web", plancheck.ResourceActionUpdate),
				plancheck.ExpectResourceAction("alb_listener.web", plancheck.ResourceActionUpdate),
				// The plan shows what others did under the names that a reader expects.
				plancheck.ExpectKnownValue("alb_server_group.web", tfjsonpath.New("servers"), knownvalue.MapSizeExact(3)),
			},
			Check: func(*acctest.State) error {
				group, err := lb.ServerGroup(ctx, chain.group)
				must(err)
				got := map[string]string{}
				for _, server := range group.Servers {
					got[server.Address] = fmt.Sprint(server.Port, " ", server.Weight)
				}
				if want := "map[10.0.0.1:80 3 10.0.0.2:0 10 10.0.0.3:80 10]"; fmt.Sprint(got) != want {
					return fmt.Errorf("servers are %v, want %s", got, want)
				}
				service, err := lb.BackendService(ctx, chain.backendService)
				must(err)
				if !service.SessionPersistence || !service.ForwardedProto || service.Scheduler != lbapi.WeightedRoundRobin || service.HealthCheck.Interval != 10 {
					return fmt.Errorf("the backend service is %+v", service)
				}
				return nil
			},
		},
	)
}

func TestWhatOthersDeletedIsMadeAgain(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	configuration := chain(lb, lb.FreePort(), `a = { address = "10.0.0.1" }`, "", "")
	var chain ids
	created := func(address string) plancheck.PlanCheck {
		return plancheck.ExpectResourceAction(address, plancheck.ResourceActionCreate)
	}
	acctest.Run(t,
		acctest.Step{Config: configuration, Check: chain.remember},
		acctest.Step{
			PreConfig: func() {
				if err := lb.DeleteListener(t.Context(), chain.listener); err != nil {
					t.Fatal(err)
				}
				if err := lb.DeleteBackendService(t.Context(), chain.backendService); err != nil {
					t.Fatal(err)
				}
				if err := lb.DeleteServerGroup(t.Context(), chain.group); err != nil {
					t.Fatal(err)
				}
			},
			Config: configuration,
			Plan: []plancheck.PlanCheck{
				created("alb_listener.web"), created("alb_backend_service.web"), created("alb_server_group.web"),
			},
		},
	)
}

func TestImportThenPlanChangesNothing(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	ctx := t.Context()
	must := func(id string, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	balancers, err := lb.LoadBalancers(ctx)
	if err != nil {
		t.Fatal(err)
	}
	on := &balancers[0].ID
	group := must(lb.CreateServerGroup(ctx, lbapi.CreateServerGroup{Name: new("web"), LoadBalancerID: on, Type: new(lbapi.GroupOfAddresses)}))
	address := new(lbapi.ServerAddress)
	if err := lb.RegisterServers(ctx, group, []lbapi.RegisterServer{
		{Type: address, Address: new("10.0.0.1"), Port: new(80), Weight: new(0)},
		{Type: address, Address: new("10.0.0.1")},
		{Type: address, Address: new("fd00::1"), Port: new(8080)},
	}); err != nil {
		t.Fatal(err)
	}
	service := must(lb.CreateBackendService(ctx, lbapi.CreateBackendService{
		Name: new("web"), LoadBalancerID: on, Protocol: new(lbapi.HTTP), Port: new(80), ServerGroupIDs: &[]string{group},
		SessionPersistence: new(true), PersistenceTimeout: new(0), ForwardedProto: new(true),
		HealthCheck: &lbapi.HealthCheckSpec{Protocol: new(lbapi.HTTP), Domain: new("a.example"), Codes: &[]string{"404", "200-299"}},
	}))
	unchecked := must(lb.CreateBackendService(ctx, lbapi.CreateBackendService{
		Name: new("off"), LoadBalancerID: on, Protocol: new(lbapi.HTTP), Port: new(81), Scheduler: new(lbapi.SourceIP),
		HealthCheck: &lbapi.HealthCheckSpec{Protocol: new(lbapi.TCP)},
	}))
	if err := lb.PatchBackendService(ctx, unchecked, lbapi.PatchBackendService{CloseHealthCheck: new(true)}); err != nil {
		t.Fatal(err)
	}
	port := lb.FreePort()
	listener := must(lb.CreateListener(ctx, lbapi.CreateListener{
		Name: new("web"), LoadBalancerID: on, Protocol: new(lbapi.HTTP), Port: &port, BackendServiceID: &service, IdleTimeout: new(5),
	}))
	if err := lb.PatchListener(ctx, listener, lbapi.PatchListener{Status: new(lbapi.Off)}); err != nil {
		t.Fatal(err)
	}
	untouched := func(address string) plancheck.PlanCheck {
		return plancheck.ExpectResourceAction(address, plancheck.ResourceActionNoop)
	}
	configuration := func(large string) string {
		return lb.Configuration(fmt.Sprintf(`
import {
  to = alb_server_group.web
  id = %q
}
import {
  to = alb_backend_service.web
  id = %q
}
import {
  to = alb_backend_service.off
  id = %q
}
import {
  to = alb_listener.web
  id = %q
}

resource "alb_server_group" "web" {
  name = "web"
  servers = {
    %q               = { address = "10.0.0.1", port = 80, weight = 0 }
    "10.0.0.1"       = { address = "10.0.0.1" }
    "[fd00::1]:8080" = { address = "fd00::1", port = 8080 }
  }
}

resource "alb_backend_service" "web" {
  name                = "web"
  protocol            = "http"
  port                = 80
  server_group_id     = alb_server_group.web.id
  session_persistence = {}
  forwarded_headers   = ["proto"]
  health_check        = { protocol = "http", domain = "a.example", codes = ["200-299", "404"] }
}

resource "alb_backend_service" "off" {
  name         = "off"
  protocol     = "http"
  port         = 81
  scheduler    = "source_ip"
  health_check = { enabled = false }
}

resource "alb_listener" "web" {
  name               = "web"
  protocol           = "http"
  port               = %d
  backend_service_id = alb_backend_service.web.id
  idle_timeout       = 5
  enabled            = false
}
`, group, service, unchecked, listener, large, port))
	}
	before, err := lb.ServerGroup(ctx, group)
	if err != nil {
		t.Fatal(err)
	}
	acctest.Run(t,
		acctest.Step{
			Config: configuration("10.0.0.1:80"),
			Plan: []plancheck.PlanCheck{
				untouched("alb_server_group.web"), untouched("alb_backend_service.web"), untouched("alb_backend_service.off"),
				untouched("alb_listener.web"),
			},
		},
		acctest.Step{ // a name of the user's own for an imported server touches no server
			Config: configuration("large"),
			Plan:   updates("alb_server_group.web"),
			Check: func(*acctest.State) error {
				after, err := lb.ServerGroup(ctx, group)
				if err != nil {
					return err
				}
				if fmt.Sprint(after.Servers) != fmt.Sprint(before.Servers) {
					return fmt.Errorf("servers were %v and are %v", before.Servers, after.Servers)
				}
				return nil
			},
		},
		acctest.Step{Import: &acctest.Import{Address: "alb_listener.web"}},
		acctest.Step{Import: &acctest.Import{Address: "alb_backend_service.web"}},
	)
}
