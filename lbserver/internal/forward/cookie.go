package forward

import (
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/persistence"
)

// cookie is what the persistence cookie of a request says.
type cookie struct {
	index int            // of the server that it names in Eligible.Servers; -1 for none
	count *atomic.Uint64 // the counter for what became of the cookie; nil while persistence is off
	since time.Time      // when that server answered last; zero for none
}

// CookieName is the name of the cookie that ReadCookie wants; "" while persistence is off.
func (a *Attempt) CookieName() string {
	if a.Eligible.Cookie == nil {
		return ""
	}
	return a.Eligible.Cookie.Name()
}

// ReadCookie makes Reach prefer the server that a valid cookie names, if that takes requests. given is false for a request
// without the cookie. While persistence is off it is not called.
func (a *Attempt) ReadCookie(scratch *persistence.Scratch, value []byte, given bool, now time.Time) {
	counters := &a.service.Persistence
	a.cookie = cookie{index: -1, count: &counters.New}
	if !given {
		return
	}
	serverID, issued, err := a.Eligible.Cookie.Open(scratch, value, now)
	switch {
	case errors.Is(err, persistence.ErrExpired):
		a.cookie.count = &counters.Expired
	case err != nil:
		a.cookie.count = &counters.Invalid
	default:
		a.cookie.index, a.cookie.since = a.Eligible.Find(serverID), issued
		a.cookie.count = &counters.Hits
		if a.cookie.index < 0 {
			a.cookie.count = &counters.Moved
		}
	}
	a.preferred = a.cookie.index
}

// SetCookie returns the Set-Cookie line for the answer of the server that has the request, nil while persistence is off.
func (a *Attempt) SetCookie() (line []byte) {
	if a.cookie.count == nil {
		return nil
	}
	counters := &a.service.Persistence
	if a.cookie.count == &counters.Hits && a.Eligible.Servers[a.cookie.index] != a.Endpoint {
		a.cookie.count = &counters.Moved
	}
	if a.cookie.count != &counters.Hits {
		a.cookie.since = time.Time{} // this server has not answered the client before
	}
	return a.Endpoint.CookieLine.At(a.engine.Now(), false)
}

// CountCookie counts what became of the client's cookie, and reports whether a session begins that CountSession has to count. It
// is called after SetCookie, once it is sure that the client gets the server's answer: a cookie that it does not get begins no
// session.
func (a *Attempt) CountCookie() (begins bool) {
	if a.cookie.count == nil {
		return false
	}
	a.cookie.count.Add(1)
	return !a.Endpoint.Sessions.Knows(a.cookie.since, a.engine.Now())
}

// CountSession counts the client's session on the server that has the request, after CountCookie said that it begins.
// forwardedFor is the value of the request's X-Forwarded-For.
func (a *Attempt) CountSession(client netip.AddrPort, forwardedFor []byte) {
	a.Endpoint.Sessions.See(client, forwardedFor, a.cookie.since, a.engine.Now())
}
