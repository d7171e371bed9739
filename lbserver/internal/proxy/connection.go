package proxy

import (
	"io"
	"net/netip"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
)

// clientConnection is what the exchange needs of a connection to a client. A goroutine has a stream.Stream for it.
type clientConnection interface {
	Read(p []byte) (int, error)
	Write(p []byte) (int, error)
	// Send may write later than it returns, and before anything else is written. What it is given is sent even where the
	// connection is closed next; an error shows at the next Write.
	Send(p []byte) (int, error)
	ReadWithin(timeout time.Duration, now time.Time)
	WriteWithin(timeout time.Duration, now time.Time)
	InterruptRead()
	CloseWrite() error
	Linger(scratch []byte, limit int, timeout time.Duration, now time.Time)
	Abort()
	Close() error
	LocalAddr() netip.AddrPort
}

// serverConnection is what the exchange needs of a connection to a server. A goroutine has a pool.Connection for it.
type serverConnection interface {
	Read(p []byte) (int, error)
	Write(p []byte) (int, error)
	// Send is as for a clientConnection.
	Send(p []byte) (int, error)
	// Await waits for something to read, as Read does but without a buffer, or returns at once: Read may have to wait still.
	Await() error
	ReadWithin(timeout time.Duration, now time.Time)
	WriteWithin(timeout time.Duration, now time.Time)
	CloseWrite() error
	Close() error
	// Reused tells that the connection has carried a request before.
	Reused() bool
	// Release keeps the connection for another request.
	Release(now time.Time)
}

// trust says which kept connections will do for a request.
type trust uint8

const (
	// trustKept takes one that is quiet as far as is known: if its server has just closed it, the request is sent again.
	trustKept trust = iota
	// trustChecked takes one that was found open right now: the request can't be sent again.
	trustChecked
	// trustNone takes none.
	trustNone
)

// environment is what an exchange runs on. It alone blocks, waits and starts anything, so that the same exchange runs on a
// goroutine, which blocks, and on a coroutine of an event loop, which yields.
type environment interface {
	// connect returns a connection to an endpoint: a kept one that is quiet, as far as trust asks, or a new one.
	connect(endpoint *service.Endpoint, trust trust) (serverConnection, error)
	// beside runs task at the same time as the caller; wait returns when it has ended.
	beside(task func()) (wait func())
	// touch runs task where the connections of the environment may be touched, perhaps later. It may be called from anywhere.
	touch(task func())
	now() time.Time
	// lane is for Entry.Lane.
	lane() uint
}

// Phases of a client connection.
const (
	phaseActive int32 = iota // a request is under way, or the connection has just been accepted
	phaseIdle                // waiting for the first byte of a request; may be closed at any time
	phaseClosed              // closed by someone else while it was idle
)

// connection is one client's connection to a listener. It belongs to whoever serves it, but for phase and stream. There may
// be very many that are idle, so it holds nothing that can be had otherwise.
type connection struct {
	environment
	listener *Listener
	stream   clientConnection
	client   netip.AddrPort
	input    window

	mu        sync.Mutex
	phase     atomic.Int32
	server    io.Closer // under mu; the server's connection of the request under way
	abandoned bool      // under mu
}

// attach notes the server's connection of the request under way, or closes it where the client's has been abandoned.
func (c *connection) attach(server io.Closer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.server = server
	if c.abandoned {
		_ = server.Close() // whoever uses it finds out
	}
}

func (c *connection) detach() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.server = nil
}

// abandon ends the connection and what it waits for. It may be called from anywhere.
func (c *connection) abandon() { c.touch(c.abandonHere) }

func (c *connection) abandonHere() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.abandoned = true
	if c.server == nil {
		_ = c.stream.Close() // the owner finds out
		return
	}
	c.stream.Abort()     // as above; what was sent of a response is not the whole
	_ = c.server.Close() // as above
}

// closeIdle closes the connection if it is idle. It may be called from anywhere.
func (c *connection) closeIdle() {
	if c.phase.CompareAndSwap(phaseIdle, phaseClosed) {
		c.touch(func() { _ = c.stream.Close() }) // nothing is lost with it
	}
}

// end releases what the connection holds, once.
func (c *connection) end() {
	c.input.release(&c.listener.proxy.buffers)
	_ = c.stream.Close() // whatever was to be sent has been sent
	c.listener.remove(c)
}

// serve carries the requests of the connection until it ends, on a goroutine.
func (c *connection) serve() {
	defer c.end()
	defer func() {
		if cause := recover(); cause != nil {
			c.listener.proxy.log.Error("a connection broke the proxy; it is closed", "cause", cause, "stack", string(debug.Stack()))
		}
	}()
	for c.awaitRequest() {
		if !c.exchange() {
			return
		}
		c.shrink()
	}
}

// awaitRequest waits for the first bytes of a request, up to the idle timeout. Bytes of a pipelined one may be there.
func (c *connection) awaitRequest() bool {
	if !c.input.empty() {
		return true
	}
	if c.input.bytes == nil {
		c.input.bytes = c.listener.proxy.buffers.get(smallBuffer)
	}
	c.phase.Store(phaseIdle)
	if c.listener.draining.Load() {
		return false
	}
	c.stream.ReadWithin(c.listener.settings.Load().idleTimeout, c.now())
	err := c.input.fill(c.stream)
	return c.phase.CompareAndSwap(phaseIdle, phaseActive) && err == nil
}

// exchange carries one request. A panic in it is a bug that must cost one connection and not all of them.
func (c *connection) exchange() (keep bool) {
	x := c.listener.proxy.exchanges.get()
	defer func() {
		if cause := recover(); cause != nil {
			c.listener.proxy.log.Error("a request broke the proxy; its connection is closed", "request", strconv.FormatUint(x.id(), 16),
				"listener", c.listener.ID, "client", c.client, "cause", cause, "stack", string(debug.Stack()))
			c.abandonHere()
			x.abort()
			keep = false // and x, which may be in any state, is left to the garbage collector
		}
	}()
	keep = x.run(c.listener.proxy, c)
	c.listener.proxy.exchanges.put(x)
	return keep
}

// shrink gives back a large buffer that a body left behind.
func (c *connection) shrink() {
	switch {
	case len(c.input.bytes) <= smallBuffer:
	case c.input.empty():
		c.input.release(&c.listener.proxy.buffers)
	case len(c.input.unread()) <= smallBuffer:
		c.input.resize(&c.listener.proxy.buffers, smallBuffer)
	}
}

// localAddress is our own address, as the client has it.
func (c *connection) localAddress() netip.AddrPort {
	if bound := c.listener.address; !bound.Addr().IsUnspecified() {
		return bound
	}
	return c.stream.LocalAddr()
}

// appendForwarded appends the X-Forwarded-* field lines that a configuration asks for.
func (c *connection) appendForwarded(dst []byte, config *service.Config) []byte {
	if config.Object.ForwardedProto {
		dst = append(dst, "X-Forwarded-Proto: http\r\n"...)
	}
	if config.Object.ForwardedPort {
		dst = append(dst, "X-Forwarded-Port: "...)
		dst = strconv.AppendUint(dst, uint64(c.listener.address.Port()), 10)
		dst = append(dst, "\r\n"...)
	}
	if config.Object.ForwardedLBIP && config.VIP.IsValid() {
		dst = append(dst, "X-Forwarded-LBIP: "...)
		dst = config.VIP.AppendTo(dst)
		dst = append(dst, "\r\n"...)
	}
	if config.Object.ForwardedClientPort {
		dst = append(dst, "X-Forwarded-Client-Port: "...)
		dst = strconv.AppendUint(dst, uint64(c.client.Port()), 10)
		dst = append(dst, "\r\n"...)
	}
	return dst
}
