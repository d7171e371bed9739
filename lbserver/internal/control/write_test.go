package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/desired"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
)

func TestResendGetsTheFirstResultAndChangesNothing(t *testing.T) {
	a := newAPI(t)
	nonce, body := uuid.NewString(), `{"loadBalancerName":"once"}`
	first := a.callWithNonce("POST", base+"loadBalancers/", body, nonce)
	a.now = a.now.Add(14 * time.Minute)
	again := a.callWithNonce("POST", base+"loadBalancers", body, nonce)
	if diff := cmp.Diff(string(first.Result), string(again.Result)); diff != "" || again.Error != nil || first.RequestID == again.RequestID {
		t.Errorf("request %s, then %s (-first +again):\n%s", first.RequestID, again.RequestID, diff)
	}
	if got := len(a.state.Current().LoadBalancers); got != 2 {
		t.Errorf("%d load balancers, want alb-default and one more", got)
	}
	for _, other := range []struct{ method, path, body string }{
		{"POST", base + "loadBalancers/", `{"loadBalancerName":"twice"}`},
		{"POST", base + "targetGroups/", body},
		{"DELETE", base + "loadBalancers/$ALB", ""},
	} {
		a.callWithNonce(other.method, other.path, other.body, nonce).expect(t, conflict, "x-jdcloud-nonce", "was used for another call")
	}
}

func TestReplayedCaptureDoesNothing(t *testing.T) {
	a := newAPI(t)
	group, service, _ := a.fixture()
	// A call that was refused must not succeed once the way is free.
	nonce := uuid.NewString()
	const used = "is in use by"
	a.callWithNonce("DELETE", base+"targetGroups/"+group, "", nonce).expect(t, conflict, "targetGroupId", used)
	a.must("PATCH", base+"backends/"+service, `{"targetGroupIds":[]}`)
	a.callWithNonce("DELETE", base+"targetGroups/"+group, "", nonce).expect(t, conflict, "targetGroupId", used)
	if a.state.Current().ServerGroups[group] == nil {
		t.Fatal("the replay deleted the group")
	}
	a.must("DELETE", base+"targetGroups/"+group, "")
}

func TestReadsMayRepeatTheirNonce(t *testing.T) {
	a := newAPI(t)
	nonce := uuid.NewString()
	for _, path := range []string{"loadBalancers/", "listeners/", "loadBalancers/$ALB"} {
		if got := a.callWithNonce("GET", base+path, "", nonce); got.Error != nil {
			t.Errorf("%s: %v", path, got.Error)
		}
	}
}

func TestNonceIsKeptUntilNoCaptureIsValid(t *testing.T) {
	a := newAPI(t)
	nonce, body := uuid.NewString(), `{"loadBalancerName":"once"}`
	// As early as the skew allows: signed 15 minutes ahead of this clock.
	req := a.request("POST", base+"loadBalancers/", body)
	a.now = a.now.Add(15 * time.Minute)
	a.sign(req, body, nonce)
	a.now = a.now.Add(-15 * time.Minute)
	if got := a.send(req); got.Error != nil {
		t.Fatal(got.Error)
	}
	for _, later := range []time.Duration{30 * time.Minute, time.Second, time.Second} {
		a.now = a.now.Add(later)
		replay := a.request("POST", base+"loadBalancers/", body)
		replay.Header = req.Header.Clone()
		a.send(replay)
		if got := len(a.state.Current().LoadBalancers); got != 2 {
			t.Fatalf("%s later the replay made load balancer number %d", later, got)
		}
	}
}

func TestPortThatCannotBeOpenedStoresNothing(t *testing.T) {
	a := newAPI(t)
	_, service, id := a.fixture()
	before := a.state.Current()
	a.node.closed = func(next *snapshot.Snapshot) (closed []*desired.PortError) {
		for _, listener := range next.Listeners {
			if listener.Port == 81 {
				address := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), 81)
				closed = append(closed, &desired.PortError{ListenerID: listener.ID, Name: listener.Name, Address: address, Err: syscall.EADDRINUSE})
			}
		}
		return closed
	}
	body := `{"listenerName":"taken","loadBalancerId":"$ALB","protocol":"Http","port":81,"backendId":"` + service + `"}`
	got := a.call("POST", base+"listeners/", body)
	got.expect(t, conflict, "port", "cannot open 127.0.0.1:81: address already in use (another process, or lbserver's own API or operations address, holds the port")
	if !strings.Contains(got.Error.Message, `"taken"`) {
		t.Errorf("%q does not name the listener", got.Error.Message)
	}
	if a.state.Current() != before {
		t.Error("something changed")
	}
	a.expectStored()
	a.must("DELETE", base+"listeners/"+id, "") // others go on
	a.node.closed = nil
	a.must("POST", base+"listeners/", strings.ReplaceAll(body, "$ALB", a.alb))
}

func TestOtherFailureOfTheNodeIsInternalAndMayBeRetried(t *testing.T) {
	a := newAPI(t)
	a.node.refuse = func(*snapshot.Snapshot) error { return errors.New("out of memory somewhere") }
	nonce, body := uuid.NewString(), `{"loadBalancerName":"x"}`
	got := a.callWithNonce("POST", base+"loadBalancers/", body, nonce)
	if got.Error == nil || got.Error.Status != lbapi.Internal || strings.Contains(got.Error.Message, "memory") {
		t.Fatalf("got %v", got.Error)
	}
	if !strings.Contains(a.log.String(), "out of memory somewhere") {
		t.Errorf("the log does not have the cause:\n%s", a.log)
	}
	a.node.refuse = nil
	if got := a.callWithNonce("POST", base+"loadBalancers/", body, nonce); got.Error != nil {
		t.Errorf("the same call again: %v", got.Error)
	}
}

func TestPanicIsAnInternalError(t *testing.T) {
	a := newAPI(t)
	a.node.refuse = func(*snapshot.Snapshot) error { panic("a bug") }
	got := a.call("POST", base+"loadBalancers/", `{"loadBalancerName":"x"}`)
	if got.Error == nil || got.Error.Status != lbapi.Internal || !strings.Contains(a.log.String(), "a bug") {
		t.Errorf("got %v, log\n%s", got.Error, a.log)
	}
	a.node.refuse = nil
	a.must("POST", base+"loadBalancers/", `{"loadBalancerName":"x"}`) // the lock was given back
}

func TestStoreThatDoesNotWork(t *testing.T) {
	for _, test := range []struct {
		name          string
		before, after error
	}{
		{"nothing was written", syscall.ENOSPC, nil},
		{"all was written, but it is not known", nil, syscall.EIO},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAPI(t)
			a.fixture()
			a.store.before, a.store.after = test.before, test.after
			nonce, body := uuid.NewString(), `{"loadBalancerName":"x"}`
			got := a.callWithNonce("POST", base+"loadBalancers/", body, nonce)
			if got.Error == nil || got.Error.Status != lbapi.Unavailable || got.header.Get("Retry-After") == "" {
				t.Fatalf("got %v", got.Error)
			}
			a.must("GET", base+"listeners/", "") // reads go on
			a.store.before, a.store.after = nil, nil
			// The resend finds out what became of the first.
			if again := a.callWithNonce("POST", base+"loadBalancers/", body, nonce); again.Error != nil {
				t.Fatalf("the resend: %v", again.Error)
			}
			if got := len(a.state.Current().LoadBalancers); got != 2 {
				t.Errorf("%d load balancers, want 2", got)
			}
			a.expectStored()
		})
	}
}

func TestChangeIsJudgedAgainAfterAnotherProcessWrote(t *testing.T) {
	a := newAPI(t)
	a.store.stale = 2
	a.must("POST", base+"loadBalancers/", `{"loadBalancerName":"second"}`)

	edit := a.state.Current().Edit()
	snapshot.Delete[lbapi.LoadBalancer](edit, a.alb)
	_, records, err := edit.Done()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.store.Commit(t.Context(), a.state.Current().Revision, records, nil); err != nil {
		t.Fatal(err)
	}
	a.call("POST", base+"targetGroups/", `{"targetGroupName":"g","loadBalancerId":"$ALB"}`).
		expect(t, bad, "loadBalancerId", "there is no load balancer")
	a.expectStored()

	a.store.stale = 100
	if got := a.call("POST", base+"loadBalancers/", `{"loadBalancerName":"never"}`); got.Error == nil || got.Error.Status != lbapi.Unavailable {
		t.Errorf("after endless competition: %v", got.Error)
	}
}

// Clients that create, change, list and delete at once, and resend some of it: every acknowledged object is there, none
// is there twice, no port is held by two.
func TestConcurrentClients(t *testing.T) {
	const clients, rounds = 8, 6
	a := newAPI(t, func(c *Config) { c.Quotas = Quotas{100, 100, 100, 100, 100} })
	_, service, _ := a.fixture()
	var lock sync.Mutex
	kept := map[string]bool{}
	var running sync.WaitGroup
	for client := range clients {
		running.Go(func() {
			for round := range rounds {
				body := fmt.Sprintf(`{"listenerName":"c%d-%d","loadBalancerId":"$ALB","protocol":"Http","port":%d,"backendId":%q}`,
					client, round, 1000+round, service)
				nonce := uuid.NewString()
				created := a.callWithNonce("POST", base+"listeners/", body, nonce)
				if again := a.callWithNonce("POST", base+"listeners/", body, nonce); string(again.Result) != string(created.Result) {
					t.Errorf("a resend got %s after %s", again.Result, created.Result)
				}
				if created.Error != nil {
					if created.status != http.StatusConflict { // all clients want the same ports
						t.Errorf("create: %v", created.Error)
					}
					continue
				}
				var result lbapi.ListenerCreated
				if err := json.Unmarshal(created.Result, &result); err != nil {
					t.Error(err)
				}
				a.must("PATCH", base+"listeners/"+result.ID, `{"connectionIdleTimeSeconds":7}`)
				if round%2 == 0 {
					a.must("DELETE", base+"listeners/"+result.ID, "")
					continue
				}
				lock.Lock()
				kept[result.ID] = true
				lock.Unlock()
			}
		})
	}
	running.Wait()
	ports := map[int]string{}
	for id, listener := range a.state.Current().Listeners {
		if before, taken := ports[listener.Port]; taken {
			t.Errorf("listeners %s and %s share port %d", before, id, listener.Port)
		}
		ports[listener.Port] = id
		if listener.Port != 80 && (!kept[id] || listener.IdleTimeout != 7) {
			t.Errorf("listener %s: kept %v, idle timeout %d", id, kept[id], listener.IdleTimeout)
		}
		delete(kept, id)
	}
	if len(kept) > 0 {
		t.Errorf("acknowledged listeners are gone: %v", kept)
	}
	a.expectStored()
}
