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
)

const (
	checkedGroups = 100
	checkedEach   = 100 // servers of a group
	checkInterval = 5 * time.Second
)

// healthStage runs proxies that have nothing to do except check servers.
type healthStage struct {
	*arena
	addresses []netip.AddrPort // of one group; every group has the same
}

func beginHealth(ctx context.Context, in *environment, entrants []string) (_ stage, err error) {
	directory, err := in.subdirectory()
	if err != nil {
		return nil, err
	}
	servers, err := in.startServers(ctx, directory, checkedHosts()...)
	if err != nil {
		return nil, err
	}
	var addresses []netip.AddrPort
	for _, host := range checkedHosts() {
		for _, port := range servers.ports() {
			addresses = append(addresses, netip.AddrPortFrom(netip.MustParseAddr(host), uint16(port)))
		}
	}
	s := &healthStage{addresses: addresses, arena: &arena{environment: in, directory: directory, origin: servers, proxies: map[string]*proxy{}}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	for i, name := range entrants {
		entrant := &proxy{name: name, directory: filepath.Join(directory, fmt.Sprint(i))}
		if err := os.Mkdir(entrant.directory, 0o700); err != nil {
			return nil, err
		}
		s.proxies[name] = entrant
		if name == "haproxy" {
			err = s.startHAProxy(ctx, entrant)
		} else {
			err = s.startChecks(ctx, entrant)
		}
		if err != nil {
			return nil, fmt.Errorf("setting up %s: %w", name, err)
		}
	}
	return s, nil
}

// checkedHosts returns the loopback addresses on which the origin listens: as many as make a group together with its
// ports.
func checkedHosts() []string {
	hosts := make([]string, checkedEach/serverCount)
	for i := range hosts {
		hosts[i] = fmt.Sprintf("127.0.0.%d", i+1)
	}
	return hosts
}

func (s *healthStage) startChecks(ctx context.Context, entrant *proxy) (err error) {
	quota := fmt.Sprint(checkedGroups)
	entrant.balancer, err = s.startLBServer(ctx, entrant.name, entrant.directory,
		"--quota-server-groups="+quota, "--quota-backend-services="+quota)
	if err != nil {
		return err
	}
	entrant.process = entrant.balancer.process
	for group := range checkedGroups {
		of := site{name: fmt.Sprintf("group-%d", group), servers: s.addresses, checked: true}
		if _, err := entrant.balancer.site(ctx, of); err != nil {
			return err
		}
	}
	return nil
}

func (s *healthStage) startHAProxy(ctx context.Context, entrant *proxy) error {
	ports, err := daemon.FreePorts(ctx, 1)
	if err != nil {
		return err
	}
	with := settings{Directory: entrant.directory, ProxyPort: ports[0]}
	for range checkedGroups {
		for _, address := range s.addresses {
			with.Servers = append(with.Servers, address.String())
		}
	}
	entrant.process, err = s.start(ctx, "haproxy", "haproxy-health.cfg", with, "-db", "-f")
	if err != nil {
		return err
	}
	return waitForPort(ctx, entrant.process, ports[0])
}

// measure waits a little more than one interval, so that the first checks are over and the rest have drifted apart,
// then takes the processor time of two intervals. Both proxies check all the time; only one is measured.
func (s *healthStage) measure(ctx context.Context, entrant, _ string) (values, error) {
	proxy := s.proxies[entrant]
	if err := pause(ctx, checkInterval); err != nil {
		return nil, err
	}
	before, err := proxy.usage()
	if err != nil {
		return nil, err
	}
	started := time.Now()
	if err := pause(ctx, 2*checkInterval); err != nil {
		return nil, err
	}
	after, err := proxy.usage()
	if err != nil {
		return nil, err
	}
	return values{cores: (after.cpu - before.cpu).Seconds() / time.Since(started).Seconds(), memory: mebibytes(after.memory)}, nil
}

func pause(ctx context.Context, duration time.Duration) error {
	select {
	case <-time.After(duration):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func healthRow(chosen *plan) *row {
	return &row{
		name:  "health",
		title: "Health checks",
		how: fmt.Sprintf("%d servers in %d server groups, each with a backend service that checks them by HTTP every %s; no traffic. Two "+
			"rounds of %s; both proxies check all the time.", checkedGroups*checkedEach, checkedGroups, checkInterval, 2*checkInterval),
		entrants: taking(chosen.proxies, "lbserver", "haproxy"),
		loads:    []string{fmt.Sprintf("%d servers", checkedGroups*checkedEach)},
		metrics:  []metric{cores, memory},
		bars:     []bar{{metric: cores, limit: 0.5}},
		rounds:   2,
		begin:    beginHealth,
	}
}
