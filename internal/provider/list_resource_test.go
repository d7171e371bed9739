package provider_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// narrowed is the configuration of a list block that finds just the one object of its kind that was made.
func narrowed(kind string, balancer, group string) values {
	switch kind {
	case "alb_load_balancer":
		return values{"name_contains": text("ow")}
	case "alb_server":
		return values{"server_group_id": text(group)}
	default:
		return values{"name": text("web"), "load_balancer_id": text(balancer)}
	}
}

func TestEveryResourceIsListedAsItsImportShowsIt(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	p := speak(t, lb)
	all, made := oneOfEach(p, lb.FreePort())
	balancer, group := idOf(t, made[0].state, p.types["alb_load_balancer"]), idOf(t, made[1].state, p.types["alb_server_group"])
	for i, one := range all {
		results := p.list(one.kind, narrowed(one.kind, balancer, group), true, 100)
		if len(results) != 1 {
			t.Errorf("%s: %d results, want 1: %+v", one.kind, len(results), results)
			continue
		}
		p.good(nil, results[0].Diagnostics)
		imported, err := p.server.ImportResourceState(t.Context(), importByIdentity(one.kind, results[0].Identity))
		p.good(err, imported.Diagnostics)
		first := imported.ImportedResources[0]
		read := p.read(one.kind, applied{first.State, first.Identity, first.Private})
		of := p.types[one.kind]
		if want, got := unpack(t, read.NewState, of), unpack(t, results[0].Resource, of); !want.Equal(got) {
			t.Errorf("%s: listed as\n%s\nand imported as\n%s", one.kind, got, want)
		}
		if diff := cmp.Diff(shown(t, made[i].identity.IdentityData, p.identity[one.kind]), shown(t, results[0].Identity.IdentityData, p.identity[one.kind])); diff != "" {
			t.Errorf("%s: identity (-want +got):\n%s", one.kind, diff)
		}
		wantName := map[string]string{"alb_load_balancer": "own", "alb_server": "10.0.0.1"}[one.kind]
		if wantName == "" {
			wantName = "web"
		}
		if results[0].DisplayName != wantName {
			t.Errorf("%s: shown as %q, want %q", one.kind, results[0].DisplayName, wantName)
		}
	}
}

func TestAListEndsAtItsLimitAndShowsNoMoreThanIsAsked(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t, spacious)
	p := speak(t, lb)
	for range 5 {
		p.apply("alb_server_group", applied{}, values{"name": text("web"), "load_balancer_id": text(firstLoadBalancer(t, lb))})
	}
	for limit, want := range map[int64]int{0: 5, 3: 3, 5: 5, 100: 5} {
		results := p.list("alb_server_group", values{}, false, limit)
		if len(results) != want {
			t.Errorf("limit %d: %d results, want %d", limit, len(results), want)
		}
		for _, one := range results {
			p.good(nil, one.Diagnostics)
			if one.Resource != nil && !unpack(t, one.Resource, p.types["alb_server_group"]).IsNull() {
				t.Errorf("limit %d: a whole resource, which was not asked for", limit)
			}
		}
	}
}

func TestAListThatFailsSaysWhy(t *testing.T) {
	t.Parallel()
	p := speak(t, acctest.Start(t))
	results := p.list("alb_server", values{"server_group_id": text("tg-a2b3c4d5e6")}, false, 10)
	if len(results) != 1 || !strings.Contains(strings.Join(failures(results[0].Diagnostics), ""), `there is no server group "tg-a2b3c4d5e6"`) {
		t.Errorf("got %+v", results)
	}
}

func firstLoadBalancer(t *testing.T, lb *acctest.LoadBalancer) string {
	t.Helper()
	balancers, err := lb.LoadBalancers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return balancers[0].ID
}

// groupOf makes a server group by the API, and registers servers in it.
func groupOf(t *testing.T, lb *acctest.LoadBalancer, addresses ...string) (group string, servers []string) {
	t.Helper()
	group, err := lb.CreateServerGroup(t.Context(), lbapi.CreateServerGroup{
		Name: new("web"), LoadBalancerID: new(firstLoadBalancer(t, lb)), Type: new(lbapi.GroupOfAddresses),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		id, err := lb.RegisterServer(t.Context(), group, lbapi.RegisterServer{Type: new(lbapi.ServerAddress), Address: &address})
		if err != nil {
			t.Fatal(err)
		}
		servers = append(servers, id)
	}
	return group, servers
}

func TestTerraformQueriesServers(t *testing.T) {
	t.Parallel()
	acctest.Needs(t, "1.14.0", acctest.Never)
	lb := acctest.Start(t)
	group, servers := groupOf(t, lb, "10.0.0.1", "10.0.0.2")
	w := acctest.NewWorkspace(t, lb.Configuration(""))
	write(t, filepath.Join(w.Dir, "web.tfquery.hcl"), fmt.Sprintf(`
list "alb_server" "all" {
  provider = alb
  config { server_group_id = %q }
}
list "alb_server_group" "web" {
  provider = alb
  config { name = "web" }
}
`, group))
	w.Run(t, "init")
	output := w.Run(t, "query")
	for _, want := range append(servers, group) {
		if !strings.Contains(output, want) {
			t.Errorf("%s is not found:\n%s", want, output)
		}
	}
}
