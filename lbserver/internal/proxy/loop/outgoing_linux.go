package loop

import (
	"bytes"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// outboxSize is room for what the exchanges of a busy turn send: some 200 heads with a small body. It is used again each
// turn, and so stays in the processor's cache.
const outboxSize = 64 << 10

// outgoing is what a connection has been given to send and has not sent yet.
type outgoing struct {
	queued  []byte // in the loop's outbox, to be sent at the end of this turn
	rest    []byte // what the kernel did not take of it; sent before anything else when the connection can be written
	err     error  // why sending failed, for the next Write
	closing bool   // closed by its owner, but for rest
}

// Send writes like Write, but at the end of the turn, when all that the turn brought has been read: each write wakes its
// peer, and peers that are woken together run together and not in between. Unlike a write that waited for the turn's end
// it needs no change of coroutines (measured; see RESULTS.md of the benchmark). An error shows at the next Write; what the
// peer does not take at once is sent when it does, even after Close, for as long as WriteWithin says.
func (c *Connection) Send(p []byte) (int, error) {
	l := c.loop
	o := &c.outgoing
	if c.closed || !c.writable || o.queued != nil || o.rest != nil || o.err != nil || len(l.outbox)+len(p) > outboxSize {
		return c.Write(p)
	}
	if l.outbox == nil {
		l.outbox = make([]byte, 0, outboxSize)
	}
	start := len(l.outbox)
	l.outbox = append(l.outbox, p...)
	o.queued = l.outbox[start:]
	l.senders = append(l.senders, c)
	return len(p), nil
}

// sendOutbox ends a turn.
func (l *Loop) sendOutbox() {
	for _, c := range l.senders {
		c.sendQueued()
	}
	clear(l.senders)
	l.senders, l.outbox = l.senders[:0], l.outbox[:0]
}

// sendQueued sends what has been queued, and leaves what the kernel does not take for later.
func (c *Connection) sendQueued() {
	if queued := c.outgoing.queued; queued != nil {
		c.outgoing.queued = nil
		c.outgoing.rest = bytes.Clone(c.sendSome(queued))
	}
}

// sendRest goes on with what the kernel did not take.
func (c *Connection) sendRest() {
	if c.outgoing.rest == nil {
		return
	}
	if c.outgoing.rest = c.sendSome(c.outgoing.rest); c.outgoing.rest == nil && c.outgoing.closing {
		_ = c.release() // its owner has been told of the end
	}
}

// sendSome sends up to where the kernel takes no more, and returns what is left; nil for nothing, or after an error.
func (c *Connection) sendSome(p []byte) []byte {
	for c.writable {
		n, errno := send(c.descriptor, p)
		switch errno {
		case 0:
			if p = p[n:]; len(p) == 0 {
				return nil
			}
		case unix.EAGAIN:
			c.writable = false
		case unix.EINTR:
		default:
			c.outgoing.err = os.NewSyscallError("write", errno)
			return nil
		}
	}
	return p
}

// awaitSent has the calling coroutine wait until nothing is left to be sent.
func (c *Connection) awaitSent() error {
	c.sendQueued()
	for {
		switch {
		case c.closed:
			return net.ErrClosed
		case c.outgoing.err != nil:
			return c.outgoing.err
		case c.outgoing.rest == nil:
			return nil
		case c.loop.past(c.writeBy):
			return os.ErrDeadlineExceeded
		default:
			c.awaitWritable()
		}
	}
}
