// Package engine carries TCP connections. A protocol is written once, as straight-line code that reads and writes a Conn;
// an engine runs it on an event loop, where waiting costs a small struct, or on a goroutine, where any code may block.
//
// Engines owns both kinds with their ports, their connections to servers and everything they run; the engine of a
// connection is chosen after it was accepted. Policies (how many idle connections to a server are kept, how long to linger,
// how long to pause when accepting fails) stand here once and hold on both.
package engine

import (
	"net/netip"
	"time"
)

// Conn is one TCP connection to a client or a server. One task reads it and one writes it at a time, perhaps the same;
// InterruptRead, Abort and Close are for them and for what Engine.Post runs.
type Conn interface {
	// Read waits for bytes and returns those that are there. It fails with io.EOF at the peer's end, with
	// os.ErrDeadlineExceeded after the time of ReadWithin, and with net.ErrClosed on a closed connection.
	Read(p []byte) (int, error)
	// Write sends all of p. It fails with os.ErrDeadlineExceeded if the peer takes nothing for the time of WriteWithin.
	Write(p []byte) (int, error)
	// Send writes like Write, but perhaps after it has returned: a loop sends what a turn brought at the end of the turn. It
	// keeps a copy of p, and the order of all writes. What it took is sent even if Close follows; an error shows at the
	// next Write.
	Send(p []byte) (int, error)
	// Await waits until there is something to read, which the peer's end counts as. It fails like Read, and needs no buffer
	// while it waits. A goroutine waits with its buffers: there it returns at once, and Read waits.
	Await() error
	// ReadWithin bounds the wait of each Read that follows; a Read may end up to a second late.
	ReadWithin(timeout time.Duration)
	// WriteWithin bounds the wait of each Write that follows, as ReadWithin does for reads.
	WriteWithin(timeout time.Duration)
	// InterruptRead makes a Read that another task waits in, and those that follow, fail with os.ErrDeadlineExceeded. That task
	// must not call ReadWithin between the interruption and its next Read. Only writing, Linger, Abort and Close are
	// left afterwards.
	InterruptRead()
	// Pause waits until Resume, and returns at once if that was called since the last Pause. It fails with
	// os.ErrDeadlineExceeded after the timeout, and with net.ErrClosed on a closed connection. Nothing reads the connection
	// meanwhile.
	Pause(timeout time.Duration) error
	// Resume ends a Pause. It is for what Engine.Post runs.
	Resume()
	// CloseWrite tells the peer that nothing more will come.
	CloseWrite() error
	// Linger says that nothing more will come, drops what the peer still sends, within limits, and closes the connection.
	// A connection that is closed with bytes unread is reset by the kernel, and the peer may lose what it was sent
	// (RFC 9112, 9.6). scratch is where the bytes are read to. It may be called after CloseWrite and InterruptRead.
	Linger(scratch []byte, limits LingerLimits)
	// Abort closes the connection so that the peer sees an error and not an end. What Send took is dropped.
	Abort()
	// Close closes the connection. Reads and writes that wait fail with net.ErrClosed.
	Close() error
	// LocalAddr is this side's address.
	LocalAddr() netip.AddrPort
	// RemoteAddr is the peer's address.
	RemoteAddr() netip.AddrPort
}

// Backend is a connection to a server, new or from a pool.
type Backend interface {
	Conn
	// Reused reports whether the connection has carried a request before.
	Reused() bool
	// Release leaves the connection to another request. Nothing may be under way on it.
	Release()
	// ReleaseTo leaves the connection to another request of the same client, and to requests of others once it has been quiet
	// for a while: after an answer that has no body by rule a broken server may send one, which must not be the answer to
	// somebody else.
	ReleaseTo(client Conn)
	// Discard closes a connection whose last exchange is complete. It resets the connection if that loses nothing, so that
	// its local port is free at once: the side that closes first otherwise holds the port for a minute (TIME_WAIT), and a
	// server has no more connections than there are ports.
	Discard()
}

// Freshness says which idle connections of a pool a request can use.
type Freshness uint8

const (
	// FreshKept takes a connection that is open as far as is known. Its server may just have closed it, so it is for a
	// request that can be sent again.
	FreshKept Freshness = iota
	// FreshChecked takes a connection that was found open at this moment.
	FreshChecked
	// FreshNew takes no idle connection.
	FreshNew
)

// Engine runs the tasks of a connection. Its tasks may wait on connections; on a loop they must not block on anything else.
type Engine interface {
	// Dial returns a connection to the pool's server for a request of a client: an idle one, if freshness allows, or a new
	// one. It fails with os.ErrDeadlineExceeded after the timeout, and if it is canceled.
	Dial(to *Pool, client Conn, freshness Freshness, timeout time.Duration, cancel *Cancel) (Backend, error)
	// Spawn runs a task at the same time as the caller, with the same connections.
	Spawn(task func()) Spawned
	// Post runs a short task where the connections of the engine may be touched: at once or later, and never between Lock and
	// Unlock. It may be called from anywhere. A task that is posted to an engine that has ended is dropped.
	Post(task func())
	// Lock keeps posted tasks out until Unlock. Nothing may wait in between. On a loop, where one task runs at a time, both
	// do nothing.
	Lock()
	Unlock()
	// Now is the time; on a loop, that of the beginning of the turn.
	Now() time.Time
	// Shard is a number that few tasks share which run at the same time, for counters and buffers split by core.
	Shard() uint
}

// Spawned is a task that Spawn started. One task at a time waits for it.
type Spawned interface {
	// Wait returns when the task has ended.
	Wait()
	// WaitFor returns when the task has ended or the timeout is over, and reports whether it has ended.
	WaitFor(timeout time.Duration) bool
}

// Handler is the protocol of one connection from a client.
type Handler interface {
	// Serve carries what the client has sent, waiting for it if need be. It returns how long the connection may then be idle;
	// 0 or less ends it. Serve is called again when there is something to read, and perhaps before.
	Serve() (idle time.Duration)
	// Broken is called like a posted task, when the engine finds out that the client has reset the connection while Serve
	// runs: at once on a loop, within lookInterval on a goroutine, and where a system can't tell, never. A task that uses
	// the connection may find out before. It may be called more than once.
	Broken()
	// End is called once, after the connection was closed. Serve is not called any more.
	End()
}

// Start makes the handler of a connection that was just accepted, where the engine may touch the connection, and says how
// long the client may take for its first byte. No handler refuses the connection.
type Start func(on Engine, client Conn) (handler Handler, idle time.Duration)

// Kind is a kind of engine.
type Kind uint8

const (
	// Loops are event loops, one a core, for protocols that never block. Systems other than Linux have goroutines instead.
	Loops Kind = iota
	// Goroutines are one goroutine a connection.
	Goroutines
)
