package pool_test

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy/pool"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a listening socket, and connect opens connections to it: the pool's end and the server's.
type server struct {
	t        *testing.T
	listener net.Listener
	pool     *pool.Pool
}

func newServer(t *testing.T) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t, listener, new(pool.Pool)}
	t.Cleanup(func() { listener.Close(); s.pool.Close() })
	return s
}

func (s *server) connect() (*pool.Connection, net.Conn) {
	s.t.Helper()
	dialed, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	accepted, err := s.listener.Accept()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { dialed.Close(); accepted.Close() })
	opened, err := stream.New(dialed.(*net.TCPConn))
	if err != nil {
		s.t.Fatal(err)
	}
	return s.pool.Adopt(opened), accepted
}

// ended tells whether the other end of a connection was closed, within a second.
func ended(connection net.Conn) bool {
	connection.SetReadDeadline(time.Now().Add(time.Second))
	_, err := connection.Read(make([]byte, 1))
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

func TestTheLastReleasedConnectionComesFirst(t *testing.T) {
	s := newServer(t)
	first, _ := s.connect()
	second, _ := s.connect()
	if first.Reused() {
		t.Error("a new connection counts as reused")
	}
	first.Release(time.Now())
	second.Release(time.Now())
	if got := s.pool.Get(); got != second || !got.Reused() {
		t.Errorf("got %p, want the one released last, %p, as reused", got, second)
	}
	if got := s.pool.Get(); got != first {
		t.Errorf("got %p, want %p", got, first)
	}
	if got := s.pool.Get(); got != nil {
		t.Errorf("an empty pool gave %p", got)
	}
}

func TestCloseIdleLeavesThePoolUsable(t *testing.T) {
	s := newServer(t)
	first, other := s.connect()
	first.Release(time.Now())
	s.pool.CloseIdle()
	if !ended(other) {
		t.Error("an idle connection is still open")
	}
	second, _ := s.connect()
	second.Release(time.Now())
	if s.pool.Idle() != 1 {
		t.Error("the pool kept nothing afterwards")
	}
}

func TestAClosedPoolKeepsNothing(t *testing.T) {
	s := newServer(t)
	connection, other := s.connect()
	s.pool.Close()
	connection.Release(time.Now())
	if s.pool.Get() != nil || !ended(other) {
		t.Error("a closed pool kept a connection")
	}
}

// holder notes what a pool asks of it.
type holder []string

func (h *holder) CloseIdle(_ *pool.Pool, closing bool) {
	*h = append(*h, map[bool]string{false: "close idle", true: "close"}[closing])
}

func TestHoldersAreToldToClose(t *testing.T) {
	s := newServer(t)
	var told holder
	if !s.pool.Share(&told) {
		t.Fatal("an open pool is not shared")
	}
	s.pool.CloseIdle()
	s.pool.CloseIdle()
	s.pool.Close()
	s.pool.Close()
	if got := strings.Join(told, ", "); got != "close idle, close idle, close" {
		t.Errorf("told to %s", got)
	}
	if s.pool.Share(&told) {
		t.Error("a closed pool is shared")
	}
}

func TestAFullPoolClosesWhatComesBack(t *testing.T) {
	s := newServer(t)
	for range pool.MaxIdle {
		connection, _ := s.connect()
		connection.Release(time.Now())
	}
	last, other := s.connect()
	last.Release(time.Now())
	if s.pool.Idle() != pool.MaxIdle || !ended(other) {
		t.Errorf("%d idle connections, want %d", s.pool.Idle(), pool.MaxIdle)
	}
}

func TestSweepClosesWhatIsOldOrWasClosedByTheServer(t *testing.T) {
	s := newServer(t)
	old, oldEnd := s.connect()
	dead, deadEnd := s.connect()
	loud, loudEnd := s.connect()
	good, _ := s.connect()
	old.Release(time.Now().Add(-pool.MaxIdleTime - time.Second))
	for _, each := range []*pool.Connection{dead, loud, good} {
		each.Release(time.Now())
	}
	deadEnd.Close()
	loudEnd.Write([]byte("HTTP/1.1 408 Request Timeout\r\n\r\n"))
	for deadline := time.Now().Add(5 * time.Second); dead.Quiet() || loud.Quiet(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("what the server did is not seen")
		}
	}
	s.pool.Sweep(time.Now())
	if got := s.pool.Get(); got != good || s.pool.Idle() != 0 {
		t.Errorf("%p and %d others are left, want %p alone", got, s.pool.Idle(), good)
	}
	if !ended(oldEnd) {
		t.Error("a connection idle for too long is still open")
	}
}

func TestLookingAtAConnectionAllocatesNothing(t *testing.T) {
	s := newServer(t)
	connection, _ := s.connect()
	now := time.Now()
	allocations := testing.AllocsPerRun(100, func() {
		connection.Release(now)
		if connection = s.pool.Get(); !connection.Quiet() {
			t.Fatal("an idle connection is not quiet")
		}
		connection.ReadWithin(time.Minute, now)
	})
	if allocations != 0 {
		t.Errorf("%v allocations, want none", allocations)
	}
}
