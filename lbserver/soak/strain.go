package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/daemon"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

const (
	// bodies flow at the same time, as fast as they can, while other clients wait for small answers.
	bodies = 75
	// bytesOfBody is what lbserver may hold for a body: a large buffer each way, and the connection's state.
	bytesOfBody = 2*64<<10 + 16<<10
	// heapSlack is how much more the heap may grow: the collector lets it double before it runs.
	heapSlack = 16 << 20
)

// openDepot starts a depot behind its own listener.
func (s *scene) openDepot(ctx context.Context) error {
	var err error
	if s.depot, err = openDepot(ctx); err != nil {
		return err
	}
	ports, err := daemon.FreePorts(ctx, 1)
	if err != nil {
		return err
	}
	loadBalancers, err := s.api.LoadBalancers(ctx)
	if err != nil {
		return err
	}
	loadBalancer := &loadBalancers[0].ID
	groupID, err := s.api.CreateServerGroup(ctx, lbapi.CreateServerGroup{
		Name: new("depot"), LoadBalancerID: loadBalancer, Type: new(lbapi.GroupOfAddresses),
	})
	if err != nil {
		return err
	}
	if err := s.registerIn(ctx, groupID, s.depot.address, 10); err != nil {
		return err
	}
	backendServiceID, err := s.api.CreateBackendService(ctx, lbapi.CreateBackendService{
		Name: new("depot"), LoadBalancerID: loadBalancer, Protocol: new(lbapi.HTTP), Port: new(80),
		ServerGroupIDs: &[]string{groupID},
		HealthCheck:    &lbapi.HealthCheckSpec{Protocol: new(lbapi.HTTP), Path: new("/"), HealthyThreshold: new(1)},
	})
	if err != nil {
		return err
	}
	if _, err := s.api.CreateListener(ctx, lbapi.CreateListener{
		Name: new("depot"), LoadBalancerID: loadBalancer, Protocol: new(lbapi.HTTP), Port: &ports[0],
		BackendServiceID: &backendServiceID,
	}); err != nil {
		return err
	}
	s.depotURL = fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	starting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return s.process.WaitReady(starting, daemon.Answers(s.depotURL))
}

// flood lets bodies flow for a time, and reports how long small requests took meanwhile.
func (s *scene) flood(ctx context.Context, duration time.Duration) error {
	return s.measureDuring(ctx, duration, fmt.Sprintf("beside %d fast bodies", bodies), bodies*bytesOfBody+heapSlack,
		func(ctx context.Context) (stop func(), err error) {
			flowing, cancel := context.WithCancel(ctx)
			transport := &http.Transport{DisableKeepAlives: true}
			client := &http.Client{Transport: transport}
			var readers sync.WaitGroup
			for range bodies {
				readers.Go(func() {
					for flowing.Err() == nil {
						_ = fetch(flowing, client, s.depotURL+"/give?n=1000000000") // cancel ends it
					}
				})
			}
			return func() { cancel(); readers.Wait() }, nil
		})
}

// measureDuring measures small requests, and lbserver's heap, while the load that begin starts is running.
func (s *scene) measureDuring(ctx context.Context, duration time.Duration, what string, most float64,
	begin func(context.Context) (stop func(), err error),
) error {
	before, err := s.measure(ctx)
	if err != nil {
		return err
	}
	stop, err := begin(ctx)
	if err != nil {
		return err
	}
	defer stop()
	running, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	var peak usage
	var watching sync.WaitGroup
	var measuring error
	watching.Go(func() { peak, measuring = s.peak(running) })
	took, err := watch(running, s.depotURL)
	watching.Wait()
	if err := errors.Join(err, measuring, ctx.Err()); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	slices.Sort(took)
	fmt.Printf("%s: %d small requests, half within %s, 99%% within %s, all within %s; heap in use %.1f MiB, before %.1f\n", what,
		len(took), took[len(took)/2], took[len(took)*99/100], took[len(took)-1], peak.heap/(1<<20), before.heap/(1<<20))
	if grew := peak.heap - before.heap; grew > most {
		return fmt.Errorf("%s: the heap grew by %.1f MiB, want at most %.1f", what, grew/(1<<20), most/(1<<20))
	}
	return nil
}

// peak measures until ctx ends, and returns the highest values.
func (s *scene) peak(ctx context.Context) (usage, error) {
	var most usage
	for {
		now, err := s.measure(context.WithoutCancel(ctx))
		if err != nil {
			return most, err
		}
		most.heap = max(most.heap, now.heap)
		select {
		case <-time.After(measureInterval / 4):
		case <-ctx.Done():
			return most, nil
		}
	}
}
