package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/daemon"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
)

// balancer is a running lbserver that is configured by its API, as Terraform would do it.
type balancer struct {
	process        *daemon.Process
	api            *client.Client
	operations     string // URL
	loadBalancerID string
}

// startLBServer starts the lbserver of the plan, or another build of it if name is a path.
func (e *environment) startLBServer(ctx context.Context, name, directory string, arguments ...string) (_ *balancer, err error) {
	ports, err := daemon.FreePorts(ctx, 2)
	if err != nil {
		return nil, err
	}
	path := e.plan.lbserver
	if isPath(name) {
		path = name
	}
	secret := rand.Text()
	process, err := daemon.Start(ctx, daemon.Program{
		Name: "lbserver",
		Path: path,
		Args: append([]string{
			fmt.Sprintf("--api-address=127.0.0.1:%d", ports[0]),
			fmt.Sprintf("--ops-address=127.0.0.1:%d", ports[1]),
			"--data-dir=" + filepath.Join(directory, "lbserver-data"),
		}, arguments...),
		Env: []string{"LBSERVER_ACCESS_KEY=bench", "LBSERVER_SECRET_KEY=" + secret, "GOMAXPROCS=" + strconv.Itoa(e.plan.threads)},
		Log: filepath.Join(directory, "lbserver.log"),
	})
	if err != nil {
		return nil, err
	}
	made := &balancer{process: process, operations: fmt.Sprintf("http://127.0.0.1:%d", ports[1])}
	defer func() {
		if err != nil {
			err = errors.Join(err, process.Stop(stopPatience))
		}
	}()
	starting, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if err := process.WaitReady(starting, daemon.Answers(made.operations+"/readyz")); err != nil {
		return nil, err
	}
	made.api, err = client.New(client.Config{
		Endpoint: fmt.Sprintf("http://127.0.0.1:%d", ports[0]), Region: "local", AccessKey: "bench", SecretKey: secret,
		RequestTimeout: 10 * time.Second, UserAgent: "terraform-provider-alb-bench",
	})
	if err != nil {
		return nil, err
	}
	balancers, err := made.api.LoadBalancers(ctx)
	if err != nil {
		return nil, err
	}
	if len(balancers) != 1 {
		return nil, fmt.Errorf("a new lbserver has %d load balancers, want one", len(balancers))
	}
	made.loadBalancerID = balancers[0].ID
	return made, nil
}

// site is a listener and the chain behind it.
type site struct {
	name    string
	port    int // 0 for no listener
	servers []netip.AddrPort
	checked bool // by HTTP health checks at the default interval
}

// site creates the chain, and returns the id of its server group. Sessions persist.
func (b *balancer) site(ctx context.Context, of site) (group string, err error) {
	group, err = b.api.CreateServerGroup(ctx, lbapi.CreateServerGroup{
		Name: &of.name, LoadBalancerID: &b.loadBalancerID, Type: new(lbapi.GroupOfAddresses),
	})
	if err != nil {
		return "", err
	}
	servers := make([]lbapi.RegisterServer, 0, len(of.servers))
	for _, address := range of.servers {
		servers = append(servers, lbapi.RegisterServer{
			Type: new(lbapi.ServerAddress), Address: new(address.Addr().String()), Port: new(int(address.Port())), Weight: new(10),
		})
	}
	if err := b.api.RegisterServers(ctx, group, servers); err != nil {
		return "", err
	}
	service, err := b.api.CreateBackendService(ctx, lbapi.CreateBackendService{
		Name: &of.name, LoadBalancerID: &b.loadBalancerID, Protocol: new(lbapi.HTTP), Port: new(80),
		Scheduler: new(lbapi.WeightedRoundRobin), SessionPersistence: new(true), ServerGroupIDs: &[]string{group},
		HealthCheck: &lbapi.HealthCheckSpec{Protocol: new(lbapi.HTTP), Path: new("/health")},
	})
	if err != nil {
		return "", err
	}
	if !of.checked {
		if err := b.api.PatchBackendService(ctx, service, lbapi.PatchBackendService{CloseHealthCheck: new(true)}); err != nil {
			return "", err
		}
	}
	if of.port == 0 {
		return group, nil
	}
	_, err = b.api.CreateListener(ctx, lbapi.CreateListener{
		Name: &of.name, LoadBalancerID: &b.loadBalancerID, Protocol: new(lbapi.HTTP), Port: new(of.port),
		BackendServiceID: &service, IdleTimeout: new(300),
	})
	return group, err
}
