package acctest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
	"github.com/alb-project/terraform-provider-alb/internal/sampleserver"
	"github.com/alb-project/terraform-provider-alb/lbserver"
	"github.com/alb-project/terraform-provider-alb/lbserver/lbservertest"
)

// patience bounds every wait for something that should happen soon.
const patience = 20 * time.Second

// LoadBalancer is the lbserver of one test.
type LoadBalancer struct {
	// Client calls its control API. Tests use it to change things without Terraform's knowledge.
	*client.Client
	Server *lbservertest.LoadBalancer

	t                    *testing.T
	through              string // the endpoint in configurations
	accessKey, secretKey string
}

// Start runs an lbserver until the test ends. Each listens on its own address, so tests can run in parallel.
func Start(t *testing.T, change ...func(*lbserver.Config)) *LoadBalancer {
	t.Helper()
	server := lbservertest.Start(t, change...)
	accessKey, secretKey := server.Credentials()
	api, err := client.New(client.Config{
		Endpoint: server.Endpoint, Region: server.Region, AccessKey: accessKey, SecretKey: secretKey,
		RequestTimeout: patience,
	})
	if err != nil {
		t.Fatalf("connect to lbserver: %v", err)
	}
	t.Cleanup(api.Close)
	return &LoadBalancer{Client: api, Server: server, t: t, through: server.Endpoint, accessKey: accessKey, secretKey: secretKey}
}

// Behind returns the same load balancer with a fault proxy in front: its configurations use the proxy, its own calls
// don't.
func (l *LoadBalancer) Behind() (*LoadBalancer, *FaultProxy) {
	l.t.Helper()
	proxy := StartFaultProxy(l.t, l.Server.Endpoint)
	spoiled := *l
	spoiled.through = proxy.Endpoint
	return &spoiled, proxy
}

// Holds checks how many objects there are in total; servers are those of all groups.
func (l *LoadBalancer) Holds(listeners, backendServices, serverGroups, servers int) error {
	got, _, err := l.objects()
	if want := [...]int{listeners, backendServices, serverGroups, servers}; err == nil && got != want {
		return fmt.Errorf("listeners, backend services, server groups and servers are %d in number, want %d", got, want)
	}
	return err
}

// IDs returns the sorted ids of all listeners, backend services and server groups.
func (l *LoadBalancer) IDs() ([]string, error) {
	_, ids, err := l.objects()
	slices.Sort(ids)
	return ids, err
}

// objects counts the listeners, backend services, server groups and servers, and lists the ids of the first three.
func (l *LoadBalancer) objects() (counts [4]int, ids []string, err error) {
	ctx := context.WithoutCancel(l.t.Context()) // also used after the test has ended
	listeners, listenersErr := l.Listeners(ctx)
	services, servicesErr := l.BackendServices(ctx)
	groups, groupsErr := l.ServerGroups(ctx)
	counts = [...]int{len(listeners), len(services), len(groups), 0}
	for _, listener := range listeners {
		ids = append(ids, listener.ID)
	}
	for _, service := range services {
		ids = append(ids, service.ID)
	}
	for _, group := range groups {
		ids = append(ids, group.ID)
		counts[3] += len(group.Servers)
	}
	return counts, ids, errors.Join(listenersErr, servicesErr, groupsErr)
}

// DeleteElsewhere deletes the object at a path of the API without Terraform's knowledge.
func (l *LoadBalancer) DeleteElsewhere(objectPath string) error {
	ctx, id := l.t.Context(), path.Base(objectPath)
	switch collection := path.Base(path.Dir(objectPath)); collection {
	case "listeners":
		return l.DeleteListener(ctx, id)
	case "backends":
		return l.DeleteBackendService(ctx, id)
	case "targetGroups":
		return l.DeleteServerGroup(ctx, id)
	default:
		return fmt.Errorf("no way to delete from %q", collection)
	}
}

// FreePort returns a port on which a listener of this load balancer can be made.
func (l *LoadBalancer) FreePort() int { return l.Server.FreePort() }

// URL returns the address of a listener on a port.
func (l *LoadBalancer) URL(port int) string { return l.Server.URL(port) }

// Configuration returns a Terraform configuration: the provider block with the settings for this load balancer, and the
// resources. Extra lines go into the provider block.
func (l *LoadBalancer) Configuration(resources string, extra ...string) string {
	return fmt.Sprintf("provider \"alb\" {\n  endpoint = %q\n  region = %q\n  access_key = %q\n  secret_key = %q\n  %s\n}\n\n%s",
		l.through, l.Region(), l.accessKey, l.secretKey, strings.Join(extra, "\n  "), resources)
}

// SampleServer starts a web server to put behind the load balancer; it ends with the test at the latest. element
// returns its entry in the servers of a group, to which more, such as a weight, is added: `{ address = …, port = …
// <more> }`.
func SampleServer(t *testing.T, name string) (server *sampleserver.Server, element func(more string) string) {
	t.Helper()
	server, err := sampleserver.Start(context.WithoutCancel(t.Context()), name, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	host, port, err := net.SplitHostPort(server.Address())
	if err != nil {
		t.Fatal(err)
	}
	return server, func(more string) string {
		return fmt.Sprintf("{ address = %q, port = %s%s }", host, port, more)
	}
}
