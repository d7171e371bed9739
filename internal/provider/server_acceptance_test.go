package provider_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	tfjson "github.com/hashicorp/terraform-json"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver"
)

// openGroup is a group that leaves its servers to others.
const openGroup = "resource \"alb_server_group\" \"web\" {\n  name = \"web\"\n}\n"

// ownServer is a server of that group as a resource of its own.
func ownServer(name, lines string) string {
	return fmt.Sprintf("resource \"alb_server\" %q {\n  server_group_id = alb_server_group.web.id\n  %s\n}\n", name, lines)
}

// membersOf lists the servers of the group in a state: "10.0.0.1:80 10".
func membersOf(t *testing.T, lb *acctest.LoadBalancer, state *acctest.State) (list []string, ids map[string]string) {
	t.Helper()
	group, err := lb.ServerGroup(t.Context(), state.ID("alb_server_group.web"))
	if err != nil {
		t.Fatal(err)
	}
	list, ids = []string{}, map[string]string{}
	for _, server := range group.Servers {
		at := fmt.Sprintf("%s:%d", server.Address, server.Port)
		list = append(list, fmt.Sprintf("%s %d", at, server.Weight))
		ids[at] = server.ID
	}
	slices.Sort(list)
	return list, ids
}

// members checks which servers the group has.
func members(t *testing.T, lb *acctest.LoadBalancer, want ...string) acctest.Check {
	return func(state *acctest.State) error {
		got, _ := membersOf(t, lb, state)
		if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
			return fmt.Errorf("servers (-want +got):\n%s", diff)
		}
		return nil
	}
}

// stateCheck is a check after an apply. Unlike a TestCheckFunc it may be of a configuration with for_each.
type stateCheck func(*tfjson.State) error

// CheckState implements statecheck.StateCheck.
func (c stateCheck) CheckState(_ context.Context, req statecheck.CheckStateRequest, resp *statecheck.CheckStateResponse) {
	resp.Error = c(req.State)
}

func TestServersOfTheirOwnTakeTrafficByWeight(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	port := lb.FreePort()
	var servers []string
	for _, name := range []string{"a", "b"} {
		_, element := acctest.SampleServer(t, name)
		servers = append(servers, name+" = "+element(""))
	}
	step := func(weights string) string {
		return strings.Replace(chain(lb, port, "", "", ""), "  servers = {\n    \n  }\n", "", 1) + fmt.Sprintf(`
locals {
  servers = { %s }
  weights = { %s }
}
resource "alb_server" "each" {
  for_each        = local.weights
  server_group_id = alb_server_group.web.id
  address         = local.servers[each.key].address
  port            = local.servers[each.key].port
  weight          = each.value
}
`, strings.Join(servers, ", "), weights)
	}
	shares := func(want map[string]int) []statecheck.StateCheck {
		return []statecheck.StateCheck{stateCheck(func(*tfjson.State) error {
			if diff := cmp.Diff(want, acctest.Count(acctest.Stranger(t), lb.URL(port), 40)); diff != "" {
				return fmt.Errorf("(-want +got):\n%s", diff)
			}
			return nil
		})}
	}
	b := `alb_server.each["b"]`
	acctest.Run(t,
		acctest.Step{Config: step("a = 30, b = 10"), State: shares(map[string]int{"a": 30, "b": 10})},
		acctest.Step{ // drained, in place, and nothing else is touched
			Config: step("a = 30, b = 0"), Plan: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(b, inPlace), plancheck.ExpectResourceAction(`alb_server.each["a"]`, kept),
				plancheck.ExpectResourceAction("alb_server_group.web", kept),
			},
			State: shares(map[string]int{"a": 40}),
		},
		acctest.Step{Config: step("a = 30, b = 30"), State: shares(map[string]int{"a": 20, "b": 20})},
		acctest.Step{Config: step("b = 1"), State: shares(map[string]int{"b": 40})},
		acctest.Step{Config: step(""), State: shares(map[string]int{"": 40})},
	)
}

func TestServersOfTheirOwnChangeInPlaceUnlessTheyCannot(t *testing.T) {
	t.Parallel()
	inventory := filepath.Join(t.TempDir(), "instances.json")
	if err := os.WriteFile(inventory, []byte(`{"vm-1":{"type":"vm","ipAddress":"10.0.0.5"},"c-1":{"type":"container","ipAddress":"10.0.0.6"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	lb := acctest.Start(t, func(config *lbserver.Config) { config.Inventory = inventory })
	in := func(group, lines string) string {
		return "server_group_id = alb_server_group." + group + ".id\n" + lines
	}
	edits := []edit{
		{"port", in("web", "address = \"10.0.0.1\"\nport = 80"), in("web", "address = \"10.0.0.1\"\nport = 81"), inPlace},
		{"port left out", in("web", "address = \"10.0.0.2\"\nport = 80"), in("web", "address = \"10.0.0.2\""), inPlace},
		{"port zero written out", in("web", "address = \"10.0.0.3\""), in("web", "address = \"10.0.0.3\"\nport = 0"), inPlace},
		{"weight", in("web", "address = \"10.0.0.4\"\nweight = 0"), in("web", "address = \"10.0.0.4\"\nweight = 100"), inPlace},
		{"weight's default written out", in("web", "address = \"10.0.0.5\""), in("web", "address = \"10.0.0.5\"\nweight = 10"), kept},
		{"address", in("web", "address = \"10.0.0.6\""), in("web", "address = \"10.0.0.7\""), replaced},
		{"address in another form", in("web", "address = \"fd00::1\""), in("web", "address = \"fd00:0::1\""), inPlace},
		{"group", in("web", "address = \"10.0.0.8\""), in("other", "address = \"10.0.0.8\""), replaced},
		{"instance", in("instances", "instance_id = \"vm-1\""), in("instances", "instance_id = \"c-1\"\ninstance_type = \"container\""), replaced},
		{"an instance's kind written out", in("instances", "instance_id = \"vm-1\"\nport = 1"), in("instances", "instance_id = \"vm-1\"\ninstance_type = \"vm\"\nport = 1"), inPlace},
		{"timeouts", in("web", "address = \"10.0.0.9\""), in("web", "address = \"10.0.0.9\"\ntimeouts = { read = \"1m\" }"), inPlace},
	}
	groups := openGroup + "resource \"alb_server_group\" \"other\" {\n  name = \"other\"\n}\n" +
		"resource \"alb_server_group\" \"instances\" {\n  name = \"instances\"\n  type = \"instance\"\n}\n"
	always := func(int) string { return "" }
	acctest.Run(t,
		acctest.Step{Config: lb.Configuration(groups + edited("server", edits, false, always))},
		acctest.Step{
			Config: lb.Configuration(groups + edited("server", edits, true, always)),
			Plan:   editChecks("server", edits),
			Check: members(t, lb, "10.0.0.1:81 10", "10.0.0.2:0 10", "10.0.0.3:0 10", "10.0.0.4:0 100", "10.0.0.5:0 10",
				"10.0.0.7:0 10", "10.0.0.9:0 10", "fd00::1:0 10"),
		},
		importedAs("alb_server.e0"), importedAs("alb_server.e2"), importedAs("alb_server.e8"),
		acctest.Step{ // the group, imported, shows servers that it may leave to others as it did
			Import: &acctest.Import{Address: "alb_server_group.web", Ignore: []string{"servers"}},
		},
	)
}

func byID(address, id string) *acctest.Import {
	return &acctest.Import{Address: address, ID: func(*acctest.State) string { return id }}
}

// importedAs is a step that imports a server of its own anew and compares.
func importedAs(address string) acctest.Step {
	return acctest.Step{Import: &acctest.Import{
		Address: address,
		// A port that is left out and port 0 are the same to the API.
		Ignore: []string{"port", "instance_type"},
		ID: func(state *acctest.State) string {
			return fmt.Sprint(state.Attributes(address)["server_group_id"], "/", state.ID(address))
		},
	}}
}

func TestAHundredServersOfOneGroupAreMadeInOneApply(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	many := openGroup + "resource \"alb_server\" \"many\" {\n  count = %d\n  server_group_id = alb_server_group.web.id\n" +
		"  address = \"10.0.0.${count.index + 1}\"\n}\n"
	number := func(want int) acctest.Check {
		return func(state *acctest.State) error {
			if got, _ := membersOf(t, lb, state); len(got) != want {
				return fmt.Errorf("the group has %d servers, want %d", len(got), want)
			}
			return nil
		}
	}
	acctest.Run(t,
		acctest.Step{Config: lb.Configuration(fmt.Sprintf(many, 100)), Check: number(100)},
		acctest.Step{Config: lb.Configuration(fmt.Sprintf(many, 50)), Check: number(50)},
	)
}

func TestAGroupThatListsItsServersTakesNoServerOfItsOwn(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	group := func(servers string) string {
		return "resource \"alb_server_group\" \"web\" {\n  name = \"web\"\n  servers = " + servers + "\n}\n"
	}
	const listed = `{ a = { address = "10.0.0.1" } }`
	b := ownServer("b", "address = \"10.0.0.2\"")
	refused := inWords(`lists its servers itself, in "servers" of its alb_server_group, and has an alb_server as well`)
	acctest.Run(t,
		acctest.Step{Config: lb.Configuration(group(listed) + b), ExpectError: refused}, // both new: at apply, before the server is made
		acctest.Step{Config: lb.Configuration(group(listed)), Check: members(t, lb, "10.0.0.1:0 10")},
		acctest.Step{Config: lb.Configuration(group(listed) + b), PlanOnly: true, ExpectError: refused},
		acctest.Step{Config: lb.Configuration(group("{}") + b), PlanOnly: true, ExpectError: refused},
		acctest.Step{ // left out, the servers stay, and others come to them
			Config: lb.Configuration(openGroup + b), Plan: updates("alb_server_group.web"),
			Check: members(t, lb, "10.0.0.1:0 10", "10.0.0.2:0 10"),
		},
		acctest.Step{Config: lb.Configuration(group(listed) + b), PlanOnly: true, ExpectError: refused},
	)
}

func TestServersMoveBetweenAListAndResourcesOfTheirOwn(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	group, servers := groupOf(t, lb, "10.0.0.1", "10.0.0.2")
	before := map[string]string{"10.0.0.1:0": servers[0], "10.0.0.2:0": servers[1]}
	same := func(state *acctest.State) error {
		_, after := membersOf(t, lb, state)
		if diff := cmp.Diff(before, after); diff != "" {
			return fmt.Errorf("ids of the servers (-before +after):\n%s", diff)
		}
		return nil
	}
	imported := func(address, id string) string {
		return fmt.Sprintf("import {\n  to = %s\n  id = %q\n}\n", address, id)
	}
	const listed = "resource \"alb_server_group\" \"web\" {\n  name = \"web\"\n  servers = {\n" +
		"    a = { address = \"10.0.0.1\" }\n    b = { address = \"10.0.0.2\" }\n  }\n}\n"
	own := openGroup + ownServer("a", "address = \"10.0.0.1\"") + ownServer("b", "address = \"10.0.0.2\"")
	imports := imported("alb_server.a", group+"/"+before["10.0.0.1:0"]) + imported("alb_server.b", group+"/"+before["10.0.0.2:0"])
	acctest.Needs(t, "1.7.0", "1.7.0") // which have removed blocks
	acctest.Run(t,
		acctest.Step{Config: lb.Configuration(listed + imported("alb_server_group.web", group)), Check: same},
		acctest.Step{Config: lb.Configuration(own + imports), Check: same},
		acctest.Step{Config: lb.Configuration(own), Check: same},
		acctest.Step{ // forgotten as resources, they stay where they are
			Config: lb.Configuration(listed + "removed {\n  from = alb_server.a\n  lifecycle {\n    destroy = false\n  }\n}\n" +
				"removed {\n  from = alb_server.b\n  lifecycle {\n    destroy = false\n  }\n}\n"),
			Check: same,
		},
		acctest.Step{Config: lb.Configuration(own + imports), Check: same},
		acctest.Step{ // just taken out of the configuration, they would leave the group
			Config: lb.Configuration(listed), PlanOnly: true, ExpectError: inWords("A server that stays would leave its group"),
		},
	)
}

func TestServersThatOthersTookAwayAreMadeAgain(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	configuration := lb.Configuration(openGroup + ownServer("a", "address = \"10.0.0.1\"") + ownServer("b", "address = \"10.0.0.2\""))
	var groupID string
	ids := map[string]string{}
	look := func(state *acctest.State) error {
		groupID = state.ID("alb_server_group.web")
		_, ids = membersOf(t, lb, state)
		return nil
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	membersAndLook := func(state *acctest.State) error {
		return errors.Join(members(t, lb, "10.0.0.1:0 10", "10.0.0.2:0 10")(state), look(state))
	}
	does := plancheck.ExpectResourceAction
	acctest.Run(t,
		acctest.Step{Config: configuration, Check: look},
		acctest.Step{
			PreConfig: func() {
				must(lb.DeregisterServers(t.Context(), groupID, []string{ids["10.0.0.1:0"]}))
				must(lb.UpdateServers(t.Context(), groupID, []lbapi.UpdateServer{{ID: new(ids["10.0.0.2:0"]), Weight: new(0), Port: new(1)}}))
			},
			Config: configuration,
			Plan: []plancheck.PlanCheck{
				does("alb_server.a", plancheck.ResourceActionCreate), does("alb_server.b", inPlace), does("alb_server_group.web", kept),
			},
			Check: membersAndLook,
		},
		acctest.Step{
			PreConfig: func() { must(lb.DeleteServerGroup(t.Context(), groupID)) },
			Config:    configuration,
			Plan: []plancheck.PlanCheck{
				does("alb_server.a", plancheck.ResourceActionCreate), does("alb_server.b", plancheck.ResourceActionCreate),
			},
			Check: membersAndLook,
		},
	)
}

func TestAServerThatItsGroupCannotHaveIsRefusedAtItsAttribute(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	taken := ownServer("a", "address = \"10.0.0.1\"\nport = 80")
	acctest.Run(t,
		acctest.Step{Config: lb.Configuration(openGroup + taken)},
		acctest.Step{
			Config:      lb.Configuration(openGroup + taken + ownServer("b", "instance_id = \"vm-1\"")),
			PlanOnly:    true,
			ExpectError: inWords(`Attribute "instance_id" cannot be set when "type" is "ip"; only "instance" holds servers by their instance. The type is that of server group`),
		},
		acctest.Step{
			Config:      lb.Configuration(openGroup + taken + ownServer("b", "address = \"10.0.0.1\"\nport = 80")),
			ExpectError: inWords(`has "10.0.0.1" with port 80 already, as server "target-`),
		},
		acctest.Step{
			Config:      lb.Configuration(openGroup + taken + ownServer("b", "address = \"8.8.8.8\"")),
			ExpectError: inWords(`Attribute "address":`),
		},
		acctest.Step{Import: byID("alb_server.a", "tg-a2b3c4d5e6"), ExpectError: inWords(`give the ids of its server group and itself with a slash between them`)},
		acctest.Step{Import: byID("alb_server.a", "tg-a2b3c4d5e6:describeTargets/target-a2b3c4d5e6"), ExpectError: inWords(`Attribute "server_group_id" must be the id of a server group`)},
		acctest.Step{Import: byID("alb_server.a", "tg-a2b3c4d5e6/target-a2b3c4d5e6"), ExpectError: inWords(`Cannot import non-existent remote object`)},
	)
}

// Terraform may create what has another name, or another key in a for_each, before it deletes what had the old one.
func TestNewNamesMakeWhatIsDeletedAnew(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ resource, create, remove string }{
		"server": {
			openGroup + "resource \"alb_server\" %q {\n  server_group_id = alb_server_group.web.id\n  address = \"10.0.0.1\"\n}\n",
			":registerTargets$", ":deregisterTargets$",
		},
		"listener": {
			"resource \"alb_backend_service\" \"web\" {\n" + goodBackend + "}\nresource \"alb_listener\" %q {\n" +
				"  name = \"web\"\n  protocol = \"http\"\n  port = PORT\n  backend_service_id = alb_backend_service.web.id\n}\n",
			"^POST .*/listeners/$", "^DELETE .*/listeners/",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lb := acctest.Start(t)
			spoiled, proxy := lb.Behind()
			keyed := strings.Replace(test.resource, "PORT", strconv.Itoa(lb.FreePort()), 1)
			refused := make(chan struct{})
			acctest.Run(t,
				acctest.Step{Config: spoiled.Configuration(fmt.Sprintf(keyed, "old"))},
				acctest.Step{
					PreConfig: func() {
						proxy.On(test.create, 1, func(e *acctest.Exchange) {
							defer close(refused)
							acctest.Pass(e)
						})
						proxy.On(test.remove, 1, func(e *acctest.Exchange) {
							<-refused
							acctest.Pass(e)
						})
					},
					Config: spoiled.Configuration(fmt.Sprintf(keyed, "new")),
				},
			)
			if tried := proxy.Calls(test.create); len(tried) < 3 || tried[1].Status != http.StatusConflict {
				t.Errorf("calls to create are %+v, want one that is refused, then others", tried)
			}
		})
	}
}
