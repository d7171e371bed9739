package loop

import (
	"bytes"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// outboxSize is room for what a busy turn sends: some 200 heads with a small body. The room is used again each turn, and so
// stays in the processor's cache.
const outboxSize = 64 << 10

// outgoing is what a connection has still to send. Most connections have nothing, so it is small.
type outgoing struct {
	start, end uint32  // where its bytes are in the loop's outbox, to be sent at the end of this turn; equal for none
	unsent     *unsent // nil if the kernel has taken everything so far
}

// unsent is the state of a connection whose bytes the kernel did not take at once.
type unsent struct {
	rest    []byte // sent before anything else once the connection can be written; nil for nothing
	err     error  // why sending failed, for the next Write
	closing bool   // its owner has closed it; rest is still to be sent
}

func (o *outgoing) waits() bool   { return o.unsent != nil && o.unsent.rest != nil }
func (o *outgoing) closing() bool { return o.unsent != nil && o.unsent.closing }

// Send writes like Write, but at the end of the turn, when everything that the turn brought has been read: each write wakes its
// peer, and peers that are woken together run together and not in between. Unlike a write that waited for the turn's end
// it needs no change of coroutines (measured; see RESULTS.md of the benchmark). An error shows at the next Write. What the
// peer does not take at once is sent when it does, even after Close, within the time of WriteWithin.
func (c *Connection) Send(p []byte) (int, error) {
	l := c.loop
	o := &c.outgoing
	if c.closed || !c.writable || c.Queued() || o.unsent != nil || len(l.outbox)+len(p) > outboxSize {
		return c.Write(p)
	}
	if l.outbox == nil {
		l.outbox = make([]byte, 0, outboxSize)
	}
	o.start = uint32(len(l.outbox))
	l.outbox = append(l.outbox, p...)
	o.end = uint32(len(l.outbox))
	l.senders = append(l.senders, c)
	return len(p), nil
}

// Queued reports whether bytes of Send are kept for the end of the turn: the peer has none of them.
func (c *Connection) Queued() bool { return c.outgoing.start != c.outgoing.end }

// sendOutbox ends a turn.
func (l *Loop) sendOutbox() {
	for _, c := range l.senders {
		c.sendQueued()
	}
	clear(l.senders)
	l.senders, l.outbox = l.senders[:0], l.outbox[:0]
}

// sendQueued sends what is in the outbox, and keeps what the kernel does not take for later.
func (c *Connection) sendQueued() {
	if !c.Queued() {
		return
	}
	o := &c.outgoing
	queued := c.loop.outbox[o.start:o.end]
	o.start, o.end = 0, 0
	if rest, err := c.sendSome(queued); rest != nil || err != nil {
		o.unsent = &unsent{rest: bytes.Clone(rest), err: err}
	}
}

// sendRest sends more of what the kernel did not take.
func (c *Connection) sendRest() {
	if !c.outgoing.waits() {
		return
	}
	u := c.outgoing.unsent
	u.rest, u.err = c.sendSome(u.rest)
	switch {
	case u.rest != nil:
	case u.closing:
		_ = c.release() // its owner has closed it and is not interested
	case u.err == nil:
		c.outgoing.unsent = nil
	}
}

// sendSome sends what the kernel takes, and returns what is left; nil for nothing, or after an error.
func (c *Connection) sendSome(p []byte) ([]byte, error) {
	for c.writable {
		n, errno := send(c.descriptor, p)
		switch errno {
		case 0:
			if p = p[n:]; len(p) == 0 {
				return nil, nil
			}
		case unix.EAGAIN:
			c.writable = false
		case unix.EINTR:
		default:
			return nil, os.NewSyscallError("write", errno)
		}
	}
	return p, nil
}

// awaitSent makes the calling coroutine wait until nothing is left to be sent.
func (c *Connection) awaitSent() error {
	c.sendQueued()
	for {
		switch u := c.outgoing.unsent; {
		case c.closed:
			return net.ErrClosed
		case u == nil:
			return nil
		case u.err != nil:
			return u.err
		case c.loop.past(c.writeBy):
			return os.ErrDeadlineExceeded
		default:
			c.awaitWritable()
		}
	}
}
