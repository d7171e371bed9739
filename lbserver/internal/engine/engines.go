package engine

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what Engines work with. Its functions are called from event loops, so they must not block.
type Config struct {
	// Panicked is told of a panic in a task, which costs the connection and nothing else. Required.
	Panicked func(cause any, stack []byte)
	// Failed is told why a connection could not be accepted, or not be taken over. Required.
	Failed func(port netip.AddrPort, err error)
	// DialOverride returns where to connect to instead of a server's address, or an error instead; nil leaves the address as
	// it is.
	DialOverride func(address netip.AddrPort) (netip.AddrPort, error)
	// MaxLingering bounds the connections that linger at a time, on loops as on goroutines; loops share it out among
	// themselves.
	MaxLingering int
	// Now is the clock of Engine.Now; nil means time.Now.
	Now func() time.Time
}

// Engines carry the connections of a process. Every port and connection that they opened is closed when they have ended.
type Engines struct {
	config Config

	// dialing ends with GiveUpDialing.
	dialing context.Context //nolint:containedctx // its life is the engines', not a call's
	giveUp  context.CancelFunc
	running sync.WaitGroup            // loops, ports and connections on goroutines
	stopped atomic.Pointer[time.Time] // when EndLingering was called; nil before

	goroutines *goroutines
	loops      *loops // nil before Begin, and where the system has none
}

// New returns engines that run nothing yet.
func New(config Config) *Engines {
	e := &Engines{config: config}
	if config.Now == nil {
		e.config.Now = time.Now
	}
	e.dialing, e.giveUp = context.WithCancel(context.Background())
	e.goroutines = newGoroutines(e)
	return e
}

// Begin starts the event loops, if they don't run yet. It and Listen are called by one goroutine at a time.
func (e *Engines) Begin() (err error) {
	if e.loops == nil {
		e.loops, err = newLoops(e)
	}
	return err
}

// Port is an open port.
type Port interface {
	// Serve hands each connection that is accepted to take, until Close. It returns at once, and is called once.
	Serve(take func(accepted Accepted))
	// Close closes the port at once. It may be called from anywhere.
	Close() error
}

// Listen opens a port.
func (e *Engines) Listen(ctx context.Context, address netip.AddrPort) (Port, error) {
	var config net.ListenConfig
	opened, err := config.Listen(ctx, "tcp", address.String())
	if err != nil {
		return nil, err
	}
	bound, ok := opened.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("got a %T instead of a TCP socket", opened)
	}
	if e.loops != nil {
		return e.loops.listen(bound)
	}
	return &portable{bound: bound, engines: e}, nil
}

// GiveUpDialing makes the connections fail that are being opened, and those that would be.
func (e *Engines) GiveUpDialing() {
	e.giveUp()
	if e.loops != nil {
		e.loops.giveUpDialing()
	}
}

// EndLingering makes the connections that linger, and those that would, do so for lingerAfterStop at most from now.
func (e *Engines) EndLingering() {
	now := time.Now()
	e.stopped.CompareAndSwap(nil, &now)
}

// Finish ends the engines once everything that was written to clients has been sent, or their time is over, and waits for
// that. Ports must be closed and handlers have ended. Stop may be called meanwhile.
func (e *Engines) Finish() { e.end(false) }

// Stop ends the engines, and waits for that. Ports must be closed and handlers have ended. It may be called again.
func (e *Engines) Stop() { e.end(true) }

func (e *Engines) end(now bool) {
	e.goroutines.end()
	if e.loops != nil {
		e.loops.end(now)
	}
	e.running.Wait()
}

// dialAddress is the address to connect to for a server's.
func (e *Engines) dialAddress(address netip.AddrPort) (netip.AddrPort, error) {
	if err := e.dialing.Err(); err != nil {
		return netip.AddrPort{}, err
	}
	if e.config.DialOverride == nil {
		return address, nil
	}
	return e.config.DialOverride(address)
}
