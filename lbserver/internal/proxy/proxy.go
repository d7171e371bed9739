// Package proxy is the data plane: it has the listeners' ports open, and carries what comes in to servers and their answers
// back. A protocol serves one connection from a client, as a session; engines run the sessions, and forward brings requests
// to servers.
package proxy

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/engine"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/forward"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/http1"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/logqueue"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/networks"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
)

// Config is what a Proxy works with.
type Config struct {
	// Services finds the live backend service with an id. Required.
	Services func(id string) (*service.Service, bool)
	// DrainTimeout is how long a listener that was turned off or deleted may finish its requests; 0 ends them at once.
	DrainTimeout time.Duration
	// TrustedProxies are the networks of proxies whose word on their clients counts.
	TrustedProxies networks.Set
	// MaxLingering bounds the connections that were answered before the client had sent its whole request, and read on so that
	// it gets the answer; 0 closes them at once.
	MaxLingering int
	// MaxWaiting bounds the requests of one backend service that wait for a server to accept connections while all refuse
	// them; 0 lets none wait.
	MaxWaiting int
	// AccessLog gets an entry for each request; nil logs none, at no cost.
	AccessLog AccessLog
	// Log gets what operators should know; nil discards it.
	Log *slog.Logger
}

// tuning is what only tests change.
type tuning struct {
	headTimeout  time.Duration // what a client has from the first byte of a request head to its end
	http         engine.Kind   // carries the connections of HTTP listeners
	dialOverride func(address netip.AddrPort) (netip.AddrPort, error)
	now          func() time.Time
}

func defaultTuning() tuning {
	return tuning{headTimeout: defaultHeadTimeout, http: engine.Loops, now: time.Now}
}

// Proxy carries traffic by the last change that was applied to it. It starts with no listeners, and ends with Close.
type Proxy struct {
	tuning

	services     func(id string) (*service.Service, bool)
	drainTimeout time.Duration
	trusts       func(netip.Addr) bool // reports whether an address is a trusted proxy's
	accessLog    AccessLog
	log          *slog.Logger
	logQueue     *logqueue.Queue
	engines      *engine.Engines
	forwarder    *forward.Forwarder
	sessions     sync.WaitGroup

	buffers   buffers
	exchanges exchanges
	date      http1.DateLine // of our own responses

	mu        sync.Mutex
	stopped   bool                       // under mu
	listeners map[string]*placed         // under mu; the listeners of the state in force, by id
	sockets   map[netip.AddrPort]*socket // under mu; the open ports
	draining  map[*Listener]struct{}     // under mu
}

// placed is a listener of the state in force.
type placed struct {
	Status
	live *Listener // takes connections; nil unless Bound
}

// Status is a listener of the state in force as this proxy has it. Immutable.
type Status struct {
	Object  *lbapi.Listener
	Address netip.AddrPort
	// Bound says that the port is open; Err says why it is not, if the listener is enabled.
	Bound    bool
	Err      error
	Counters *Counters
}

// New returns a proxy without listeners. Close ends it.
func New(config Config) *Proxy { return newProxy(config, defaultTuning()) }

func newProxy(config Config, tuning tuning) *Proxy {
	p := &Proxy{
		tuning:       tuning,
		services:     config.Services,
		drainTimeout: config.DrainTimeout,
		trusts:       config.TrustedProxies.Contains,
		accessLog:    config.AccessLog,
		listeners:    map[string]*placed{},
		sockets:      map[netip.AddrPort]*socket{},
		draining:     map[*Listener]struct{}{},
	}
	to := slog.DiscardHandler
	if config.Log != nil {
		to = config.Log.Handler()
	}
	p.logQueue = logqueue.New(to)
	p.log = p.logQueue.Logger()
	p.forwarder = forward.New(forward.Config{MaxWaiting: config.MaxWaiting, Log: p.log})
	p.engines = engine.New(engine.Config{
		Panicked: func(cause any, stack []byte) {
			p.log.Error("a bug broke a connection; it is closed", "cause", cause, "stack", string(stack))
		},
		Failed: func(port netip.AddrPort, err error) {
			p.log.Warn("a connection could not be accepted; trying again", "address", port, "error", err)
		},
		DialOverride: tuning.dialOverride,
		MaxLingering: config.MaxLingering,
		Now:          tuning.now,
	})
	return p
}

// Listeners lists the listeners of the state in force, by id.
func (p *Proxy) Listeners() []Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Status, 0, len(p.listeners))
	for _, each := range p.listeners {
		all = append(all, each.Status)
	}
	slices.SortFunc(all, func(a, b Status) int { return cmp.Compare(a.Object.ID, b.Object.ID) })
	return all
}

// Shutdown stops taking connections and requests, waits for the requests in flight until ctx ends, and then closes what is
// left. It returns ctx's error if it had to.
func (p *Proxy) Shutdown(ctx context.Context) error {
	p.stop()
	p.engines.EndLingering()
	idle := make(chan struct{})
	go func() { // Close makes it end
		defer close(idle)
		p.sessions.Wait()
		p.engines.Finish()
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
	p.engines.GiveUpDialing()
	p.mu.Lock()
	left := make([]*Listener, 0, len(p.draining))
	for listener := range p.draining {
		left = append(left, listener)
	}
	p.mu.Unlock()
	for _, listener := range left {
		listener.stopTimer()
		listener.abandonAll()
	}
	p.sessions.Wait()
	p.engines.Stop()
	p.logQueue.Close()
}

// stop closes the ports and makes all listeners drain.
func (p *Proxy) stop() {
	p.mu.Lock()
	p.stopped = true
	var leaving []*Listener
	for _, each := range p.listeners {
		if each.live != nil {
			leaving = append(leaving, each.live)
			p.retire(each.live)
			each.live, each.Bound = nil, false
		}
	}
	p.mu.Unlock()
	for _, listener := range leaving {
		listener.drain(noDrainTimeout)
	}
}

// retire closes the port of a listener that takes no connections any more, unless another listener has the port now. The
// caller holds mu, and drains the listener afterwards.
func (p *Proxy) retire(listener *Listener) {
	p.draining[listener] = struct{}{}
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
	delete(p.draining, listener)
}

// errStopped is the error of a change after the proxy was stopped.
var errStopped = errors.New("the data plane has been stopped; no change can be made to it")
