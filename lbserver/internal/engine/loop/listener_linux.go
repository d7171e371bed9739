package loop

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// acceptsPerTurn bounds the connections that a listener accepts in one turn, so that it does not delay those that are open.
const acceptsPerTurn = 64

// Listener accepts the connections of a listening socket, which belongs to one loop: unlike with sockets that share a port by
// SO_REUSEPORT nobody else can have the port, and the connections can go to the loop with the fewest.
type Listener struct {
	loop     *Loop
	slot     uint32
	accepted func(descriptor int, client netip.AddrPort)
	failed   func(err error) time.Duration
	timer    timer

	mu         sync.Mutex // held while accepting, so that Close does not close the descriptor meanwhile
	descriptor int        // under mu
	registered bool       // under mu
	closed     bool       // under mu
}

// Listen makes a Listener of a listening socket; bound is closed.
func Listen(bound *net.TCPListener) (*Listener, error) {
	descriptor, err := duplicate(bound)
	_ = bound.Close() // descriptor keeps the port open
	if err != nil {
		return nil, err
	}
	// Accepted sockets inherit it (tcp(7)).
	_ = unix.SetsockoptInt(descriptor, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	l := &Listener{descriptor: descriptor}
	l.timer.owner = l
	return l, nil
}

// Serve makes a loop accept the connections and hand the sockets to accepted. failed is told what went wrong, and returns how
// long to wait before another attempt. Serve may be called from anywhere, once.
func (l *Listener) Serve(on *Loop, accepted func(descriptor int, client netip.AddrPort), failed func(err error) time.Duration) {
	l.loop, l.accepted, l.failed = on, accepted, failed
	on.Post(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.closed {
			return
		}
		slot, err := on.register(l.descriptor, unix.EPOLLIN, l)
		if err != nil {
			failed(err)
			return
		}
		l.slot, l.registered = slot, true
	})
}

// Close closes the port at once. It may be called from anywhere.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return net.ErrClosed
	}
	l.closed = true
	if l.registered {
		l.loop.Post(func() {
			l.loop.wheel.remove(&l.timer)
			l.loop.forget(l.slot)
		})
	}
	return unix.Close(l.descriptor)
}

func (l *Listener) event(uint32) {
	for range acceptsPerTurn {
		descriptor, from, err := l.accept()
		switch {
		case err == nil:
			l.accepted(descriptor, from)
		case errors.Is(err, unix.EAGAIN), errors.Is(err, net.ErrClosed):
			return
		case errors.Is(err, unix.ECONNABORTED), errors.Is(err, unix.EINTR): // the client is gone: the next one
		default:
			l.watch(0)
			l.loop.arm(&l.timer, l.loop.by(l.failed(err)))
			return
		}
	}
}

// watch turns the events of the socket on, or off with 0. They come again each turn while connections wait, since not all
// are accepted at once.
func (l *Listener) watch(events uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	event := unix.EpollEvent{Events: events, Fd: int32(l.slot), Pad: int32(l.loop.slots[l.slot].generation)}
	_ = control(l.loop.epoll, unix.EPOLL_CTL_MOD, l.descriptor, &event) // it is registered
}

func (l *Listener) accept() (descriptor int, from netip.AddrPort, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return 0, netip.AddrPort{}, net.ErrClosed
	}
	return accept(l.descriptor)
}

func (l *Listener) expire() { l.watch(unix.EPOLLIN) }
