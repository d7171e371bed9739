package proxy

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/engine"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
)

// Listener takes the connections of one listener of the state in force for as long as that is enabled. A listener that is
// turned off, deleted or stopped drains: it finishes the requests it has and takes no more.
type Listener struct {
	ID       string
	Counters *Counters // lives on when the listener is turned off and on again

	proxy    *Proxy
	address  netip.AddrPort
	settings atomic.Pointer[settings]
	draining atomic.Bool

	mu       sync.Mutex
	sessions map[session]struct{} // under mu
	force    *time.Timer          // under mu; ends the draining
}

// session is what a listener keeps of a client's connection. A protocol serves the connection, and is its session. Both methods
// may be called from anywhere.
type session interface {
	// closeIdle closes the connection if no request is under way.
	closeIdle()
	// abandon ends the connection, whatever it is doing.
	abandon()
}

// settings are what of a listener may change without touching its connections. Immutable.
type settings struct {
	object      *lbapi.Listener
	service     *service.Service // nil if there is none: 503
	idleTimeout time.Duration
}

// add takes a new session, unless the listener is draining.
func (l *Listener) add(s session) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.draining.Load() {
		return false
	}
	l.sessions[s] = struct{}{}
	l.proxy.sessions.Add(1)
	l.Counters.Connections.Add(1)
	l.Counters.ActiveConnections.Add(1)
	return true
}

func (l *Listener) remove(s session) {
	l.mu.Lock()
	delete(l.sessions, s)
	empty := len(l.sessions) == 0
	l.mu.Unlock()
	l.Counters.ActiveConnections.Add(-1)
	if empty && l.draining.Load() {
		l.proxy.sessions.Go(func() { l.proxy.drained(l) }) // elsewhere, since it may wait for a change to be made
	}
	l.proxy.sessions.Done()
}

// noDrainTimeout makes a listener drain for as long as its requests take.
const noDrainTimeout = time.Duration(-1)

// drain closes the idle connections at once, makes the others close after their request, and closes what is left after the
// timeout, which may be 0.
func (l *Listener) drain(timeout time.Duration) {
	l.mu.Lock()
	l.draining.Store(true)
	open := l.open()
	if timeout != noDrainTimeout && l.force == nil {
		l.force = time.AfterFunc(timeout, l.abandonAll)
	}
	l.mu.Unlock()
	for _, each := range open {
		each.closeIdle()
	}
	if len(open) == 0 {
		l.proxy.drained(l)
	}
}

// abandonAll ends all connections, whatever they are doing.
func (l *Listener) abandonAll() {
	l.mu.Lock()
	open := l.open()
	l.mu.Unlock()
	for _, each := range open {
		each.abandon()
	}
}

// open lists the sessions; the caller holds mu.
func (l *Listener) open() []session {
	all := make([]session, 0, len(l.sessions))
	for each := range l.sessions {
		all = append(all, each)
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

// socket is an open port. Its connections go to the listener that owns it now, so that a port that passes from one listener
// to another is never closed in between.
type socket struct {
	port  engine.Port
	owner atomic.Pointer[Listener]
}

// take gives an accepted connection to the owner of its port. The protocol of the owner chooses the engine.
func (p *Proxy) take(on *socket, accepted engine.Accepted) {
	accepted.Carry(p.http, func(e engine.Engine, client engine.Conn) (engine.Handler, time.Duration) {
		return on.owner.Load().serveHTTP1(e, client)
	})
}

// ListenError is a listener whose port could not be opened.
type ListenError struct {
	ListenerID string
	Name       string
	Address    netip.AddrPort
	Err        error
}

func (e *ListenError) Error() string {
	return fmt.Sprintf("open %s for listener %q (%s): %v", e.Address, e.Name, e.ListenerID, e.Err)
}

// Unwrap returns the system's error.
func (e *ListenError) Unwrap() error { return e.Err }
