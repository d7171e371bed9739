package engine

import (
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/engine/loop"
)

// loops are the event loops of Engines, one a core.
type loops struct {
	engines *Engines
	all     []*shard
	next    atomic.Uint32 // counts ports; each goes to the next of all
}

// shard is one event loop with its connections, and the engine of these.
type shard struct {
	*loop.Loop
	number    uint
	engines   *Engines
	lingerers *lingerers
	idle      idleLists[*server]
	dialing   map[*server]struct{}
}

func newLoops(engines *Engines) (*loops, error) {
	l := &loops{engines: engines}
	count := runtime.GOMAXPROCS(0)
	for number := range count {
		made, err := loop.New(loop.Config{Now: engines.config.Now, Panicked: engines.config.Panicked})
		if err != nil {
			l.end(true)
			return nil, err
		}
		l.all = append(l.all, &shard{
			Loop: made, number: uint(number), engines: engines,
			lingerers: newLingerers(engines.lingerShare(number, count), &engines.stopped),
			idle:      idleLists[*server]{}, dialing: map[*server]struct{}{},
		})
		engines.running.Go(made.Run)
	}
	return l, nil
}

func (l *loops) giveUpDialing() {
	for _, each := range l.all {
		each.Loop.Post(func() {
			for s := range each.dialing {
				_ = s.Close() // Dial fails
			}
		})
	}
}

func (l *loops) end(now bool) {
	for _, each := range l.all {
		each.Loop.Post(func() {
			for _, list := range each.idle {
				each.closeAll(list.removeAll())
			}
		})
		if now {
			each.Stop()
		} else {
			each.Finish()
		}
	}
}

func (l *loops) listen(bound *net.TCPListener) (Port, error) {
	address := addressOf(bound.Addr())
	listener, err := loop.Listen(bound)
	if err != nil {
		return nil, err
	}
	return &loopPort{listener, l, address}, nil
}

// loopPort is a port that a loop accepts connections on, for all loops and for goroutines.
type loopPort struct {
	*loop.Listener
	loops   *loops
	address netip.AddrPort
}

func (p *loopPort) Serve(take func(Accepted)) {
	var pause backoff
	on := p.loops.all[int(p.loops.next.Add(1))%len(p.loops.all)]
	accepted := func(descriptor int, client netip.AddrPort) {
		pause.succeeded()
		take(acceptedSocket{p, on, descriptor, client})
	}
	p.Listener.Serve(on.Loop, accepted, func(err error) time.Duration {
		p.loops.engines.config.Failed(p.address, err)
		return pause.failed()
	})
}

// acceptedSocket is a connection that a loop accepted.
type acceptedSocket struct {
	port       *loopPort
	here       *shard // the loop that runs now
	descriptor int
	client     netip.AddrPort
}

func (a acceptedSocket) Close() error { return unix.Close(a.descriptor) }

func (a acceptedSocket) Carry(on Kind, start Start) {
	if on == Goroutines {
		a.carryOnGoroutine(start)
		return
	}
	chosen := a.leastLoaded()
	chosen.AddLoad(1)
	if chosen == a.here {
		chosen.take(a, start)
		return
	}
	if !chosen.Loop.Post(func() { chosen.take(a, start) }) {
		_ = a.Close() // the engines have ended
	}
}

// leastLoaded is the loop with the fewest connections; the one that runs now, if that is among them.
func (a acceptedSocket) leastLoaded() *shard {
	chosen := a.here
	for _, each := range a.port.loops.all {
		if each.Load() < chosen.Load() {
			chosen = each
		}
	}
	return chosen
}

// carryOnGoroutine hands the socket to the runtime's poller.
func (a acceptedSocket) carryOnGoroutine(start Start) {
	file := os.NewFile(uintptr(a.descriptor), "accepted connection")
	conn, err := net.FileConn(file)
	_ = file.Close() // conn has a descriptor of its own
	if err != nil {
		a.port.loops.engines.config.Failed(a.port.address, err)
		return
	}
	opened, ok := conn.(*net.TCPConn)
	if !ok {
		_ = conn.Close() // can't be: the port is TCP's
		return
	}
	a.port.loops.engines.goroutines.takeOver(opened, start)
}

// loopConn is what connections to clients and to servers have in common.
type loopConn struct {
	loop.Connection
	shard *shard
}

func (c *loopConn) Linger(scratch []byte, limits LingerLimits) {
	c.shard.lingerers.linger(c, scratch, limits)
}

// readAgain implements lingering.
func (c *loopConn) readAgain(until time.Duration) {
	c.AllowRead()
	c.ReadWithin(until)
}

// client is a connection to a client on its loop.
type client struct {
	loopConn
	handler Handler
}

// take makes an accepted connection one of this loop's.
func (s *shard) take(a acceptedSocket, start Start) {
	c := &client{loopConn: loopConn{shard: s}}
	if err := s.Adopt(&c.Connection, a.descriptor, a.client); err != nil {
		_ = a.Close() // of no use
		s.AddLoad(-1)
		s.engines.config.Failed(a.port.address, err)
		return
	}
	handler, idle := start(s, c)
	if handler == nil {
		_ = c.Close() // refused
		s.AddLoad(-1)
		return
	}
	c.handler = handler
	if !c.Rest(c, idle) {
		s.Go(c)
	}
}

// Wake implements loop.Handler: the connection has rested.
func (c *client) Wake(over bool) {
	if over {
		c.end()
		return
	}
	c.shard.Go(c)
}

// Broken implements loop.Handler: the client reset the connection while Run runs.
func (c *client) Broken() { c.handler.Broken() }

// Run implements loop.Task: it serves the connection until there is nothing more to read, or to its end.
func (c *client) Run() {
	resting := false
	defer func() {
		if !resting {
			c.end()
		}
	}()
	for !resting {
		idle := c.handler.Serve()
		if idle <= 0 {
			return
		}
		resting = c.Rest(c, idle)
	}
}

func (c *client) end() {
	_ = c.Close() // what was to be sent is sent even so
	c.handler.End()
	c.shard.AddLoad(-1)
}

func (s *shard) Lock()   {}
func (s *shard) Unlock() {}

func (s *shard) Shard() uint { return s.number }

func (s *shard) Post(task func()) { s.Loop.Post(task) }

func (s *shard) Spawn(task func()) Spawned { return s.Loop.Spawn(task) }

func (s *shard) Dial(to *Pool, client Conn, freshness Freshness, timeout time.Duration, cancel *Cancel) (Backend, error) {
	list := s.idle.of(to, s)
	for freshness != FreshNew {
		found, ok := list.take(client, s.Now())
		if !ok {
			break
		}
		found.EndRest()
		// That a server closed the connection shows at the loop's next turn, or now, if the kernel is asked.
		if (freshness == FreshChecked || found.client != nil) && !found.Quiet() {
			_ = found.Close() // of no use
			continue
		}
		found.reused = true
		return found, nil
	}
	address, err := s.engines.dialAddress(to.Address)
	if err != nil {
		return nil, err
	}
	opened := &server{loopConn: loopConn{shard: s}, list: list}
	if !cancel.wait(opened) {
		return nil, net.ErrClosed
	}
	s.dialing[opened] = struct{}{}
	err = s.Loop.Dial(&opened.Connection, address, timeout)
	delete(s.dialing, opened)
	cancel.done()
	if err != nil {
		return nil, err
	}
	return opened, nil
}

// closeIdle implements holder.
func (s *shard) closeIdle(of *Pool, forget bool) {
	s.Loop.Post(func() { s.closeAll(s.idle.remove(of, forget)) })
}

func (s *shard) closeAll(idle []*server) {
	for _, each := range idle {
		each.EndRest()
		each.Discard()
	}
}

// server is a connection to a server on its loop.
type server struct {
	loopConn
	pooled
	list   *idleList[*server]
	reused bool
}

func (s *server) Reused() bool { return s.reused }

// Await closes a reused connection that has something to read before the request has left. That is no answer: the server
// closed the connection, or sent bytes that nobody asked for, in the turn in which the request was given to it. The
// request is not sent there then.
func (s *server) Await() error {
	err := s.Connection.Await()
	if err == nil && s.reused && s.Queued() && !s.Quiet() {
		s.Abort()
		return net.ErrClosed
	}
	return err
}

func (s *server) Release() {
	if s.list.full() || !s.Rest(s, maxIdleTime) {
		s.Discard()
		return
	}
	s.idleSince = s.shard.Now()
	s.list.put(s)
}

func (s *server) ReleaseTo(client Conn) {
	s.client = client
	s.Release()
}

// Wake implements loop.Handler: the server closed the connection, or sent bytes that nobody asked for, or the connection was
// idle for too long.
func (s *server) Wake(bool) {
	s.list.drop(s)
	s.Discard()
}

// Broken implements loop.Handler: the task that uses the connection finds out.
func (s *server) Broken() {}
