package engine

import (
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// sweepInterval is how often idle connections to servers are looked at for those to close.
const sweepInterval = 5 * time.Second

// goroutines are what the goroutine engines of all connections share: the idle connections to servers.
type goroutines struct {
	engines   *Engines
	lingerers *lingerers

	mu       sync.Mutex
	idle     idleLists[*kept] // under mu
	sweeping bool             // under mu; while a connection is idle, sweep runs
	ended    bool             // under mu
	stop     chan struct{}    // closed with ended
}

func newGoroutines(engines *Engines) *goroutines {
	return &goroutines{
		engines: engines, lingerers: newLingerers(engines.config.MaxLingering, &engines.stopped),
		idle: idleLists[*kept]{}, stop: make(chan struct{}),
	}
}

// goroutine is the engine of one connection.
type goroutine struct {
	*goroutines
	touch   sync.Mutex // held by posted tasks
	client  *stream
	handler Handler
}

func (g *goroutine) Lock()   { g.touch.Lock() }
func (g *goroutine) Unlock() { g.touch.Unlock() }

func (g *goroutine) Post(task func()) {
	g.touch.Lock()
	defer g.touch.Unlock()
	task()
}

func (g *goroutine) Now() time.Time { return g.engines.config.Now() }

func (g *goroutine) Shard() uint { return rand.Uint() } //nolint:gosec // G404: spreads load, guards nothing

// background is a task on a goroutine of its own.
type background struct{ done chan struct{} }

func (g *goroutine) Spawn(task func()) Spawned {
	b := background{make(chan struct{})}
	go func() { // the caller waits for it
		defer close(b.done)
		task()
	}()
	return b
}

func (b background) Wait() { <-b.done }

func (b background) WaitFor(timeout time.Duration) bool {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-b.done:
		return true
	case <-timer.C:
		return false
	}
}

func (g *goroutine) Dial(to *Pool, client Conn, freshness Freshness, timeout time.Duration, cancel *Cancel) (Backend, error) {
	for freshness != FreshNew {
		found, ok := g.take(to, client)
		if !ok {
			break
		}
		// Looking is cheap here, so FreshKept gets no other connections than FreshChecked.
		if found.isQuiet() {
			found.reused, found.user = true, g
			return found, nil
		}
		_ = found.Close() // the server closed it, or sent bytes that nobody asked for
	}
	address, err := g.engines.dialAddress(to.Address)
	if err != nil {
		return nil, err
	}
	opened, err := g.open(address, timeout, cancel)
	if err != nil {
		return nil, err
	}
	conn, err := g.newStream(opened)
	if err != nil {
		_ = opened.Close() // it is closed already, or never of use
		return nil, err
	}
	conn.user = g
	return &kept{stream: conn, goroutines: g.goroutines, pool: to}, nil
}

func (g *goroutines) take(from *Pool, client Conn) (*kept, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.idle.of(from, g).take(client, g.engines.config.Now())
}

// kept is the Backend of a goroutine.
type kept struct {
	*stream
	pooled
	goroutines  *goroutines
	pool        *Pool
	readUntil   time.Time // the end of ReadWithin's time
	interrupted atomic.Bool
	reused      bool
}

func (k *kept) Reused() bool { return k.reused }

func (k *kept) Release() {
	k.idleSince, k.user = k.goroutines.engines.config.Now(), nil
	if !k.goroutines.keep(k) {
		k.Discard()
	}
}

func (k *kept) ReleaseTo(client Conn) {
	k.client = client
	k.Release()
}

func (g *goroutines) keep(k *kept) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := g.idle.of(k.pool, g)
	if g.ended || list.full() {
		return false
	}
	list.put(k)
	if !g.sweeping {
		g.sweeping = true
		g.engines.running.Go(g.sweep)
	}
	return true
}

// sweep closes the connections that were idle for too long or that their server has closed, until none is idle.
func (g *goroutines) sweep() {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if !g.sweepOnce(g.engines.config.Now()) {
				return
			}
		case <-g.stop:
			return
		}
	}
}

// sweepOnce reports whether connections are left.
func (g *goroutines) sweepOnce(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	left := 0
	for _, list := range g.idle {
		for _, idle := range []*[]*kept{&list.connections, &list.private} {
			*idle = slices.DeleteFunc(*idle, func(each *kept) bool {
				if now.Sub(each.idleSince) < maxIdleTime && each.isQuiet() {
					return false
				}
				each.Discard()
				return true
			})
			left += len(*idle)
		}
	}
	g.sweeping = left > 0
	return g.sweeping
}

// end closes all idle connections, and those that are released later.
func (g *goroutines) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended {
		return
	}
	g.ended = true
	close(g.stop)
	for _, list := range g.idle {
		closeAll(list.removeAll())
	}
}

// closeIdle implements holder.
func (g *goroutines) closeIdle(of *Pool, forget bool) {
	g.mu.Lock()
	removed := g.idle.remove(of, forget)
	g.mu.Unlock()
	closeAll(removed)
}

func closeAll(idle []*kept) {
	for _, each := range idle {
		each.Discard()
	}
}

// carry serves a connection on a goroutine until it ends.
func (g *goroutines) carry(client *stream, start Start) {
	on := &goroutine{goroutines: g, client: client}
	handler, _ := start(on, client)
	if handler == nil {
		_ = client.Close() // refused
		return
	}
	on.handler, client.user = handler, on
	g.engines.running.Go(func() {
		defer func() {
			if cause := recover(); cause != nil {
				g.engines.config.Panicked(cause, debug.Stack())
			}
			_ = client.Close() // what was to be sent has been sent
			handler.End()
		}()
		for serving := true; serving; {
			serving = handler.Serve() > 0
		}
	})
}
