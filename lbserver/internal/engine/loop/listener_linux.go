package loop

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// acceptsPerTurn bounds what a listener takes in one turn, so that it does not hold up the connections.
	acceptsPerTurn = 64
	// acceptPause is the wait before another attempt when no descriptor is left.
	acceptPause = 100 * time.Millisecond
)

// Listener takes the connections of a listening socket, which belongs to one loop: unlike sockets that share a port by
// SO_REUSEPORT it leaves no doubt that the port is ours alone, and lets the connections go to the loop with the fewest.
type Listener struct {
	loop     *Loop
	slot     uint32
	accepted func(descriptor int, client netip.AddrPort)
	failed   func(err error)
	timer    timer

	mu         sync.Mutex // held while accepting, so that Close does not take the descriptor from under it
	descriptor int        // under mu
	registered bool       // under mu
	closed     bool       // under mu
}

// Listen takes over a listening socket; bound is closed.
func Listen(bound *net.TCPListener) (*Listener, error) {
	descriptor, err := duplicate(bound)
	_ = bound.Close() // the port stays open by descriptor
	if err != nil {
		return nil, err
	}
	// Accepted sockets inherit it (tcp(7)).
	_ = unix.SetsockoptInt(descriptor, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	l := &Listener{descriptor: descriptor}
	l.timer.owner = l
	return l, nil
}

// Serve has a loop take the connections, and give the sockets to accepted. failed is told what went wrong; after a while
// there is another attempt. It may be called from anywhere, once.
func (l *Listener) Serve(on *Loop, accepted func(descriptor int, client netip.AddrPort), failed func(err error)) {
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

// event implements target.
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
			l.failed(err)
			l.watch(0)
			l.loop.arm(&l.timer, l.loop.by(acceptPause, l.loop.now))
			return
		}
	}
}

// watch turns the events of the socket on, or off with 0. They come again each turn while connections wait, since not all
// are taken at once.
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

// expire implements the owner of a timer.
func (l *Listener) expire() { l.watch(unix.EPOLLIN) }
