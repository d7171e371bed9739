package engine

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// maxIdle bounds the idle connections to a server that one loop, or all goroutines together, keep. It is above what 256
	// busy clients leave behind, and keeps a burst from holding descriptors for as long as maxIdleTime.
	maxIdle = 512
	// maxIdleTime is how long a connection to a server may be idle. Servers close theirs after 5 s (Node.js), 75 s (nginx) or
	// never; this is nginx's own default (keepalive_timeout of an upstream).
	maxIdleTime = 60 * time.Second
)

// Pool names the idle connections to one address of one server. Each holder keeps its own: a loop needs no lock for them.
// It is safe for concurrent use.
type Pool struct {
	// Address is where the server takes connections.
	Address netip.AddrPort

	mu      sync.Mutex
	closed  bool     // under mu
	holders []holder // under mu; those that keep connections of this pool
}

// holder keeps idle connections.
type holder interface {
	// closeIdle closes the holder's connections of a pool soon. With forget the pool has been closed: connections that are
	// released later are closed too. It may be called from anywhere.
	closeIdle(of *Pool, forget bool)
}

// NewPool returns an empty pool of connections to an address.
func NewPool(address netip.AddrPort) *Pool { return &Pool{Address: address} }

// share adds a holder and reports whether the pool is open.
func (p *Pool) share(with holder) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.holders = append(p.holders, with)
	return true
}

// CloseIdle closes the idle connections; the pool stays usable.
func (p *Pool) CloseIdle() { p.closeIdle(false) }

// Close closes the idle connections and those that are released later.
func (p *Pool) Close() { p.closeIdle(true) }

func (p *Pool) closeIdle(forget bool) {
	p.mu.Lock()
	holders := slices.Clone(p.holders)
	if forget {
		p.closed, p.holders = true, nil
	}
	p.mu.Unlock()
	for _, each := range holders {
		each.closeIdle(p, forget)
	}
}

// idleLists are the idle connections that one holder keeps, by pool. The connection that was released last is taken first.
type idleLists[C comparable] map[*Pool]*idleList[C]

// idleList is the idle connections of one pool.
type idleList[C comparable] struct {
	connections []C // by the time of their release
	closed      bool
}

// of returns the list of a pool, which holder shares from then on.
func (i idleLists[C]) of(pool *Pool, holder holder) *idleList[C] {
	list := i[pool]
	if list == nil {
		list = &idleList[C]{closed: !pool.share(holder)}
		if !list.closed {
			i[pool] = list
		}
	}
	return list
}

// remove takes all connections of a pool out.
func (i idleLists[C]) remove(pool *Pool, forget bool) []C {
	list := i[pool]
	if list == nil {
		return nil
	}
	if forget {
		list.closed = true
		delete(i, pool)
	}
	return list.removeAll()
}

// removeAll takes all connections out.
func (l *idleList[C]) removeAll() []C {
	removed := l.connections
	l.connections = nil
	return removed
}

// take takes the connection that was released last.
func (l *idleList[C]) take() (connection C, ok bool) {
	last := len(l.connections) - 1
	if last < 0 {
		return connection, false
	}
	connection = l.connections[last]
	var none C
	l.connections[last] = none
	l.connections = l.connections[:last]
	return connection, true
}

// full reports whether put would drop a connection.
func (l *idleList[C]) full() bool { return l.closed || len(l.connections) >= maxIdle }

// put adds a connection, which the caller has made sure there is room for.
func (l *idleList[C]) put(connection C) { l.connections = append(l.connections, connection) }

// drop takes one connection out, if it is there.
func (l *idleList[C]) drop(connection C) {
	if at := slices.Index(l.connections, connection); at >= 0 {
		l.connections = slices.Delete(l.connections, at, at+1)
	}
}
