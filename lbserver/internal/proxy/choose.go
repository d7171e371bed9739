package proxy

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/persistence"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
)

// stickiness is what the persistence cookie of a request says.
type stickiness struct {
	on    bool
	index int            // of the server it names in eligible.Servers; -1 for none
	count *atomic.Uint64 // what became of the cookie; counted when a server has answered
	since time.Time      // when the server that it names answered last; zero for none
}

// readStickiness finds the server that a valid cookie names, if that takes requests.
func (x *exchange) readStickiness() {
	x.sticky = stickiness{index: -1}
	cookie := x.eligible.Cookie
	if cookie == nil {
		return
	}
	x.sticky.on = true
	counters := &x.settings.service.Persistence
	value, ok := x.request.Cookie(x.head, cookie.Name())
	if !ok {
		x.sticky.count = &counters.New
		return
	}
	serverID, issued, err := cookie.Open(&x.scratch, value, x.begun)
	switch {
	case errors.Is(err, persistence.ErrExpired):
		x.sticky.count = &counters.Expired
	case err != nil:
		x.sticky.count = &counters.Invalid
	default:
		x.sticky.index, x.sticky.since = x.eligible.Find(serverID), issued
		x.sticky.count = &counters.Hits
		if x.sticky.index < 0 {
			x.sticky.count = &counters.Moved
		}
	}
}

// setCookie returns the Set-Cookie line for the server that answered, or nil, and counts what became of the client's.
func (x *exchange) setCookie() []byte {
	if !x.sticky.on {
		return nil
	}
	counters := &x.settings.service.Persistence
	if x.sticky.count == &counters.Hits && x.eligible.Servers[x.sticky.index] != x.endpoint {
		x.sticky.count = &counters.Moved
	}
	x.sticky.count.Add(1)
	now := x.now()
	x.countSession(now)
	return x.endpoint.CookieLine.At(now, false)
}

// reachServer connects to the preferred server (an index, or -1) or one that the scheduler picks, and to others where that
// fails: no byte of the request has been sent, so it may go to any, whatever its method.
func (x *exchange) reachServer(preferred int, trust trust) bool {
	index, begun := preferred, x.now()
	for {
		if index < 0 {
			index = x.eligible.Picker.Pick(x.clientAddress(), x.tried)
		}
		if index < 0 {
			return false
		}
		endpoint := x.eligible.Servers[index]
		x.count(endpoint)
		server, err := x.connect(endpoint, trust)
		if err == nil {
			endpoint.Counters.Requests.Add(1)
			x.server = server
			x.c.attach(server)
			return true
		}
		x.uncount()
		x.endpoint = nil
		endpoint.Counters.ConnectErrors.Add(1)
		x.noteUnreached(err)
		x.tried = append(x.tried, index)
		if len(x.tried) == len(x.eligible.Servers) || x.now().Sub(begun) > connectBudget {
			return false
		}
		x.retries++
		index, trust = -1, x.trust()
	}
}

// noteUnreached keeps the words for the client and the log; the last attempt counts.
func (x *exchange) noteUnreached(err error) {
	x.failureStatus, x.failure = 502, "no server accepted a connection"
	if errors.Is(err, os.ErrDeadlineExceeded) || isTimeout(err) {
		x.failureStatus = 504
		x.failure = fmt.Sprintf("no server accepted a connection within %s", connectTimeout)
	}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// leaveServer takes the request back from the server that has it, whose connection is of no use any more, and returns the
// server's index.
func (x *exchange) leaveServer() (index int) {
	index = -1
	for i, endpoint := range x.eligible.Servers {
		if endpoint == x.endpoint {
			index = i
		}
	}
	x.dropServer()
	x.endpoint = nil
	return index
}

// dropServer closes the server's connection, unless it has been released, and ends the request's count on the server.
func (x *exchange) dropServer() {
	if x.server != nil {
		server := x.server
		x.endServer()
		_ = server.Close() // nothing more is wanted of it
	}
}

// keepServer leaves the server's connection to another request.
func (x *exchange) keepServer() {
	server := x.server
	x.endServer()
	server.Release(x.now())
}

func (x *exchange) endServer() {
	x.c.detach()
	x.server = nil
	x.uncount()
}

// count makes endpoint the one that has the request.
func (x *exchange) count(endpoint *service.Endpoint) {
	endpoint.InFlight.Add(1)
	x.endpoint, x.counted = endpoint, true
}

// uncount ends the request's count on its server, if it is counted.
func (x *exchange) uncount() {
	if x.counted {
		x.counted = false
		x.endpoint.InFlight.Add(-1)
	}
}
