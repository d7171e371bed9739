package service_test

import (
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/persistence"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
)

// inventory resolves instances from a map that a test may change between two snapshots.
type inventory map[string]netip.Addr

func (i inventory) Resolve(instanceID string) (netip.Addr, bool) {
	address, ok := i[instanceID]
	return address, ok
}

// fixture is a registry with one backend service, backend-a, over one server group, tg-a.
type fixture struct {
	t         *testing.T
	registry  *service.Registry
	state     *snapshot.Snapshot
	applied   *snapshot.Snapshot
	inventory inventory
}

func newFixture(t *testing.T, servers ...lbapi.Server) *fixture {
	t.Helper()
	state, err := snapshot.New(store.State{})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := persistence.GenerateKeys().Encode()
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, state: state, inventory: inventory{}}
	f.registry = service.NewRegistry(f.inventory, time.Now, slog.New(slog.DiscardHandler))
	f.change(func(edit *snapshot.Edit) {
		edit.PutPersistenceKeys(keys)
		snapshot.Put(edit, &lbapi.LoadBalancer{ID: "alb-a", PrivateIP: lbapi.PrivateIP{Address: "127.0.0.9"}})
		snapshot.Put(edit, backendService(lbapi.WeightedRoundRobin))
	})
	f.servers(servers...)
	return f
}

func backendService(scheduler lbapi.Scheduler) *lbapi.BackendService {
	return &lbapi.BackendService{
		ID: "backend-a", LoadBalancerID: "alb-a", Protocol: lbapi.HTTP, Port: 80, Scheduler: scheduler,
		ServerGroupIDs: []string{"tg-a"}, HealthCheck: lbapi.DefaultHealthCheck(lbapi.TCP),
	}
}

func server(id string, weight int) lbapi.Server {
	return lbapi.Server{ID: id, Type: lbapi.ServerAddress, Address: "127.0.0.1", Port: 8000 + int(id[0]), Weight: weight}
}

func (f *fixture) change(change func(*snapshot.Edit)) {
	f.t.Helper()
	edit := f.state.Edit()
	change(edit)
	next, _, err := edit.Done()
	if err != nil {
		f.t.Fatal(err)
	}
	f.state = next
	f.apply()
}

// apply puts the state in force, or, if it is in force, applies all of it again.
func (f *fixture) apply() {
	f.t.Helper()
	changed := f.state.Since(f.applied)
	if f.state == f.applied {
		changed = f.state.Since(nil)
	}
	change, err := f.registry.Prepare(f.state, changed)
	if err != nil {
		f.t.Fatal(err)
	}
	change.Apply()
	f.applied = f.state
}

func (f *fixture) servers(servers ...lbapi.Server) {
	f.t.Helper()
	groupType := lbapi.GroupOfAddresses
	if len(servers) > 0 && servers[0].Type != lbapi.ServerAddress {
		groupType = lbapi.GroupOfInstances
	}
	f.change(func(edit *snapshot.Edit) {
		snapshot.Put(edit, &lbapi.ServerGroup{ID: "tg-a", Type: groupType, Servers: servers})
	})
}

func (f *fixture) live() *service.Service {
	f.t.Helper()
	live, ok := f.registry.Service("backend-a")
	if !ok {
		f.t.Fatal("backend-a is not live")
	}
	return live
}

func (f *fixture) endpoint(id string) *service.Endpoint {
	f.t.Helper()
	for _, endpoint := range f.live().Eligible().Endpoints {
		if endpoint.ID == id {
			return endpoint
		}
	}
	f.t.Fatalf("there is no endpoint %q", id)
	return nil
}

func (f *fixture) wantEligible(want ...string) {
	f.t.Helper()
	var got []string
	for _, endpoint := range f.live().Eligible().Servers {
		got = append(got, endpoint.ID)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		f.t.Errorf("eligible servers (-want +got):\n%s", diff)
	}
}

func TestServersWithoutWeightOrHealthAreNotEligible(t *testing.T) {
	t.Parallel()
	f := newFixture(t, server("a", 5), server("b", 0), server("c", 2))
	f.wantEligible("a", "c")

	f.endpoint("a").SetVerdict(service.Verdict{Status: lbapi.Unhealthy})
	f.wantEligible("c")
	if f.live().Eligible().Find([]byte("a")) != -1 || f.live().Eligible().Find([]byte("c")) != 0 {
		t.Error("Find does not follow the eligible set")
	}

	f.endpoint("a").SetVerdict(service.Verdict{Status: lbapi.Healthy})
	f.wantEligible("a", "c")

	f.servers(server("a", 0), server("b", 1), server("c", 2))
	f.wantEligible("b", "c")
}

func TestStateOfAServerOutlivesAChange(t *testing.T) {
	t.Parallel()
	f := newFixture(t, server("a", 5), server("b", 1))
	before := f.endpoint("a")
	before.InFlight.Add(3)
	before.SetVerdict(service.Verdict{Status: lbapi.Unhealthy})

	f.servers(server("a", 7))
	after := f.endpoint("a")
	if after.Server != before.Server || after.InFlight.Load() != 3 || after.Verdict().Status != lbapi.Unhealthy {
		t.Error("the live state of the server was lost by a change of its weight")
	}
	if after.Pool != before.Pool {
		t.Error("a change of weight took another pool of connections")
	}
	if before.Weight != 5 || after.Weight != 7 {
		t.Errorf("weights %d, %d: the endpoint that requests hold must not change", before.Weight, after.Weight)
	}

	moved := server("a", 7)
	moved.Port = 9999
	f.servers(moved)
	if f.endpoint("a").Pool == after.Pool {
		t.Error("connections to the old port would be used for the new one")
	}
}

func TestAnUnrelatedChangeTouchesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, server("a", 5))
	before := f.live().Eligible()
	f.change(func(edit *snapshot.Edit) {
		snapshot.Put(edit, &lbapi.BackendService{ID: "backend-b", LoadBalancerID: "alb-a", Protocol: lbapi.HTTP})
	})
	if f.live().Eligible() != before {
		t.Error("backend-a was configured again by a change of backend-b")
	}
	f.change(func(edit *snapshot.Edit) { snapshot.Delete[lbapi.BackendService](edit, "backend-b") })
	if _, ok := f.registry.Service("backend-b"); ok {
		t.Error("a deleted backend service is still live")
	}
}

func TestPersistenceFollowsTheConfiguration(t *testing.T) {
	t.Parallel()
	f := newFixture(t, server("a", 5))
	if f.live().Eligible().Cookie != nil || f.endpoint("a").CookieLine != nil {
		t.Fatal("persistence is on by default")
	}
	sticky := backendService(lbapi.WeightedRoundRobin)
	sticky.SessionPersistence, sticky.PersistenceTimeout = true, 60
	f.change(func(edit *snapshot.Edit) { snapshot.Put(edit, sticky) })
	cookie := f.live().Eligible().Cookie
	if cookie == nil || f.endpoint("a").CookieLine == nil {
		t.Fatal("persistence was turned on and there is no cookie")
	}
	f.change(func(edit *snapshot.Edit) { edit.PutPersistenceKeys(newKeys(t)) })
	if f.live().Eligible().Cookie == cookie {
		t.Error("the cookie still uses the old keys")
	}
	f.change(func(edit *snapshot.Edit) { snapshot.Put(edit, backendService(lbapi.SourceIP)) })
	if f.live().Eligible().Cookie != nil {
		t.Error("persistence was turned off and there is still a cookie")
	}
}

func newKeys(t *testing.T) []byte {
	t.Helper()
	keys, err := persistence.GenerateKeys().Encode()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestInstancesFollowTheInventory(t *testing.T) {
	t.Parallel()
	vm := lbapi.Server{ID: "a", Type: lbapi.ServerVM, InstanceID: "vm-1", Weight: 1}
	f := newFixture(t, vm)
	f.wantEligible()

	f.inventory["vm-1"] = netip.MustParseAddr("10.0.0.5")
	f.apply()
	f.wantEligible("a")
	if got := f.endpoint("a").Address.String(); got != "10.0.0.5:80" {
		t.Errorf("address %s, want the inventory's with the backend service's port", got)
	}
	before := f.live().Eligible()
	f.apply()
	if f.live().Eligible() != before {
		t.Error("configured again although the inventory says the same")
	}
	f.inventory["vm-1"] = netip.MustParseAddr("10.0.0.6")
	f.apply()
	if got := f.endpoint("a").Address.String(); got != "10.0.0.6:80" {
		t.Errorf("address %s does not follow the inventory", got)
	}
}

// Two instances may resolve to one address; round robin still gives both their share.
// The state may hold an address in any spelling; the traffic, the logs and the metrics know one.
func TestAServersMappedAddressIsItsIPv4Address(t *testing.T) {
	mapped := lbapi.Server{ID: "a", Type: lbapi.ServerAddress, Address: "::ffff:127.0.0.1", Port: 8080, Weight: 1}
	f := newFixture(t, mapped)
	if got, want := f.endpoint("a").Address, netip.MustParseAddrPort("127.0.0.1:8080"); got != want {
		t.Errorf("the server's address is %s, want %s", got, want)
	}
}

func TestServersOfOneAddressBothTakePart(t *testing.T) {
	t.Parallel()
	f := newFixture(t,
		lbapi.Server{ID: "a", Type: lbapi.ServerVM, InstanceID: "vm-1", Weight: 1},
		lbapi.Server{ID: "b", Type: lbapi.ServerVM, InstanceID: "vm-2", Weight: 1})
	f.inventory["vm-1"] = netip.MustParseAddr("10.0.0.5")
	f.inventory["vm-2"] = netip.MustParseAddr("10.0.0.5")
	f.apply()
	eligible := f.live().Eligible()
	counts := map[int]int{}
	for range 10 {
		counts[eligible.Picker.Pick(netip.MustParseAddr("127.0.0.1"), nil)]++
	}
	if diff := cmp.Diff(map[int]int{0: 5, 1: 5}, counts); diff != "" {
		t.Errorf("picks (-want +got):\n%s", diff)
	}
}

func TestVerdictsAndSnapshotsMayComeAtTheSameTime(t *testing.T) {
	t.Parallel()
	f := newFixture(t, server("a", 1), server("b", 2))
	first, second := f.endpoint("a").Server, f.endpoint("b").Server
	var group sync.WaitGroup
	for _, each := range []*service.Server{first, second} {
		group.Go(func() {
			for i := range 200 {
				status := lbapi.Healthy
				if i%2 == 0 {
					status = lbapi.Unhealthy
				}
				each.SetVerdict(service.Verdict{Status: status, Reason: lbapi.UnhealthyReason{Detail: fmt.Sprint(i)}})
			}
		})
	}
	for i := range 200 {
		f.servers(server("a", 1+i%3), server("b", 2))
		eligible := f.live().Eligible()
		if index := eligible.Picker.Pick(netip.MustParseAddr("127.0.0.1"), nil); index >= len(eligible.Servers) {
			t.Fatalf("the picker chose %d of %d servers", index, len(eligible.Servers))
		}
	}
	group.Wait()
	f.wantEligible("a", "b")
}
