// Package stream is a TCP connection as the data plane sees it: bytes in, bytes out, half-close, and timeouts that cost
// next to nothing where one request follows another.
package stream

import (
	"net"
	"net/netip"
	"syscall"
	"time"
)

// Stream is one TCP connection. Reading belongs to one goroutine at a time, and so does writing; InterruptRead, Close and Abort
// may be called by anyone.
//
// ReadWithin belongs to the reader, WriteWithin to the writer.
type Stream struct {
	conn *net.TCPConn
	raw  syscall.RawConn

	readBy  time.Time // the deadline in force; owned by the reader
	writeBy time.Time // the deadline in force; owned by the writer

	looking func(descriptor uintptr) // look, kept so that Quiet allocates nothing
	poll    pollSet                  // for look
	quiet   bool                     // what look found
}

// New makes a stream of an open connection.
func New(conn *net.TCPConn) (*Stream, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &Stream{conn: conn, raw: raw}
	s.looking = s.look
	return s, nil
}

// Read implements io.Reader.
func (s *Stream) Read(p []byte) (int, error) { return s.conn.Read(p) }

// Write implements io.Writer.
func (s *Stream) Write(p []byte) (int, error) { return s.conn.Write(p) }

// ReadWithin bounds the reads that follow. They fail with os.ErrDeadlineExceeded after the timeout, or up to a second
// (for timeouts under 8 s, an eighth) later: a deadline that is near enough stays, since setting one for every request
// would cost more than reading its head.
func (s *Stream) ReadWithin(timeout time.Duration, now time.Time) {
	if next, changed := deadline(s.readBy, timeout, now); changed {
		s.readBy = next
		_ = s.conn.SetReadDeadline(next) // fails only on a closed connection, where the read will say so
	}
}

// WriteWithin bounds the writes that follow, as ReadWithin does reads.
func (s *Stream) WriteWithin(timeout time.Duration, now time.Time) {
	if next, changed := deadline(s.writeBy, timeout, now); changed {
		s.writeBy = next
		_ = s.conn.SetWriteDeadline(next) // as above
	}
}

func deadline(current time.Time, timeout time.Duration, now time.Time) (next time.Time, changed bool) {
	slack := min(timeout/8, time.Second)
	left := current.Sub(now)
	if left >= timeout && left <= timeout+slack {
		return current, false
	}
	return now.Add(timeout + slack), true
}

// InterruptRead makes the read that goes on, and those to come, fail at once. It is for ending a copy that another goroutine
// is in; until then that one must not begin another ReadWithin. Only writing, Linger and Close are left afterwards.
func (s *Stream) InterruptRead() { _ = s.conn.SetReadDeadline(time.Unix(1, 0)) }

// Await returns at once: a goroutine waits with its buffers.
func (s *Stream) Await() error { return nil }

// Send writes; a goroutine has nothing to gain from doing so later.
func (s *Stream) Send(p []byte) (int, error) { return s.Write(p) }

// CloseWrite tells the peer that nothing more will come.
func (s *Stream) CloseWrite() error { return s.conn.CloseWrite() }

// Close closes the connection.
func (s *Stream) Close() error { return s.conn.Close() }

// Abort closes the connection so that the peer sees an error and not an end.
func (s *Stream) Abort() {
	_ = s.conn.SetLinger(0)
	_ = s.conn.Close()
}

// Linger reads and drops what still comes, up to a limit in bytes and time, and closes the connection. Without it the
// kernel resets a connection closed with unread bytes, and the peer may lose the response it was sent (RFC 9112, 9.6).
func (s *Stream) Linger(scratch []byte, limit int, timeout time.Duration, now time.Time) {
	defer func() { _ = s.conn.Close() }() // everything was sent before CloseWrite
	if s.conn.CloseWrite() != nil {
		return
	}
	s.readBy = now.Add(timeout)
	_ = s.conn.SetReadDeadline(s.readBy) // as in ReadWithin
	for limit > 0 {
		n, err := s.conn.Read(scratch)
		if err != nil {
			return
		}
		limit -= n
	}
}

// RemoteAddr is the peer's address, an IPv4 address in its 4-byte form.
func (s *Stream) RemoteAddr() netip.AddrPort { return addrPort(s.conn.RemoteAddr()) }

// LocalAddr is our address of the connection.
func (s *Stream) LocalAddr() netip.AddrPort { return addrPort(s.conn.LocalAddr()) }

func addrPort(address net.Addr) netip.AddrPort {
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	found := tcp.AddrPort()
	return netip.AddrPortFrom(found.Addr().Unmap(), found.Port())
}

// Quiet tells that the connection is open as far as this side knows, and that no byte waits to be read. An idle
// connection to a server must be quiet: one that is not was closed, or carries bytes that no request has asked for.
func (s *Stream) Quiet() bool {
	s.quiet = false
	if err := s.raw.Control(s.looking); err != nil {
		return false
	}
	return s.quiet
}
