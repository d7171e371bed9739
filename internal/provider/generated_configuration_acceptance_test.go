package provider_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// Somebody made a load balancer by hand, and wants to have it in Terraform without writing it down.
func TestAHandMadeLoadBalancerIsImportedWithItsConfigurationGenerated(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	made := handMade(t, lb)
	var imports strings.Builder
	for name, id := range made {
		fmt.Fprintf(&imports, "import {\n  to = %s\n  id = %q\n}\n", name, id)
	}
	w := acctest.NewWorkspace(t, lb.Configuration(imports.String()))
	if acctest.IsOpenTofu(t) { // 1.12 generates the keys of servers without quotation marks, and then cannot read them
		write(t, filepath.Join(w.Dir, "full.tf"), fmt.Sprintf(writtenByHand, made["alb_load_balancer.hand"]))
	}
	w.Run(t, "plan", "-generate-config-out=generated.tf")
	if output := w.Run(t, "apply", "-auto-approve"); !strings.Contains(output, "7 imported, 0 added, 0 changed, 0 destroyed") {
		t.Errorf("the import changes something:\n%s", output)
	}
	if err := os.WriteFile(filepath.Join(w.Dir, "main.tf"), []byte(withoutImports(t, w.Dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	w.Run(t, "plan", "-detailed-exitcode")
}

const writtenByHand = `
resource "alb_server_group" "full" {
  name             = "full"
  load_balancer_id = %q
  servers = {
    "10.0.0.1:80" = { address = "10.0.0.1", port = 80, weight = 0 }
    "fd00::1"     = { address = "fd00::1" }
  }
}
`

// withoutImports is the configuration in a folder up to its import blocks.
func withoutImports(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "main.tf"))
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(text), "import {")
	return head
}

// handMade makes objects by the API, on and off, with what is left out and with what is not, and returns their ids by the
// addresses under which Terraform is to have them.
func handMade(t *testing.T, lb *acctest.LoadBalancer) map[string]string {
	t.Helper()
	ctx := t.Context()
	must := func(id string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	made := map[string]string{}
	balancer := must(lb.CreateLoadBalancer(ctx, lbapi.CreateLoadBalancer{Name: new("hand"), Description: new("by hand")}))
	made["alb_load_balancer.hand"] = balancer
	full := must(lb.CreateServerGroup(ctx, lbapi.CreateServerGroup{Name: new("full"), LoadBalancerID: &balancer, Type: new(lbapi.GroupOfAddresses)}))
	if err := lb.RegisterServers(ctx, full, []lbapi.RegisterServer{
		{Type: new(lbapi.ServerAddress), Address: new("10.0.0.1"), Port: new(80), Weight: new(0)},
		{Type: new(lbapi.ServerAddress), Address: new("fd00::1")},
	}); err != nil {
		t.Fatal(err)
	}
	made["alb_server_group.full"] = full
	made["alb_server_group.empty"] = must(lb.CreateServerGroup(ctx, lbapi.CreateServerGroup{Name: new("empty"), LoadBalancerID: &balancer}))
	sticky := must(lb.CreateBackendService(ctx, lbapi.CreateBackendService{
		Name: new("sticky"), LoadBalancerID: &balancer, Protocol: new(lbapi.HTTP), Port: new(80), ServerGroupIDs: &[]string{full},
		SessionPersistence: new(true), PersistenceTimeout: new(600), ForwardedProto: new(true),
		HealthCheck: &lbapi.HealthCheckSpec{Protocol: new(lbapi.HTTP), Path: new("/up")},
	}))
	made["alb_backend_service.sticky"] = sticky
	unchecked := must(lb.CreateBackendService(ctx, lbapi.CreateBackendService{
		Name: new("unchecked"), LoadBalancerID: &balancer, Protocol: new(lbapi.HTTP), Port: new(80), Scheduler: new(lbapi.SourceIP),
		HealthCheck: &lbapi.HealthCheckSpec{Protocol: new(lbapi.TCP)},
	}))
	made["alb_backend_service.unchecked"] = unchecked
	if err := lb.PatchBackendService(ctx, unchecked, lbapi.PatchBackendService{CloseHealthCheck: new(true)}); err != nil {
		t.Fatal(err)
	}
	for _, status := range []lbapi.Status{lbapi.On, lbapi.Off} {
		name := "listener-" + strings.ToLower(string(status))
		listener := must(lb.CreateListener(ctx, lbapi.CreateListener{
			Name: &name, LoadBalancerID: &balancer, Protocol: new(lbapi.HTTP), Port: new(lb.FreePort()), BackendServiceID: &sticky,
		}))
		if err := lb.PatchListener(ctx, listener, lbapi.PatchListener{Status: &status}); err != nil {
			t.Fatal(err)
		}
		made["alb_listener."+name] = listener
	}
	return made
}
