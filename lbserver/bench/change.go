package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/daemon"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

const (
	changedListeners = 1000
	changedEach      = 10 // servers of a listener
	changeInterval   = 100 * time.Millisecond
	// changedVIP differs from the source address of this machine's connections to itself: each of those takes a port,
	// which might be one that a listener needs.
	changedVIP      = "127.0.0.2"
	changing, quiet = "lbserver, changing", "lbserver, quiet"
)

// changeStage is one lbserver with a large configuration; one of its listeners has traffic.
type changeStage struct {
	*arena
	proxy    *proxy
	groups   []changedGroup
	loads    map[string]webLoad
	previous int // number of changes so far
}

// changedGroup is a server group with one of its servers, whose weight changes.
type changedGroup struct{ id, serverID string }

func beginChange(ctx context.Context, in *environment, loads map[string]webLoad) (_ stage, err error) {
	directory, err := in.subdirectory()
	if err != nil {
		return nil, err
	}
	servers, err := in.startServers(ctx, directory)
	if err != nil {
		return nil, err
	}
	s := &changeStage{arena: &arena{environment: in, directory: directory, origin: servers, proxies: map[string]*proxy{}}, loads: loads}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	s.proxy = &proxy{name: "lbserver", directory: filepath.Join(directory, "lbserver")}
	if err := os.Mkdir(s.proxy.directory, 0o700); err != nil {
		return nil, err
	}
	s.proxies[s.proxy.name] = s.proxy
	quota := fmt.Sprint(changedListeners)
	s.proxy.balancer, err = s.startLBServer(ctx, s.proxy.name, s.proxy.directory, "--access-log=off", "--vip="+changedVIP,
		"--quota-server-groups="+quota, "--quota-backend-services="+quota, "--quota-listeners="+quota)
	if err != nil {
		return nil, err
	}
	s.proxy.process = s.proxy.balancer.process
	if err := s.build(ctx); err != nil {
		return nil, err
	}
	s.proxy.cookies, err = collectCookies(ctx, s.proxy.url()+"/", serverCount)
	return s, err
}

// build creates all listeners. The first has the origin behind it and takes the traffic. Nothing answers behind the
// others, so their servers are not checked.
func (s *changeStage) build(ctx context.Context) error {
	ports, err := daemon.FreePorts(ctx, changedListeners)
	if err != nil {
		return err
	}
	s.proxy.address = netip.AddrPortFrom(netip.MustParseAddr(changedVIP), uint16(ports[0]))
	balancer := s.proxy.balancer
	for i, port := range ports {
		of := site{name: fmt.Sprintf("site-%d", i), port: port, servers: loopback(s.origin.ports())}
		for j := len(of.servers); j < changedEach && i > 0; j++ {
			of.servers = append(of.servers, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 1, byte(j)}), uint16(port)))
		}
		group, err := balancer.site(ctx, of)
		if err != nil {
			return err
		}
		made, err := balancer.api.ServerGroup(ctx, group)
		if err != nil {
			return err
		}
		s.groups = append(s.groups, changedGroup{group, made.Servers[0].ID})
	}
	return nil
}

func (s *changeStage) measure(ctx context.Context, entrant, load string) (values, error) {
	changes := make(chan changed, 1)
	running, stop := context.WithCancel(ctx)
	defer stop()
	if entrant == changing {
		go func() { changes <- s.keepChanging(running) }()
	} else {
		changes <- changed{}
	}
	run, err := s.traffic(ctx, load)
	stop()
	did := <-changes
	if err := errors.Join(err, did.err); err != nil {
		return nil, err
	}
	if len(did.took) > 0 {
		run[changeMedian], run[changeMost] = median(did.took), spreadOf(did.took).high
	}
	return run, nil
}

func (s *changeStage) traffic(ctx context.Context, load string) (values, error) {
	of, isWeb := s.loads[load]
	if !isWeb {
		return s.proxy.paced(ctx, s.plan.duration())
	}
	if _, err := s.runLoad(ctx, s.proxy, of, warmUp); err != nil {
		return nil, err
	}
	seen, err := s.runLoad(ctx, s.proxy, of, s.plan.duration())
	if err != nil {
		return nil, err
	}
	return values{latencyMedian: float64(seen.Median) / 1e3, latencyP99: float64(seen.P99) / 1e3, requestRate: seen.rate()}, nil
}

// changed is the outcome of the changes: how many milliseconds each took until it was live.
type changed struct {
	took []float64
	err  error
}

// keepChanging changes the weight of one server every 100 ms: every second change is to the backend service that has
// the traffic, the others to another one.
func (s *changeStage) keepChanging(ctx context.Context) (done changed) {
	tick := time.NewTicker(changeInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return done
		case <-tick.C:
		}
		s.previous++
		group, weight := s.groups[0], 1+s.previous%100
		if s.previous%2 == 0 {
			group = s.groups[s.previous%len(s.groups)]
		}
		began := time.Now()
		// A change that has begun is completed, so that its duration is known.
		err := s.proxy.balancer.api.UpdateServers(context.WithoutCancel(ctx), group.id, []lbapi.UpdateServer{{ID: &group.serverID, Weight: &weight}})
		if err != nil {
			done.err = err
			return done
		}
		done.took = append(done.took, float64(time.Since(began).Microseconds())/1e3)
	}
}

func changeRow() *row {
	names, loads := small(256)
	return &row{
		name:  "change",
		title: "Changes in a large configuration",
		how: fmt.Sprintf("One lbserver with %d listeners, as many backend services and server groups, and %d servers; one listener has the traffic. "+
			"While changing, an API call sets the weight of one server every %s, half of them of the backend service with the traffic; a "+
			"change is live when its call is answered, which includes the write to disk. Health checks are off, as nothing answers for "+
			"most of the servers.", changedListeners, serverCount+(changedListeners-1)*changedEach, changeInterval),
		entrants: []string{changing, quiet},
		loads:    append(names, fmt.Sprintf("%d/s", pacedRate)),
		metrics:  []metric{latencyMedian, latencyP99, changeMedian, changeMost},
		bars: []bar{
			{metric: latencyP99, peer: quiet, limit: 2},
			{metric: changeMedian, limit: 50},
		},
		begin: func(ctx context.Context, in *environment, _ []string) (stage, error) {
			return beginChange(ctx, in, loads)
		},
	}
}
