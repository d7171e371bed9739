package engine_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/engine"
)

// server takes connections, tells of each, and reads them to their end.
type server struct {
	pool   *engine.Pool
	opened chan net.Conn
}

func newServer(t *testing.T) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{engine.NewPool(netip.MustParseAddrPort(listener.Addr().String())), make(chan net.Conn, 1000)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			accepted, err := listener.Accept()
			if err != nil {
				return
			}
			s.opened <- accepted
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-ended
		for len(s.opened) > 0 {
			(<-s.opened).Close()
		}
	})
	return s
}

// closedSoon reports whether the other side closes a connection within a second.
func closedSoon(connection net.Conn) bool {
	connection.SetReadDeadline(time.Now().Add(time.Second))
	_, err := connection.Read(make([]byte, 1))
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

// driver runs functions of a test as a session does, one at a time, with the engine free in between.
type driver struct {
	*server
	t      *testing.T
	client net.Conn
	tasks  chan func(engine.Engine)
	done   chan struct{}
}

func newDriver(t *testing.T, kind engine.Kind) *driver {
	t.Helper()
	d := &driver{server: newServer(t), t: t, tasks: make(chan func(engine.Engine), 1), done: make(chan struct{}, 1)}
	b := newBed(t, kind, true, func(e engine.Engine, client engine.Conn) time.Duration {
		client.ReadWithin(patience)
		if _, err := client.Read(make([]byte, 1)); err != nil {
			return 0
		}
		defer func() { d.done <- struct{}{} }()
		(<-d.tasks)(e)
		return patience
	})
	d.client = b.dial()
	t.Cleanup(func() { d.client.Close(); d.pool.Close() })
	return d
}

func (d *driver) run(task func(e engine.Engine)) {
	d.t.Helper()
	d.tasks <- task
	io.WriteString(d.client, "a")
	select {
	case <-d.done:
	case <-time.After(patience):
		d.t.Fatal("a task does not end")
	}
}

// dial opens a connection, or takes an idle one.
func (d *driver) dial(freshness engine.Freshness) (backend engine.Backend) {
	d.t.Helper()
	var err error
	d.run(func(e engine.Engine) { backend, err = e.Dial(d.pool, nil, freshness, patience, new(engine.Cancel)) })
	if err != nil {
		d.t.Fatal(err)
	}
	return backend
}

func (d *driver) release(backend engine.Backend) {
	d.t.Helper()
	d.run(func(engine.Engine) { backend.Release() })
}

func (d *driver) close(backend engine.Backend) {
	d.t.Helper()
	d.run(func(engine.Engine) { _ = backend.Close() })
}

func TestTheConnectionReleasedLastComesFirst(t *testing.T) {
	onEachKind(t, func(t *testing.T, kind engine.Kind) {
		d := newDriver(t, kind)
		first, second := d.dial(engine.FreshKept), d.dial(engine.FreshKept)
		if first.Reused() || second.Reused() {
			t.Error("a new connection counts as reused")
		}
		d.release(first)
		d.release(second)
		for i, want := range []engine.Backend{second, first} {
			if got := d.dial(engine.FreshChecked); got != want || !got.Reused() {
				t.Errorf("connection %d is %p, reused %t; want %p, reused", i, got, got.Reused(), want)
			}
		}
		third := d.dial(engine.FreshKept)
		if third.Reused() {
			t.Error("an empty pool gave a reused connection")
		}
		d.release(third)
		fourth := d.dial(engine.FreshNew)
		if fourth.Reused() {
			t.Error("a new connection was wanted")
		}
		for _, each := range []engine.Backend{first, second, fourth} {
			d.close(each)
		}
	})
}

func TestClosingIdleConnectionsLeavesThePoolUsable(t *testing.T) {
	onEachKind(t, func(t *testing.T, kind engine.Kind) {
		d := newDriver(t, kind)
		d.release(d.dial(engine.FreshKept))
		other := <-d.opened
		defer other.Close()
		d.pool.CloseIdle()
		if !closedSoon(other) {
			t.Error("an idle connection is open")
		}
		second := d.dial(engine.FreshKept)
		d.release(second)
		if third := d.dial(engine.FreshKept); third != second {
			t.Error("the pool kept nothing afterwards")
		}
		d.release(second)
	})
}

func TestAClosedPoolKeepsNothing(t *testing.T) {
	onEachKind(t, func(t *testing.T, kind engine.Kind) {
		d := newDriver(t, kind)
		first := d.dial(engine.FreshKept)
		other := <-d.opened
		defer other.Close()
		d.pool.Close()
		d.run(func(engine.Engine) {}) // the loop hears of it
		d.release(first)
		if !closedSoon(other) {
			t.Error("a closed pool kept a connection")
		}
		late := d.dial(engine.FreshKept)
		if late.Reused() {
			t.Error("a closed pool gave a kept connection")
		}
		d.release(late)
	})
}

func TestConnectionsThatTheServerClosedOrBrokeAreNotUsed(t *testing.T) {
	onEachKind(t, func(t *testing.T, kind engine.Kind) {
		for name, spoil := range map[string]func(net.Conn){
			"closed": func(c net.Conn) { c.Close() },
			"loud":   func(c net.Conn) { io.WriteString(c, "HTTP/1.1 408 Request Timeout\r\n\r\n") },
		} {
			t.Run(name, func(t *testing.T) {
				d := newDriver(t, kind)
				d.release(d.dial(engine.FreshKept))
				other := <-d.opened
				defer other.Close()
				spoil(other)
				got := d.dial(engine.FreshChecked)
				// The byte, or the end, may still be on its way through loopback.
				for deadline := time.Now().Add(patience); got.Reused(); got = d.dial(engine.FreshChecked) {
					if time.Now().After(deadline) {
						t.Fatal("a connection of no use is given out")
					}
					d.release(got)
				}
				d.close(got)
			})
		}
	})
}

func TestMoreIdleConnectionsThanThePoolHoldsAreClosed(t *testing.T) {
	onEachKind(t, func(t *testing.T, kind engine.Kind) {
		d := newDriver(t, kind)
		const held = 512
		var all []engine.Backend
		for range held + 1 {
			all = append(all, d.dial(engine.FreshNew))
		}
		for _, each := range all {
			d.release(each)
		}
		for i := range held + 1 {
			other := <-d.opened
			if i == held && !closedSoon(other) {
				t.Error("a full pool kept one connection more")
			}
			other.Close()
		}
	})
}

func TestTakingAnIdleConnectionAllocatesNothing(t *testing.T) {
	onEachKind(t, func(t *testing.T, kind engine.Kind) {
		d := newDriver(t, kind)
		d.release(d.dial(engine.FreshKept))
		var allocations float64
		d.run(func(e engine.Engine) {
			cancel := new(engine.Cancel)
			allocations = testing.AllocsPerRun(100, func() {
				backend, err := e.Dial(d.pool, nil, engine.FreshChecked, patience, cancel)
				if err != nil || !backend.Reused() {
					t.Fatal("the idle connection was not taken", err)
				}
				backend.ReadWithin(time.Minute)
				backend.Release()
			})
		})
		if allocations != 0 {
			t.Errorf("%v allocations, want none", allocations)
		}
	})
}

func TestNothingIsDialedAfterGivingUp(t *testing.T) {
	onEachKind(t, func(t *testing.T, kind engine.Kind) {
		s := newServer(t)
		failed := make(chan error, 1)
		all := make(chan *engine.Engines, 1)
		b := newBed(t, kind, true, func(e engine.Engine, _ engine.Conn) time.Duration {
			(<-all).GiveUpDialing()
			_, err := e.Dial(s.pool, nil, engine.FreshKept, patience, new(engine.Cancel))
			failed <- err
			return 0
		})
		all <- b.engines
		io.WriteString(b.dial(), "a")
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

// An idle connection that is closed holds its local port for a minute, one that is reset holds none.
func TestIdleConnectionsThatAreNotWantedAreReset(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("NOT RUN: only Linux says whether a reset loses anything")
	}
	onEachKind(t, func(t *testing.T, kind engine.Kind) {
		for name, end := range map[string]func(d *driver, backend engine.Backend){
			"discarded": func(d *driver, backend engine.Backend) { d.run(func(engine.Engine) { backend.Discard() }) },
			"unhealthy": func(d *driver, backend engine.Backend) { d.release(backend); d.pool.CloseIdle() },
			"removed":   func(d *driver, backend engine.Backend) { d.release(backend); d.pool.Close() },
			"released afterwards": func(d *driver, backend engine.Backend) {
				d.pool.Close()
				d.run(func(engine.Engine) {})
				d.release(backend)
			},
		} {
			t.Run(name, func(t *testing.T) {
				d := newDriver(t, kind)
				backend := d.dial(engine.FreshNew)
				other := <-d.opened
				defer other.Close()
				end(d, backend)
				other.SetReadDeadline(time.Now().Add(patience))
				if _, err := other.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("the server reads %v, want a reset", err)
				}
			})
		}
	})
}

// A reset takes away what the peer has not read. A connection with something to read is closed: its peer closed first, or the
// kernel resets it.
func TestAConnectionThatItsServerClosedIsNotReset(t *testing.T) {
	onEachKind(t, func(t *testing.T, kind engine.Kind) {
		d := newDriver(t, kind)
		backend := d.dial(engine.FreshNew)
		other := <-d.opened
		defer other.Close()
		other.(*net.TCPConn).CloseWrite()
		d.run(func(engine.Engine) {
			backend.ReadWithin(patience)
			if _, err := backend.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("got %v, want the end", err)
			}
			backend.Discard()
		})
		other.SetReadDeadline(time.Now().Add(patience))
		if _, err := other.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the server reads %v, want the end", err)
		}
	})
}

// client is a connection to a client, as far as a pool knows it.
type client struct{ engine.Conn }

func TestAConnectionLeftToAClientIsNoOthers(t *testing.T) {
	onEachKind(t, func(t *testing.T, kind engine.Kind) {
		d := newDriver(t, kind)
		mine, other := &client{}, &client{}
		dial := func(client engine.Conn, freshness engine.Freshness) (backend engine.Backend) {
			t.Helper()
			d.run(func(e engine.Engine) {
				var err error
				if backend, err = e.Dial(d.pool, client, freshness, patience, new(engine.Cancel)); err != nil {
					t.Error(err)
				}
			})
			return backend
		}
		first := dial(mine, engine.FreshKept)
		d.run(func(engine.Engine) { first.ReleaseTo(mine) })
		second := dial(other, engine.FreshKept)
		if second == first {
			t.Fatal("another client got the connection")
		}
		d.release(second)
		for _, freshness := range []engine.Freshness{engine.FreshKept, engine.FreshChecked} {
			if got := dial(mine, freshness); got != first || !got.Reused() {
				t.Fatal("the client does not get its connection")
			}
			d.release(first) // which leaves it to the client
			if got := dial(other, freshness); got != second {
				t.Error("the other client does not get the other connection")
			}
			d.release(second)
		}
	})
}

// A stray body may come between a client's requests, before the loop has seen it.
func TestAConnectionLeftToAClientIsLookedAt(t *testing.T) {
	onEachKind(t, func(t *testing.T, kind engine.Kind) {
		d := newDriver(t, kind)
		mine := &client{}
		backend := d.dial(engine.FreshNew)
		other := <-d.opened
		defer other.Close()
		d.run(func(e engine.Engine) {
			backend.ReleaseTo(mine)
			io.WriteString(other, "a stray body")
			got, err := e.Dial(d.pool, mine, engine.FreshKept, patience, new(engine.Cancel))
			if err != nil || got == backend {
				t.Errorf("got the connection with the stray body, %v", err)
				return
			}
			_ = got.Close()
		})
	})
}
