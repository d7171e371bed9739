package provider_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// changes are the calls that change something.
const changes = "^(POST|PATCH|DELETE) "

// once spoils the first attempt of every call, with the faults in turn, and lets the resend with its nonce pass.
func once(faults ...acctest.Fault) acctest.Fault {
	var (
		mu   sync.Mutex
		seen = map[string]bool{}
	)
	next := func(nonce string) acctest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if seen[nonce] {
			return acctest.Pass
		}
		seen[nonce] = true
		return faults[len(seen)%len(faults)]
	}
	return func(e *acctest.Exchange) { next(e.Nonce())(e) }
}

// wantObjects checks how many objects there are in all.
func wantObjects(t *testing.T, lb *acctest.LoadBalancer, listeners, backendServices, serverGroups, servers int) acctest.Check {
	t.Helper()
	return func(*acctest.State) error { return lb.Holds(listeners, backendServices, serverGroups, servers) }
}

func TestALostReplyDuplicatesNothing(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	spoiled, proxy := lb.Behind()
	proxy.On(changes, 1000, once(acctest.LoseReply, acctest.CutShort))
	port := lb.FreePort()
	separate := func(weight int) string {
		return fmt.Sprintf(`
resource "alb_server_group" "open" {
  name = "open"
}
resource "alb_server" "own" {
  server_group_id = alb_server_group.open.id
  address         = "10.0.0.9"
  weight          = %d
}
`, weight)
	}
	acctest.Run(t,
		acctest.Step{
			Config: chain(spoiled, port, "a = { address = \"10.0.0.1\" }\n    b = { address = \"10.0.0.2\" }", "", "enabled = false") + separate(1),
			Check:  wantObjects(t, lb, 1, 1, 2, 3),
		},
		acctest.Step{ // registers c, updates b, deregisters a, and patches the others
			Config: chain(spoiled, port, "b = { address = \"10.0.0.2\", weight = 3 }\n    c = { address = \"10.0.0.3\" }",
				"description = \"changed\"", "idle_timeout = 7") + separate(2),
			Plan: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("alb_server_group.web", plancheck.ResourceActionUpdate),
				plancheck.ExpectResourceAction("alb_backend_service.web", plancheck.ResourceActionUpdate),
				plancheck.ExpectResourceAction("alb_listener.web", plancheck.ResourceActionUpdate),
				plancheck.ExpectResourceAction("alb_server.own", plancheck.ResourceActionUpdate),
			},
			Check: wantObjects(t, lb, 1, 1, 2, 3),
		},
		acctest.Step{Config: spoiled.Configuration(""), Check: wantObjects(t, lb, 0, 0, 0, 0)},
	)
	// Four creates, the servers twice, the listener off; then the three kinds of change to a group's servers, one to the server
	// of its own, two patches; four deletes and the server.
	wantEachTwice(t, proxy.Calls(changes), 7+6+5)
}

// wantEachTwice checks that every call was sent twice with one nonce, and that the server took it both times.
func wantEachTwice(t *testing.T, attempts []acctest.Call, calls int) {
	t.Helper()
	byNonce := map[string][]acctest.Call{}
	for _, attempt := range attempts {
		byNonce[attempt.Nonce] = append(byNonce[attempt.Nonce], attempt)
	}
	if len(byNonce) != calls {
		t.Errorf("%d calls, want %d: %+v", len(byNonce), calls, attempts)
	}
	for _, both := range byNonce {
		if len(both) != 2 || !both[0].Lost || both[1].Lost || both[0].Status != 200 || both[1].Status != 200 {
			t.Errorf("attempts of one call are %+v; want one that was carried out and lost, and its resend", both)
		}
	}
}

// The server has made the group when the time to create it is over.
func TestWhatIsMadeAsTheTimeoutEndsIsInTheState(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	spoiled, proxy := lb.Behind()
	answer := make(chan struct{})
	t.Cleanup(func() { close(answer) })
	proxy.On("^POST .*/targetGroups/$", 1, acctest.Hold(make(chan struct{}, 1), answer, acctest.Deliver))
	configuration := spoiled.Configuration(fmt.Sprintf(oneGroup, "timeouts = { create = \"1s\" }"))
	began := time.Now()
	acctest.Run(t,
		acctest.Step{Config: configuration, Check: wantObjects(t, lb, 0, 0, 1, 0)},
		acctest.Step{Config: spoiled.Configuration(""), Check: wantObjects(t, lb, 0, 0, 0, 0)},
	)
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("took %s, far more than the timeout of 1 s", took)
	}
}

func TestACreateWhoseEveryAnswerIsLostSaysThatItMayHaveHappened(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	spoiled, proxy := lb.Behind()
	proxy.On("^POST .*/targetGroups/$", 1000, acctest.LoseReply)
	failures := acctest.RunToFailure(t, acctest.Step{Config: spoiled.Configuration(fmt.Sprintf(oneGroup, ""), "max_retries = 1")})
	wantOneError(t, failures, `Server group not created`, `Create server group "web"`, proxy.Endpoint, "(2 attempts)",
		"the server may have created it all the same: look for it before you try again.")
	if err := lb.Holds(0, 0, 1, 0); err != nil {
		t.Error("the test is not about what it says:", err)
	}
}

// An object whose id is known is in the state whatever happens after that, marked to be replaced.
func TestACreateThatFailsHalfwayIsReplacedAndNotForgotten(t *testing.T) {
	t.Parallel()
	const service, listener = "alb_backend_service.web", "alb_listener.web"
	for name, test := range map[string]struct{ call, says, replaced string }{
		"health check off":    {"^PATCH .*/backends/", "Backend service created, but its health check not turned off", service},
		"listener turned off": {"^PATCH .*/listeners/", "Listener created, but not turned off", listener},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lb := acctest.Start(t)
			spoiled, proxy := lb.Behind()
			proxy.On(test.call, 1000, acctest.Refuse(lbapi.Internal, 0))
			configuration := chain(spoiled, lb.FreePort(), `a = { address = "10.0.0.1" }`, "health_check = { enabled = false }", "enabled = false")
			failures := acctest.RunToFailure(t,
				acctest.Step{Config: configuration},
				acctest.Step{
					PreConfig: proxy.Clear,
					Config:    configuration,
					Plan: []plancheck.PlanCheck{
						plancheck.ExpectResourceAction(test.replaced, plancheck.ResourceActionDestroyBeforeCreate),
					},
					Check: wantObjects(t, lb, 1, 1, 1, 1),
				},
			)
			wantOneError(t, failures, test.says, "the API is in trouble")
		})
	}
}

// Others were faster by a moment: after the plan, before the call.
func TestDeletingWhatIsAlreadyGoneSucceeds(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	spoiled, proxy := lb.Behind()
	proxy.On("^DELETE ", 3, func(e *acctest.Exchange) {
		if err := lb.DeleteElsewhere(e.Request.URL.Path); err != nil {
			t.Error(err)
		}
		acctest.Pass(e)
	})
	acctest.Run(t,
		acctest.Step{Config: chain(spoiled, lb.FreePort(), `a = { address = "10.0.0.1" }`, "", "")},
		acctest.Step{Config: spoiled.Configuration(""), Check: wantObjects(t, lb, 0, 0, 0, 0)},
	)
	deleted := proxy.Calls("^DELETE ")
	for _, call := range deleted {
		if call.Status != 404 {
			t.Errorf("%+v was not too late", call)
		}
	}
	if len(deleted) != 3 {
		t.Errorf("%d deletions, want 3", len(deleted))
	}
}
