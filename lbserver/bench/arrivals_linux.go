package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// arrivalSeed makes the gaps the same in every run.
	arrivalSeed = 5000
	// arrivalsEnd bounds the wait for the last answers.
	arrivalsEnd = 10 * time.Second
)

// pacer sends the arrivals from one thread with its own epoll descriptor: Go's timers and poller are only exact to a
// millisecond, more than the latencies measured.
type pacer struct {
	of          *arrivals
	random      *rand.Rand
	epoll       int
	connections map[int32]*pacedConnection // by descriptor
	idle        []*pacedConnection         // first in, first out
	waiting     []time.Duration            // when requests were due for which no connection was free
	due         time.Duration              // of the next request, since started
	sent        int
	started     time.Time
	seen        latencies
}

// pacedConnection has at most one request at a time.
type pacedConnection struct {
	descriptor int
	due        time.Duration
	buf        []byte
	filled     int
}

// run sends requests for the given duration and waits for all answers. Any error ends it.
func (a *arrivals) run(ctx context.Context) (_ latencies, err error) {
	p := &pacer{
		of: a, random: rand.New(rand.NewPCG(arrivalSeed, arrivalSeed)), connections: map[int32]*pacedConnection{}, //nolint:gosec // no secret
		seen: make(latencies, 0, 2*int(a.duration.Seconds()+1)*a.rate),
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.open(ctx); err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", a.address, err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// The kernel may delay a wake-up by the thread's timer slack, 50 µs by default; 1 ns is the minimum.
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("setting the timer slack: %w", err)
	}
	if err := p.loop(ctx); err != nil {
		return nil, fmt.Errorf("requests at a fixed rate to %s: %w", a.address, err)
	}
	return p.seen, nil
}

func (p *pacer) open(ctx context.Context) (err error) {
	to := &unix.SockaddrInet4{Port: int(p.of.address.Port()), Addr: p.of.address.Addr().As4()}
	p.epoll = -1
	if p.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	for range p.of.connections {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		descriptor, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		connection := &pacedConnection{descriptor: descriptor, buf: make([]byte, 16<<10)}
		p.connections[int32(descriptor)] = connection
		p.idle = append(p.idle, connection)
		if err := unix.Connect(descriptor, to); err != nil {
			return os.NewSyscallError("connect", err)
		}
		err = errors.Join(
			unix.SetNonblock(descriptor, true),
			unix.SetsockoptInt(descriptor, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
			unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, descriptor, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(descriptor)}),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *pacer) close() error {
	var problems []error
	for _, connection := range p.connections {
		problems = append(problems, unix.Close(connection.descriptor))
	}
	if p.epoll >= 0 {
		problems = append(problems, unix.Close(p.epoll))
	}
	return errors.Join(problems...)
}

// loop sends the requests that are due and waits until the next is due or an answer arrives, until all have been
// answered.
func (p *pacer) loop(ctx context.Context) error {
	events := make([]unix.EpollEvent, len(p.connections))
	p.started = time.Now()
	p.due = p.gap()
	for ctx.Err() == nil {
		now := time.Since(p.started)
		for p.due <= now && p.due < p.of.duration {
			p.waiting = append(p.waiting, p.due)
			p.due += p.gap()
		}
		if err := p.send(); err != nil {
			return err
		}
		wait := p.due - time.Since(p.started)
		if p.due >= p.of.duration {
			if len(p.waiting) == 0 && len(p.idle) == len(p.connections) {
				return nil
			}
			wait = arrivalsEnd
		}
		ready, err := p.poll(wait, events)
		if err != nil {
			return err
		}
		if ready == 0 && p.due >= p.of.duration {
			return fmt.Errorf("%d requests were not answered within %s", len(p.connections)-len(p.idle)+len(p.waiting), arrivalsEnd)
		}
		for _, event := range events[:ready] {
			if err := p.receive(p.connections[event.Fd]); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

func (p *pacer) gap() time.Duration {
	return time.Duration(p.random.ExpFloat64() * float64(time.Second) / float64(p.of.rate))
}

// poll waits with the precision of a nanosecond, which epoll_wait does not offer.
func (p *pacer) poll(wait time.Duration, events []unix.EpollEvent) (ready int, err error) {
	timeout := unix.NsecToTimespec(max(wait, 0).Nanoseconds())
	for {
		descriptors := []unix.PollFd{{Fd: int32(p.epoll), Events: unix.POLLIN}}
		ready, err = unix.Ppoll(descriptors, &timeout, nil)
		if ready > 0 {
			ready, err = unix.EpollWait(p.epoll, events, 0)
		}
		if !errors.Is(err, unix.EINTR) {
			return ready, os.NewSyscallError("waiting for events", err)
		}
	}
}

// send sends the requests that are due on idle connections.
func (p *pacer) send() error {
	for len(p.waiting) > 0 && len(p.idle) > 0 {
		connection, request := p.idle[0], p.of.requests[p.sent%len(p.of.requests)]
		p.idle = append(p.idle[:0], p.idle[1:]...)
		connection.due, connection.filled = p.waiting[0], 0
		p.waiting = append(p.waiting[:0], p.waiting[1:]...)
		p.sent++
		if n, err := unix.Write(connection.descriptor, request); err != nil || n != len(request) {
			return fmt.Errorf("sending a request: %d of %d bytes: %w", n, len(request), err)
		}
	}
	return nil
}

// receive reads the available bytes, and records the latency when an answer is complete.
func (p *pacer) receive(connection *pacedConnection) error {
	n, err := unix.Read(connection.descriptor, connection.buf[connection.filled:])
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return nil
	}
	if err != nil {
		return os.NewSyscallError("read", err)
	}
	if n == 0 {
		return fmt.Errorf("%w after %d bytes of an answer", net.ErrClosed, connection.filled)
	}
	connection.filled += n
	size, err := answerSize(connection.buf[:connection.filled])
	if err != nil || size == 0 || connection.filled < size {
		return err
	}
	if connection.filled > size {
		return fmt.Errorf("%d bytes after an answer", connection.filled-size)
	}
	p.seen = append(p.seen, time.Since(p.started)-connection.due)
	p.idle = append(p.idle, connection)
	return nil
}

// answerSize returns the length of an answer with a Content-Length, or 0 while its head is not complete. Any status
// except 200 is an error.
func answerSize(answer []byte) (int, error) {
	head, _, whole := bytes.Cut(answer, []byte("\r\n\r\n"))
	if !whole {
		return 0, nil
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 200")) {
		return 0, fmt.Errorf("answered %q", head)
	}
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("Content-Length")) {
			size, err := strconv.Atoi(string(bytes.TrimSpace(value)))
			return len(head) + len("\r\n\r\n") + size, err
		}
	}
	return 0, fmt.Errorf("no Content-Length in %q", head)
}
