package health_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/health"
)

// TestLackOfPortsKeepsVerdicts makes the kernel give this machine's connections a single port, which is taken.
func TestLackOfPortsKeepsVerdicts(t *testing.T) {
	t.Parallel()
	accepted := make(chan net.Conn)
	address := serve(t, func(connection net.Conn) {
		select {
		case accepted <- connection:
		case <-t.Context().Done(): // a check's connection, which nobody waits for
		}
		<-t.Context().Done()
	})
	taken, err := net.Dial("tcp", address.String())
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	<-accepted
	port := uint32(taken.LocalAddr().(*net.TCPAddr).Port)
	lacking := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		return errors.Join(raw.Control(func(descriptor uintptr) {
			err = unix.SetsockoptInt(int(descriptor), unix.IPPROTO_IP, unix.IP_LOCAL_PORT_RANGE, int(port<<16|port))
		}), err)
	}}
	if _, err := lacking.Dial("tcp", address.String()); errors.Is(err, unix.ENOPROTOOPT) {
		t.Skip("this needs Linux 6.3, which can give a socket a range of ports")
	} else if !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Fatalf("got %v: this test shows nothing", err)
	}
	var checks atomic.Int64
	f := newFleet(t, health.Options{Speedup: speedup, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if network == "tcp" {
			checks.Add(1)
		}
		if checks.Load() <= 4 {
			return new(net.Dialer).DialContext(ctx, network, address)
		}
		return lacking.DialContext(ctx, network, address)
	}}, tcpCheck(), address)
	for deadline := time.Now().Add(20 * time.Second); checks.Load() < 12; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d checks: this test shows nothing", checks.Load())
		}
	}
	f.checker.Close()
	f.requireStatus(lbapi.Healthy, "without a port left")
}
