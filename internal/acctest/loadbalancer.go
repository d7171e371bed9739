package acctest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
	"github.com/alb-project/terraform-provider-alb/internal/sampleserver"
	"github.com/alb-project/terraform-provider-alb/lbserver"
)

// patience bounds every wait for something that must happen soon.
const patience = 20 * time.Second

// checkSpeedup makes the shortest check interval, 5 s, one of 50 ms.
const checkSpeedup = 100

// LoadBalancer is a running lbserver of one test.
type LoadBalancer struct {
	// API is a client of its control API: the hand that changes things behind Terraform's back.
	*client.Client
	Server *lbserver.Server

	t   *testing.T
	vip netip.Addr
}

// Start runs an lbserver until the test ends. Each has an address of its own to listen on, so tests run side by side.
func Start(t *testing.T, change ...func(*lbserver.Config)) *LoadBalancer {
	t.Helper()
	config := lbserver.DefaultConfig()
	config.APIAddress, config.OpsAddress = "127.0.0.1:0", "127.0.0.1:0"
	config.DataDir = t.TempDir()
	config.CheckSpeedup = checkSpeedup
	config.DrainTimeout = time.Second
	config.VIP = freeAddress(t)
	for _, apply := range change {
		apply(&config)
	}
	server, err := lbserver.New(config)
	if err != nil {
		t.Fatalf("start lbserver: %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- server.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-stopped; err != nil {
			t.Errorf("stop lbserver: %v", err)
		}
	})
	accessKey, secretKey := server.Credentials()
	api, err := client.New(client.Config{
		Endpoint: "http://" + server.APIAddress(), Region: config.Region, AccessKey: accessKey, SecretKey: secretKey,
		RequestTimeout: patience,
	})
	if err != nil {
		t.Fatalf("connect to lbserver: %v", err)
	}
	t.Cleanup(api.Close)
	return &LoadBalancer{Client: api, Server: server, t: t, vip: config.VIP}
}

// freeAddress is a loopback address that nothing listens on, or 127.0.0.1 where the system has no other. Ports on it are
// nobody's but the test's: connections that go out take theirs on 127.0.0.1.
func freeAddress(t *testing.T) netip.Addr {
	t.Helper()
	first := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	// The kernel's choice of a port tells tests, and processes of tests, apart.
	port := freePort(t, first)
	own := netip.AddrFrom4([4]byte{127, 77, byte(port >> 8), byte(port)})
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", netip.AddrPortFrom(own, 0).String())
	if err != nil {
		return first
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return own
}

func freePort(t *testing.T, on netip.Addr) int {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", netip.AddrPortFrom(on, 0).String())
	if err != nil {
		t.Fatal(err)
	}
	address, parseErr := netip.ParseAddrPort(listener.Addr().String())
	if err := errors.Join(parseErr, listener.Close()); err != nil {
		t.Fatal(err)
	}
	return int(address.Port())
}

// FreePort is a port on which a listener of this load balancer can be made.
func (l *LoadBalancer) FreePort() int { return freePort(l.t, l.vip) }

// URL is where a listener on a port answers.
func (l *LoadBalancer) URL(port int) string {
	return "http://" + net.JoinHostPort(l.vip.String(), strconv.Itoa(port)) + "/"
}

// Configuration is a Terraform configuration: the provider, pointed at this load balancer, and the resources. Extra lines go
// into the provider block.
func (l *LoadBalancer) Configuration(resources string, extra ...string) string {
	accessKey, secretKey := l.Server.Credentials()
	return fmt.Sprintf("provider \"alb\" {\n  endpoint = %q\n  region = %q\n  access_key = %q\n  secret_key = %q\n  %s\n}\n\n%s",
		l.Endpoint(), l.Region(), accessKey, secretKey, strings.Join(extra, "\n  "), resources)
}

// SampleServer starts a web server to put behind the load balancer; it ends with the test at the latest. The element is its
// entry in the servers of a group, to which a weight may be added: `{ address = …, port = … <more> }`.
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
