package loop_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/engine/loop"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second // for what should take milliseconds

// start runs a loop until the test ends.
func start(t *testing.T) *loop.Loop {
	t.Helper()
	l, err := loop.New(loop.Config{Now: time.Now, Panicked: func(cause any, stack []byte) {
		t.Errorf("a coroutine panicked: %v\n%s", cause, stack)
	}})
	if err != nil {
		t.Fatal(err)
	}
	run(t, l)
	return l
}

func run(t *testing.T, l *loop.Loop) {
	t.Helper()
	var running sync.WaitGroup
	running.Go(l.Run)
	t.Cleanup(func() { l.Stop(); running.Wait() })
}

// on runs a task on a coroutine of a loop and waits for it.
func on(t *testing.T, l *loop.Loop, task func()) {
	t.Helper()
	wait(t, begin(l, task))
}

func begin(l *loop.Loop, task func()) (ended chan struct{}) {
	ended = make(chan struct{})
	l.Post(func() { l.Go(loop.TaskFunc(func() { defer close(ended); task() })) })
	return ended
}

func wait(t *testing.T, ended chan struct{}) {
	t.Helper()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("what runs on the loop does not end")
	}
}

// pair is a connection to a listening socket of the test: the loop's end, and the other one.
func pair(t *testing.T, l *loop.Loop) (ours *loop.Connection, theirs *net.TCPConn) {
	t.Helper()
	ours, theirs = pairOf(t, l)
	t.Cleanup(func() { on(t, l, func() { _ = ours.Close() }) })
	return ours, theirs
}

// pairOf is pair for a loop that the test ends.
func pairOf(t *testing.T, l *loop.Loop) (ours *loop.Connection, theirs *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ours = new(loop.Connection)
	on(t, l, func() { err = l.Dial(ours, address(listener), patience) })
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { accepted.Close() })
	return ours, accepted.(*net.TCPConn)
}

func address(of net.Listener) netip.AddrPort { return netip.MustParseAddrPort(of.Addr().String()) }

func TestBytesPassBothWaysAtOnce(t *testing.T) {
	l := start(t)
	ours, theirs := pair(t, l)
	sent := make([]byte, 4<<20)
	if _, err := rand.NewChaCha8([32]byte{}).Read(sent); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	ended := begin(l, func() {
		ours.ReadWithin(patience)
		ours.WriteWithin(patience)
		written := l.Spawn(func() {
			if n, err := ours.Write(sent); n != len(sent) || err != nil {
				t.Errorf("wrote %d of %d bytes: %v", n, len(sent), err)
			}
			if err := ours.CloseWrite(); err != nil {
				t.Error(err)
			}
		})
		buf := make([]byte, 3000)
		for {
			n, err := ours.Read(buf)
			got.Write(buf[:n])
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Errorf("read after %d bytes: %v", got.Len(), err)
				break
			}
		}
		written.Wait()
	})
	if _, err := io.Copy(theirs, theirs); err != nil {
		t.Fatal(err)
	}
	theirs.CloseWrite()
	wait(t, ended)
	if !bytes.Equal(got.Bytes(), sent) {
		t.Errorf("%d bytes came back, want the %d that were sent", got.Len(), len(sent))
	}
}

func TestReadsAndWritesEndInTime(t *testing.T) {
	l := start(t)
	ours, _ := pair(t, l)
	const timeout = 100 * time.Millisecond
	for name, call := range map[string]func(p []byte) (int, error){"read": ours.Read, "write": ours.Write} {
		begun := time.Now()
		on(t, l, func() {
			ours.ReadWithin(timeout)
			ours.WriteWithin(timeout)
			if _, err := call(make([]byte, 64<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
		})
		if took := time.Since(begun); took < timeout*9/10 || took > patience/2 {
			t.Errorf("%s ended after %s, want %s", name, took, timeout)
		}
	}
}

func TestOthersEndWhatACoroutineWaitsFor(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(c *loop.Connection)
		want error
	}{
		"close":     {func(c *loop.Connection) { _ = c.Close() }, net.ErrClosed},
		"abort":     {func(c *loop.Connection) { c.Abort() }, net.ErrClosed},
		"interrupt": {func(c *loop.Connection) { c.InterruptRead() }, os.ErrDeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			l := start(t)
			ours, _ := pair(t, l)
			reading := begin(l, func() {
				ours.ReadWithin(time.Hour)
				if _, err := ours.Read(make([]byte, 1)); !errors.Is(err, test.want) {
					t.Errorf("a read that waited: %v", err)
				}
			})
			l.Post(func() { test.end(ours) })
			wait(t, reading)
			on(t, l, func() {
				if _, err := ours.Read(make([]byte, 1)); !errors.Is(err, test.want) {
					t.Errorf("a later read: %v", err)
				}
			})
		})
	}
}

// sleeper is a handler that tells how it was woken.
type sleeper chan bool

func (s sleeper) Wake(over bool) { s <- over }

func (s sleeper) Broken() {}

func TestRestingConnectionIsWoken(t *testing.T) {
	for name, test := range map[string]struct {
		wake func(l *loop.Loop, ours *loop.Connection, theirs *net.TCPConn)
		over bool
	}{
		"by bytes":    {func(_ *loop.Loop, _ *loop.Connection, theirs *net.TCPConn) { theirs.Write([]byte("a")) }, false},
		"by the end":  {func(_ *loop.Loop, _ *loop.Connection, theirs *net.TCPConn) { theirs.Close() }, false},
		"by time":     {func(*loop.Loop, *loop.Connection, *net.TCPConn) {}, true},
		"when closed": {func(l *loop.Loop, ours *loop.Connection, _ *net.TCPConn) { l.Post(func() { _ = ours.Close() }) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			l := start(t)
			ours, theirs := pair(t, l)
			timeout := time.Hour
			if name == "by time" {
				timeout = 50 * time.Millisecond
			}
			woken := make(sleeper, 1)
			on(t, l, func() {
				if !ours.Rest(woken, timeout) {
					t.Error("there is nothing to read, but it does not rest")
				}
			})
			test.wake(l, ours, theirs)
			select {
			case over := <-woken:
				if over != test.over {
					t.Errorf("woken with over %t", over)
				}
			case <-time.After(patience):
				t.Fatal("not woken")
			}
		})
	}
}

// breakage is a handler that is told of a reset.
type breakage struct{ told chan struct{} }

func (b breakage) Wake(bool) {}

func (b breakage) Broken() { close(b.told) }

// The reset of a connection shows while its coroutine waits for something else; the end of the peer's side alone is none.
func TestAConnectionThatDoesNotRestIsToldOfAResetAndNotOfAnEnd(t *testing.T) {
	l := start(t)
	ours, theirs := pair(t, l)
	b := breakage{make(chan struct{})}
	on(t, l, func() {
		if !ours.Rest(b, time.Hour) {
			t.Error("it does not rest")
		}
		ours.EndRest()
	})
	if err := theirs.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	on(t, l, func() {
		ours.ReadWithin(patience)
		if _, err := ours.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("read %v, want the end", err)
		}
		select {
		case <-b.told:
			t.Error("an end counts as a reset")
		default:
		}
	})
	if err := errors.Join(theirs.SetLinger(0), theirs.Close()); err != nil {
		t.Fatal(err)
	}
	wait(t, b.told)
}

func TestConnectionWithBytesToReadDoesNotRest(t *testing.T) {
	l := start(t)
	ours, theirs := pair(t, l)
	if _, err := theirs.Write([]byte("abc")); err != nil {
		t.Fatal(err)
	}
	on(t, l, func() {
		ours.ReadWithin(patience)
		for _, want := range []string{"a", "bc"} { // each fills its buffer
			if ours.Rest(make(sleeper, 1), time.Hour) && want == "bc" {
				t.Error("it rests while bytes wait")
			}
			ours.EndRest()
			buf := make([]byte, len(want))
			if n, err := ours.Read(buf); string(buf[:n]) != want {
				t.Errorf("read %q, %v", buf[:n], err)
			}
		}
		if !ours.Rest(make(sleeper, 1), time.Hour) {
			t.Error("all has been read, but it does not rest")
		}
		ours.EndRest()
	})
}

func TestDialTellsWhyItFailed(t *testing.T) {
	l := start(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := netip.MustParseAddrPort(listener.Addr().String())
	listener.Close()
	on(t, l, func() {
		if err := l.Dial(new(loop.Connection), address, patience); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("nobody listens: %v", err)
		}
		givenUp := new(loop.Connection)
		l.Spawn(func() { _ = givenUp.Close() })
		if err := l.Dial(givenUp, address, patience); !errors.Is(err, net.ErrClosed) && !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("given up: %v", err)
		}
	})
}

func TestWaitForASpawnedTaskEndsInTime(t *testing.T) {
	l := start(t)
	ours, theirs := pair(t, l)
	on(t, l, func() {
		ours.ReadWithin(patience)
		const timeout = 100 * time.Millisecond
		read := l.Spawn(func() { _, _ = ours.Read(make([]byte, 1)) })
		begun := time.Now()
		if read.WaitFor(timeout) {
			t.Error("a task that waits has ended")
		}
		if took := time.Since(begun); took < timeout*9/10 || took > patience/2 {
			t.Errorf("waited %s, want %s", took, timeout)
		}
		if _, err := theirs.Write([]byte("a")); err != nil {
			t.Error(err)
		}
		if !read.WaitFor(patience) {
			t.Error("a task has not ended")
		}
		if !read.WaitFor(timeout) {
			t.Error("a task that has ended before is not known to have")
		}
		read.Wait()
	})
}

func TestPanicEndsItsTaskAlone(t *testing.T) {
	causes := make(chan any, 1)
	l, err := loop.New(loop.Config{Now: time.Now, Panicked: func(cause any, _ []byte) { causes <- cause }})
	if err != nil {
		t.Fatal(err)
	}
	run(t, l)
	on(t, l, func() { panic("a bug") })
	if cause := <-causes; cause != "a bug" {
		t.Errorf("told of %v", cause)
	}
	ran := false
	on(t, l, func() { ran = true })
	if !ran {
		t.Error("the loop runs nothing any more")
	}
}

func TestListenerClosesItsPortAtOnceAndTakesNothingMore(t *testing.T) {
	l := start(t)
	bound, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	address := bound.Addr().String()
	listener, err := loop.Listen(bound)
	if err != nil {
		t.Fatal(err)
	}
	const clients = 300 // more than one turn takes
	accepted := make(chan netip.AddrPort, clients)
	listener.Serve(l, func(descriptor int, client netip.AddrPort) {
		syscall.Close(descriptor)
		accepted <- client
	}, func(err error) time.Duration { t.Error(err); return time.Millisecond })
	for range clients {
		connection, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { connection.Close() })
	}
	for range clients {
		select {
		case <-accepted:
		case <-time.After(patience):
			t.Fatal("a connection is not accepted")
		}
	}
	if err := listener.Close(); err != nil {
		t.Error(err)
	}
	if connection, err := net.Dial("tcp", address); err == nil {
		connection.Close()
		t.Error("the port is open after Close")
	}
}

func TestEndedLoopTakesNoWork(t *testing.T) {
	l, err := loop.New(loop.Config{Now: time.Now, Panicked: func(any, []byte) {}})
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(l.Run)
	l.Stop()
	running.Wait()
	if l.Post(func() {}) {
		t.Error("work was taken that nobody will do")
	}
}
