package health_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/health"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fleet is one backend service over one server group, kept live by a real registry, and its checker.
type fleet struct {
	tb       testing.TB
	registry *service.Registry
	checker  *health.Checker
	check    lbapi.HealthCheck
	servers  []lbapi.Server
}

type noInstances struct{}

func (noInstances) Resolve(string) (netip.Addr, bool) { return netip.Addr{}, false }

// newFleet starts checking the servers. The caller closes it.
func newFleet(tb testing.TB, options health.Options, check lbapi.HealthCheck, addresses ...netip.AddrPort) *fleet {
	tb.Helper()
	log := slog.New(slog.DiscardHandler)
	options.Log = log
	f := &fleet{
		tb: tb, check: check,
		registry: service.NewRegistry(noInstances{}, time.Now, log),
		checker:  health.New(options),
	}
	for i, address := range addresses {
		f.servers = append(f.servers, lbapi.Server{
			ID: fmt.Sprintf("target-%05d", i), Type: lbapi.ServerAddress,
			Address: address.Addr().String(), Port: int(address.Port()), Weight: 10,
		})
	}
	f.apply()
	return f
}

// apply puts check and servers in force.
func (f *fleet) apply() {
	f.tb.Helper()
	next := &snapshot.Snapshot{
		BackendServices: map[string]*lbapi.BackendService{"backend-1": {
			ID: "backend-1", Protocol: lbapi.HTTP, Port: 80, Scheduler: lbapi.WeightedRoundRobin,
			ServerGroupIDs: []string{"tg-1"}, HealthCheck: f.check,
		}},
		ServerGroups: map[string]*lbapi.ServerGroup{"tg-1": {ID: "tg-1", Servers: append([]lbapi.Server{}, f.servers...)}},
	}
	change, err := f.registry.Prepare(next, next.Since(nil))
	if err != nil {
		f.tb.Fatal(err)
	}
	change.Apply()
	f.checker.Apply(change.Changed(), change.Gone())
}

func (f *fleet) verdict(i int) service.Verdict {
	f.tb.Helper()
	for _, endpoint := range f.registry.Services()[0].Eligible().Endpoints {
		if endpoint.ID == f.servers[i].ID {
			return endpoint.Verdict()
		}
	}
	f.tb.Fatalf("server %d is not live", i)
	return service.Verdict{}
}

func (f *fleet) requireStatus(want lbapi.HealthStatus, when string) {
	f.tb.Helper()
	if got := f.verdict(0); got.Status != want {
		f.tb.Fatalf("%s: %+v, want %s", when, got, want)
	}
}

// checked waits until that many checks of the only server have ended.
func (f *fleet) checked(checks uint64) {
	f.tb.Helper()
	counters := &f.registry.Services()[0].Eligible().Endpoints[0].Counters
	for deadline := time.Now().Add(20 * time.Second); counters.ChecksPassed.Load()+counters.ChecksFailed.Load() < checks; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			f.tb.Fatalf("fewer than %d checks in 20 s", checks)
		}
	}
}

func address(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 80)
}

// network stands in for the servers in tests with a fake clock: it answers connection attempts with a function and
// records when they came.
type network struct {
	mu       sync.Mutex
	answer   func(address string, attempt int) error // under mu
	attempts map[string][]time.Time                  // under mu
}

var errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}

// errHang as an answer makes the attempt hang until its deadline.
var errHang = errors.New("hang")

func newNetwork(answer func(address string, attempt int) error) *network {
	return &network{answer: answer, attempts: map[string][]time.Time{}}
}

func (n *network) dial(ctx context.Context, kind, address string) (net.Conn, error) {
	if kind == "udp" {
		return nil, &net.OpError{Op: "dial", Net: kind, Err: syscall.ENETUNREACH}
	}
	n.mu.Lock()
	attempt := len(n.attempts[address])
	n.attempts[address] = append(n.attempts[address], time.Now())
	answer := n.answer
	n.mu.Unlock()
	err := answer(address, attempt)
	if errors.Is(err, errHang) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	near, far := net.Pipe()
	return near, far.Close()
}

func (n *network) times(address string) []time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]time.Time{}, n.attempts[address]...)
}

// inTurn answers each server's attempts by one letter each, and later ones by the last: "." connects, "x" is refused.
func inTurn(script string) func(string, int) error {
	return func(_ string, attempt int) error {
		if script[min(attempt, len(script)-1)] == '.' {
			return nil
		}
		return errRefused
	}
}
