package loop

import (
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// eventsPerTurn bounds the events of a turn; more wait in the kernel for the next one.
	eventsPerTurn = 256
	// bytesPerTurn is what coroutines may read in a turn together: the more have read their share already, the smaller is the
	// share of the next. Beside 75 fast bodies on one loop a small request takes half as long as with 256 KiB for each
	// (measured).
	bytesPerTurn = 256 << 10
	// busyTurns is the number of turns without a wait after which a loop makes the runtime poll for the others (see attend).
	busyTurns = 4
	// busyEvents is the number of events without a wait after which a loop that has nothing to do gives its processor to others
	// for once, and looks again before it waits. The peers of a busy loop want that processor to answer it: with 64 busy
	// clients on two cores that took 10 % less CPU a request, and a sixth off the p99, since a wait and its end cost more
	// than a look, and a thread that is woken queues behind all others (measured). A loop with little to do waits at once: who
	// gives the processor away to a program that computes gets it back late.
	busyEvents = 8
	// interest is what a connection is registered for, once: the kernel reports each change once ("edge-triggered", epoll(7)).
	interest = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET
)

// Config is what a Loop works with. Both are required.
type Config struct {
	// Now is the clock, which must run with the system's. It is read once a turn.
	Now func() time.Time
	// Panicked is told of a panic on a coroutine, which ends that coroutine's task and nothing else.
	Panicked func(cause any, stack []byte)
}

// Loop is one event loop. Post, Finish, Stop, Load and AddLoad may be called from anywhere, all other methods only on the
// loop's own goroutine and its coroutines.
type Loop struct {
	config Config

	// The epoll descriptor belongs to file. The loop waits for it by the runtime's poller: a blocking epoll_wait would keep
	// the runtime from stopping the world and from running other goroutines.
	file    *os.File
	raw     syscall.RawConn
	epoll   int
	wake    int // an eventfd, written by Post
	polling func(uintptr) bool
	events  [eventsPerTurn]unix.EpollEvent
	polled  int

	now      time.Time
	started  time.Time // moments count from here
	slots    []slot
	free     []uint32 // indices of slots
	wheel    wheel
	armed    int64     // the tick that file's deadline is set to
	workers  []*worker // idle
	unneeded int       // how many of workers were never needed since the last trimming
	trimming timer
	current  *worker   // the coroutine that runs
	ready    []*worker // to be resumed in this turn
	spare    []*worker // room for ready
	later    []*worker // to be resumed in the next turn
	turns    int       // since the loop last waited
	handled  int       // events since the loop last waited
	ending   ending
	closing  int           // connections that are closed and have something left to send
	outbox   []byte        // what Send took in this turn
	senders  []*Connection // those that have something in outbox

	load atomic.Int64

	mu     sync.Mutex
	posted []func() // under mu
	ended  bool     // under mu
}

// ending says whether a loop is to end.
type ending uint8

const (
	endingNot       ending = iota
	endingFinishing        // once nothing is left to be sent
	endingStopping         // after this turn
)

// slot is where the events of one descriptor lead. Its generation tells late events of an earlier descriptor from its own.
type slot struct {
	target     target
	generation uint32
}

// target handles the events of a descriptor.
type target interface{ event(mask uint32) }

// wakeTarget is the target of the eventfd.
type wakeTarget struct{ loop *Loop }

func (w wakeTarget) event(uint32) { w.loop.runPosted() }

// New returns a loop, which does nothing before Run.
func New(config Config) (*Loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create an epoll descriptor: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(epoll)
		return nil, fmt.Errorf("create an event descriptor: %w", err)
	}
	l := &Loop{config: config, epoll: epoll, wake: wake, now: config.Now(), armed: math.MaxInt64}
	l.started = l.now
	l.wheel.next = math.MaxInt64
	l.trimming.owner = trimmer{l}
	l.polling = func(uintptr) bool {
		l.polled = pollNow(l.epoll, l.events[:])
		return l.polled != 0
	}
	if err := l.prepare(); err != nil {
		_ = unix.Close(wake)
		_ = unix.Close(epoll)
		return nil, err
	}
	return l, nil
}

func (l *Loop) prepare() error {
	if err := unix.SetNonblock(l.epoll, true); err != nil {
		return fmt.Errorf("set an epoll descriptor non-blocking: %w", err)
	}
	if _, err := l.register(l.wake, unix.EPOLLIN|unix.EPOLLET, wakeTarget{l}); err != nil {
		return err
	}
	file := os.NewFile(uintptr(l.epoll), "epoll")
	raw, err := file.SyscallConn()
	if err != nil {
		return fmt.Errorf("wait for an epoll descriptor: %w", err)
	}
	l.file, l.raw = file, raw
	return nil
}

// register makes the events of a descriptor lead to a target.
func (l *Loop) register(descriptor int, events uint32, to target) (index uint32, err error) {
	if last := len(l.free) - 1; last >= 0 {
		index = l.free[last]
		l.free = l.free[:last]
	} else {
		index = uint32(len(l.slots))
		l.slots = append(l.slots, slot{})
	}
	s := &l.slots[index]
	event := unix.EpollEvent{Events: events, Fd: int32(index), Pad: int32(s.generation)}
	if err := control(l.epoll, unix.EPOLL_CTL_ADD, descriptor, &event); err != nil {
		l.free = append(l.free, index)
		return 0, fmt.Errorf("watch a descriptor: %w", err)
	}
	s.target = to
	return index, nil
}

// forget gives a slot back. Closing the descriptor ends its events; those of this turn have another generation.
func (l *Loop) forget(index uint32) {
	s := &l.slots[index]
	s.target = nil
	s.generation++
	l.free = append(l.free, index)
}

// Now is the time at which this turn began.
func (l *Loop) Now() time.Time { return l.now }

// Load is the number of connections that the loop has or is about to get.
func (l *Loop) Load() int64 { return l.load.Load() }

// AddLoad adds to Load; a negative number counts connections that end.
func (l *Loop) AddLoad(n int64) { l.load.Add(n) }

// Post makes the loop run a function. It may be called from anywhere, and reports false if the loop has ended.
func (l *Loop) Post(work func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.posted = append(l.posted, work)
	if len(l.posted) == 1 {
		l.notify()
	}
	return true
}

// notify wakes the loop. The eventfd is never read: each write is an event of its own.
func (l *Loop) notify() {
	one := [8]byte{0: 1}
	_, _ = unix.Write(l.wake, one[:]) // can't fail before the count overflows, after 2⁶⁴ calls
}

func (l *Loop) runPosted() {
	l.mu.Lock()
	work := l.posted
	l.posted = nil
	l.mu.Unlock()
	for _, each := range work {
		each()
	}
}

// Finish ends the loop once its closed connections have sent what they had to send, or have given up. All tasks must have
// ended; Stop may be called meanwhile.
func (l *Loop) Finish() { l.Post(func() { l.ending = max(l.ending, endingFinishing) }) }

// Stop ends the loop after this turn. All tasks must have ended.
func (l *Loop) Stop() { l.Post(func() { l.ending = endingStopping }) }

// over reports whether the loop has come to its end.
func (l *Loop) over() bool {
	return l.ending == endingStopping || l.ending == endingFinishing && l.closing == 0
}

// Run runs the loop until Finish or Stop.
func (l *Loop) Run() {
	for !l.over() {
		count := l.poll()
		if l.turns++; l.turns == busyTurns {
			go attend()
		}
		l.now = l.config.Now()
		for i := range count {
			event := &l.events[i]
			if s := &l.slots[uint32(event.Fd)]; s.generation == uint32(event.Pad) && s.target != nil {
				s.target.event(event.Events)
			}
		}
		l.wheel.advance(l.tick())
		l.ready = append(l.ready, l.later...)
		l.later = l.later[:0]
		l.runReady()
		l.sendOutbox()
	}
	l.end()
}

func (l *Loop) runReady() {
	for len(l.ready) > 0 {
		batch := l.ready
		l.ready = l.spare[:0]
		for _, each := range batch {
			l.resume(each)
		}
		clear(batch)
		l.spare = batch
	}
}

// poll returns the number of events taken. It waits for some if there are none.
func (l *Loop) poll() int {
	count := pollNow(l.epoll, l.events[:])
	if count == 0 && len(l.later) == 0 && l.handled >= busyEvents {
		yieldProcessor()
		count = pollNow(l.epoll, l.events[:])
	}
	if count > 0 || len(l.later) > 0 {
		l.handled += count
		return count
	}
	if l.armed != l.wheel.next {
		l.armed = l.wheel.next
		var deadline time.Time
		if l.armed != math.MaxInt64 {
			deadline = l.started.Add(time.Duration(l.armed) * tickLength)
		}
		_ = l.file.SetReadDeadline(deadline) // the file is open and can be waited for
	}
	l.polled, l.turns, l.handled = 0, 0, 0
	if err := l.raw.Read(l.polling); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		panic(fmt.Sprintf("an event loop can't wait for its connections: %v", err))
	}
	return l.polled
}

// attend is a goroutine that does nothing. Starting it wakes a thread, which finds nothing else to do and then waits in the
// runtime's poller. The thread that waited there before may be the one that runs this loop now; until it is free again only
// the runtime's monitor would notice events of another loop, tens of milliseconds late on a busy machine (measured).
func attend() {}

// end releases what the loop holds.
func (l *Loop) end() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.runPosted() // what was posted just before the end
	for _, idle := range l.workers {
		idle.stop()
	}
	for i := range l.slots {
		if c, ok := l.slots[i].target.(*Connection); ok && c.outgoing.closing() {
			c.giveUp()
		}
	}
	_ = unix.Close(l.wake)
	_ = l.file.Close()
}
