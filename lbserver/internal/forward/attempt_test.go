package forward_test

import (
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/engine"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/forward"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/persistence"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
)

// network is an engine whose connections come from a test. Methods that an attempt does not need panic.
type network struct {
	engine.Engine
	now       time.Time
	dials     []dialed
	refuse    map[int]error // by the port of the server
	took      time.Duration // by each attempt to connect
	kept      bool          // connections of FreshKept and FreshChecked are reused ones
	refuseNew error         // of FreshNew
	locked    bool
	t         *testing.T
}

type dialed struct {
	port      int
	freshness engine.Freshness
	at        time.Time
}

func (n *network) Now() time.Time { return n.now }

func (n *network) Lock() {
	if n.locked {
		n.t.Error("locked twice")
	}
	n.locked = true
}

func (n *network) Unlock() { n.locked = false }

func (n *network) Post(task func()) { task() }

func (n *network) Dial(
	to *engine.Pool, _ engine.Conn, freshness engine.Freshness, _ time.Duration, _ *engine.Cancel,
) (engine.Backend, error) {
	port := int(to.Address.Port())
	n.dials = append(n.dials, dialed{port, freshness, n.now})
	n.now = n.now.Add(n.took)
	if err := n.refuse[port]; err != nil {
		return nil, err
	}
	if freshness == engine.FreshNew && n.refuseNew != nil {
		return nil, n.refuseNew
	}
	return &connection{reused: n.kept && freshness != engine.FreshNew}, nil
}

// connection is a connection to a server. Methods that an attempt does not need panic.
type connection struct {
	engine.Backend
	reused, closed, released, discarded bool
}

func (c *connection) Reused() bool { return c.reused }
func (c *connection) Release()     { c.released = true }
func (c *connection) Discard()     { c.discarded = true }
func (c *connection) Close() error { c.closed = true; return nil }
func (c *connection) Abort()       { c.closed = true }

const (
	serviceID = "backend-aaaaaaaaaa"
	groupID   = "tg-aaaaaaaaaa"
)

// newService returns a live backend service with servers at the ports 1 to count, and the ids target-1 and so on.
func newService(t *testing.T, count int, persistent bool) *service.Service {
	t.Helper()
	return newServiceWith(t, count, func(s *lbapi.BackendService) { s.SessionPersistence = persistent })
}

func newServiceWith(t *testing.T, count int, change func(*lbapi.BackendService)) *service.Service {
	t.Helper()
	keys, err := persistence.GenerateKeys().Encode()
	if err != nil {
		t.Fatal(err)
	}
	group := &lbapi.ServerGroup{ID: groupID}
	for port := range count {
		group.Servers = append(group.Servers, lbapi.Server{
			ID: "target-" + strconv.Itoa(port+1), Type: lbapi.ServerAddress, Address: "127.0.0.1", Port: port + 1, Weight: 10,
		})
	}
	object := &lbapi.BackendService{
		ID: serviceID, LoadBalancerID: "alb", Protocol: lbapi.HTTP, Port: 80, Scheduler: lbapi.WeightedRoundRobin,
		ServerGroupIDs: []string{groupID},
	}
	change(object)
	state := &snapshot.Snapshot{
		LoadBalancers:   map[string]*lbapi.LoadBalancer{"alb": {ID: "alb", PrivateIP: lbapi.PrivateIP{Address: "127.0.0.1"}}},
		BackendServices: map[string]*lbapi.BackendService{serviceID: object},
		ServerGroups:    map[string]*lbapi.ServerGroup{groupID: group},
		PersistenceKeys: keys,
	}
	registry := service.NewRegistry(nil, time.Now, slog.New(slog.DiscardHandler))
	next, err := registry.Prepare(state, state.Since(nil))
	if err != nil {
		t.Fatal(err)
	}
	next.Apply()
	live, _ := registry.Service(serviceID)
	return live
}

// bed is an attempt of a client at 127.0.0.9.
type bed struct {
	*forward.Attempt
	network *network
	service *service.Service
	client  netip.Addr
	conn    *waitingClient // nil if the client does not wait
}

func newBed(t *testing.T, live *service.Service) *bed {
	t.Helper()
	network := &network{t: t, now: time.Now(), refuse: map[int]error{}}
	b := &bed{new(forward.Attempt), network, live, netip.MustParseAddr("127.0.0.9"), nil}
	b.Begin(forward.New(forward.Config{Log: slog.New(slog.DiscardHandler)}), b.network, nil)
	b.SetService(live, b.client)
	return b
}

func (b *bed) endpoint(port int) *service.Endpoint {
	for _, each := range b.service.Eligible().Endpoints {
		if int(each.Address.Port()) == port {
			return each
		}
	}
	return nil
}

// inFlight is the sum over all servers.
func (b *bed) inFlight() (sum int64) {
	for _, each := range b.service.Eligible().Endpoints {
		sum += each.InFlight.Load()
	}
	return sum
}

func ports(dials []dialed) (all []int) {
	for _, each := range dials {
		all = append(all, each.port)
	}
	slices.Sort(all)
	return all
}

func TestAttemptTriesOtherServersAndCounts(t *testing.T) {
	b := newBed(t, newService(t, 3, false))
	b.network.refuse[1], b.network.refuse[2] = syscall.ECONNREFUSED, syscall.ECONNREFUSED
	if !b.HasServers() {
		t.Fatal("there are servers")
	}
	if err := b.Reach(); err != nil {
		t.Fatal(err)
	}
	if b.Endpoint != b.endpoint(3) {
		t.Errorf("reached %s, want the only server that answers", b.Endpoint.Address)
	}
	refused := 0
	for _, each := range b.network.dials {
		if each.port != 3 {
			refused++
			if got := b.endpoint(each.port).Counters.ConnectErrors.Load(); got != 1 {
				t.Errorf("server %d has %d errors, want 1", each.port, got)
			}
		}
	}
	if b.Retries != refused || b.inFlight() != 1 || b.Endpoint.InFlight.Load() != 1 || b.Endpoint.Counters.Requests.Load() != 1 {
		t.Errorf("%d retries after %d refusals, %d in flight", b.Retries, refused, b.inFlight())
	}
	kept := b.Backend.(*connection)
	b.Keep(false)
	if !kept.released || kept.closed || b.Backend != nil || b.inFlight() != 0 {
		t.Errorf("kept: released %t, closed %t, %d in flight", kept.released, kept.closed, b.inFlight())
	}
	b.Drop() // after Keep it does nothing
	if kept.closed || b.inFlight() != 0 {
		t.Error("a connection that was kept is dropped")
	}
}

func TestAttemptThatReachesNoServerSaysWhy(t *testing.T) {
	for name, test := range map[string]struct {
		failure, want error
	}{
		"refused":         {syscall.ECONNREFUSED, forward.ErrUnreachable},
		"no answer":       {os.ErrDeadlineExceeded, forward.ErrTimeout},
		"system timeout":  {syscall.ETIMEDOUT, forward.ErrTimeout},
		"nothing to dial": {errors.New("the network is gone"), forward.ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, newService(t, 2, false))
			b.network.refuse[1], b.network.refuse[2] = test.failure, test.failure
			if err := b.Reach(); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if got := ports(b.network.dials); !slices.Equal(got, []int{1, 2}) {
				t.Errorf("dialed %v, want each server once", got)
			}
			if b.Endpoint != nil || b.Backend != nil || b.inFlight() != 0 {
				t.Error("a server has the request")
			}
		})
	}
}

func TestNoFurtherServerIsTriedAfterTheBudget(t *testing.T) {
	b := newBed(t, newService(t, 5, false))
	b.network.took = 4 * time.Second
	for port := 1; port <= 5; port++ {
		b.network.refuse[port] = os.ErrDeadlineExceeded
	}
	if err := b.Reach(); !errors.Is(err, forward.ErrTimeout) {
		t.Error(err)
	}
	if len(b.network.dials) != 3 {
		t.Errorf("%d servers were tried in %s, want 3", len(b.network.dials), 4*time.Second*time.Duration(len(b.network.dials)))
	}
}

func TestOnlyARepeatableRequestRisksAKeptConnection(t *testing.T) {
	for repeatable, want := range map[bool]engine.Freshness{true: engine.FreshKept, false: engine.FreshChecked} {
		b := newBed(t, newService(t, 1, false))
		b.Repeatable = repeatable
		b.network.kept = true
		if err := b.Reach(); err != nil {
			t.Fatal(err)
		}
		if got := b.network.dials[0].freshness; got != want {
			t.Errorf("repeatable %t: freshness %d, want %d", repeatable, got, want)
		}
		if b.MayResend() != repeatable {
			t.Errorf("repeatable %t: may be sent again: %t", repeatable, b.MayResend())
		}
	}
}

func TestResentRequestGoesToTheSameServerFirstAndOverANewConnection(t *testing.T) {
	b := newBed(t, newService(t, 2, false))
	b.Repeatable, b.network.kept = true, true
	if err := b.Reach(); err != nil {
		t.Fatal(err)
	}
	first, stale := b.Endpoint, b.Backend.(*connection)
	b.Resend()
	if !stale.closed || b.inFlight() != 0 || b.Retries != 1 {
		t.Errorf("closed %t, %d in flight, %d retries", stale.closed, b.inFlight(), b.Retries)
	}
	b.network.refuse[int(first.Address.Port())] = syscall.ECONNREFUSED
	if err := b.Reach(); err != nil {
		t.Fatal(err)
	}
	again := b.network.dials[1:]
	if len(again) != 2 || again[0] != (dialed{int(first.Address.Port()), engine.FreshNew, b.network.now}) || again[1].freshness != engine.FreshChecked {
		t.Errorf("dialed %v; want the same server over a new connection, then the other over one that is surely open", again)
	}
	if b.MayResend() {
		t.Error("a request may be sent three times")
	}
}

func TestAbandonedAttemptClosesItsConnection(t *testing.T) {
	b := newBed(t, newService(t, 1, false))
	if err := b.Reach(); err != nil {
		t.Fatal(err)
	}
	b.network.Lock()
	b.Abandon()
	b.network.Unlock()
	if !b.Backend.(*connection).closed {
		t.Error("the connection is open")
	}
	b.Drop()

	late := newBed(t, b.service)
	late.network.Lock()
	late.Abandon()
	late.network.Unlock()
	if err := late.Reach(); err != nil || !late.Backend.(*connection).closed {
		t.Errorf("%v; a connection that is opened after Abandon must be closed at once", err)
	}
	late.Drop()
	if b.inFlight() != 0 {
		t.Errorf("%d in flight", b.inFlight())
	}
}

func TestAttemptWithoutAServiceOrServersHasNone(t *testing.T) {
	for name, live := range map[string]*service.Service{"no service": nil, "no servers": newService(t, 0, false)} {
		if newBed(t, live).HasServers() {
			t.Errorf("%s, and yet there are servers", name)
		}
	}
	if newBed(t, newService(t, 1, false)).CookieName() != "" {
		t.Error("there is a cookie without persistence")
	}
}
