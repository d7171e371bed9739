package proxy_test

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/persistence"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
)

// newStrictBed starts a proxy of any configuration in front of servers at these addresses. Its end may be called before
// the test ends, and tells whether every request has ended.
func newStrictBed(tb testing.TB, e engine, config options, servers ...string) (b *bed, end func() error) {
	tb.Helper()
	b = &bed{log: &recorder{}}
	if test, ok := tb.(*testing.T); ok {
		b.t = test
	}
	b.registry = service.NewRegistry(noInstances{}, time.Now, slog.New(slog.DiscardHandler))
	config.Services, config.DrainTimeout = b.registry.Service, patience
	if config.AccessLog == nil {
		config.AccessLog = b.log
	}
	config.Goroutines = e.goroutines
	b.proxy = config.start()
	keys, err := persistence.GenerateKeys().Encode()
	if err != nil {
		tb.Fatal(err)
	}
	b.state = snapshot.Snapshot{
		LoadBalancers: map[string]*lbapi.LoadBalancer{"alb": {ID: "alb", PrivateIP: lbapi.PrivateIP{Address: "127.0.0.1"}}},
		Listeners: map[string]*lbapi.Listener{listenerID: {
			ID: listenerID, Name: "web", LoadBalancerID: "alb", Protocol: lbapi.HTTP, Port: strictPort(tb),
			BackendServiceID: serviceID, Status: lbapi.On, IdleTimeout: cmp.Or(config.IdleTimeout, 60),
		}},
		BackendServices: map[string]*lbapi.BackendService{serviceID: {
			ID: serviceID, LoadBalancerID: "alb", Protocol: lbapi.HTTP, Port: 80, Scheduler: lbapi.WeightedRoundRobin,
			ServerGroupIDs: []string{groupID},
		}},
		ServerGroups:    map[string]*lbapi.ServerGroup{groupID: strictGroup(servers...)},
		PersistenceKeys: keys,
	}
	end = func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		err := b.proxy.Shutdown(ctx)
		b.closePools()
		return err
	}
	tb.Cleanup(func() {
		if err := end(); err != nil {
			tb.Errorf("requests were still in flight after the test: %v", err)
		}
	})
	first := b.state
	listeners, failures, err := b.proxy.Prepare(context.Background(), &first, first.Since(nil))
	if err != nil || len(failures) > 0 {
		tb.Fatal(err, failures)
	}
	services, err := b.registry.Prepare(&first, first.Since(nil))
	if err != nil {
		tb.Fatal(err)
	}
	services.Apply()
	listeners.Apply()
	b.applied = &first
	b.address = b.proxy.Listeners()[0].Address.String()
	return b, end
}

// strictPort asks the kernel for a port that is free now.
func strictPort(tb testing.TB) int {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer listener.Close()
	return int(netip.MustParseAddrPort(listener.Addr().String()).Port())
}

func strictGroup(servers ...string) *lbapi.ServerGroup {
	group := &lbapi.ServerGroup{ID: groupID}
	for i, each := range servers {
		address := netip.MustParseAddrPort(each)
		group.Servers = append(group.Servers, lbapi.Server{
			ID: "target-aaaaaaaaa" + string(rune('a'+i)), Type: lbapi.ServerAddress,
			Address: address.Addr().String(), Port: int(address.Port()), Weight: 10,
		})
	}
	return group
}

// onEnginesAtOnce is onEachEngine for tests that wait more than they work; the test itself runs beside others.
func onEnginesAtOnce(t *testing.T, test func(*testing.T, engine)) {
	t.Helper()
	t.Parallel()
	for _, e := range []engine{{"loops", false}, {"goroutines", true}} {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			test(t, e)
		})
	}
}
