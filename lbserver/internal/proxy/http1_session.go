package proxy

import (
	"net/netip"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/engine"
)

// Phases of an HTTP/1 session.
const (
	phaseIdle   int32 = iota // waiting for the first byte of a request; may be closed at any time
	phaseActive              // a request is under way
	phaseClosed              // closed by someone else while it was idle
)

// http1Session is a client's connection that speaks HTTP/1. It belongs to the task that serves it, except for phase and for what
// Engine.Lock guards. There may be very many that are idle, so it holds nothing that can be had otherwise.
type http1Session struct {
	engine   engine.Engine
	conn     engine.Conn
	listener *Listener
	client   netip.AddrPort // of the connection
	input    window
	phase    atomic.Int32
	trusted  bool // the connection is a trusted proxy's

	// Between engine.Lock and Unlock:
	exchange  *exchange // the request under way, if any
	abandoned string    // why the session was; empty if it was not
}

// Why a session is abandoned.
const (
	abandonedByReset = "the client reset its connection"
	abandonedByUs    = "the time to drain was over"
	abandonedByBug   = "a bug broke the request"
)

// serveHTTP1 makes the session of a connection; none if the listener is draining.
func (l *Listener) serveHTTP1(e engine.Engine, conn engine.Conn) (engine.Handler, time.Duration) {
	s := &http1Session{engine: e, conn: conn, listener: l, client: conn.RemoteAddr()}
	s.trusted = l.proxy.trusts(s.client.Addr())
	if !l.add(s) {
		return nil, 0 // the client gets another node, or a refused connection, next time
	}
	return s, l.settings.Load().idleTimeout
}

// Serve carries requests until none waits to be read. An idle session has no buffer.
func (s *http1Session) Serve() (idle time.Duration) {
	for s.awaitRequest() && s.carry() {
		s.shrink()
		if !s.input.empty() {
			continue // the next request was sent along with this one
		}
		s.input.release(&s.listener.proxy.buffers)
		s.phase.Store(phaseIdle)
		if s.listener.draining.Load() {
			return 0
		}
		return s.listener.settings.Load().idleTimeout
	}
	return 0
}

// End gives back what the session holds.
func (s *http1Session) End() {
	s.input.release(&s.listener.proxy.buffers)
	s.listener.remove(s)
}

// awaitRequest waits for the first bytes of a request, up to the idle timeout.
func (s *http1Session) awaitRequest() bool {
	if !s.input.empty() {
		return true
	}
	if s.input.bytes == nil {
		if !s.phase.CompareAndSwap(phaseIdle, phaseActive) {
			return false
		}
		s.input.bytes = s.listener.proxy.buffers.get(smallBuffer)
		s.phase.Store(phaseIdle)
	}
	if s.listener.draining.Load() {
		return false
	}
	s.conn.ReadWithin(s.listener.settings.Load().idleTimeout)
	err := s.input.fill(s.conn)
	return s.phase.CompareAndSwap(phaseIdle, phaseActive) && err == nil
}

// carry carries one request and reports whether another may follow. A panic is a bug that must cost one connection and not
// all of them.
func (s *http1Session) carry() (keep bool) {
	p := s.listener.proxy
	x := p.exchanges.get()
	defer func() {
		if cause := recover(); cause != nil {
			p.log.Error("a bug broke a request; its connection is closed", "request", strconv.FormatUint(x.id(), 16),
				"listener", s.listener.ID, "client", s.client, "cause", cause, "stack", string(debug.Stack()))
			s.abandonByBug()
			x.abort()
			keep = false // and x, which may be in any state, is left to the garbage collector
		}
	}()
	x.begin(p, s)
	if s.enter(x) {
		keep = x.run()
		s.leave()
	}
	x.reset()
	p.exchanges.put(x)
	return keep
}

// enter makes x the request under way, unless the session has been abandoned.
func (s *http1Session) enter(x *exchange) bool {
	s.engine.Lock()
	defer s.engine.Unlock()
	s.exchange = x
	return s.abandoned == ""
}

func (s *http1Session) leave() {
	s.engine.Lock()
	defer s.engine.Unlock()
	s.exchange = nil
}

// abandon implements session.
func (s *http1Session) abandon() { s.engine.Post(func() { s.abandonLocked(abandonedByUs) }) }

// Broken implements engine.Handler: a request ends at its server, too, when its client has reset the connection.
func (s *http1Session) Broken() { s.abandonLocked(abandonedByReset) }

// abandonByBug is for the tasks of the session.
func (s *http1Session) abandonByBug() {
	s.engine.Lock()
	defer s.engine.Unlock()
	s.abandonLocked(abandonedByBug)
}

// whyAbandoned is empty for a session that was not abandoned.
func (s *http1Session) whyAbandoned() string {
	s.engine.Lock()
	defer s.engine.Unlock()
	return s.abandoned
}

// abandonLocked closes the connection, and the request's connection to a server. The tasks that use them find out. A client
// whose request has a server must not take what it got of the response for the whole.
func (s *http1Session) abandonLocked(why string) {
	if s.abandoned == "" {
		s.abandoned = why
	}
	x := s.exchange
	if x == nil {
		_ = s.conn.Close()
		return
	}
	if x.attempt.Backend == nil {
		_ = s.conn.Close()
	} else {
		s.conn.Abort()
	}
	x.attempt.Abandon()
}

// closeIdle implements session.
func (s *http1Session) closeIdle() {
	if s.phase.CompareAndSwap(phaseIdle, phaseClosed) {
		s.engine.Post(func() { _ = s.conn.Close() }) // nothing is lost with it
	}
}

// shrink gives back a large buffer that a body left behind.
func (s *http1Session) shrink() {
	if len(s.input.bytes) > smallBuffer && !s.input.empty() && len(s.input.unread()) <= smallBuffer {
		s.input.resize(&s.listener.proxy.buffers, smallBuffer)
	}
}

// localAddress is this side's address as the client has it.
func (s *http1Session) localAddress() netip.AddrPort {
	if bound := s.listener.address; !bound.Addr().IsUnspecified() {
		return bound
	}
	return s.conn.LocalAddr()
}
