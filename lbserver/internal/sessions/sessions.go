// Package sessions counts the sessions that persistence keeps on a server: how many were seen in the last minutes.
//
// The cookie does not tell clients apart, since all answers of a server within one second set the same value. But it tells
// when its client was answered last. So a request begins a session anew for a span of time exactly when its cookie is from
// before the span, or when it has no good cookie for the server; every later request of the client has a cookie from within
// the span. A Counter takes note of such first requests only, for each of the spans that began with one of the last minutes.
// That tells apart any number of clients behind one address, and costs the others one comparison.
//
// A first request goes into a sketch under the client's address and port, its X-Forwarded-For and the second of its cookie,
// so that it counts once when it comes again. What is left of errors:
//
//   - The sketch's own, of 4.6 % (one standard deviation); some dozens of sessions are exact but for one or two.
//   - A client that keeps no cookies, or sends an old one for ever, counts once for each of its connections.
//   - A client whose first requests of the whole span are sent at once, on several connections, counts once for each.
//   - Clients behind a proxy that shares a connection among them, and adds no X-Forwarded-For, may count as one where they
//     begin a session on it.
//   - A session that moves from one server to another within the span counts on both.
//   - A WebSocket is seen when it begins, and not while it stays open.
package sessions

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"net/netip"
	"sync/atomic"
	"time"
)

// Window is the time over which sessions are counted. Since spans begin with a minute of the clock, a count reaches back
// Window and up to a minute more.
const Window = 5 * time.Minute

const (
	spanSeconds = 60
	spans       = int(Window/(spanSeconds*time.Second)) + 1
)

// Counter counts the sessions of one server of one backend service. It is safe for concurrent use, without locks. It holds
// a sketch of half a KiB for each of six spans from the first session on, and next to nothing before.
type Counter struct {
	seed  maphash.Seed
	began int64 // Unix time; what cookies from before were set on was not counted here
	spans [spans]atomic.Pointer[span]
}

// span is what began with one minute of the clock.
type span struct {
	start  int64 // Unix time
	sketch sketch
}

// New returns a counter that begins now.
func New(now time.Time) *Counter {
	return &Counter{seed: maphash.MakeSeed(), began: now.Unix()}
}

// Knows tells that a client which was last answered by this server at the second answered, as its cookie says, has been
// counted in all spans; there is nothing to See then. The zero time is for a client without such a cookie.
func (c *Counter) Knows(answered, now time.Time) bool {
	return answered.Unix() >= max(minute(now), c.began)
}

// See counts a client that is answered now, unless it has been. forwardedFor is the value of its X-Forwarded-For, if any;
// answered is as Knows has it.
func (c *Counter) See(client netip.AddrPort, forwardedFor []byte, answered, now time.Time) {
	mark, since := markOf(c.hash(client, forwardedFor, answered)), answered.Unix()
	start := minute(now)
	place := placeOf(start)
	for range spans {
		if since >= max(start, c.began) {
			return
		}
		if s := c.span(place, start); s != nil {
			s.sketch.add(mark)
		}
		start -= spanSeconds
		if place--; place < 0 {
			place = spans - 1
		}
	}
}

// Count estimates how many sessions were seen within Window of now, and up to a minute before. It lets go of what is older.
func (c *Counter) Count(now time.Time) int {
	oldest := minute(now) - int64(Window/time.Second)
	count := 0
	for i := range c.spans {
		s := c.spans[i].Load()
		switch {
		case s == nil:
		case s.start == oldest:
			count = s.sketch.estimate()
		case s.start < oldest:
			c.spans[i].CompareAndSwap(s, nil) // or a new span has taken its place, which stays
		}
	}
	return count
}

// placeOf is the place of the span that began at a moment, in turn.
func placeOf(start int64) int { return int(uint64(start) / spanSeconds % uint64(spans)) }

// span returns the span that began at a moment, or nil where a later one has its place already.
func (c *Counter) span(place int, start int64) *span {
	for {
		s := c.spans[place].Load()
		switch {
		case s == nil || s.start < start:
			fresh := &span{start: start}
			if c.spans[place].CompareAndSwap(s, fresh) {
				return fresh
			}
		case s.start == start:
			return s
		default:
			return nil
		}
	}
}

func (c *Counter) hash(client netip.AddrPort, forwardedFor []byte, answered time.Time) uint64 {
	var name [16 + 2 + 8]byte
	address := client.Addr().As16()
	copy(name[:], address[:])
	binary.BigEndian.PutUint16(name[16:], client.Port())
	binary.BigEndian.PutUint64(name[18:], uint64(answered.Unix()))
	hash := maphash.Bytes(c.seed, name[:])
	if len(forwardedFor) > 0 {
		// Turned, so that two equal halves don't cancel each other out.
		hash = bits.RotateLeft64(hash, 1) ^ maphash.Bytes(c.seed, forwardedFor)
	}
	return hash
}

// minute is the beginning of the clock's minute, in Unix time.
func minute(now time.Time) int64 {
	second := now.Unix()
	return second - second%spanSeconds
}
