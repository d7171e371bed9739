package loop

import (
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Connection is one TCP connection of a Loop. It is embedded in the owner's record of it, since there may be very many. One
// coroutine at a time reads, and one writes; all methods are for the loop's own goroutine and coroutines.
type Connection struct {
	loop       *Loop
	descriptor int32
	slot       uint32
	remote     netip.AddrPort

	// What the kernel said last: it reports each change once. A read that leaves room in its buffer has drained the
	// connection, so that the next one waits for an event and needs no call that finds nothing.
	readable, writable bool
	ended              bool // the peer has closed its side, or the connection is broken: the next read finds out
	interrupted        bool
	resumed            bool // since the last Pause
	closed             bool
	resting            bool // the handler is told of what there is to read

	reader, writer *worker // the coroutines that wait for an event; nil for none
	outgoing       outgoing
	handler        Handler // nil for none before the first Rest
	readBy         int64   // a moment, as Loop.by returns it
	writeBy        int64   // likewise
	timer          timer
}

// Handler is told of the end of a connection's rest, and of a reset at any other time.
type Handler interface {
	// Wake is called on the loop's goroutine: with over false when there is something to read, which the peer's end counts
	// as; with over true when the time to rest has passed or the connection was closed.
	Wake(over bool)
	// Broken is called on the loop's goroutine when the peer has reset the connection, or it broke, and it does not rest.
	Broken()
}

// Adopt makes c, which must be the zero Connection, the connection of an open, non-blocking socket to a remote address. If it
// fails, the socket is still the caller's.
func (l *Loop) Adopt(c *Connection, descriptor int, remote netip.AddrPort) error {
	c.loop, c.descriptor, c.remote, c.writable = l, int32(descriptor), remote, true
	c.timer.owner = c
	var err error
	c.slot, err = l.register(descriptor, interest, c)
	return err
}

func (c *Connection) event(mask uint32) {
	if mask&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		c.ended = true
	}
	if mask&unix.EPOLLERR != 0 && c.handler != nil && !c.resting && !c.closed {
		c.handler.Broken()
	}
	if mask&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		c.writable = true
		if c.sendRest(); !c.outgoing.waits() {
			c.wakeWriter()
		}
	}
	if !c.closed && (c.ended || mask&unix.EPOLLIN != 0) {
		c.readable = true
		c.wakeReader(false)
	}
}

func (c *Connection) wakeWriter() {
	if w := c.writer; w != nil {
		c.writer = nil
		c.loop.resume(w)
	}
}

func (c *Connection) wakeReader(over bool) {
	switch {
	case c.reader != nil:
		w := c.reader
		c.reader = nil
		c.loop.resume(w)
	case c.resting:
		c.resting = false
		c.handler.Wake(over)
	}
}

func (c *Connection) expire() {
	if c.outgoing.closing() {
		if !c.loop.past(c.writeBy) {
			c.loop.arm(&c.timer, c.writeBy)
			return
		}
		c.giveUp() // the peer did not read what was left in time
		return
	}
	if c.writer != nil && c.loop.past(c.writeBy) {
		c.wakeWriter()
	}
	if !c.closed && (c.reader != nil || c.resting) && c.loop.past(c.readBy) {
		c.wakeReader(true)
	}
	if c.closed {
		return
	}
	if c.reader != nil || c.resting {
		c.loop.arm(&c.timer, c.readBy)
	}
	if c.writer != nil {
		c.loop.arm(&c.timer, c.writeBy)
	}
}

// Await waits until there is something to read, which the peer's end counts as. It fails like Read.
func (c *Connection) Await() error {
	for {
		switch {
		case c.closed:
			return net.ErrClosed
		case c.interrupted:
			return os.ErrDeadlineExceeded
		case c.readable:
			return nil
		case c.loop.past(c.readBy):
			return os.ErrDeadlineExceeded
		default:
			c.waitToRead()
		}
	}
}

// waitToRead lets others run until there may be something to read, or to look at, or the time for it is over.
func (c *Connection) waitToRead() {
	c.reader = c.loop.current
	c.loop.arm(&c.timer, c.readBy)
	c.reader.giveWay()
}

// Read waits for bytes and returns those that are there. It fails with io.EOF at the peer's end, with os.ErrDeadlineExceeded
// after the time of ReadWithin or an interruption, and with net.ErrClosed on a closed connection.
func (c *Connection) Read(p []byte) (int, error) {
	for {
		if err := c.Await(); err != nil {
			return 0, err
		}
		n, errno := receive(c.descriptor, p)
		switch {
		case errno == unix.EAGAIN:
			c.readable = false
		case errno == unix.EINTR:
		case errno != 0:
			return 0, os.NewSyscallError("read", errno)
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		default:
			c.readable = n == len(p) || c.ended
			c.loop.spend(n)
			return n, nil
		}
	}
}

// Pause waits until Resume, and returns at once if that was called since the last Pause. It fails with os.ErrDeadlineExceeded
// after the timeout, and with net.ErrClosed on a closed connection. Nothing reads the connection meanwhile.
func (c *Connection) Pause(timeout time.Duration) error {
	c.ReadWithin(timeout)
	for {
		switch {
		case c.closed:
			return net.ErrClosed
		case c.resumed:
			c.resumed = false
			return nil
		case c.loop.past(c.readBy):
			return os.ErrDeadlineExceeded
		default:
			c.waitToRead()
		}
	}
}

// Resume ends a Pause.
func (c *Connection) Resume() {
	c.resumed = true
	c.resumeSoon(&c.reader)
}

// Write sends all of p. It fails with os.ErrDeadlineExceeded after the time of WriteWithin, and with net.ErrClosed on a closed
// connection.
func (c *Connection) Write(p []byte) (written int, err error) {
	if err := c.awaitSent(); err != nil {
		return 0, err
	}
	for {
		switch {
		case c.closed:
			return written, net.ErrClosed
		case c.writable:
			n, errno := send(c.descriptor, p[written:])
			switch {
			case errno == unix.EAGAIN:
				c.writable = false
			case errno == unix.EINTR:
			case errno != 0:
				return written, os.NewSyscallError("write", errno)
			default:
				written += n
				if written == len(p) {
					return written, nil
				}
			}
		case c.loop.past(c.writeBy):
			return written, os.ErrDeadlineExceeded
		default:
			c.awaitWritable()
		}
	}
}

func (c *Connection) awaitWritable() {
	c.writer = c.loop.current
	c.loop.arm(&c.timer, c.writeBy)
	c.writer.giveWay()
}

// ReadWithin bounds the wait of the reads that follow. They may end up to a tick late.
func (c *Connection) ReadWithin(timeout time.Duration) { c.readBy = c.loop.by(timeout) }

// WriteWithin bounds the wait of the writes that follow, as ReadWithin does for reads.
func (c *Connection) WriteWithin(timeout time.Duration) { c.writeBy = c.loop.by(timeout) }

// Rest leaves the connection without a coroutine until there is something to read or the timeout is over; then the handler
// is told. If there is something to read already, Rest does nothing and reports false.
func (c *Connection) Rest(handler Handler, timeout time.Duration) bool {
	c.handler = handler
	if c.closed || c.outgoing.unsent != nil || c.readable && !c.Quiet() {
		return false
	}
	c.ReadWithin(timeout)
	c.resting = true
	c.loop.arm(&c.timer, c.readBy)
	return true
}

// Quiet reports whether the connection is open and has nothing to read. It asks the kernel, which may know more than the events
// of this turn.
func (c *Connection) Quiet() bool {
	if c.ended {
		return false
	}
	_, errno := peek(c.descriptor)
	c.readable = errno != unix.EAGAIN
	return !c.readable
}

// EndRest ends the rest of a connection; its handler is not told.
func (c *Connection) EndRest() { c.resting = false }

// InterruptRead makes the read that another coroutine waits in, and those that follow, fail with os.ErrDeadlineExceeded, until
// AllowRead.
func (c *Connection) InterruptRead() {
	c.interrupted = true
	c.resumeSoon(&c.reader)
}

// AllowRead ends an interruption.
func (c *Connection) AllowRead() { c.interrupted = false }

// resumeSoon resumes the waiting coroutine, if there is one, once the caller has given way.
func (c *Connection) resumeSoon(waiting **worker) {
	if *waiting != nil {
		c.loop.ready = append(c.loop.ready, *waiting)
		*waiting = nil
	}
}

// CloseWrite tells the peer that nothing more will come.
func (c *Connection) CloseWrite() error {
	if err := c.awaitSent(); err != nil {
		return err
	}
	return os.NewSyscallError("shutdown", shutdownWrite(c.descriptor))
}

// Close closes the connection once what Send took has been sent. Reads and writes that wait fail with net.ErrClosed; a handler
// is told that the rest is over.
func (c *Connection) Close() error {
	if c.closed {
		return net.ErrClosed
	}
	c.sendQueued()
	c.closed = true
	c.resumeSoon(&c.reader)
	c.resumeSoon(&c.writer)
	var err error
	if c.outgoing.waits() {
		c.outgoing.unsent.closing = true
		c.loop.closing++
		c.loop.arm(&c.timer, c.writeBy)
	} else {
		err = c.release()
	}
	if c.resting {
		c.resting = false
		c.handler.Wake(true)
	}
	return err
}

// release gives the connection's descriptor and its place on the loop back.
func (c *Connection) release() error {
	if c.outgoing.closing() {
		c.loop.closing--
	}
	c.outgoing = outgoing{}
	c.loop.wheel.remove(&c.timer)
	c.loop.forget(c.slot)
	return os.NewSyscallError("close", closeDescriptor(c.descriptor))
}

// Abort closes the connection so that the peer sees an error and not an end.
func (c *Connection) Abort() {
	if c.closed {
		return
	}
	c.outgoing = outgoing{}
	c.resetAtEnd()
	_ = c.Close()
}

// Discard closes the connection of which nothing more is wanted, by a reset if that loses nothing: the peer has acknowledged
// all that was sent, and has neither sent more nor closed its side.
func (c *Connection) Discard() {
	if !c.closed && !c.Queued() && c.outgoing.unsent == nil && c.Quiet() && acknowledged(c.descriptor) {
		c.resetAtEnd()
	}
	_ = c.Close()
}

// resetAtEnd makes the end of the connection an error for the peer.
func (c *Connection) resetAtEnd() {
	_ = unix.SetsockoptLinger(int(c.descriptor), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
}

// giveUp ends a closed connection that has not sent everything: the peer must not take what it got for the whole.
func (c *Connection) giveUp() {
	c.resetAtEnd()
	_ = c.release()
}
