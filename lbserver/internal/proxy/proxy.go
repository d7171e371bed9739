// Package proxy is the data plane: it takes connections on the listeners' ports and carries each request to a server and
// its response back.
package proxy

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy/stream"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
)

// Config is what a Proxy works with.
type Config struct {
	// Services finds the live backend service with an id. Required.
	Services func(id string) (*service.Service, bool)
	// DrainTimeout is how long a listener that was turned off or deleted may finish its requests; 0 ends them at once.
	DrainTimeout time.Duration
	// HeadTimeout is what a client has from the first byte of a request head to its end; 0 means 10 s.
	HeadTimeout time.Duration
	// ResponseTimeout bounds the wait for a server's response head, and each further read and write on the server's side; 0
	// means 60 s.
	ResponseTimeout time.Duration
	// AccessLog takes an entry for each request; nil logs none, at no cost.
	AccessLog AccessLog
	// Log takes what operators should know; nil discards it.
	Log *slog.Logger
	// Goroutines has a goroutine carry each connection, which is how it is done on other systems than Linux anyway. There
	// the connections run on event loops otherwise, one loop a core.
	Goroutines bool
	// Reach is asked where to connect to instead of a server's address, or for an error instead; nil leaves the address as
	// it is. It must not block.
	Reach func(address netip.AddrPort) (netip.AddrPort, error)
	// Now is the clock; nil means time.Now. It must run with the system's, since deadlines of connections are made from it.
	Now func() time.Time
}

// Proxy carries traffic by the last change that was applied to it. It starts with no listeners.
type Proxy struct {
	services        func(id string) (*service.Service, bool)
	drainTimeout    time.Duration
	headTimeout     time.Duration
	responseTimeout time.Duration
	accessLog       AccessLog
	log             *slog.Logger
	goroutines      bool
	reach           func(address netip.AddrPort) (netip.AddrPort, error)
	clock           func() time.Time

	buffers   buffers
	exchanges exchanges

	// ctx ends with Close; what still dials then gives up.
	ctx    context.Context //nolint:containedctx // its life is the proxy's, not a call's
	cancel context.CancelFunc
	work   sync.WaitGroup // accept loops and connections

	// loops carry the connections; nil where goroutines do, and before the first Prepare, which sets it under mu.
	loops loops

	mu        sync.Mutex
	stopped   bool                       // under mu
	current   map[string]*Status         // under mu; the listeners of the state in force, by id
	failing   map[string]struct{}        // under mu; ids of those of current whose ports could not be opened
	listeners map[string]*Listener       // under mu; those that take connections, by id
	sockets   map[netip.AddrPort]*socket // under mu; one for each of listeners
	retired   map[*Listener]struct{}     // under mu; those that drain
}

// Status is a listener of the desired state as this proxy has it. Immutable.
type Status struct {
	Object  *lbapi.Listener
	Address netip.AddrPort
	// Bound tells that the port is open; Err why not, where the listener is enabled.
	Bound    bool
	Err      error
	Counters *Counters
}

// loops are the event loops of a proxy.
type loops interface {
	// listen takes over a listening socket, and closes it where that fails.
	listen(bound *net.TCPListener) (port, error)
	// giveUpDialing has what is being dialed fail. New attempts see that Proxy.ctx has ended.
	giveUpDialing()
	// finish ends the loops, whose connections from clients have ended, once what those were to get has been sent, or on stop,
	// and waits for that.
	finish()
	// stop ends the loops, whose connections from clients have ended, and waits for that. It may be called again.
	stop()
}

// New makes a proxy without listeners.
func New(config Config) *Proxy {
	p := &Proxy{
		services:        config.Services,
		drainTimeout:    config.DrainTimeout,
		headTimeout:     cmp.Or(config.HeadTimeout, defaultHeadTimeout),
		responseTimeout: cmp.Or(config.ResponseTimeout, defaultResponseTimeout),
		accessLog:       config.AccessLog,
		log:             config.Log,
		goroutines:      config.Goroutines,
		reach:           config.Reach,
		current:         map[string]*Status{},
		failing:         map[string]struct{}{},
		listeners:       map[string]*Listener{},
		sockets:         map[netip.AddrPort]*socket{},
		retired:         map[*Listener]struct{}{},
	}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	p.clock = config.Now
	if p.clock == nil {
		p.clock = time.Now
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// whereto is the address to connect to for a server's.
func (p *Proxy) whereto(address netip.AddrPort) (netip.AddrPort, error) {
	if p.reach == nil {
		return address, nil
	}
	return p.reach(address)
}

// startLoops starts the event loops, where there are to be any. The caller holds mu.
func (p *Proxy) startLoops() error {
	if p.goroutines || p.loops != nil {
		return nil
	}
	started, err := newLoops(p)
	p.loops = started
	return err
}

// runningLoops are the event loops, or nil.
func (p *Proxy) runningLoops() loops {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.loops
}

// now implements environment.
func (p *Proxy) now() time.Time { return p.clock() }

// lane implements environment.
func (p *Proxy) lane() uint { return rand.Uint() } //nolint:gosec // G404: spreads load, guards nothing

// connect implements environment.
func (p *Proxy) connect(endpoint *service.Endpoint, trust trust) (serverConnection, error) {
	for trust != trustNone {
		kept := endpoint.Pool.Get()
		if kept == nil {
			break
		}
		if kept.Quiet() {
			return kept, nil
		}
		_ = kept.Close() // the server closed it, or sent what nobody asked for
	}
	address, err := p.whereto(endpoint.Address)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: connectTimeout}
	opened, err := dialer.DialTCP(p.ctx, "tcp", netip.AddrPort{}, address)
	if err != nil {
		return nil, err
	}
	server, err := stream.New(opened)
	if err != nil {
		_ = opened.Close() // gone already
		return nil, err
	}
	return endpoint.Pool.Adopt(server), nil
}

// beside implements environment.
func (p *Proxy) beside(task func()) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		task()
	}()
	return func() { <-done }
}

// touch implements environment.
func (p *Proxy) touch(task func()) { task() }

// Listeners lists the listeners of the desired state, by id.
func (p *Proxy) Listeners() []Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Status, 0, len(p.current))
	for _, each := range p.current {
		all = append(all, *each)
	}
	slices.SortFunc(all, func(a, b Status) int { return cmp.Compare(a.Object.ID, b.Object.ID) })
	return all
}

// Shutdown stops taking connections and requests, waits for the requests in flight until ctx ends, and then closes what is
// left. It returns ctx's error where it had to.
func (p *Proxy) Shutdown(ctx context.Context) error {
	p.stop()
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		p.work.Wait()
		if running := p.runningLoops(); running != nil {
			running.finish()
		}
	}()
	var err error
	select {
	case <-idle:
	case <-ctx.Done():
		err = ctx.Err()
	}
	p.Close()
	<-idle
	return err
}

// Close ends everything at once, and waits until it has ended.
func (p *Proxy) Close() {
	p.stop()
	p.cancel()
	p.mu.Lock()
	left := make([]*Listener, 0, len(p.retired))
	for listener := range p.retired {
		left = append(left, listener)
	}
	p.mu.Unlock()
	running := p.runningLoops()
	if running != nil {
		running.giveUpDialing()
	}
	for _, listener := range left {
		listener.stopTimer()
		listener.closeAll()
	}
	p.work.Wait()
	if running != nil {
		running.stop()
	}
}

// stop closes the sockets and has all listeners drain.
func (p *Proxy) stop() {
	p.mu.Lock()
	p.stopped = true
	leaving := make([]*Listener, 0, len(p.listeners))
	for id, listener := range p.listeners {
		delete(p.listeners, id)
		p.retire(listener)
		leaving = append(leaving, listener)
		stopped := *p.current[id]
		stopped.Bound = false
		p.current[id] = &stopped
	}
	p.mu.Unlock()
	for _, listener := range leaving {
		listener.drain(noDrainTimeout)
	}
}

// retire closes the port of a listener that was taken out of listeners, unless another one has it now. The caller holds mu,
// and drains the listener afterwards.
func (p *Proxy) retire(listener *Listener) {
	p.retired[listener] = struct{}{}
	if held := p.sockets[listener.address]; held != nil && held.owner.Load() == listener {
		delete(p.sockets, listener.address)
		_ = held.port.Close() // it is open
	}
}

// drained forgets a listener that has finished draining.
func (p *Proxy) drained(listener *Listener) {
	listener.stopTimer()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.retired, listener)
}

// errStopped is the error of a change after the proxy was stopped.
var errStopped = errors.New("the data plane has been stopped; no change can be made to it")
