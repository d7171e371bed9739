package provider_test

import (
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// inWords finds a text in Terraform's output, which breaks lines where it likes.
func inWords(text string) *regexp.Regexp {
	alternatives := strings.Split(text, "|")
	for i, alternative := range alternatives {
		words := strings.Fields(alternative)
		for j, word := range words {
			words[j] = regexp.QuoteMeta(word)
		}
		alternatives[i] = strings.Join(words, `[\s│|]+`)
	}
	return regexp.MustCompile(strings.Join(alternatives, "|"))
}

func TestAPlanThatBreaksARuleFailsAndChangesNothing(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	port, servers := lb.FreePort(), threeServers(t)
	const sticky = "session_persistence = { timeout = 60 }"
	acctest.Run(t,
		acctest.Step{Config: chain(lb, port, servers, sticky, "")},
		acctest.Step{
			Config:   chain(lb, port, servers, sticky+"\n  scheduler = \"source_ip\"", ""),
			PlanOnly: true,
			ExpectError: inWords(`Attribute "session_persistence" cannot be enabled when "scheduler" is "source_ip"; ` +
				`only "weighted_round_robin" keeps sessions by cookie.`),
		},
		acctest.Step{
			Config: chain(lb, port, servers, sticky, ""),
			Plan:   []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			Check:  checkTraffic(func() error { return staysWith(t, lb.URL(port), 60) }),
		},
	)
}

func TestAValueThatIsIgnoredIsJudgedAsItIs(t *testing.T) {
	t.Parallel()
	const service, group = "resource \"alb_backend_service\" \"web\" {\n" + goodBackend, "resource \"alb_server_group\" \"web\" {\n  name = \"web\"\n"
	server := fmt.Sprintf(oneGroup, "") + "resource \"alb_server\" \"a\" {\n  server_group_id = alb_server_group.web.id\n"
	for name, test := range map[string]struct{ resource, before, after, ignored, want string }{
		"scheduler": {
			service, `scheduler = "source_ip"`, `session_persistence = {}`, `scheduler`,
			`Attribute "session_persistence" cannot be enabled when "scheduler" is "source_ip"; only "weighted_round_robin" keeps sessions by cookie.`,
		},
		"persistence": {
			service, `session_persistence = {}`, `scheduler = "source_ip"`, `session_persistence`,
			`Attribute "session_persistence" cannot be enabled when "scheduler" is "source_ip"; only "weighted_round_robin" keeps sessions by cookie.`,
		},
		"check": {
			service, `health_check = { protocol = "tcp" }`, `health_check = { protocol = "http", path = "/health" }`, `health_check.protocol`,
			`Attribute "health_check.path" cannot be set when "health_check.protocol" is "tcp"; only "http" sends a request.`,
		},
		"type": {
			group, `servers = {}`, "type = \"instance\"\nservers = { a = { instance_id = \"i-1\" } }", `type`,
			`Attribute "servers["a"].instance_id" cannot be set when "type" is "ip"; only "instance" holds servers by their instance.`,
		},
		"address": {
			group, `servers = { a = { address = "10.0.0.1" } }`, `servers = { a = { address = "10.0.0.2" }, b = { address = "10.0.0.1" } }`,
			`servers["a"].address`, `Servers "a" and "b" are both "10.0.0.1" without a port of its own; a server may be in a group once for each port.`,
		},
		"own server": {
			server, `address = "10.0.0.1"`, `instance_id = "i-1"`, `address`, `Exactly one of "address" and "instance_id" must be set, by the "type" of the server group.`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lb := acctest.Start(t)
			failures := acctest.RunToFailure(t,
				acctest.Step{Config: lb.Configuration(test.resource + test.before + "\n}\n")},
				acctest.Step{
					Config:   lb.Configuration(test.resource + test.after + "\nlifecycle {\nignore_changes = [" + test.ignored + "]\n}\n}\n"),
					PlanOnly: true,
				},
			)
			wantOneError(t, failures, test.want+` "ignore_changes" keeps a value which the configuration does not have.`)
		})
	}
}

func TestAValueThatIsKnownOnlyAtApplyIsJudgedThen(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	step := func(scheduler string) string {
		return lb.Configuration(fmt.Sprintf(`
resource "terraform_data" "later" {
  input            = { scheduler = %q, check = "http", idle = null }
  triggers_replace = %q
}
resource "alb_backend_service" "web" {
  name                = "web"
  protocol            = "http"
  port                = 80
  scheduler           = terraform_data.later.output.scheduler
  session_persistence = {}
  health_check        = { protocol = terraform_data.later.output.check, interval = 60 }
}
resource "alb_listener" "web" {
  name               = "web"
  protocol           = terraform_data.later.output.check
  port               = %d
  backend_service_id = alb_backend_service.web.id
}
`, scheduler, scheduler, lb.FreePort()))
	}
	acctest.Run(t,
		acctest.Step{Config: step("weighted_least_connections"), ExpectError: inWords(`Attribute "session_persistence" cannot be enabled when "scheduler" is "weighted_least_connections"`)},
		acctest.Step{
			Config: step("weighted_round_robin"),
			State: []statecheck.StateCheck{
				statecheck.ExpectKnownValue("alb_backend_service.web", tfjsonpath.New("health_check").AtMapKey("path"), knownvalue.StringExact("/")),
				statecheck.ExpectKnownValue("alb_listener.web", tfjsonpath.New("idle_timeout"), knownvalue.Int64Exact(60)),
			},
		},
	)
}

func TestAListenerIsHeldAgainstItsBackendServiceAtPlan(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	service := func(listener string) string {
		return lb.Configuration("resource \"alb_backend_service\" \"web\" {\n  name = \"web\"\n  protocol = \"http\"\n  port = 80\n}\n" + listener)
	}
	listener := func(protocol, id string) string {
		return fmt.Sprintf("resource \"alb_listener\" \"web\" {\n  name = \"web\"\n  protocol = %q\n  port = %d\n  backend_service_id = %s\n}\n", protocol, lb.FreePort(), id)
	}
	acctest.Run(t,
		acctest.Step{Config: service("")},
		acctest.Step{
			Config: service(listener("tcp", "alb_backend_service.web.id")), PlanOnly: true,
			ExpectError: inWords(`Attribute "backend_service_id" cannot name a backend service whose "protocol" is "http" when the listener's "protocol" is "tcp"; only a backend service with "tcp" can serve it.`),
		},
		acctest.Step{ // what cannot be read is left to the API, which answers at apply
			Config: service(listener("tcp", "\"backend-aaaaaaaaaa\"")), PlanOnly: true, ExpectChanges: true,
		},
		acctest.Step{
			Config:      service(listener("http", "\"backend-aaaaaaaaaa\"")),
			ExpectError: inWords(`Attribute "backend_service_id": there is no backend service "backend-aaaaaaaaaa"`),
		},
	)
}

func TestRefusalsOfTheAPILandOnTheirAttribute(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	port := lb.FreePort()
	held, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", strings.TrimSuffix(strings.TrimPrefix(lb.URL(port), "http://"), "/"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	acctest.Run(t,
		acctest.Step{
			Config:      chain(lb, port, `a = { address = "10.0.0.1" }`, "", ""),
			ExpectError: inWords(`Attribute "port":`),
		},
		acctest.Step{
			Config:      chain(lb, lb.FreePort(), "a = { address = \"10.0.0.1\" }\nb = { address = \"8.8.8.8\" }", "", ""),
			ExpectError: inWords(`Attribute "servers["b"].address":`),
		},
		acctest.Step{
			Config:      lb.Configuration("resource \"alb_backend_service\" \"web\" {\n  name = \"web\"\n  protocol = \"tcp\"\n  port = 80\n}\n"),
			ExpectError: inWords(`Attribute "protocol": "tcp" is not supported by lbserver yet.`),
		},
	)
}

func TestDeletingWhatIsInUseNamesItsUserWhenTimeIsUp(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	port := lb.FreePort()
	service := lb.Configuration("resource \"alb_backend_service\" \"web\" {\n  name = \"web\"\n  protocol = \"http\"\n  port = 80\n  timeouts = { delete = \"1s\" }\n}\n")
	var serviceID, listener string
	acctest.Run(t,
		acctest.Step{Config: service, Check: func(state *acctest.State) error {
			serviceID = state.ID("alb_backend_service.web")
			return nil
		}},
		acctest.Step{
			PreConfig: func() {
				balancers, err := lb.LoadBalancers(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				listener, err = lb.CreateListener(t.Context(), lbapi.CreateListener{
					Name: new("stranger"), LoadBalancerID: &balancers[0].ID, Protocol: new(lbapi.HTTP), Port: &port, BackendServiceID: &serviceID,
				})
				if err != nil {
					t.Fatal(err)
				}
			},
			Config:      lb.Configuration(""),
			ExpectError: regexp.MustCompile(`(?s)in use by listener\s+"stranger".*create_before_destroy`),
		},
		acctest.Step{
			PreConfig: func() {
				if err := lb.DeleteListener(t.Context(), listener); err != nil {
					t.Fatal(err)
				}
			},
			Config: lb.Configuration(""),
		},
	)
}

func TestAGroupWhoseServersAreRefusedIsNotLost(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	group := func(address string) string {
		return lb.Configuration(fmt.Sprintf(oneGroup, fmt.Sprintf("servers = { a = { address = %q } }", address)))
	}
	acctest.Run(t,
		acctest.Step{Config: group("8.8.8.8"), ExpectError: inWords(`Attribute "servers["a"].address":`)},
		acctest.Step{ // the group is in the state, so it is replaced and not made a second time
			Config: group("10.0.0.1"),
			Plan: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("alb_server_group.web", plancheck.ResourceActionDestroyBeforeCreate),
			},
		},
	)
}
