package engine

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// noted is a holder that notes what a pool asks of it.
type noted []string

func (n *noted) closeIdle(_ *Pool, forget bool) {
	*n = append(*n, map[bool]string{false: "close idle", true: "close"}[forget])
}

func TestHoldersAreToldToClose(t *testing.T) {
	pool := NewPool(netip.AddrPort{})
	var told noted
	if !pool.share(&told) {
		t.Fatal("an open pool is not shared")
	}
	pool.CloseIdle()
	pool.CloseIdle()
	pool.Close()
	pool.Close()
	if got := strings.Join(told, ", "); got != "close idle, close idle, close" {
		t.Errorf("told to %s", got)
	}
	if pool.share(&told) {
		t.Error("a closed pool is shared")
	}
}

func TestSweepClosesConnectionsThatAreOldOrOfNoUse(t *testing.T) {
	engines := New(Config{})
	g := &goroutine{goroutines: engines.goroutines}
	t.Cleanup(engines.Stop)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	pool := NewPool(netip.MustParseAddrPort(listener.Addr().String()))
	connect := func() (*kept, net.Conn) {
		backend, err := g.Dial(pool, FreshNew, 10*time.Second, new(Cancel))
		if err != nil {
			t.Fatal(err)
		}
		accepted, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { accepted.Close() })
		return backend.(*kept), accepted
	}
	old, _ := connect()
	dead, deadEnd := connect()
	loud, loudEnd := connect()
	good, _ := connect()
	for _, each := range []*kept{old, dead, loud, good} {
		each.Release()
	}
	old.idleSince = time.Now().Add(-maxIdleTime - time.Second)
	deadEnd.Close()
	loudEnd.Write([]byte("HTTP/1.1 408 Request Timeout\r\n\r\n"))
	for deadline := time.Now().Add(5 * time.Second); dead.isQuiet() || loud.isQuiet(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("what the server did is not seen")
		}
	}
	if !g.sweepOnce(time.Now()) {
		t.Error("no connection is left")
	}
	if left := g.idle[pool].connections; len(left) != 1 || left[0] != good {
		t.Errorf("%d connections are left, want the good one alone", len(left))
	}
	if old.isQuiet() {
		t.Error("a connection idle for too long is open")
	}
	good.idleSince = time.Time{}
	if g.sweepOnce(time.Now()) {
		t.Error("a connection is left")
	}
}

func TestBackoffGrowsUpToItsBoundAndBeginsAgain(t *testing.T) {
	var b backoff
	for _, want := range []int64{5, 10, 20, 40, 80, 160, 320, 500, 500} {
		if got := b.failed().Milliseconds(); got != want {
			t.Errorf("paused %d ms, want %d", got, want)
		}
	}
	b.succeeded()
	if got := b.failed(); got != firstPause {
		t.Errorf("paused %s after a success", got)
	}
}
