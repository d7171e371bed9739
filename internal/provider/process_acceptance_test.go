package provider_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
	"github.com/alb-project/terraform-provider-alb/internal/daemon"
	"github.com/alb-project/terraform-provider-alb/lbserver"
)

// fleet is a configuration of many independent objects: groups of two servers, and backend services over the first ones.
func fleet(lb *acctest.LoadBalancer, groups, backendServices int) string {
	return lb.Configuration(fmt.Sprintf(`
resource "alb_server_group" "each" {
  count   = %d
  name    = "g-${count.index}"
  servers = { a = { address = "10.0.0.1" }, b = { address = "10.0.0.2" } }
}
resource "alb_backend_service" "each" {
  count           = %d
  name            = "s-${count.index}"
  protocol        = "http"
  port            = 80
  server_group_id = alb_server_group.each[count.index].id
  health_check    = { enabled = false }
}
`, groups, backendServices))
}

func manyOfEach(config *lbserver.Config) {
	config.Quotas.ServerGroups, config.Quotas.BackendServices = 1000, 1000
}

// The tests below run Terraform and the built provider as processes, as users do.
func TestTheBuiltProviderInTrouble(t *testing.T) {
	t.Parallel()
	t.Run("an interrupt leaves the state true", func(t *testing.T) {
		t.Parallel()
		interruptInMidApply(t)
	})
	t.Run("parallelism 50", func(t *testing.T) {
		t.Parallel()
		applyFiftyAtOnce(t)
	})
	t.Run("no secret is shown", func(t *testing.T) {
		t.Parallel()
		showNoSecret(t)
	})
}

func interruptInMidApply(t *testing.T) {
	t.Helper()
	const groups, backendServices = 25, 10
	lb := acctest.Start(t, manyOfEach)
	spoiled, proxy := lb.Behind()
	held, release := make(chan struct{}), make(chan struct{})
	// The interrupt meets creates of groups that are carried out already. Some of the answers come late, the others never.
	const create = "^POST .*/targetGroups/$"
	proxy.On(create, 6, acctest.Pass)
	proxy.On(create, 4, acctest.Hold(held, release, acctest.Lose))
	proxy.On(create, 6, acctest.Hold(held, release, acctest.Deliver))
	w := acctest.NewWorkspace(t, fleet(spoiled, groups, backendServices)).WithBuiltProvider(t)
	apply := w.Start(t, "apply", "-auto-approve")
	interruptOnceTenAreHeld(t, apply, held, release)
	if made := wantStateTrue(t, lb, w, apply); made < 16 || made >= groups+backendServices {
		t.Errorf("after the interrupt there are %d objects, want some of %d", made, groups+backendServices)
	}
	w.Run(t, "apply", "-auto-approve")
	if err := lb.Holds(0, backendServices, groups, 2*groups); err != nil {
		t.Error("after the second apply:", err)
	}
	w.Run(t, "plan", "-detailed-exitcode")

	held, release = make(chan struct{}), make(chan struct{})
	proxy.On("^DELETE ", 5, acctest.Hold(held, release, acctest.Lose))
	proxy.On("^DELETE ", 5, acctest.Hold(held, release, acctest.Deliver))
	destroy := w.Start(t, "destroy", "-auto-approve")
	interruptOnceTenAreHeld(t, destroy, held, release)
	if left := wantStateTrue(t, lb, w, destroy); left > groups+backendServices-10 || left == 0 {
		t.Errorf("after the interrupt there are %d objects, want all but ten or so of %d", left, groups+backendServices)
	}
	w.Run(t, "destroy", "-auto-approve")
	if err := lb.Holds(0, 0, 0, 0); err != nil {
		t.Error("after the second destroy:", err)
	}
}

// interruptOnceTenAreHeld interrupts a Terraform that has ten calls carried out and not answered, and waits for its end.
func interruptOnceTenAreHeld(t *testing.T, running *acctest.Running, held <-chan struct{}, release chan<- struct{}) {
	t.Helper()
	for range 10 {
		receive(t, held, running)
	}
	if err := running.Interrupt(); err != nil {
		t.Fatal(err)
	}
	acctest.Eventually(t, func() error {
		if !strings.Contains(running.Output(), "Interrupt received") {
			return fmt.Errorf("terraform has not noticed the interrupt:\n%s", running.Output())
		}
		return nil
	})
	close(release)
	if err := running.Wait(); err == nil {
		t.Fatalf("the interrupted run succeeded:\n%s", running.Output())
	}
}

// wantStateTrue checks that the state has what the server has, and returns how many objects that are.
func wantStateTrue(t *testing.T, lb *acctest.LoadBalancer, w *acctest.Workspace, after *acctest.Running) int {
	t.Helper()
	made, err := lb.IDs()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(made, w.IDs(t)); diff != "" {
		t.Errorf("what the server has is not what the state has (-server +state):\n%s\n%s", diff, after.Output())
	}
	return len(made)
}

// receive waits for a message from a fault proxy while Terraform runs.
func receive(t *testing.T, from <-chan struct{}, running *acctest.Running) {
	t.Helper()
	select {
	case <-from:
	case <-time.After(30 * time.Second):
		t.Fatalf("terraform did not come that far:\n%s", running.Output())
	}
}

func applyFiftyAtOnce(t *testing.T) {
	t.Helper()
	const groups, backendServices = 55, 5
	lb := acctest.Start(t, manyOfEach)
	spoiled, proxy := lb.Behind()
	held, release := make(chan struct{}), make(chan struct{})
	proxy.On("^POST .*/targetGroups/$", 50, acctest.Hold(held, release, acctest.Deliver))
	w := acctest.NewWorkspace(t, fleet(spoiled, groups, backendServices)).WithBuiltProvider(t)
	apply := w.Start(t, "apply", "-auto-approve", "-parallelism=50")
	for range 50 {
		receive(t, held, apply)
	}
	close(release)
	if err := apply.Wait(); err != nil {
		t.Fatalf("terraform apply: %v\n%s", err, apply.Output())
	}
	if err := lb.Holds(0, backendServices, groups, 2*groups); err != nil {
		t.Error(err)
	}
	w.Run(t, "plan", "-detailed-exitcode", "-parallelism=50")
	w.Run(t, "destroy", "-auto-approve", "-parallelism=50")
	if err := lb.Holds(0, 0, 0, 0); err != nil {
		t.Error("after the destruction:", err)
	}
}

// The server is killed right after it has committed a change, and before it could answer: twice, and each time while others
// are under way.
func TestAServerThatIsKilledInMidApplyLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	p := acctest.StartProcess(t)
	ports, err := daemon.FreePorts(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	kill := func(e *acctest.Exchange) {
		if answer := e.Ask(); answer == nil || answer.Status != 200 {
			t.Errorf("the call to be killed after was answered with %+v", answer)
		}
		if err := p.Restart(t.Context()); err != nil {
			t.Error(err)
		}
		e.Cut()
	}
	for _, change := range []string{"^POST .*registerTargets$", "^POST .*/listeners/$"} {
		if strings.Contains(change, "registerTargets") {
			p.Proxy.On(change, 2, acctest.Pass)
		}
		p.Proxy.On(change, 1, kill)
	}
	chained := chain(&p.LoadBalancer, ports[0], `a = { address = "10.0.0.1" }`, "", "") + `
resource "alb_server_group" "more" {
  count   = 8
  name    = "more"
  servers = { a = { address = "10.0.0.1" }, b = { address = "10.0.0.2" } }
}
`
	acctest.Run(t,
		acctest.Step{Config: chained, Check: wantObjects(t, &p.LoadBalancer, 1, 1, 9, 17)},
		acctest.Step{Config: p.Configuration(""), Check: wantObjects(t, &p.LoadBalancer, 0, 0, 0, 0)},
	)
	if lives := p.Lives(); lives != 3 {
		t.Errorf("the server had %d lives, want 3", lives)
	}
}
