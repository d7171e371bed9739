package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/daemon"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
)

// startLBServer starts lbserver and configures it by its API, as Terraform would.
func (a *arena) startLBServer(ctx context.Context, path string, port int) (_ *daemon.Process, err error) {
	ports, err := daemon.FreePorts(ctx, 2)
	if err != nil {
		return nil, err
	}
	secret := rand.Text()
	process, err := daemon.Start(ctx, daemon.Program{
		Name: "lbserver",
		Path: path,
		Args: []string{
			fmt.Sprintf("--api-address=127.0.0.1:%d", ports[0]),
			fmt.Sprintf("--ops-address=127.0.0.1:%d", ports[1]),
			"--data-dir=" + filepath.Join(a.directory, "lbserver-data"),
			"--access-log=off",
		},
		Env: []string{"LBSERVER_ACCESS_KEY=bench", "LBSERVER_SECRET_KEY=" + secret, "GOMAXPROCS=" + strconv.Itoa(a.threads)},
		Log: filepath.Join(a.directory, "lbserver.log"),
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, process.Stop(stopPatience))
		}
	}()
	starting, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if err := process.WaitReady(starting, daemon.Answers(fmt.Sprintf("http://127.0.0.1:%d/readyz", ports[1]))); err != nil {
		return nil, err
	}
	api, err := client.New(client.Config{
		Endpoint: fmt.Sprintf("http://127.0.0.1:%d", ports[0]), Region: "local", AccessKey: "bench", SecretKey: secret,
		RequestTimeout: 10 * time.Second, UserAgent: "terraform-provider-alb-bench",
	})
	if err != nil {
		return nil, err
	}
	defer api.Close()
	return process, a.configure(ctx, api, port)
}

// configure builds the chain: the counterpart of config/haproxy.cfg.
func (a *arena) configure(ctx context.Context, api *client.Client, port int) error {
	balancers, err := api.LoadBalancers(ctx)
	if err != nil {
		return err
	}
	if len(balancers) != 1 {
		return fmt.Errorf("a new lbserver has %d load balancers, want one", len(balancers))
	}
	balancer := &balancers[0].ID
	group, err := api.CreateServerGroup(ctx, lbapi.CreateServerGroup{
		Name: new("bench"), LoadBalancerID: balancer, Type: new(lbapi.GroupOfAddresses),
	})
	if err != nil {
		return err
	}
	servers := make([]lbapi.RegisterServer, 0, len(a.servers))
	for _, serverPort := range a.servers {
		servers = append(servers, lbapi.RegisterServer{
			Type: new(lbapi.ServerAddress), Address: new("127.0.0.1"), Port: new(serverPort), Weight: new(10),
		})
	}
	if err := api.RegisterServers(ctx, group, servers); err != nil {
		return err
	}
	service, err := api.CreateBackendService(ctx, lbapi.CreateBackendService{
		Name: new("bench"), LoadBalancerID: balancer, Protocol: new(lbapi.HTTP), Port: new(80),
		Scheduler: new(lbapi.WeightedRoundRobin), SessionPersistence: new(true), ServerGroupIDs: &[]string{group},
		HealthCheck: &lbapi.HealthCheckSpec{Protocol: new(lbapi.HTTP), Path: new("/health")},
	})
	if err != nil {
		return err
	}
	_, err = api.CreateListener(ctx, lbapi.CreateListener{
		Name: new("bench"), LoadBalancerID: balancer, Protocol: new(lbapi.HTTP), Port: new(port),
		BackendServiceID: new(service), IdleTimeout: new(300),
	})
	return err
}
