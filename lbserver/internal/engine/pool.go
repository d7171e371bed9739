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
	// quietTime is how long a connection that may bring a stray body must have brought nothing before any client may use it. It
	// is time for TCP to repeat a lost segment twice (after 200 and 400 ms, RFC 6298 as Linux has it).
	quietTime = time.Second
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

// pooled is what a pool knows of a connection to a server.
type pooled struct {
	client    Conn      // whose requests alone may use it, until it has been quiet for quietTime; nil for any
	idleSince time.Time // when it was released last
}

func (p *pooled) ofPool() *pooled { return p }

// poolable is a connection that embeds pooled.
type poolable interface {
	comparable
	ofPool() *pooled
}

// idleLists are the idle connections that one holder keeps, by pool. The connection that was released last is taken first.
type idleLists[C poolable] map[*Pool]*idleList[C]

// idleList is the idle connections of one pool.
type idleList[C poolable] struct {
	connections []C // of which any client may use each, by the time of their release
	private     []C // of which one client may use each, likewise
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
	removed := slices.Concat(l.connections, l.private)
	l.connections, l.private = nil, nil
	return removed
}

// take takes the connection that was released last, one of the client's own if there is any.
func (l *idleList[C]) take(client Conn, now time.Time) (connection C, ok bool) {
	if len(l.private) > 0 {
		l.share(now)
		for i, own := range slices.Backward(l.private) {
			if own.ofPool().client == client {
				l.private = slices.Delete(l.private, i, i+1)
				return own, true
			}
		}
	}
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

// share lets any client use the private connections that have been quiet for long enough.
func (l *idleList[C]) share(now time.Time) {
	quiet := 0
	for _, each := range l.private {
		if now.Sub(each.ofPool().idleSince) < quietTime {
			break
		}
		each.ofPool().client = nil
		quiet++
	}
	l.connections = append(l.connections, l.private[:quiet]...)
	l.private = slices.Delete(l.private, 0, quiet)
}

// full reports whether put would drop a connection.
func (l *idleList[C]) full() bool { return l.closed || len(l.connections)+len(l.private) >= maxIdle }

// put adds a connection, which the caller has made sure there is room for.
func (l *idleList[C]) put(connection C) {
	if connection.ofPool().client == nil {
		l.connections = append(l.connections, connection)
	} else {
		l.private = append(l.private, connection)
	}
}

// drop takes one connection out, if it is there.
func (l *idleList[C]) drop(connection C) {
	for _, list := range []*[]C{&l.connections, &l.private} {
		if at := slices.Index(*list, connection); at >= 0 {
			*list = slices.Delete(*list, at, at+1)
		}
	}
}
