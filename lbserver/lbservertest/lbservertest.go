// Package lbservertest starts a load balancer for a test, with its control API and its traffic:
//
//	func TestMyModule(t *testing.T) {
//		lb := lbservertest.Start(t)
//		terraform := exec.CommandContext(t.Context(), "terraform", "-chdir=testdata", "apply", "-auto-approve")
//		terraform.Env = append(os.Environ(), lb.Environment()...)
//		…
//		resp, err := http.Get(lb.URL(8080))
//		…
//	}
//
// The provider then needs no settings in the configuration. Everything stays on loopback and ends with the test.
package lbservertest

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"testing"

	"github.com/alb-project/terraform-provider-alb/lbserver"
)

// CheckSpeedup is how many times faster health checks run than configured: the shortest interval, 5 s, becomes 50 ms.
const CheckSpeedup = 100

// LoadBalancer is the lbserver of one test.
type LoadBalancer struct {
	*lbserver.Server
	// Endpoint is the URL of the control API, and Region the region it answers for: the provider's settings of these
	// names.
	Endpoint, Region string
	// VIP is the address of the load balancer that exists from the start. No other test listens on it.
	VIP netip.Addr

	tb testing.TB
}

// Start runs an lbserver until the test ends, on free ports and with its data in a directory of the test. It applies
// the changes to the configuration before it starts.
func Start(tb testing.TB, changes ...func(*lbserver.Config)) *LoadBalancer {
	tb.Helper()
	config := lbserver.DefaultConfig()
	config.APIAddress, config.OpsAddress = "127.0.0.1:0", "127.0.0.1:0"
	config.DataDir = tb.TempDir()
	config.CheckSpeedup = CheckSpeedup
	config.VIP = freeAddress(tb)
	for _, change := range changes {
		change(&config)
	}
	server, err := lbserver.New(config)
	if err != nil {
		tb.Fatalf("start lbserver: %v", err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Run(context.Background()) }()
	tb.Cleanup(func() {
		_ = server.Close() // Run returns its error; nobody waits for an answer any more
		if err := <-stopped; err != nil {
			tb.Errorf("stop lbserver: %v", err)
		}
	})
	scheme := "http://"
	if config.APITLSCert != "" {
		scheme = "https://"
	}
	return &LoadBalancer{Server: server, Endpoint: scheme + server.APIAddress(), Region: config.Region, VIP: config.VIP, tb: tb}
}

// Environment returns the provider's settings as environment variables, for a Terraform that the test runs.
func (l *LoadBalancer) Environment() []string {
	accessKey, secretKey := l.Credentials()
	return []string{
		"ALB_ENDPOINT=" + l.Endpoint, "ALB_REGION=" + l.Region, "ALB_ACCESS_KEY=" + accessKey, "ALB_SECRET_KEY=" + secretKey,
	}
}

// URL returns the address of an HTTP listener on a port of the VIP.
func (l *LoadBalancer) URL(port int) string {
	return "http://" + net.JoinHostPort(l.VIP.String(), strconv.Itoa(port)) + "/"
}

// FreePort returns a port of the VIP on which a listener can be made.
func (l *LoadBalancer) FreePort() int {
	l.tb.Helper()
	return portOn(l.tb, l.VIP)
}

// freeAddress returns a loopback address that nothing listens on, or 127.0.0.1 if the system has no other. No other
// program takes a port on it: outgoing connections take theirs on 127.0.0.1.
func freeAddress(tb testing.TB) netip.Addr {
	tb.Helper()
	first := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	// A port chosen by the kernel differs between tests, and between test processes that run at the same time.
	port := portOn(tb, first)
	own := netip.AddrFrom4([4]byte{127, 77, byte(port >> 8), byte(port)})
	var config net.ListenConfig
	listener, err := config.Listen(tb.Context(), "tcp", netip.AddrPortFrom(own, 0).String())
	if err != nil {
		return first
	}
	if err := listener.Close(); err != nil {
		tb.Fatal(err)
	}
	return own
}

func portOn(tb testing.TB, on netip.Addr) int {
	tb.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(tb.Context(), "tcp", netip.AddrPortFrom(on, 0).String())
	if err != nil {
		tb.Fatal(err)
	}
	address, parseErr := netip.ParseAddrPort(listener.Addr().String())
	if err := errors.Join(parseErr, listener.Close()); err != nil {
		tb.Fatal(err)
	}
	return int(address.Port())
}
