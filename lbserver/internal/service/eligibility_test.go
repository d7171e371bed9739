package service_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
)

// manyServers are servers of mixed weights, whose round takes long to lay out.
func manyServers(count int) []lbapi.Server {
	servers := make([]lbapi.Server, count)
	for i := range servers {
		servers[i] = lbapi.Server{
			ID: fmt.Sprintf("target-%05d", i), Type: lbapi.ServerAddress, Address: fmt.Sprintf("10.0.%d.%d", i/250, i%250), Port: 80, Weight: 1 + i*37%100,
		}
	}
	return servers
}

// A network that breaks makes all servers unhealthy within a moment. Each verdict is in force when it has been set, although
// the set of eligible servers is not made again for each.
func TestManyEligibilityChangesAreInForceAtOnceAndTogether(t *testing.T) {
	t.Parallel()
	const count = 1000
	f := newFixture(t, manyServers(count)...)
	live := f.live()
	seen := map[*service.Eligible]bool{}
	stop, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		for {
			seen[live.Eligible()] = true
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Microsecond):
			}
		}
	}()
	for _, status := range []lbapi.HealthStatus{lbapi.Unhealthy, lbapi.Healthy} {
		var group sync.WaitGroup
		for _, endpoint := range live.Eligible().Endpoints {
			group.Go(func() {
				endpoint.SetVerdict(service.Verdict{Status: status})
				if eligible := live.Eligible().Find([]byte(endpoint.ID)) >= 0; eligible != (status == lbapi.Healthy) {
					t.Errorf("%s is set as %s and eligible: %t", endpoint.ID, status, eligible)
				}
			})
		}
		group.Wait()
		if got, want := len(live.Eligible().Servers), map[lbapi.HealthStatus]int{lbapi.Unhealthy: 0, lbapi.Healthy: count}[status]; got != want {
			t.Errorf("all are %s: %d are eligible, want %d", status, got, want)
		}
	}
	close(stop)
	<-watched
	if len(seen) > count/10 {
		t.Errorf("%d eligibility changes made at least %d sets of eligible servers; want far fewer", 2*count, len(seen))
	}
}

func TestVerdictsOnSeveralServersAreOneChange(t *testing.T) {
	t.Parallel()
	f := newFixture(t, server("a", 1), server("b", 2), server("c", 3))
	a, b := f.endpoint("a").Server, f.endpoint("b").Server
	service.SetVerdicts([]*service.Server{a, b}, service.Verdict{Status: lbapi.Unhealthy})
	f.wantEligible("c")
	service.SetVerdicts([]*service.Server{a, b, f.endpoint("c").Server}, service.Verdict{Status: lbapi.HealthOff})
	f.wantEligible("a", "b", "c")
}
