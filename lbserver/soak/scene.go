package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/daemon"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
	"github.com/alb-project/terraform-provider-alb/internal/sampleserver"
)

const (
	serverCount = 5
	patience    = 15 * time.Second
	// checkSpeedup turns the check interval of 5 s into 250 ms.
	checkSpeedup = 20
)

// scene is one lbserver and the servers behind it.
type scene struct {
	directory  string
	process    *daemon.Process
	api        *client.Client
	operations string // URL
	url        string // of the listener

	groupID, backendServiceID string

	depot    *depot // behind a listener of its own
	depotURL string

	mu      sync.Mutex
	servers []*sampleserver.Server // under mu
	died    time.Time              // under mu; when a server was killed last
}

func newScene(ctx context.Context, lbserver string) (_ *scene, err error) {
	directory, err := os.MkdirTemp("", "soak")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	s := &scene{directory: directory}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	for i := range serverCount {
		server, err := sampleserver.Start(ctx, fmt.Sprintf("server-%d", i), "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		s.servers = append(s.servers, server)
	}
	ports, err := daemon.FreePorts(ctx, 3)
	if err != nil {
		return nil, err
	}
	secret := rand.Text()
	s.process, err = daemon.Start(ctx, daemon.Program{
		Name: "lbserver", Path: lbserver, Log: filepath.Join(directory, "lbserver.log"),
		Args: []string{
			fmt.Sprintf("--api-address=127.0.0.1:%d", ports[0]), fmt.Sprintf("--ops-address=127.0.0.1:%d", ports[1]),
			"--data-dir=" + filepath.Join(directory, "data"), fmt.Sprintf("--check-speedup=%d", checkSpeedup),
			"--access-log=" + filepath.Join(directory, "access.log"), "--log-format=json",
		},
		Env: []string{"LBSERVER_ACCESS_KEY=soak", "LBSERVER_SECRET_KEY=" + secret},
	})
	if err != nil {
		return nil, err
	}
	s.operations = fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	starting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.process.WaitReady(starting, daemon.Answers(s.operations+"/readyz")); err != nil {
		return nil, err
	}
	s.api, err = client.New(client.Config{
		Endpoint: fmt.Sprintf("http://127.0.0.1:%d", ports[0]), Region: "local", AccessKey: "soak", SecretKey: secret,
		RequestTimeout: patience,
	})
	if err != nil {
		return nil, err
	}
	s.url = fmt.Sprintf("http://127.0.0.1:%d", ports[2])
	if err := s.configure(ctx, ports[2]); err != nil {
		return nil, err
	}
	return s, s.openDepot(ctx)
}

// configure creates the chain, and waits until it answers.
func (s *scene) configure(ctx context.Context, port int) error {
	loadBalancers, err := s.api.LoadBalancers(ctx)
	if err != nil {
		return err
	}
	loadBalancer := &loadBalancers[0].ID
	s.groupID, err = s.api.CreateServerGroup(ctx, lbapi.CreateServerGroup{
		Name: new("soak"), LoadBalancerID: loadBalancer, Type: new(lbapi.GroupOfAddresses),
	})
	if err != nil {
		return err
	}
	for _, server := range s.servers {
		if err := s.register(ctx, server.Address(), 10); err != nil {
			return err
		}
	}
	s.backendServiceID, err = s.api.CreateBackendService(ctx, lbapi.CreateBackendService{
		Name: new("soak"), LoadBalancerID: loadBalancer, Protocol: new(lbapi.HTTP), Port: new(80),
		ServerGroupIDs: &[]string{s.groupID}, SessionPersistence: new(true),
		HealthCheck: &lbapi.HealthCheckSpec{
			Protocol: new(lbapi.HTTP), Path: new("/health"), UnhealthyThreshold: new(1), HealthyThreshold: new(1),
		},
	})
	if err != nil {
		return err
	}
	_, err = s.api.CreateListener(ctx, lbapi.CreateListener{
		Name: new("soak"), LoadBalancerID: loadBalancer, Protocol: new(lbapi.HTTP), Port: &port,
		BackendServiceID: &s.backendServiceID,
	})
	if err != nil {
		return err
	}
	starting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return s.process.WaitReady(starting, daemon.Answers(s.url))
}

func (s *scene) register(ctx context.Context, address string, weight int) error {
	return s.registerIn(ctx, s.groupID, address, weight)
}

func (s *scene) registerIn(ctx context.Context, groupID, address string, weight int) error {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("read the address of a sample server: %w", err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return fmt.Errorf("read the port of a sample server: %w", err)
	}
	return s.api.RegisterServers(ctx, groupID, []lbapi.RegisterServer{
		{Type: new(lbapi.ServerAddress), Address: &host, Port: &port, Weight: &weight},
	})
}

// change makes one change of the configuration; number decides which.
func (s *scene) change(ctx context.Context, number int) error {
	group, err := s.api.ServerGroup(ctx, s.groupID)
	if err != nil {
		return err
	}
	first, last := group.Servers[0], group.Servers[len(group.Servers)-1]
	switch number % 6 {
	case 0:
		return s.api.UpdateServers(ctx, s.groupID, []lbapi.UpdateServer{{ID: &first.ID, Weight: new(1 + number%20)}})
	case 1:
		return s.api.PatchBackendService(ctx, s.backendServiceID, lbapi.PatchBackendService{
			SessionPersistence: new(false), Scheduler: new(lbapi.WeightedLeastConnections),
		})
	case 2:
		return s.api.UpdateServers(ctx, s.groupID, []lbapi.UpdateServer{{ID: &last.ID, Weight: new(0)}})
	case 3:
		return s.api.PatchBackendService(ctx, s.backendServiceID, lbapi.PatchBackendService{
			SessionPersistence: new(true), PersistenceTimeout: new(number % 3600), Scheduler: new(lbapi.WeightedRoundRobin),
		})
	case 4:
		if err := s.api.DeregisterServers(ctx, s.groupID, []string{last.ID}); err != nil {
			return err
		}
		return s.register(ctx, net.JoinHostPort(last.Address, strconv.Itoa(last.Port)), 10)
	default:
		return s.api.PatchBackendService(ctx, s.backendServiceID, lbapi.PatchBackendService{ForwardedHost: new(number%2 == 0)})
	}
}

// killAndRevive kills a server and starts it again at the same address after a while.
func (s *scene) killAndRevive(ctx context.Context, number int) error {
	index := number % serverCount
	s.mu.Lock()
	victim := s.servers[index]
	s.died = time.Now().Add(patience) // requests that begin while it dies may be lost with it
	s.mu.Unlock()
	err := victim.Close()
	s.mu.Lock()
	s.died = time.Now()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case <-time.After(deathInterval / 3):
	case <-ctx.Done():
	}
	revived, err := sampleserver.Start(context.WithoutCancel(ctx), victim.Name(), victim.Address())
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.servers[index] = revived
	return nil
}

// diedSince reports whether a server was killed after a moment, so that it may have had a request that began then.
func (s *scene) diedSince(moment time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.died.After(moment)
}

func (s *scene) close() error {
	var failures []error
	if s.api != nil {
		s.api.Close()
	}
	if s.process != nil {
		failures = append(failures, s.process.Stop(patience))
	}
	for _, server := range s.servers {
		failures = append(failures, server.Close())
	}
	if s.depot != nil {
		failures = append(failures, s.depot.close())
	}
	return errors.Join(append(failures, os.RemoveAll(s.directory))...)
}
