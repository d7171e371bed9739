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
		backend, err := g.Dial(pool, nil, FreshNew, 10*time.Second, new(Cancel))
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
	private, _ := connect()
	for _, each := range []*kept{old, dead, loud, good} {
		each.Release()
	}
	private.ReleaseTo(good)
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
	list := g.idle[pool]
	if len(list.connections) != 1 || list.connections[0] != good || len(list.private) != 1 || list.private[0] != private {
		t.Errorf("%v and, private, %v are left; want the good ones alone", list.connections, list.private)
	}
	if old.isQuiet() {
		t.Error("a connection idle for too long is open")
	}
	good.idleSince, private.idleSince = time.Time{}, time.Time{}
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

// named is a connection, to a client or to a server.
type named struct {
	Conn
	pooled
	name string
}

func TestAPrivateConnectionIsForItsClientUntilItHasBeenQuiet(t *testing.T) {
	start := time.Now()
	mine, other := &named{name: "mine"}, &named{name: "other"}
	made := func(name string, client Conn, after time.Duration) *named {
		return &named{name: name, pooled: pooled{client, start.Add(after)}}
	}
	first, second, open := made("first", mine, 0), made("second", other, quietTime/2), made("open", nil, 0)
	var list idleList[*named]
	for _, each := range []*named{first, second, open} {
		list.put(each)
	}
	take := func(client Conn, after time.Duration, want *named) {
		t.Helper()
		if got, _ := list.take(client, start.Add(after)); got != want {
			t.Errorf("after %s: took %v, want %v", after, got, want)
		}
	}
	stranger := &named{name: "stranger"}
	take(stranger, quietTime/2, open)
	take(stranger, quietTime/2, nil)
	take(mine, quietTime/2, first)
	first.idleSince = start.Add(quietTime / 2)
	list.put(first) // its client's still
	take(stranger, quietTime/2, nil)
	take(stranger, 3*quietTime/2, first)
	take(stranger, 3*quietTime/2, second)
	if first.client != nil || second.client != nil {
		t.Error("connections that were quiet for long enough are a client's")
	}
	list.put(first)
	take(stranger, 3*quietTime/2, first)
}

func TestPrivateConnectionsCountAndEndWithTheOthers(t *testing.T) {
	var list idleList[*named]
	client := &named{}
	for i := range maxIdle {
		if list.full() {
			t.Fatalf("full with %d", i)
		}
		list.put(&named{pooled: pooled{client: map[bool]Conn{true: client}[i%2 == 0]}})
	}
	if !list.full() {
		t.Error("a list with as many connections as it may have is not full")
	}
	list.drop(list.private[0])
	list.drop(list.connections[0])
	if got := len(list.removeAll()); got != maxIdle-2 {
		t.Errorf("%d connections were taken out, want %d", got, maxIdle-2)
	}
}
