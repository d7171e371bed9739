package engine

import (
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// stream is the Conn of a goroutine. Its timeouts cost next to nothing where one request follows another.
type stream struct {
	conn *net.TCPConn
	raw  syscall.RawConn

	readBy  time.Time // the deadline in force; owned by the reader
	writeBy time.Time // the deadline in force; owned by the writer

	looking func(descriptor uintptr) // look, kept so that isQuiet allocates nothing
	poll    pollSet                  // for look
	quiet   bool                     // what look found

	lingerers *lingerers
	endedSide atomic.Bool    // by CloseWrite
	remote    netip.AddrPort // kept, since a closed connection has none

	user    *goroutine    // looks at its client while it waits for this connection; nil for an idle connection to a server
	resumed chan struct{} // has room for one Resume
	closed  atomic.Bool
}

func (g *goroutines) newStream(conn *net.TCPConn) (*stream, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &stream{
		conn: conn, raw: raw, lingerers: g.lingerers, remote: addressOf(conn.RemoteAddr()), resumed: make(chan struct{}, 1),
	}
	s.looking = s.look
	return s, nil
}

func (s *stream) Read(p []byte) (int, error) { return s.conn.Read(p) }

func (s *stream) Write(p []byte) (int, error) { return s.conn.Write(p) }

// Send writes at once: a goroutine has nothing to gain from doing so later.
func (s *stream) Send(p []byte) (int, error) { return s.Write(p) }

func (s *stream) Await() error { return nil }

// ReadWithin keeps a deadline that is near enough: setting one for each request would cost more than reading its head. So
// a read may end up to a second late, or for timeouts under 8 s an eighth.
func (s *stream) ReadWithin(timeout time.Duration) {
	if next, changed := deadline(s.readBy, timeout); changed {
		s.readBy = next
		_ = s.conn.SetReadDeadline(next) // fails only on a closed connection, where the read reports it
	}
}

func (s *stream) WriteWithin(timeout time.Duration) {
	if next, changed := deadline(s.writeBy, timeout); changed {
		s.writeBy = next
		_ = s.conn.SetWriteDeadline(next) // fails only on a closed connection, where the write reports it
	}
}

func deadline(current time.Time, timeout time.Duration) (next time.Time, changed bool) {
	now, slack := time.Now(), min(timeout/8, time.Second)
	left := current.Sub(now)
	if left >= timeout && left <= timeout+slack {
		return current, false
	}
	return now.Add(timeout + slack), true
}

func (s *stream) InterruptRead() { _ = s.conn.SetReadDeadline(time.Unix(1, 0)) }

// readAgain implements lingering.
func (s *stream) readAgain(until time.Duration) {
	s.readBy = time.Now().Add(until)
	_ = s.conn.SetReadDeadline(s.readBy) // fails only on a closed connection, where the read reports it
}

func (s *stream) Pause(timeout time.Duration) error {
	over, look := time.NewTimer(timeout), time.NewTicker(lookInterval)
	defer over.Stop()
	defer look.Stop()
	for {
		s.user.lookAtClient()
		if s.closed.Load() {
			return net.ErrClosed
		}
		select {
		case <-s.resumed:
			if s.closed.Load() {
				return net.ErrClosed
			}
			return nil
		case <-over.C:
			return os.ErrDeadlineExceeded
		case <-look.C:
		}
	}
}

func (s *stream) Resume() {
	select {
	case s.resumed <- struct{}{}:
	default: // it is resumed already
	}
}

func (s *stream) CloseWrite() error {
	s.endedSide.Store(true)
	return s.conn.CloseWrite()
}

func (s *stream) Linger(scratch []byte, limits LingerLimits) { s.lingerers.linger(s, scratch, limits) }

func (s *stream) Abort() {
	_ = s.conn.SetLinger(0) // fails only on a closed connection
	_ = s.Close()
}

// Discard implements Backend. Only Linux says what the peer has acknowledged; elsewhere the connection is closed.
func (s *stream) Discard() {
	if s.isQuiet() && s.acknowledged() {
		s.Abort()
		return
	}
	_ = s.Close()
}

func (s *stream) Close() error {
	s.closed.Store(true)
	s.Resume() // the Pause finds out
	return s.conn.Close()
}

func (s *stream) LocalAddr() netip.AddrPort { return addressOf(s.conn.LocalAddr()) }

func (s *stream) RemoteAddr() netip.AddrPort { return s.remote }

// addressOf returns an IPv4 address in its 4-byte form, and no zone: that says nothing to anybody else.
func addressOf(address net.Addr) netip.AddrPort {
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	found := tcp.AddrPort()
	return netip.AddrPortFrom(found.Addr().Unmap().WithZone(""), found.Port())
}

// isQuiet reports whether the connection is open as far as this side knows, and has no byte to read. An idle connection to a
// server must be quiet: one that is not was closed, or carries bytes that no request has asked for.
func (s *stream) isQuiet() bool {
	s.quiet = false
	if err := s.raw.Control(s.looking); err != nil {
		return false
	}
	return s.quiet
}
