// Package forward brings a request, or a TCP connection, to a server of its backend service. An Attempt keeps the client on
// its server by a cookie, or lets the scheduler choose; it connects, tries others if a server can't be reached, keeps or
// drops the connection afterwards, and counts all that. It knows no protocol: HTTP/1, HTTP/2 and TCP sessions use one each.
package forward

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/engine"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
)

const (
	// ConnectTimeout bounds one attempt to connect to a server; a healthy one on the same network answers in milliseconds,
	// and a lost SYN is repeated after 1 and 3 s. HAProxy's manual recommends the same 5 s.
	ConnectTimeout = 5 * time.Second
	// connectBudget bounds all attempts to connect of one request: after it, no other server is tried.
	connectBudget = 10 * time.Second
)

// Errors of Reach.
var (
	// ErrUnreachable says that no server accepted a connection.
	ErrUnreachable = errors.New("no server accepted a connection")
	// ErrTimeout says that the last server that was tried did not answer the attempt to connect within ConnectTimeout.
	ErrTimeout = errors.New("no server accepted a connection within " + ConnectTimeout.String())
	// ErrAbandoned says that Abandon was called: nobody wants an answer any more.
	ErrAbandoned = errors.New("the request was given up")
)

// Attempt is the way of one request to a server. It belongs to the task of the request, except Abandon and the field Backend,
// which others may use between Engine.Lock and Unlock. The zero Attempt is ready for Begin.
type Attempt struct {
	// Eligible is the backend service as it was when the attempt began; nil if there is none.
	Eligible *service.Eligible
	// Endpoint has, or had, the request; nil before a server was reached.
	Endpoint *service.Endpoint
	// Backend is the connection to Endpoint; nil before Reach and after Keep and Drop.
	Backend engine.Backend
	// Repeatable says that the request may be sent again if it is not known whether a server has acted on it, and that no
	// byte of it would be lost. It is set before Reach.
	Repeatable bool
	// Patience bounds the wait for a server to accept connections, as waitTimeout does. It is set before Reach.
	Patience time.Duration
	// Retries counts the servers and connections that were tried without success.
	Retries int

	forwarder *Forwarder
	engine    engine.Engine
	service   *service.Service
	conn      engine.Conn // the client's
	client    netip.Addr
	counted   bool  // Endpoint's InFlight counts the request
	resent    bool  // over a new connection, since a kept one turned out to be closed
	preferred int   // the index in Eligible.Servers to try next; -1 for the scheduler's choice
	tried     []int // indices in Eligible.Servers of those that could not be reached
	refused   bool  // the last one of tried refused the connection
	cookie    cookie
	abandoned engine.Cancel // between Engine.Lock and Unlock
}

// Begin starts an attempt on the engine of a client's connection. What an earlier request left in a is forgotten.
func (a *Attempt) Begin(forwarder *Forwarder, on engine.Engine, conn engine.Conn) {
	*a = Attempt{forwarder: forwarder, engine: on, conn: conn, preferred: -1, tried: a.tried[:0]}
}

// SetService says which backend service, nil for none, the request of a client goes to.
func (a *Attempt) SetService(live *service.Service, client netip.Addr) {
	a.service, a.client = live, client
	if live != nil {
		a.Eligible = live.Eligible()
		a.expectCookie()
	}
}

// HasServers reports whether any server takes requests.
func (a *Attempt) HasServers() bool { return a.Eligible != nil && len(a.Eligible.Servers) > 0 }

// Reach connects to the server that the cookie names or the scheduler picks, and to others if that fails: no byte of the
// request has been sent, so it may go to any. If no other is left and the last one refused the connection, Reach waits for a
// server to accept connections again. There must be servers. The error says why no server was reached, or is ErrAbandoned.
func (a *Attempt) Reach() error {
	if err := a.connect(); err == nil || !a.allRefuse() {
		return err
	}
	return a.persist()
}

// allRefuse reports whether every server was tried, and the last one refused the connection.
func (a *Attempt) allRefuse() bool { return a.refused && len(a.tried) == len(a.Eligible.Servers) }

// connect tries each server once.
func (a *Attempt) connect() error {
	begun, err := a.engine.Now(), ErrUnreachable
	index, freshness := a.preferred, a.freshness()
	if a.resent {
		freshness = engine.FreshNew
	}
	for {
		if index < 0 {
			index = a.Eligible.Picker.Pick(a.client, a.tried)
		}
		if index < 0 {
			return err
		}
		endpoint := a.Eligible.Servers[index]
		a.count(endpoint)
		backend, failure := a.dial(endpoint, freshness)
		if failure == nil {
			endpoint.Counters.Requests.Add(1)
			a.attach(backend)
			if !backend.Reused() {
				a.service.Waiting.WakeAll()
			}
			return nil
		}
		a.uncount()
		if a.isAbandoned() {
			return ErrAbandoned
		}
		a.Endpoint = nil
		err = a.judge(endpoint, failure)
		a.tried = append(a.tried, index)
		if len(a.tried) == len(a.Eligible.Servers) || a.engine.Now().Sub(begun) > connectBudget {
			return err
		}
		a.Retries++
		index, freshness = -1, a.freshness()
	}
}

// dial connects to a server. For lack of local ports a kept connection will do where a new one was wanted.
func (a *Attempt) dial(endpoint *service.Endpoint, freshness engine.Freshness) (engine.Backend, error) {
	backend, failure := a.engine.Dial(endpoint.Pool, a.conn, freshness, ConnectTimeout, &a.abandoned)
	if failure != nil && freshness == engine.FreshNew && lackOf(failure) != nil {
		return a.engine.Dial(endpoint.Pool, a.conn, engine.FreshChecked, ConnectTimeout, &a.abandoned)
	}
	return backend, failure
}

// judge counts why a server could not be reached, and returns the error of Reach for it.
func (a *Attempt) judge(endpoint *service.Endpoint, failure error) error {
	a.refused = isRefused(failure)
	if lack := lackOf(failure); lack != nil {
		a.noteLack(endpoint, lack, failure)
		return lack
	}
	endpoint.Counters.ConnectErrors.Add(1)
	if isTimeout(failure) {
		return ErrTimeout
	}
	return ErrUnreachable
}

// isTimeout reports whether a connection failed for lack of time, ours or the system's.
func isTimeout(err error) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && timeout.Timeout()
}

// freshness says which connections will do: a request that can be sent again risks more.
func (a *Attempt) freshness() engine.Freshness {
	if a.Repeatable && !a.resent {
		return engine.FreshKept
	}
	return engine.FreshChecked
}

// MayResend reports whether the request may be sent once more after its connection ended before any byte of an answer came: the
// server had closed an idle connection, and has not acted on the request.
func (a *Attempt) MayResend() bool { return a.Backend.Reused() && a.Repeatable && !a.resent }

// Resend takes the request back from its server. The next Reach tries the same server first, over a new connection: that it
// closed an idle one says nothing of its health.
func (a *Attempt) Resend() {
	a.preferred = slices.Index(a.Eligible.Servers, a.Endpoint)
	a.Drop()
	a.Endpoint = nil
	a.resent = true
	a.Retries++
}

// Fault counts a fault of the server that has the request: it broke the connection, or answered wrongly or too late.
func (a *Attempt) Fault() { a.Endpoint.Counters.ResponseErrors.Add(1) }

// Keep leaves the connection to another request, and ends the request's count on the server. An answer that is bodiless by
// rule leaves it to the same client for a while: if the server is broken and sends a body after all, no other client gets it.
func (a *Attempt) Keep(bodiless bool) {
	if backend := a.detach(); bodiless {
		backend.ReleaseTo(a.conn)
	} else {
		backend.Release()
	}
	a.uncount()
}

// Discard closes the connection after the whole answer to the whole request has come, so that its local port is free at once,
// and ends the request's count on the server.
func (a *Attempt) Discard() {
	a.detach().Discard()
	a.uncount()
}

// Drop closes the connection, if there is one, and ends the request's count on the server.
func (a *Attempt) Drop() {
	if a.Backend != nil {
		_ = a.detach().Close() // nothing more is wanted of it
	}
	a.uncount()
}

// Abandon ends the attempt at once, wherever it is: it resets the connection to the server, and gives up one that is being
// opened. An end would wait behind what the server leaves unread. It is called with Engine.Lock held, or by Engine.Post.
func (a *Attempt) Abandon() {
	a.abandoned.Cancel()
	if a.Backend != nil {
		a.Backend.Abort() // the task that uses it finds out
	}
}

func (a *Attempt) isAbandoned() bool {
	a.engine.Lock()
	defer a.engine.Unlock()
	return a.abandoned.Canceled()
}

func (a *Attempt) attach(backend engine.Backend) {
	a.engine.Lock()
	defer a.engine.Unlock()
	a.Backend = backend
	if a.abandoned.Canceled() {
		_ = backend.Close() // the task that uses it finds out
	}
}

func (a *Attempt) detach() engine.Backend {
	a.engine.Lock()
	defer a.engine.Unlock()
	backend := a.Backend
	a.Backend = nil
	return backend
}

// count makes endpoint the server that has the request.
func (a *Attempt) count(endpoint *service.Endpoint) {
	endpoint.InFlight.Add(1)
	a.Endpoint, a.counted = endpoint, true
}

// uncount ends the request's count on its server, if it is counted.
func (a *Attempt) uncount() {
	if a.counted {
		a.counted = false
		a.Endpoint.InFlight.Add(-1)
	}
}
