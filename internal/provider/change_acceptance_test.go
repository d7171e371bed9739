package provider_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
	"github.com/alb-project/terraform-provider-alb/lbserver"
)

// edit is one attribute's way from a first line to a second, and what Terraform must make of it.
type edit struct {
	name         string
	before, then string
	want         plancheck.ResourceActionType
}

const (
	inPlace  = plancheck.ResourceActionUpdate
	replaced = plancheck.ResourceActionDestroyBeforeCreate
	kept     = plancheck.ResourceActionNoop
)

// edited makes a configuration of one resource for each edit, before it or after.
func edited(kind string, edits []edit, after bool, always func(number int) string) string {
	var text strings.Builder
	for i, one := range edits {
		line := one.before
		if after {
			line = one.then
		}
		fmt.Fprintf(&text, "resource \"alb_%s\" \"e%d\" { # %s\n%s\n%s\n}\n", kind, i, one.name, always(i), line)
	}
	return text.String()
}

func editChecks(kind string, edits []edit) []plancheck.PlanCheck {
	var checks []plancheck.PlanCheck
	for i, one := range edits {
		checks = append(checks, plancheck.ExpectResourceAction(fmt.Sprintf("alb_%s.e%d", kind, i), one.want))
	}
	return checks
}

func spacious(config *lbserver.Config) {
	config.Quotas.BackendServices, config.Quotas.ServerGroups, config.Quotas.Listeners = 100, 100, 100
}

func TestBackendServicesChangeInPlaceUnlessTheyCannot(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t, spacious)
	fixed := func(lines string) string { return "name = \"web\"\nprotocol = \"http\"\nport = 80\n" + lines }
	edits := []edit{
		{"name", "name = \"web\"\nport = 80", "name = \"网络\"\nport = 80", inPlace},
		{"port", "name = \"web\"\nport = 80", "name = \"web\"\nport = 81", replaced},
		{"description", fixed(""), fixed("description = \"d\""), inPlace},
		{"description taken out", fixed("description = \"d\""), fixed(""), inPlace},
		{"scheduler", fixed(""), fixed("scheduler = \"source_ip\""), inPlace},
		{"scheduler taken out", fixed("scheduler = \"weighted_least_connections\""), fixed(""), inPlace},
		{"persistence on", fixed(""), fixed("session_persistence = {}"), inPlace},
		{"persistence switched off", fixed("session_persistence = { timeout = 5 }"), fixed("session_persistence = { enabled = false, timeout = 5 }"), inPlace},
		{"persistence to another scheduler", fixed("session_persistence = {}"), fixed("scheduler = \"source_ip\""), inPlace},
		{"persistence from another scheduler", fixed("scheduler = \"source_ip\""), fixed("session_persistence = { timeout = 86400 }"), inPlace},
		{"headers", fixed(""), fixed("forwarded_headers = [\"proto\", \"port\", \"host\", \"lbip\", \"client_port\"]"), inPlace},
		{"headers in another order", fixed("forwarded_headers = [\"proto\", \"port\"]"), fixed("forwarded_headers = [\"port\", \"proto\"]"), kept},
		{"group", fixed(""), fixed("server_group_id = alb_server_group.one.id"), inPlace},
		{"group taken out", fixed("server_group_id = alb_server_group.one.id"), fixed(""), inPlace},
		{"check", fixed(""), fixed("health_check = { protocol = \"http\", path = \"/up\", http_version = \"1.1\", domain = \"a.example\", codes = [\"200\"] }"), inPlace},
		{"check's defaults written out", fixed(""), fixed("health_check = { enabled = true, protocol = \"tcp\", port = 0, interval = 5, timeout = 3, healthy_threshold = 3, unhealthy_threshold = 3 }"), kept},
		{"check's HTTP defaults written out", fixed("health_check = { protocol = \"http\" }"), fixed("health_check = { protocol = \"http\", path = \"/\", http_version = \"1.0\", codes = [\"3xx\", \"2xx\"] }"), kept},
		{"check from HTTP to TCP", fixed("health_check = { protocol = \"http\", path = \"/up\", interval = 9 }"), fixed("health_check = { interval = 9 }"), inPlace},
		{"check taken out", fixed("health_check = { protocol = \"http\", path = \"/up\" }"), fixed(""), inPlace},
		{"check's domain taken out", fixed("health_check = { protocol = \"http\", domain = \"a.example\" }"), fixed("health_check = { protocol = \"http\", domain = \"\" }"), inPlace},
		{"check off", fixed("health_check = { protocol = \"http\" }"), fixed("health_check = { protocol = \"http\", enabled = false }"), inPlace},
		{"check on", fixed("health_check = { enabled = false }"), fixed("health_check = { port = 9, timeout = 60, interval = 300 }"), inPlace},
		{"timeouts of operations", fixed(""), fixed("timeouts = { delete = \"1m\" }"), inPlace},
	}
	always := func(i int) string {
		if i < 2 {
			return "protocol = \"http\""
		}
		return ""
	}
	group := "resource \"alb_server_group\" \"one\" {\n  name = \"one\"\n}\n"
	acctest.Run(t,
		acctest.Step{Config: lb.Configuration(group + edited("backend_service", edits, false, always))},
		acctest.Step{
			Config: lb.Configuration(group + edited("backend_service", edits, true, always)),
			Plan:   editChecks("backend_service", edits),
		},
	)
}

func TestListenersChangeInPlaceUnlessTheyCannot(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	to := func(service string) string { return "backend_service_id = alb_backend_service." + service + ".id\n" }
	moved := lb.FreePort()
	edits := []edit{
		{"name", "name = \"web\"\n" + to("one"), "name = \"web2\"\n" + to("one"), inPlace},
		{"description", "name = \"web\"\n" + to("one"), "name = \"web\"\ndescription = \"d\"\n" + to("one"), inPlace},
		{"idle timeout", "name = \"web\"\n" + to("one"), "name = \"web\"\nidle_timeout = 1\n" + to("one"), inPlace},
		{"idle timeout taken out", "name = \"web\"\nidle_timeout = 86400\n" + to("one"), "name = \"web\"\n" + to("one"), inPlace},
		{"idle timeout's default written out", "name = \"web\"\n" + to("one"), "name = \"web\"\nidle_timeout = 60\n" + to("one"), kept},
		{"backend service", "name = \"web\"\n" + to("one"), "name = \"web\"\n" + to("two"), inPlace},
		{"off", "name = \"web\"\n" + to("one"), "name = \"web\"\nenabled = false\n" + to("one"), inPlace},
		{"on", "name = \"web\"\nenabled = false\n" + to("one"), "name = \"web\"\n" + to("one"), inPlace},
		{"port", "name = \"web\"\n" + to("one"), "name = \"web\"\n" + to("one"), replaced},
	}
	ports := make([]int, len(edits))
	for i := range ports {
		ports[i] = lb.FreePort()
	}
	always := func(after bool) func(int) string {
		return func(i int) string {
			if after && i == len(edits)-1 {
				return fmt.Sprint("protocol = \"http\"\nport = ", moved)
			}
			return fmt.Sprint("protocol = \"http\"\nport = ", ports[i])
		}
	}
	services := ""
	for _, name := range []string{"one", "two"} {
		services += fmt.Sprintf("resource \"alb_backend_service\" %q {\n  name = %q\n  protocol = \"http\"\n  port = 80\n}\n", name, name)
	}
	acctest.Run(t,
		acctest.Step{Config: lb.Configuration(services + edited("listener", edits, false, always(false)))},
		acctest.Step{
			Config: lb.Configuration(services + edited("listener", edits, true, always(true))),
			Plan:   editChecks("listener", edits),
		},
	)
}

func TestServerGroupsChangeInPlaceUnlessTheyCannot(t *testing.T) {
	t.Parallel()
	inventory := filepath.Join(t.TempDir(), "instances.json")
	if err := os.WriteFile(inventory, []byte(`{"vm-1":{"type":"vm","ipAddress":"10.0.0.5"},"c-1":{"type":"container","ipAddress":"10.0.0.6"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	lb := acctest.Start(t, spacious, func(config *lbserver.Config) { config.Inventory = inventory })
	servers := func(elements string) string { return "name = \"web\"\nservers = { " + elements + " }" }
	a := `a = { address = "10.0.0.1", port = 80 }, `
	edits := []edit{
		{"name", "name = \"web\"", "name = \"web2\"", inPlace},
		{"description", "name = \"web\"", "name = \"web\"\ndescription = \"d\"", inPlace},
		{"type", "name = \"web\"", "name = \"web\"\ntype = \"instance\"", replaced},
		{"servers", "name = \"web\"", servers(a), inPlace},
		{"servers taken out", servers(a), "name = \"web\"", inPlace},
		{"one more", servers(a), servers(a + `b = { address = "10.0.0.1", port = 81 }`), inPlace},
		{"port left out", servers(a), servers(`a = { address = "10.0.0.1" }`), inPlace},
		{"weight's default written out", servers(a), servers(`a = { address = "10.0.0.1", port = 80, weight = 10 }`), kept},
		{"address", servers(a), servers(`a = { address = "fd00:0::1", port = 80 }`), inPlace},
		{"keys", servers(a), servers(`b = { address = "10.0.0.1", port = 80 }`), inPlace},
		{"ports swapped", servers(a + `b = { address = "10.0.0.1", port = 81 }`), servers(`b = { address = "10.0.0.1", port = 80 }, a = { address = "10.0.0.1", port = 81 }`), inPlace},
		{"instances", "name = \"web\"\ntype = \"instance\"", "name = \"web\"\ntype = \"instance\"\nservers = { a = { instance_id = \"vm-1\", weight = 0 }, b = { instance_id = \"c-1\", instance_type = \"container\", port = 80 } }", inPlace},
		{"an instance's kind written out", "name = \"web\"\ntype = \"instance\"\nservers = { a = { instance_id = \"vm-1\" } }", "name = \"web\"\ntype = \"instance\"\nservers = { a = { instance_id = \"vm-1\", instance_type = \"vm\", port = 1 } }", inPlace},
	}
	always := func(int) string { return "" }
	acctest.Run(t,
		acctest.Step{Config: lb.Configuration(edited("server_group", edits, false, always))},
		acctest.Step{
			Config: lb.Configuration(edited("server_group", edits, true, always)),
			Plan:   editChecks("server_group", edits),
		},
	)
}

func TestServersKeepTheirIdentityThroughEveryChangeButTheirAddress(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	group := func(servers string) string {
		return lb.Configuration("resource \"alb_server_group\" \"web\" {\n  name = \"web\"\n  servers = {\n" + servers + "\n  }\n}\n")
	}
	is := map[string]string{} // id by address and port
	look := func(want []string, same ...string) acctest.Check {
		return func(state *acctest.State) error {
			found, err := lb.ServerGroup(t.Context(), state.ID("alb_server_group.web"))
			if err != nil {
				return err
			}
			now, got := map[string]string{}, []string{}
			for _, server := range found.Servers {
				now[fmt.Sprintf("%s:%d", server.Address, server.Port)] = server.ID
				got = append(got, fmt.Sprintf("%s:%d %d", server.Address, server.Port, server.Weight))
			}
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				return fmt.Errorf("servers (-want +got):\n%s", diff)
			}
			for _, pair := range same {
				before, after, _ := strings.Cut(pair, " → ")
				if is[before] == "" || is[before] != now[after] {
					return fmt.Errorf("%s was %q, and %s is %q", before, is[before], after, now[after])
				}
			}
			is = now
			return nil
		}
	}
	acctest.Run(t,
		acctest.Step{
			Config: group("a = { address = \"10.0.0.1\", port = 80 }\nb = { address = \"10.0.0.1\", port = 81 }\nc = { address = \"10.0.0.2\" }"),
			Check:  look([]string{"10.0.0.1:80 10", "10.0.0.1:81 10", "10.0.0.2:0 10"}),
		},
		acctest.Step{ // ports swapped with a weight, a key renamed, a port given
			Config: group("a = { address = \"10.0.0.1\", port = 81, weight = 1 }\nb = { address = \"10.0.0.1\", port = 80 }\nd = { address = \"10.0.0.2\", port = 8080 }"),
			Check: look([]string{"10.0.0.1:80 10", "10.0.0.1:81 1", "10.0.0.2:8080 10"},
				"10.0.0.1:80 → 10.0.0.1:80", "10.0.0.1:81 → 10.0.0.1:81", "10.0.0.2:0 → 10.0.0.2:8080"),
		},
		acctest.Step{ // ports moved along, and one address exchanged
			Config: group("a = { address = \"10.0.0.1\", port = 82, weight = 1 }\nb = { address = \"10.0.0.1\", port = 81 }\nd = { address = \"10.0.0.3\", port = 8080 }"),
			Check: look([]string{"10.0.0.1:81 10", "10.0.0.1:82 1", "10.0.0.3:8080 10"},
				"10.0.0.1:81 → 10.0.0.1:81", "10.0.0.1:80 → 10.0.0.1:82"),
		},
	)
}

func TestAllServersOfAFullGroupCanBeExchanged(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t, func(config *lbserver.Config) { config.Quotas.Servers = 4 })
	group := func(network, count int) string {
		var servers strings.Builder
		for i := range count {
			fmt.Fprintf(&servers, "s%d = { address = \"10.0.%d.%d\" }\n", i, network, i+1)
		}
		return lb.Configuration("resource \"alb_server_group\" \"web\" {\n  name = \"web\"\n  servers = {\n" + servers.String() + "}\n}\n")
	}
	acctest.Run(t,
		acctest.Step{Config: group(1, 4)},
		acctest.Step{Config: group(2, 4), Plan: updates("alb_server_group.web")},
		acctest.Step{Config: group(3, 3), Plan: updates("alb_server_group.web")},
		acctest.Step{Config: group(4, 5), ExpectError: inWords("4 of 4 servers|of 4 servers")},
		acctest.Step{Config: group(4, 4)},
	)
}

func TestAReplacedBackendServiceLetsItsListenerMoveFirst(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	port := lb.FreePort()
	_, element := acctest.SampleServer(t, "a")
	step := func(servicePort int) string {
		return strings.ReplaceAll(
			chain(lb, port, "a = "+element(""), "lifecycle {\n    create_before_destroy = true\n  }", ""),
			"= 80\n  server_group_id", fmt.Sprintf("= %d\n  server_group_id", servicePort))
	}
	serves := checkTraffic(func() error {
		if visit := acctest.Stranger(t)(lb.URL(port)); visit.Server != "a" {
			return fmt.Errorf("got %+v", visit)
		}
		return nil
	})
	acctest.Run(t,
		acctest.Step{Config: step(80), Check: serves},
		acctest.Step{
			Config: step(81),
			Plan: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("alb_backend_service.web", plancheck.ResourceActionCreateBeforeDestroy),
				plancheck.ExpectResourceAction("alb_listener.web", plancheck.ResourceActionUpdate),
			},
			Check: serves,
		},
	)
}
