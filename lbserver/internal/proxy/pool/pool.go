// Package pool keeps the idle connections to one address of one server.
package pool

import (
	"slices"
	"sync"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy/stream"
)

const (
	// MaxIdle bounds the idle connections of a pool. It is above what 256 busy clients leave behind, and keeps a burst from
	// holding descriptors for as long as MaxIdleTime.
	MaxIdle = 512
	// MaxIdleTime is how long a connection may be idle. Servers close theirs after 5 s (Node.js), 75 s (nginx) or never;
	// this is nginx's own default for idle connections to servers (keepalive_timeout of an upstream).
	MaxIdleTime = 60 * time.Second
	// sweepInterval is how often a pool that holds connections looks for those to close.
	sweepInterval = 5 * time.Second
)

// Pool holds idle connections to a server. The zero Pool is empty and ready. It is safe for concurrent use.
type Pool struct {
	mu      sync.Mutex
	idle    []*Connection // under mu; by the time they became idle, the last one taken first
	closed  bool          // under mu
	timer   *time.Timer   // under mu; runs while idle is not empty
	holders []Holder      // under mu
}

// Holder keeps idle connections to the address of a pool by itself, where that needs no lock.
type Holder interface {
	// CloseIdle closes them soon; closing asks to close those that come back later, too. It may be called from anywhere.
	CloseIdle(of *Pool, closing bool)
}

// Share has the pool tell a holder to close its connections. It reports false on a closed pool.
func (p *Pool) Share(with Holder) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.holders = append(p.holders, with)
	return true
}

// Connection is a connection to a server. It is owned by one request at a time, or by the pool.
type Connection struct {
	*stream.Stream
	pool      *Pool
	idleSince time.Time
	reused    bool
}

// Adopt makes a newly opened stream a connection of this pool. It belongs to the caller.
func (p *Pool) Adopt(opened *stream.Stream) *Connection {
	return &Connection{Stream: opened, pool: p}
}

// Get takes the connection that became idle last, or returns nil when there is none. The server may have closed it
// meanwhile: where a request may not be sent twice, or trust is long ago, the caller asks for Quiet.
func (p *Pool) Get() *Connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.idle) - 1
	if last < 0 {
		return nil
	}
	connection := p.idle[last]
	p.idle[last] = nil
	p.idle = p.idle[:last]
	connection.reused = true
	return connection
}

// Idle is the number of idle connections.
func (p *Pool) Idle() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle)
}

// Reused tells that the connection has carried a request before.
func (c *Connection) Reused() bool { return c.reused }

// Release gives back a connection on which a response has ended and nothing else is under way. The pool closes it when it
// is full or closed.
func (c *Connection) Release(now time.Time) {
	if !c.pool.put(c, now) {
		_ = c.Close() // nothing is lost with it
	}
}

func (p *Pool) put(connection *Connection, now time.Time) bool {
	connection.idleSince = now
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= MaxIdle {
		return false
	}
	p.idle = append(p.idle, connection)
	if p.timer == nil {
		p.timer = time.AfterFunc(sweepInterval, p.sweepIdle)
	}
	return true
}

// sweepIdle sweeps, and runs again while connections are left.
func (p *Pool) sweepIdle() {
	p.Sweep(time.Now())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = nil
	if len(p.idle) > 0 {
		p.timer = time.AfterFunc(sweepInterval, p.sweepIdle)
	}
}

// Sweep closes the connections that have been idle for MaxIdleTime or that the server has closed. A pool does so itself
// every few seconds.
func (p *Pool) Sweep(now time.Time) {
	var gone []*Connection
	p.mu.Lock()
	p.idle = slices.DeleteFunc(p.idle, func(c *Connection) bool {
		if now.Sub(c.idleSince) < MaxIdleTime && c.Quiet() {
			return false
		}
		gone = append(gone, c)
		return true
	})
	p.mu.Unlock()
	closeAll(gone)
}

// CloseIdle closes the idle connections; the pool stays usable.
func (p *Pool) CloseIdle() { p.closeIdle(false) }

// Close closes the idle connections and those that come back later.
func (p *Pool) Close() { p.closeIdle(true) }

func (p *Pool) closeIdle(closing bool) {
	taken, holders := p.takeAll(closing)
	closeAll(taken)
	for _, each := range holders {
		each.CloseIdle(p, closing)
	}
}

func (p *Pool) takeAll(closing bool) ([]*Connection, []Holder) {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken, holders := p.idle, p.holders
	p.idle = nil
	if closing {
		p.holders = nil
	}
	p.closed = p.closed || closing
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	return taken, holders
}

func closeAll(connections []*Connection) {
	for _, connection := range connections {
		_ = connection.Close() // idle: nothing is lost with it
	}
}
