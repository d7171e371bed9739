package engine_test

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second // for what should take milliseconds

// bed is engines with one open port, whose connections are served by a function.
type bed struct {
	*testing.T
	engines *engine.Engines
	address string
	served  atomic.Int64 // sessions that have ended
	serve   func(e engine.Engine, client engine.Conn) (idle time.Duration)
}

// onEachKind runs a test with each kind of engine.
func onEachKind(t *testing.T, test func(*testing.T, engine.Kind)) {
	t.Helper()
	for name, kind := range map[string]engine.Kind{"loops": engine.Loops, "goroutines": engine.Goroutines} {
		t.Run(name, func(t *testing.T) { test(t, kind) })
	}
}

func newEngines(t *testing.T) *engine.Engines {
	t.Helper()
	engines := engine.New(engine.Config{
		Panicked:     func(cause any, stack []byte) { t.Errorf("a panic: %v\n%s", cause, stack) },
		Failed:       func(port netip.AddrPort, err error) { t.Errorf("port %s: %v", port, err) },
		MaxLingering: 10,
	})
	t.Cleanup(func() { engines.GiveUpDialing(); engines.Stop() })
	return engines
}

// newBed serves each connection with serve, until that returns 0. Without loops it accepts connections as other systems do.
func newBed(t *testing.T, kind engine.Kind, loops bool, serve func(engine.Engine, engine.Conn) time.Duration) *bed {
	t.Helper()
	b := &bed{T: t, engines: newEngines(t), serve: serve}
	if loops {
		if err := b.engines.Begin(); err != nil {
			t.Fatal(err)
		}
	}
	// A Port does not say which port the kernel chose, so the kernel is asked for a free one first.
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.address = probe.Addr().String()
	probe.Close()
	port, err := b.engines.Listen(t.Context(), netip.MustParseAddrPort(b.address))
	if err != nil {
		t.Fatal(err)
	}
	var open atomic.Int64
	port.Serve(func(accepted engine.Accepted) {
		open.Add(1)
		accepted.Carry(kind, func(e engine.Engine, client engine.Conn) (engine.Handler, time.Duration) {
			return &session{b, e, client, &open}, patience
		})
	})
	t.Cleanup(func() {
		if err := port.Close(); err != nil {
			t.Error(err)
		}
		b.eventually("all sessions end", func() bool { return open.Load() == 0 })
	})
	return b
}

// session is the handler of one connection of a bed.
type session struct {
	bed    *bed
	engine engine.Engine
	client engine.Conn
	open   *atomic.Int64
}

func (s *session) Serve() time.Duration { return s.bed.serve(s.engine, s.client) }

// Broken closes the connection, as the sessions of the proxy do.
func (s *session) Broken() { _ = s.client.Close() }

func (s *session) End() { s.bed.served.Add(1); s.open.Add(-1) }

func (b *bed) eventually(what string, holds func() bool) {
	b.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("%s does not come true", what)
		}
	}
}

func (b *bed) dial() *net.TCPConn {
	b.Helper()
	opened, err := net.Dial("tcp", b.address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { opened.Close() })
	opened.SetDeadline(time.Now().Add(patience))
	return opened.(*net.TCPConn)
}

// echo sends what comes back, and rests in between.
func echo(_ engine.Engine, client engine.Conn) time.Duration {
	client.ReadWithin(patience)
	client.WriteWithin(patience)
	buf := make([]byte, 1<<10)
	n, err := client.Read(buf)
	if err != nil {
		return 0
	}
	if _, err := client.Send(buf[:n]); err != nil {
		return 0
	}
	return patience
}

func TestEveryPortServesEveryKindOfEngine(t *testing.T) {
	onEachKind(t, func(t *testing.T, kind engine.Kind) {
		for name, loops := range map[string]bool{"accepted by a loop": true, "accepted by a goroutine": false} {
			t.Run(name, func(t *testing.T) {
				b := newBed(t, kind, loops, echo)
				for range 20 {
					c := b.dial()
					for _, said := range []string{"one", "two"} {
						io.WriteString(c, said)
						got := make([]byte, len(said))
						if _, err := io.ReadFull(c, got); string(got) != said {
							t.Fatalf("%q came back, %v; want %q", got, err, said)
						}
					}
					c.CloseWrite()
					if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
						t.Fatalf("at the end %q, %v", rest, err)
					}
				}
				b.eventually("20 sessions have ended", func() bool { return b.served.Load() == 20 })
			})
		}
	})
}

func TestAddressesOfBothEnds(t *testing.T) {
	onEachKind(t, func(t *testing.T, kind engine.Kind) {
		addresses := make(chan [2]netip.AddrPort, 1)
		b := newBed(t, kind, true, func(_ engine.Engine, client engine.Conn) time.Duration {
			addresses <- [2]netip.AddrPort{client.RemoteAddr(), client.LocalAddr()}
			return 0
		})
		c := b.dial()
		io.WriteString(c, "a")
		got := <-addresses
		if got[0].String() != c.LocalAddr().String() || got[1].String() != b.address {
			t.Errorf("from %s to %s; want %s and %s", got[0], got[1], c.LocalAddr(), b.address)
		}
	})
}

func TestPostedTasksKeepOutOfALockedSpan(t *testing.T) {
	onEachKind(t, func(t *testing.T, kind engine.Kind) {
		b := newBed(t, kind, true, func(e engine.Engine, client engine.Conn) time.Duration {
			var inside, overlaps, ran atomic.Int64
			posting := make(chan struct{})
			go func() {
				defer close(posting)
				for range 1000 {
					e.Post(func() {
						overlaps.Add(inside.Load())
						ran.Add(1)
					})
				}
			}()
			client.ReadWithin(time.Millisecond)
			for ran.Load() < 1000 {
				e.Lock()
				inside.Store(1)
				runtime.Gosched()
				inside.Store(0)
				e.Unlock()
				_, _ = client.Read(make([]byte, 1)) // lets a loop go on
			}
			<-posting
			if overlaps.Load() > 0 {
				t.Errorf("%d posted tasks ran while the engine was locked", overlaps.Load())
			}
			return 0
		})
		c := b.dial()
		io.WriteString(c, "a")
		io.Copy(io.Discard, c)
	})
}

func TestSpawnedTasksEnd(t *testing.T) {
	onEachKind(t, func(t *testing.T, kind engine.Kind) {
		b := newBed(t, kind, true, func(e engine.Engine, client engine.Conn) time.Duration {
			client.ReadWithin(patience)
			_, _ = client.Read(make([]byte, 1))
			read := e.Spawn(func() { _, _ = client.Read(make([]byte, 1)) })
			if read.WaitFor(50 * time.Millisecond) {
				t.Error("a task that waits has ended")
			}
			client.InterruptRead()
			if !read.WaitFor(patience) {
				t.Error("an interrupted task has not ended")
			}
			read.Wait()
			return 0
		})
		c := b.dial()
		io.WriteString(c, "a")
		io.Copy(io.Discard, c)
	})
}

func TestLingerDeliversTheLastWords(t *testing.T) {
	onEachKind(t, func(t *testing.T, kind engine.Kind) {
		b := newBed(t, kind, true, func(_ engine.Engine, client engine.Conn) time.Duration {
			client.ReadWithin(patience)
			client.WriteWithin(patience)
			_, _ = client.Read(make([]byte, 10))
			client.InterruptRead() // lingering reads on even so
			client.Write([]byte("enough"))
			client.Linger(make([]byte, 1<<10), engine.LingerShort())
			return 0
		})
		c := b.dial()
		c.Write(bytes.Repeat([]byte("more "), 100_000))
		if got, err := io.ReadAll(c); string(got) != "enough" || err != nil {
			t.Errorf("the client got %q, %v", got, err)
		}
	})
}

// A peer that is in the middle of a message may send all of it, and takes longer than a short lingering lasts.
func TestHowLongAConnectionLingers(t *testing.T) {
	for name, test := range map[string]struct {
		limits engine.LingerLimits
		reads  bool // all that comes
	}{"long": {engine.LingerLong(), true}, "short": {engine.LingerShort(), false}} {
		t.Run(name, func(t *testing.T) {
			onEachKind(t, func(t *testing.T, kind engine.Kind) {
				b := newBed(t, kind, true, func(_ engine.Engine, client engine.Conn) time.Duration {
					client.ReadWithin(patience)
					client.WriteWithin(patience)
					_, _ = client.Read(make([]byte, 10))
					client.Write([]byte("enough"))
					client.Linger(make([]byte, 1<<10), test.limits)
					return 0
				})
				c := b.dial()
				var err error
				for begun := time.Now(); err == nil && time.Since(begun) < 3*time.Second; time.Sleep(50 * time.Millisecond) {
					_, err = c.Write(bytes.Repeat([]byte("x"), 100_000))
				}
				if (err == nil) != test.reads {
					t.Errorf("for 3 s and 5 MB: %v; want no error: %t", err, test.reads)
				}
				if got, err := io.ReadAll(c); test.reads && (string(got) != "enough" || err != nil) {
					t.Errorf("the client got %q, %v", got, err)
				}
			})
		})
	}
}
