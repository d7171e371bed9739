package health_test

import (
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/health"
)

func TestAcceptOfTheServerNeverReturnsForTCPChecks(t *testing.T) {
	t.Parallel()
	var accepted atomic.Int64
	f := newFleet(t, health.Options{Speedup: speedup}, tcpCheck(), serve(t, func(net.Conn) { accepted.Add(1) }))
	f.checked(20)
	f.checker.Close()
	f.requireStatus(lbapi.Healthy, "after 20 checks")
	// One is seen if this machine is so busy that a check is not over when the kernel's delay is.
	if got := accepted.Load(); got > 5 {
		t.Errorf("the server accepted %d of 20 TCP checks", got)
	}
}

// A server that accepts too slowly for a while drops the first attempt to connect; the kernel's next comes after a second.
func TestTCPCheckPassesOnceAFullBacklogHasRoom(t *testing.T) {
	t.Parallel()
	descriptor, server := listenWithFullBacklog(t)
	if err := syscall.SetNonblock(descriptor, true); err != nil {
		t.Fatal(err)
	}
	f := newFleet(t, health.Options{}, tcpCheck(), server)
	defer f.checker.Close()
	time.Sleep(100 * time.Millisecond) // the first attempt has been dropped by then, or the test shows nothing
	f.requireStatus(lbapi.HealthUnknown, "with a full backlog")
	for { // accept what is there, until nothing is
		accepted, _, err := syscall.Accept4(descriptor, syscall.SOCK_NONBLOCK)
		if err != nil {
			break
		}
		_ = syscall.Close(accepted)
	}
	f.checked(1)
	f.requireStatus(lbapi.Healthy, "with room in the backlog")
}
