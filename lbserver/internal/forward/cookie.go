package forward

import (
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/persistence"
)

// cookie is what the persistence cookies of a request say.
type cookie struct {
	index    int            // of the server that they name in Eligible.Servers; -1 for none
	count    *atomic.Uint64 // the counter for what became of them; nil while persistence is off
	issued   time.Time      // of the cookie that names that server; zero for none
	outdated bool           // it is to be replaced even if the server is the same
	secure   bool           // the browser was told to send it over HTTPS alone
}

// CookieName is the name of the cookies that ReadCookie wants; "" while persistence is off.
func (a *Attempt) CookieName() string {
	if a.Eligible.Cookie == nil {
		return ""
	}
	return a.Eligible.Cookie.Name()
}

// expectCookie prepares for the cookies of a request, of which there may be none.
func (a *Attempt) expectCookie() {
	if a.Eligible.Cookie != nil {
		a.cookie = cookie{index: -1, count: &a.service.Persistence.New}
	}
}

// ReadCookie makes Reach prefer the server that a valid cookie names, if that takes requests. It is called with each value of
// the cookie's name, until it has opened one. While persistence is off it is not called.
//
// There is no limit to how many are tried. A head has room for about 800 values that have to be decrypted before they turn
// out to be forged, which takes a quarter of a millisecond (BenchmarkForgedCookies of persistence): a tenth of what the same bytes cost as
// short requests.
func (a *Attempt) ReadCookie(scratch *persistence.Scratch, value []byte, now time.Time) (opened bool) {
	counters := &a.service.Persistence
	found, err := a.Eligible.Cookie.Open(scratch, value, now)
	if err != nil {
		if errors.Is(err, persistence.ErrExpired) {
			a.cookie.count = &counters.Expired
		} else if a.cookie.count != &counters.Expired {
			a.cookie.count = &counters.Invalid
		}
		return false
	}
	a.cookie = cookie{
		index: a.Eligible.Find(found.ServerID), count: &counters.Hits,
		issued: found.Issued, outdated: found.Outdated, secure: found.Secure,
	}
	if a.cookie.index < 0 {
		a.cookie.count = &counters.Moved
	}
	a.preferred = a.cookie.index
	return true
}

// SetCookie returns the Set-Cookie line for the answer of the server that has the request; nil if the client has a cookie that
// will do, or persistence is off. secure says that the client uses HTTPS.
func (a *Attempt) SetCookie(secure bool) (line []byte) {
	if a.cookie.count == nil {
		return nil
	}
	counters := &a.service.Persistence
	if a.cookie.count == &counters.Hits && a.Eligible.Servers[a.cookie.index] != a.Endpoint {
		a.cookie.count = &counters.Moved
	}
	now := a.engine.Now()
	switch {
	case a.cookie.count != &counters.Hits:
		a.cookie.issued = time.Time{} // this server has not answered the client before
	case !a.cookie.outdated && (a.cookie.secure || !secure) && !a.Eligible.Cookie.Due(a.cookie.issued, now):
		return nil
	}
	return a.Endpoint.CookieLine.At(now, secure)
}

// CountCookie counts what became of the client's cookie, and reports whether CountSession has to count the client's session. It
// is called after SetCookie, once it is sure that the client gets the server's answer: a cookie that it does not get begins no
// session.
func (a *Attempt) CountCookie() (uncounted bool) {
	if a.cookie.count == nil {
		return false
	}
	a.cookie.count.Add(1)
	return !a.Endpoint.Sessions.Knows(a.cookie.issued, a.engine.Now())
}

// CountSession counts the client's session on the server that has the request, after CountCookie said that it has to.
// forwardedFor is the value of the request's X-Forwarded-For.
func (a *Attempt) CountSession(client netip.AddrPort, forwardedFor []byte) {
	a.Endpoint.Sessions.See(client, forwardedFor, a.cookie.issued, a.engine.Now())
}
