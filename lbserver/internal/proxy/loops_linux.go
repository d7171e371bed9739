package proxy

import (
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/engine/loop"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy/pool"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
)

// reactors are the event loops of a proxy, one a core.
type reactors struct {
	proxy   *Proxy
	all     []*reactor
	running sync.WaitGroup
	next    atomic.Uint32 // of all, to get the next listening socket
}

func newLoops(p *Proxy) (loops, error) {
	r := &reactors{proxy: p}
	for number := range runtime.GOMAXPROCS(0) {
		made, err := loop.New(loop.Config{Now: p.clock, Panicked: func(cause any, stack []byte) {
			p.log.Error("a connection broke the proxy; it is closed", "cause", cause, "stack", string(stack))
		}})
		if err != nil {
			r.stop()
			return nil, err
		}
		r.all = append(r.all, &reactor{
			number: uint(number), loop: made, proxy: p, idle: map[*pool.Pool]*idleList{}, dialing: map[*loop.Connection]struct{}{},
		})
		r.running.Go(made.Run)
	}
	return r, nil
}

func (r *reactors) listen(bound *net.TCPListener) (port, error) {
	opened, err := loop.Listen(bound)
	if err != nil {
		return nil, err
	}
	return &loopPort{opened, r}, nil
}

func (r *reactors) giveUpDialing() {
	for _, each := range r.all {
		each.loop.Post(each.giveUpDialing)
	}
}

func (r *reactors) finish() { r.end((*loop.Loop).Finish) }

func (r *reactors) stop() { r.end((*loop.Loop).Stop) }

func (r *reactors) end(how func(*loop.Loop)) {
	for _, each := range r.all {
		each.loop.Post(each.closeAllIdle)
		how(each.loop)
	}
	r.running.Wait()
}

// loopPort is a port whose connections run on the loops.
type loopPort struct {
	*loop.Listener
	reactors *reactors
}

func (l *loopPort) serve(s *socket) {
	all := l.reactors.all
	on := all[int(l.reactors.next.Add(1))%len(all)]
	accepted := func(descriptor int, client netip.AddrPort) { l.reactors.place(on, s, descriptor, client) }
	l.Serve(on.loop, accepted, func(err error) {
		on.proxy.log.Warn("a connection could not be accepted; trying again", "address", s.owner.Load().address, "error", err)
	})
}

// place gives an accepted connection to the reactor with the fewest, the one that accepted it if it is among them.
func (r *reactors) place(here *reactor, s *socket, descriptor int, client netip.AddrPort) {
	chosen := here
	for _, each := range r.all {
		if each.loop.Load() < chosen.loop.Load() {
			chosen = each
		}
	}
	chosen.loop.AddLoad(1)
	if chosen == here {
		here.take(s.owner.Load(), descriptor, client)
		return
	}
	if !chosen.loop.Post(func() { chosen.take(s.owner.Load(), descriptor, client) }) {
		_ = unix.Close(descriptor) // the proxy has been closed
	}
}

// reactor is one event loop with its connections to clients and servers. It is the environment of their exchanges.
type reactor struct {
	number  uint
	loop    *loop.Loop
	proxy   *Proxy
	idle    map[*pool.Pool]*idleList
	dialing map[*loop.Connection]struct{}
}

// client is a connection to a client as its loop knows it.
type client struct {
	loop.Connection
	connection connection
	reactor    *reactor
}

// take gives an accepted connection to a listener.
func (r *reactor) take(owner *Listener, descriptor int, address netip.AddrPort) {
	taken := &client{reactor: r, connection: connection{environment: r, listener: owner, client: address}}
	taken.connection.stream = taken
	if err := r.loop.Adopt(&taken.Connection, descriptor); err != nil {
		_ = unix.Close(descriptor) // of no use
		r.loop.AddLoad(-1)
		r.proxy.log.Error("a connection could not be taken; it is closed", "client", address, "error", err)
		return
	}
	if !owner.add(&taken.connection) {
		_ = taken.Close() // draining: the client finds another node, or a refused connection, next time
		r.loop.AddLoad(-1)
		return
	}
	if !taken.rest() {
		r.loop.Go(taken)
	}
}

// Wake implements loop.Handler.
func (c *client) Wake(over bool) {
	claimed := c.connection.phase.CompareAndSwap(phaseIdle, phaseActive)
	if over || !claimed {
		c.end()
		return
	}
	c.reactor.loop.Go(c)
}

func (c *client) end() {
	c.connection.end()
	c.reactor.loop.AddLoad(-1)
}

// Run implements loop.Task: it carries the requests that come until none waits to be read, or the connection ends.
func (c *client) Run() {
	resting := false
	defer func() {
		if !resting {
			c.end()
		}
	}()
	for c.connection.awaitRequest() && c.connection.exchange() {
		c.connection.shrink()
		if c.connection.input.empty() && c.rest() {
			resting = true
			return
		}
	}
}

// rest leaves the connection without a coroutine and a buffer until a request comes. It reports false where there is
// something to read, or the connection is to end.
func (c *client) rest() bool {
	c.connection.input.release(&c.reactor.proxy.buffers)
	c.connection.phase.Store(phaseIdle)
	if c.connection.listener.draining.Load() {
		return false
	}
	return c.Rest(c, c.connection.listener.settings.Load().idleTimeout)
}

// now implements environment.
func (r *reactor) now() time.Time { return r.loop.Now() }

// lane implements environment.
func (r *reactor) lane() uint { return r.number }

// beside implements environment.
func (r *reactor) beside(task func()) (wait func()) { return r.loop.Beside(task) }

// touch implements environment.
func (r *reactor) touch(task func()) { r.loop.Post(task) }

// connect implements environment.
func (r *reactor) connect(endpoint *service.Endpoint, trust trust) (serverConnection, error) {
	list := r.listOf(endpoint.Pool)
	for last := len(list.connections) - 1; trust != trustNone && last >= 0; last-- {
		kept := list.connections[last]
		list.connections[last] = nil
		list.connections = list.connections[:last]
		kept.EndRest()
		// That a server closed the connection shows at the loop's next turn, or now, to who looks.
		if trust == trustChecked && !kept.Quiet() {
			_ = kept.Close() // of no use
			continue
		}
		kept.reused = true
		return kept, nil
	}
	if err := r.proxy.ctx.Err(); err != nil {
		return nil, err
	}
	address, err := r.proxy.whereto(endpoint.Address)
	if err != nil {
		return nil, err
	}
	opened := &server{list: list}
	r.dialing[&opened.Connection] = struct{}{}
	err = r.loop.Dial(&opened.Connection, address, connectTimeout)
	delete(r.dialing, &opened.Connection)
	if err != nil {
		return nil, err
	}
	return opened, nil
}

func (r *reactor) giveUpDialing() {
	for c := range r.dialing {
		_ = c.Close() // whoever dials finds out
	}
}

// idleList has the idle connections of one reactor to the address of a pool, by the time they became idle; the last one is
// taken first.
type idleList struct {
	connections []*server
	closed      bool
}

// server is a connection to a server.
type server struct {
	loop.Connection
	list   *idleList
	reused bool
}

// Reused implements serverConnection.
func (s *server) Reused() bool { return s.reused }

// Await implements serverConnection. What a kept connection has to read before the request has left is no answer to it: the
// server closed the connection, or said what nobody asked for, in the turn in which the request was given to it. The request
// is not sent there then.
func (s *server) Await() error {
	err := s.Connection.Await()
	if err == nil && s.reused && s.Queued() && !s.Quiet() {
		s.Abort()
		return net.ErrClosed
	}
	return err
}

// Release implements serverConnection.
func (s *server) Release(time.Time) {
	if s.list.closed || len(s.list.connections) >= pool.MaxIdle || !s.Rest(s, pool.MaxIdleTime) {
		_ = s.Close() // nothing is lost with it
		return
	}
	s.list.connections = append(s.list.connections, s)
}

// Wake implements loop.Handler: the server closed the connection, or sent what nobody asked for, or it was idle for too
// long.
func (s *server) Wake(bool) {
	if at := slices.Index(s.list.connections, s); at >= 0 {
		s.list.connections = slices.Delete(s.list.connections, at, at+1)
	}
	_ = s.Close() // as above
}

func (r *reactor) listOf(of *pool.Pool) *idleList {
	list := r.idle[of]
	if list == nil {
		list = &idleList{closed: !of.Share(r)}
		if !list.closed {
			r.idle[of] = list
		}
	}
	return list
}

// CloseIdle implements pool.Holder.
func (r *reactor) CloseIdle(of *pool.Pool, closing bool) {
	r.loop.Post(func() {
		list := r.idle[of]
		if list == nil {
			return
		}
		list.closeAll()
		if closing {
			list.closed = true
			delete(r.idle, of)
		}
	})
}

func (r *reactor) closeAllIdle() {
	for _, list := range r.idle {
		list.closeAll()
	}
}

func (l *idleList) closeAll() {
	idle := l.connections
	l.connections = nil
	for _, each := range idle {
		each.EndRest()
		_ = each.Close() // idle: nothing is lost with it
	}
}
