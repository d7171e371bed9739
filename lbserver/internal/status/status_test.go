package status_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/persistence"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/status"
)

type noInstances struct{}

func (noInstances) Resolve(string) (netip.Addr, bool) { return netip.Addr{}, false }

// now is the clock of these tests.
func now() time.Time { return time.Unix(1_790_000_000, 0) }

// fakeNode has the listeners that a test gives it, and a registry of real backend services.
type fakeNode struct {
	listeners []proxy.Status
	registry  *service.Registry
}

func (n *fakeNode) Listeners() []proxy.Status { return n.listeners }

func (n *fakeNode) BackendServices() []*service.Service { return n.registry.Services() }

func (n *fakeNode) BackendService(id string) (*service.Service, bool) { return n.registry.Service(id) }

func (n *fakeNode) DroppedLogLines() uint64 { return 7 }

// newStatus makes the status of a node with the backend services backend-a and backend-b, which use the same two servers.
func newStatus(t *testing.T, persistent bool) (*status.Status, *fakeNode) {
	t.Helper()
	keys, err := persistence.GenerateKeys().Encode()
	if err != nil {
		t.Fatal(err)
	}
	next := &snapshot.Snapshot{
		BackendServices: map[string]*lbapi.BackendService{},
		ServerGroups: map[string]*lbapi.ServerGroup{"tg-a": {ID: "tg-a", Servers: []lbapi.Server{
			{ID: "target-a", GroupID: "tg-a", Type: lbapi.ServerAddress, Address: "10.0.0.1", Port: 81, Weight: 3},
			{ID: "target-b", GroupID: "tg-a", Type: lbapi.ServerAddress, Address: "10.0.0.2", Weight: 0},
		}}},
		PersistenceKeys: keys,
	}
	for _, id := range []string{"backend-b", "backend-a"} {
		object := lbapi.DefaultBackendService()
		object.ID, object.Protocol, object.Port, object.SessionPersistence = id, lbapi.HTTP, 80, persistent
		object.ServerGroupIDs, object.HealthCheck = []string{"tg-a"}, lbapi.DefaultHealthCheck(lbapi.TCP)
		next.BackendServices[id] = &object
	}
	n := &fakeNode{registry: service.NewRegistry(noInstances{}, now, slog.New(slog.DiscardHandler))}
	change, err := n.registry.Prepare(next, next.Since(nil))
	if err != nil {
		t.Fatal(err)
	}
	change.Apply()
	return status.New(n, func(context.Context) error { return nil }, now, "1.2.3"), n
}

func TestServersAreShownAsTheyAre(t *testing.T) {
	t.Parallel()
	shown, n := newStatus(t, false)
	live, _ := n.BackendService("backend-a")
	endpoint := live.Eligible().Endpoints[0]
	endpoint.SetVerdict(service.Verdict{
		Status: lbapi.Unhealthy, Reason: lbapi.UnhealthyReason{Reason: lbapi.ConnectFailed, Detail: "refused"}, Since: now(),
	})
	endpoint.InFlight.Add(2)
	endpoint.Counters.Requests.Add(5)
	endpoint.ObserveCheck(false, time.Second)
	live.Persistence.Moved.Add(4)

	got, found := shown.BackendService("backend-a")
	if !found {
		t.Fatal("there is no backend-a")
	}
	want := status.BackendService{
		Object: live.Eligible().Object, EligibleServers: 0, Persistence: status.Persistence{Moved: 4},
		Servers: []status.Server{
			{
				Object: endpoint.Object, Address: netip.MustParseAddrPort("10.0.0.1:81"), Weight: 3,
				Status: lbapi.Unhealthy, Reason: lbapi.UnhealthyReason{Reason: lbapi.ConnectFailed, Detail: "refused"}, Since: now(),
				InFlight: 2, Requests: 5, ChecksFailed: 1, CheckDuration: time.Second,
			},
			{
				Object: live.Eligible().Endpoints[1].Object, Address: netip.MustParseAddrPort("10.0.0.2:80"),
				Status: lbapi.HealthUnknown, Since: now(),
			},
		},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// The other backend service sees the same servers in its own way.
	all := shown.BackendServices()
	if len(all) != 2 || all[0].Object.ID != "backend-a" || all[1].EligibleServers != 1 || all[1].Servers[0].Status != lbapi.HealthUnknown {
		t.Errorf("got %+v", all)
	}
	if _, found := shown.BackendService("backend-c"); found {
		t.Error("there is a backend-c")
	}
}

// A healthy server has no reason, even if its last failed check left one.
func TestAReasonIsShownWithAnUnhealthyServerOnly(t *testing.T) {
	t.Parallel()
	shown, n := newStatus(t, false)
	live, _ := n.BackendService("backend-a")
	live.Eligible().Endpoints[0].SetVerdict(service.Verdict{Status: lbapi.Healthy, Reason: lbapi.UnhealthyReason{Detail: "long ago"}})
	got, _ := shown.BackendService("backend-a")
	if got.Servers[0].Reason != (lbapi.UnhealthyReason{}) {
		t.Errorf("got %+v", got.Servers[0])
	}
}

func TestSessionsAreShownWhilePersistenceIsOn(t *testing.T) {
	t.Parallel()
	for _, persistent := range []bool{true, false} {
		shown, n := newStatus(t, persistent)
		live, _ := n.BackendService("backend-a")
		live.Eligible().Endpoints[0].Sessions.See(netip.MustParseAddrPort("192.0.2.1:1024"), nil, time.Time{}, now())
		got, _ := shown.BackendService("backend-a")
		for i, want := range []int{1, 0} {
			switch count := got.Servers[i].Sessions; {
			case !persistent && count != nil:
				t.Errorf("persistence is off, and %d sessions are shown", *count)
			case persistent && (count == nil || *count != want):
				t.Errorf("server %d: got %v sessions, want %d", i, count, want)
			}
		}
	}
}

func TestListenersAreShownWithTheirCounters(t *testing.T) {
	t.Parallel()
	shown, n := newStatus(t, false)
	counters := new(proxy.Counters)
	counters.Connections.Add(1)
	counters.ActiveConnections.Add(2)
	counters.Requests.Add(3)
	counters.InFlight.Add(4)
	for class := range counters.Responses {
		counters.Responses[class].Add(uint64(class))
	}
	counters.Aborted.Add(5)
	counters.Retries.Add(6)
	counters.BytesReceived.Add(7)
	counters.BytesSent.Add(8)
	object := &lbapi.Listener{ID: "listener-a"}
	n.listeners = []proxy.Status{{Object: object, Bound: true, Counters: counters}}
	want := []status.Listener{{
		Object: object, Bound: true, Connections: 1, ActiveConnections: 2, Requests: 3, InFlight: 4,
		Responses: [5]uint64{0, 1, 2, 3, 4}, Aborted: 5, Retries: 6, BytesReceived: 7, BytesSent: 8,
	}}
	if diff := cmp.Diff(want, shown.Listeners(), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if shown.Version() != "1.2.3" || shown.DroppedLogLines() != 7 {
		t.Errorf("version %s, %d lines", shown.Version(), shown.DroppedLogLines())
	}
}

func TestReadySaysWhatIsNotServed(t *testing.T) {
	t.Parallel()
	_, n := newStatus(t, false)
	var storeFailure error
	shown := status.New(n, func(context.Context) error { return storeFailure }, now, "")
	listener := func(id string, enabled lbapi.Status, bound bool, err error) proxy.Status {
		return proxy.Status{
			Object: &lbapi.Listener{ID: id, Name: "web", Status: enabled}, Bound: bound, Err: err, Counters: new(proxy.Counters),
		}
	}
	n.listeners = []proxy.Status{listener("listener-a", lbapi.On, true, nil), listener("listener-b", lbapi.Off, false, nil)}
	if err := shown.Ready(t.Context()); err != nil {
		t.Errorf("all is well, and ready says %v", err)
	}
	n.listeners = append(n.listeners,
		listener("listener-c", lbapi.On, false, errors.New("port 80 is taken")), listener("listener-d", lbapi.On, false, nil))
	storeFailure = errors.New("the disk is full")
	err := shown.Ready(t.Context())
	for _, want := range []string{"port 80 is taken", `"web" (listener-d) is closed: lbserver is stopping`, "the disk is full"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
}
