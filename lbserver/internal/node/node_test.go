package node_test

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/desired"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/node"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/persistence"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type noInstances struct{}

func (noInstances) Resolve(string) (netip.Addr, bool) { return netip.Addr{}, false }

func newNode(t *testing.T) *node.Node {
	t.Helper()
	made, err := node.New(node.Config{
		Resolver: noInstances{}, CheckSpeedup: 50, AccessLog: "off", Now: time.Now,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := made.Close(); err != nil {
			t.Error(err)
		}
	})
	return made
}

// state is a state with one backend service, whose one server is at an address, and listeners on ports.
func state(t *testing.T, server netip.AddrPort, ports ...int) *snapshot.Snapshot {
	t.Helper()
	keys, err := persistence.GenerateKeys().Encode()
	if err != nil {
		t.Fatal(err)
	}
	backendService := lbapi.DefaultBackendService()
	backendService.ID, backendService.LoadBalancerID, backendService.Protocol = "backend-a", "alb-a", lbapi.HTTP
	backendService.ServerGroupIDs, backendService.HealthCheck = []string{"tg-a"}, lbapi.DefaultHealthCheck(lbapi.TCP)
	made := &snapshot.Snapshot{
		LoadBalancers:   map[string]*lbapi.LoadBalancer{"alb-a": {ID: "alb-a", PrivateIP: lbapi.PrivateIP{Address: "127.0.0.1"}}},
		BackendServices: map[string]*lbapi.BackendService{"backend-a": &backendService},
		ServerGroups: map[string]*lbapi.ServerGroup{"tg-a": {ID: "tg-a", Servers: []lbapi.Server{{
			ID: "target-a", Type: lbapi.ServerAddress, Address: server.Addr().String(), Port: int(server.Port()), Weight: 10,
		}}}},
		Listeners:       map[string]*lbapi.Listener{},
		PersistenceKeys: keys,
	}
	for i, port := range ports {
		listener := lbapi.DefaultListener(lbapi.HTTP)
		listener.ID, listener.Name = "listener-"+string(rune('a'+i)), "web"
		listener.LoadBalancerID, listener.BackendServiceID, listener.Port = "alb-a", "backend-a", port
		made.Listeners[listener.ID] = &listener
	}
	return made
}

// listen holds a port that the kernel chooses.
func listen(t *testing.T) (netip.AddrPort, func()) {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() }) // again, maybe
	return netip.MustParseAddrPort(listener.Addr().String()), func() { _ = listener.Close() }
}

func freePort(t *testing.T) int {
	t.Helper()
	address, release := listen(t)
	release()
	return int(address.Port())
}

func isOpen(t *testing.T, port int) bool {
	t.Helper()
	dialer := net.Dialer{Timeout: time.Second}
	connection, err := dialer.DialContext(t.Context(), "tcp", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port)).String())
	if err != nil {
		return false
	}
	return connection.Close() == nil
}

func TestAnAbortedChangeLeavesNothingOpen(t *testing.T) {
	n, port := newNode(t), freePort(t)
	server, _ := listen(t)
	next := state(t, server, port)
	prepared, err := n.Prepare(t.Context(), next, next.Since(nil))
	if err != nil {
		t.Fatal(err)
	}
	prepared.Abort()
	if isOpen(t, port) || len(n.Listeners()) != 0 || len(n.BackendServices()) != 0 {
		t.Errorf("after the end of a change that was given up: %v, %v", n.Listeners(), n.BackendServices())
	}
}

func TestAPortThatIsTakenIsListedAndTheRestIsServed(t *testing.T) {
	n, free := newNode(t), freePort(t)
	taken, release := listen(t)
	server, _ := listen(t)
	next := state(t, server, free, int(taken.Port()))
	apply := func() []*desired.PortError {
		t.Helper()
		prepared, err := n.Prepare(t.Context(), next, next.Since(nil))
		if err != nil {
			t.Fatal(err)
		}
		prepared.Apply()
		return prepared.Closed()
	}
	closed := apply()
	if len(closed) != 1 || closed[0].ListenerID != "listener-b" || closed[0].Name != "web" || closed[0].Address != taken ||
		!errors.Is(closed[0], syscall.EADDRINUSE) {
		t.Errorf("ports that can't be opened: %v", closed)
	}
	if !isOpen(t, free) {
		t.Error("the other port is not open")
	}
	found := n.Listeners()
	if len(found) != 2 || found[0].Err != nil || !found[0].Bound || found[1].Bound {
		t.Fatalf("listeners %+v", found)
	}
	if _, ok := errors.AsType[*desired.PortError](found[1].Err); !ok {
		t.Errorf("the error of a listener is a %T", found[1].Err)
	}
	release()
	if closed := apply(); len(closed) != 0 || !isOpen(t, int(taken.Port())) {
		t.Errorf("the port is free: %v", closed)
	}
}

// One change puts service, listener and check in force; the next takes them away.
func TestServersAreCheckedWhileTheirBackendServiceIsThere(t *testing.T) {
	n := newNode(t)
	server, _ := listen(t)
	next := state(t, server, freePort(t))
	apply := func(to, from *snapshot.Snapshot) {
		t.Helper()
		prepared, err := n.Prepare(t.Context(), to, to.Since(from))
		if err != nil {
			t.Fatal(err)
		}
		prepared.Apply()
	}
	apply(next, nil)
	live, found := n.BackendService("backend-a")
	if !found {
		t.Fatal("the backend service is not live")
	}
	for deadline := time.Now().Add(20 * time.Second); live.Eligible().Endpoints[0].Verdict().Status != lbapi.Healthy; {
		if time.Now().After(deadline) {
			t.Fatal("no verdict on the server in 20 s")
		}
		time.Sleep(5 * time.Millisecond)
	}
	apply(&snapshot.Snapshot{PersistenceKeys: next.PersistenceKeys}, next)
	if len(n.BackendServices()) != 0 || len(n.Listeners()) != 0 {
		t.Errorf("left are %v, %v", n.BackendServices(), n.Listeners())
	}
}

func TestAStoppedNodeTakesNoChange(t *testing.T) {
	n := newNode(t)
	server, _ := listen(t)
	next := state(t, server, freePort(t))
	if err := n.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Prepare(t.Context(), next, next.Since(nil)); err == nil {
		t.Error("a stopped node takes a change")
	}
}
