package provider_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
	"github.com/alb-project/terraform-provider-alb/lbserver"
)

func moved(from, to string) string {
	return fmt.Sprintf("moved {\n  from = %s\n  to   = %s\n}\n", from, to)
}

func emptyPlan() []plancheck.PlanCheck {
	return []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}
}

func TestMovedResourcesStayWhatTheyAre(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	port := lb.FreePort()
	before := openGroup + "resource \"alb_server\" \"many\" {\n  count = 2\n  server_group_id = alb_server_group.web.id\n" +
		"  address = \"10.0.0.${count.index + 1}\"\n}\n" + fmt.Sprintf(`
resource "alb_backend_service" "web" {
  name            = "web"
  protocol        = "http"
  port            = 80
  server_group_id = alb_server_group.web.id
}
resource "alb_listener" "web" {
  name               = "web"
  protocol           = "http"
  port               = %d
  backend_service_id = alb_backend_service.web.id
}
`, port)
	after := strings.NewReplacer(
		"alb_server_group.web", "alb_server_group.site", `"alb_server_group" "web"`, `"alb_server_group" "site"`,
		"alb_backend_service.web", "alb_backend_service.site", `"alb_backend_service" "web"`, `"alb_backend_service" "site"`,
		`"alb_listener" "web"`, `"alb_listener" "site"`, `"alb_server" "many"`, `"alb_server" "all"`,
	).Replace(before)
	ids := map[string]string{}
	look := func(same bool) acctest.Check {
		return func(state *acctest.State) error {
			now := map[string]string{}
			for address := range state.Resources() {
				now[strings.NewReplacer(".site", ".web", ".all", ".many").Replace(address)] = state.ID(address)
			}
			if diff := cmp.Diff(ids, now); same && diff != "" {
				return fmt.Errorf("ids (-before +after):\n%s", diff)
			}
			ids = now
			return nil
		}
	}
	acctest.Run(t,
		acctest.Step{Config: lb.Configuration(before), Check: look(false)},
		acctest.Step{
			Config: lb.Configuration(after + moved("alb_server_group.web", "alb_server_group.site") + moved("alb_server.many", "alb_server.all") +
				moved("alb_backend_service.web", "alb_backend_service.site") + moved("alb_listener.web", "alb_listener.site")),
			Plan: emptyPlan(), Check: look(true),
		},
		acctest.Step{Config: lb.Configuration(after), Plan: emptyPlan(), Check: look(true)},
	)
}

func TestResourcesForEachOfOthersComeAndGoAlone(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	sites := func(names ...string) string {
		return lb.Configuration(fmt.Sprintf(`
resource "alb_server_group" "site" {
  for_each = toset([%s])
  name     = each.key
}
resource "alb_server" "site" {
  for_each        = alb_server_group.site
  server_group_id = each.value.id
  address         = "10.0.0.1"
}
resource "alb_backend_service" "site" {
  for_each        = alb_server_group.site
  name            = each.key
  protocol        = "http"
  port            = 80
  server_group_id = each.value.id
}
`, strings.Join(names, ", ")))
	}
	does := func(actions map[string]plancheck.ResourceActionType) []plancheck.PlanCheck {
		var checks []plancheck.PlanCheck
		for key, action := range actions {
			for _, kind := range []string{"alb_server_group", "alb_server", "alb_backend_service"} {
				checks = append(checks, plancheck.ExpectResourceAction(fmt.Sprintf("%s.site[%q]", kind, key), action))
			}
		}
		return checks
	}
	acctest.Run(t,
		acctest.Step{Config: sites(`"a"`, `"b"`)},
		acctest.Step{
			Config: sites(`"c"`, `"b"`, `"a"`),
			Plan:   does(map[string]plancheck.ResourceActionType{"a": kept, "b": kept, "c": plancheck.ResourceActionCreate}),
		},
		acctest.Step{
			Config: sites(`"b"`, `"c"`),
			Plan:   does(map[string]plancheck.ResourceActionType{"a": plancheck.ResourceActionDestroy, "b": kept, "c": kept}),
		},
		acctest.Step{Config: sites()}, // the test tool cannot read a state with for_each at its end
	)
}

func TestARenamedKeyShowsAsThatAndTouchesNoServer(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	group := func(servers string) string {
		return lb.Configuration("resource \"alb_server_group\" \"web\" {\n  name = \"web\"\n  servers = {\n" + servers + "\n  }\n}\n")
	}
	const b = `b = { address = "10.0.0.2", weight = 7 }`
	before := map[string]string{}
	acctest.Run(t,
		acctest.Step{
			Config: group(`a = { address = "10.0.0.1", port = 80 }` + "\n" + b),
			Check: func(state *acctest.State) error {
				_, before = membersOf(t, lb, state)
				return nil
			},
		},
		acctest.Step{
			Config: group(`large = { address = "10.0.0.1", port = 80 }` + "\n" + b),
			Plan: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("alb_server_group.web", inPlace),
				onlyChanges{"alb_server_group.web", []string{"servers.a", "servers.large"}},
			},
			Check: func(state *acctest.State) error {
				if _, after := membersOf(t, lb, state); !cmp.Equal(before, after) {
					return fmt.Errorf("servers were %v and are %v", before, after)
				}
				return nil
			},
		},
	)
}

func TestAddressesThatAreKnownOnlyAtApply(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	step := func(address string) string {
		return lb.Configuration(fmt.Sprintf(`
resource "terraform_data" "later" {
  input            = { address = %[1]q, servers = { a = { address = %[1]q, port = 82 } } }
  triggers_replace = %[1]q
}
resource "alb_server_group" "listed" {
  name    = "listed"
  servers = {
    a = { address = terraform_data.later.output.address, port = 80 }
    b = { address = "10.0.0.9", port = 81 }
  }
}
resource "alb_server_group" "wholly" {
  name    = "wholly"
  servers = terraform_data.later.output.servers
}
`, address) + openGroup + ownServer("a", "address = terraform_data.later.output.address"))
	}
	addresses := func(want string) acctest.Check {
		return func(state *acctest.State) error {
			for group, line := range map[string]string{"listed": want + ":80,10.0.0.9:81", "wholly": want + ":82", "web": want + ":0"} {
				found, err := lb.ServerGroup(t.Context(), state.ID("alb_server_group."+group))
				if err != nil {
					return err
				}
				got := map[string]bool{}
				for _, server := range found.Servers {
					got[fmt.Sprintf("%s:%d", server.Address, server.Port)] = true
				}
				expected := map[string]bool{}
				for at := range strings.SplitSeq(line, ",") {
					expected[at] = true
				}
				if diff := cmp.Diff(expected, got); diff != "" {
					return fmt.Errorf("group %s (-want +got):\n%s", group, diff)
				}
			}
			return nil
		}
	}
	acctest.Run(t,
		acctest.Step{Config: step("10.0.0.1"), Check: addresses("10.0.0.1")},
		acctest.Step{
			Config: step("10.0.0.2"), Check: addresses("10.0.0.2"),
			Plan: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("alb_server_group.listed", inPlace), plancheck.ExpectResourceAction("alb_server_group.wholly", inPlace),
				plancheck.ExpectResourceAction("alb_server_group.web", kept), plancheck.ExpectResourceAction("alb_server.a", replaced),
			},
		},
		acctest.Step{Config: step("not an address"), ExpectError: inWords(`Attribute "servers["a"].address" must be an IPv4 or IPv6 address, got "not an address".`)},
	)
}

func TestReplacedResourcesLeaveNoRequestUnanswered(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t, func(config *lbserver.Config) { config.Quotas.Servers = 10 })
	port := lb.FreePort()
	_, element := acctest.SampleServer(t, "a")
	const first = "\n  lifecycle {\n    create_before_destroy = true\n  }\n"
	configuration := lb.Configuration(fmt.Sprintf(`
locals {
  server = %s
}
resource "alb_server_group" "web" {
  name = "web"%[2]s}
resource "alb_server" "a" {
  server_group_id = alb_server_group.web.id
  address         = local.server.address
  port            = local.server.port%[2]s}
resource "alb_backend_service" "web" {
  name             = "web"
  protocol         = "http"
  port             = 80
  server_group_id  = alb_server_group.web.id
  wait_for_healthy = 1
  depends_on       = [alb_server.a]%[2]s}
resource "alb_listener" "web" {
  name               = "web"
  protocol           = "http"
  port               = %[3]d
  backend_service_id = alb_backend_service.web.id
}
`, element(""), first, port))
	clients := &steadyClient{t: t, url: lb.URL(port)}
	replaces := func(addresses ...string) acctest.Step {
		return acctest.Step{Replace: addresses, PreConfig: clients.start, Config: configuration, Check: clients.stop}
	}
	acctest.Run(t,
		acctest.Step{Config: configuration},
		replaces("alb_server_group.web"), replaces("alb_backend_service.web"), replaces("alb_server_group.web", "alb_backend_service.web"),
		// A port can be open once only, so a listener goes before it comes.
		acctest.Step{Replace: []string{"alb_listener.web"}, Config: configuration, Plan: []plancheck.PlanCheck{plancheck.ExpectResourceAction("alb_listener.web", replaced)}},
	)
}

// steadyClient sends one request after the other while something changes.
type steadyClient struct {
	t    *testing.T
	url  string
	end  chan struct{}
	done sync.WaitGroup
	sent int
	bad  []acctest.Visit
}

func (c *steadyClient) start() {
	c.end, c.sent, c.bad = make(chan struct{}), 0, nil
	visit := acctest.Stranger(c.t)
	c.done.Go(func() {
		for {
			select {
			case <-c.end:
				return
			default:
				c.sent++
				if got := visit(c.url); got.Status != http.StatusOK {
					c.bad = append(c.bad, got)
				}
			}
		}
	})
}

func (c *steadyClient) stop(*acctest.State) error {
	close(c.end)
	c.done.Wait()
	if len(c.bad) > 0 || c.sent == 0 {
		return fmt.Errorf("%d of %d requests failed: %+v", len(c.bad), c.sent, c.bad)
	}
	return nil
}
