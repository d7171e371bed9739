package proxy

import "time"

// countSession has the server that answered, now, count the client's session, once it is known what became of the cookie.
func (x *exchange) countSession(now time.Time) {
	since := x.sticky.since
	if x.sticky.count != &x.settings.service.Persistence.Hits {
		since = time.Time{} // another server's, or none
	}
	if !x.endpoint.Sessions.Knows(since, now) {
		x.endpoint.Sessions.See(x.c.client, x.request.Field(x.head, "x-forwarded-for"), since, now)
	}
}
