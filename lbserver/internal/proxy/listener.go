package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy/stream"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
)

// Listener takes the connections of one listener of the desired state for as long as that is enabled. One that is turned
// off, deleted or stopped drains: it finishes the requests it has and takes no more.
type Listener struct {
	ID       string
	Counters *Counters // goes on when the listener is turned off and on again

	proxy    *Proxy
	address  netip.AddrPort
	settings atomic.Pointer[settings]
	draining atomic.Bool

	mu          sync.Mutex
	connections map[*connection]struct{} // under mu
	force       *time.Timer              // under mu; ends the draining
}

// settings is what of a listener may change without touching its connections. Immutable.
type settings struct {
	object      *lbapi.Listener
	service     *service.Service // nil where there is none: 503
	idleTimeout time.Duration
}

// add takes a new connection, unless the listener is draining.
func (l *Listener) add(c *connection) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.draining.Load() {
		return false
	}
	l.connections[c] = struct{}{}
	l.proxy.work.Add(1)
	l.Counters.Connections.Add(1)
	l.Counters.ActiveConnections.Add(1)
	return true
}

func (l *Listener) remove(c *connection) {
	l.mu.Lock()
	delete(l.connections, c)
	empty := len(l.connections) == 0
	l.mu.Unlock()
	l.Counters.ActiveConnections.Add(-1)
	if empty && l.draining.Load() {
		l.proxy.work.Go(func() { l.proxy.drained(l) }) // not here: it may wait for a change to be made
	}
	l.proxy.work.Done()
}

// noDrainTimeout has a listener drain for as long as its requests take.
const noDrainTimeout = time.Duration(-1)

// drain closes the idle connections at once, has the others close after their request, and closes what is left after the
// timeout, which may be 0.
func (l *Listener) drain(timeout time.Duration) {
	l.mu.Lock()
	l.draining.Store(true)
	open := l.open()
	if timeout != noDrainTimeout && l.force == nil {
		l.force = time.AfterFunc(timeout, l.closeAll)
	}
	l.mu.Unlock()
	for _, c := range open {
		c.closeIdle()
	}
	if len(open) == 0 {
		l.proxy.drained(l)
	}
}

// closeAll ends all connections, whatever they are doing.
func (l *Listener) closeAll() {
	l.mu.Lock()
	open := l.open()
	l.mu.Unlock()
	for _, c := range open {
		c.abandon()
	}
}

// open lists the connections; the caller holds mu.
func (l *Listener) open() []*connection {
	all := make([]*connection, 0, len(l.connections))
	for c := range l.connections {
		all = append(all, c)
	}
	return all
}

func (l *Listener) stopTimer() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.force != nil {
		l.force.Stop()
	}
}

// socket is a bound port. Its accepted connections go to the listener that owns it now, so that a port that passes from
// one listener to another is never closed between them.
type socket struct {
	port  port
	owner atomic.Pointer[Listener]
}

// port is an open port.
type port interface {
	// serve takes connections for the socket's owner until Close. It is called once.
	serve(s *socket)
	// Close closes the port at once, and may be called from anywhere.
	Close() error
}

// ListenError is a listener whose port could not be opened.
type ListenError struct {
	ListenerID string
	Name       string
	Address    netip.AddrPort
	Err        error
}

// Error implements error.
func (e *ListenError) Error() string {
	advice := "check that the load balancer's address belongs to this machine, and that the port may be opened"
	if e.InUse() {
		advice = "another process, or lbserver's own API or operations address, holds that port: free it, or choose another port"
	}
	return fmt.Sprintf("open %s for listener %q (%s): %v; %s", e.Address, e.Name, e.ListenerID, e.Err, advice)
}

// Unwrap returns the system's error.
func (e *ListenError) Unwrap() error { return e.Err }

// InUse tells that the port is taken: by another process, or by this one beside its listeners.
func (e *ListenError) InUse() bool { return errors.Is(e.Err, syscall.EADDRINUSE) }

// open binds the port of a listener.
func (p *Proxy) open(ctx context.Context, address netip.AddrPort) (*socket, error) {
	var config net.ListenConfig
	opened, err := config.Listen(ctx, "tcp", address.String())
	if err != nil {
		return nil, err
	}
	bound, ok := opened.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("got a %T instead of a TCP socket", opened)
	}
	if p.loops == nil {
		return &socket{port: &goroutinePort{bound, p}}, nil
	}
	onLoop, err := p.loops.listen(bound)
	if err != nil {
		return nil, err
	}
	return &socket{port: onLoop}, nil
}

// goroutinePort is a port whose connections get goroutines.
type goroutinePort struct {
	bound *net.TCPListener
	proxy *Proxy
}

// Close implements port.
func (g *goroutinePort) Close() error { return g.bound.Close() }

func (g *goroutinePort) serve(s *socket) { g.proxy.work.Go(func() { g.accept(s) }) }

const (
	// acceptPause and maxAcceptPause bound the wait before another attempt when no descriptor is left.
	acceptPause    = 5 * time.Millisecond
	maxAcceptPause = 500 * time.Millisecond
)

// accept takes connections until the socket is closed.
func (g *goroutinePort) accept(s *socket) {
	p, pause := g.proxy, acceptPause
	for {
		accepted, err := g.bound.AcceptTCP()
		switch {
		case err == nil:
			pause = acceptPause
			p.take(s.owner.Load(), accepted)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			p.log.Warn("a connection could not be accepted; trying again", "address", g.bound.Addr(), "error", err)
			select {
			case <-time.After(pause):
			case <-p.ctx.Done():
				return
			}
			pause = min(2*pause, maxAcceptPause)
		}
	}
}

// take gives an accepted connection to a listener, on a goroutine of its own.
func (p *Proxy) take(owner *Listener, accepted *net.TCPConn) {
	opened, err := stream.New(accepted)
	if err != nil {
		_ = accepted.Close() // gone already
		return
	}
	c := &connection{environment: p, listener: owner, stream: opened, client: opened.RemoteAddr()}
	if !owner.add(c) {
		_ = opened.Close() // draining: the client finds another node, or a refused connection, next time
		return
	}
	go c.serve() // remove ends what add has counted in p.work
}
