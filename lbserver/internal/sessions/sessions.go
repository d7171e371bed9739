// Package sessions counts the sessions that persistence keeps on a server: how many were seen in the last minutes.
//
// The cookie does not identify clients, since all that a server sets within one second are the same. But it says when it was
// set. So a request without a valid cookie for the server begins a session, and one whose cookie was set before a span of time
// may be the first of its session in the span; every other request has a cookie from within the span, and its session has been
// counted in it. A Counter counts the former two in each of the spans that began with one of the last minutes, and spends one
// comparison on all others.
//
// So that a repetition is not counted again, a request is added to a sketch under a name of its session: its client's address,
// its X-Forwarded-For, and the second of its cookie or, if it has none, the client's port. The port tells the clients behind one
// address apart that begin together; with a cookie it is left out, because a client comes back from many ports and its cookie
// may be set once in its life. The remaining errors:
//
//   - The sketch's own, 4.6 % (one standard deviation); some dozens of sessions are exact to within one or two.
//   - Sessions behind one address, with the same X-Forwarded-For if any, whose cookies were set in the same second count as
//     one from the sixth minute after that.
//   - A client that keeps no cookies counts once for each of its connections.
//   - A client that sends its very first requests at the same time on several connections counts once for each.
//   - Clients behind a proxy that shares a connection among them, and adds no X-Forwarded-For, may count as one if they
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

// Window is the time over which sessions are counted. Since spans begin at a full minute, a count reaches back Window
// and up to a minute more.
const Window = 5 * time.Minute

const (
	spanSeconds = 60
	spans       = int(Window/(spanSeconds*time.Second)) + 1
)

// Counter counts the sessions of one server of one backend service. It is safe for concurrent use, without locks. It
// holds a sketch of half a KiB for each of six spans from the first session on, and next to nothing before.
type Counter struct {
	seed  maphash.Seed
	began int64 // Unix time; sessions whose cookies are older were not counted here
	spans [spans]atomic.Pointer[span]
}

// span holds the sessions seen since one full minute.
type span struct {
	start  int64 // Unix time
	sketch sketch
}

// New returns a counter whose counting begins at now.
func New(now time.Time) *Counter {
	return &Counter{seed: maphash.MakeSeed(), began: now.Unix()}
}

// Knows reports whether a client whose cookie this server set at the second issued has been counted in all spans; See then
// has nothing to do. issued is the zero time for a client without such a cookie.
func (c *Counter) Knows(issued, now time.Time) bool {
	return issued.Unix() >= max(minute(now), c.began)
}

// See counts a client that is answered now, unless it has been counted. forwardedFor is the value of its
// X-Forwarded-For, if any; issued is as for Knows.
func (c *Counter) See(client netip.AddrPort, forwardedFor []byte, issued, now time.Time) {
	mark, since := markOf(c.hash(client, forwardedFor, issued)), issued.Unix()
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

// Count estimates how many sessions were seen within Window before now, and up to a minute more. It drops older spans.
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
			c.spans[i].CompareAndSwap(s, nil) // if it fails, a new span has taken the place and stays
		}
	}
	return count
}

// placeOf returns the place, in turn, of the span that began at a moment.
func placeOf(start int64) int { return int(uint64(start) / spanSeconds % uint64(spans)) }

// span returns the span that began at a moment, or nil if a later span already has its place.
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

func (c *Counter) hash(client netip.AddrPort, forwardedFor []byte, issued time.Time) uint64 {
	var name [16 + 8]byte
	address := client.Addr().As16()
	copy(name[:], address[:])
	if issued.IsZero() {
		binary.BigEndian.PutUint64(name[16:], 1<<63|uint64(client.Port())) // no second is negative
	} else {
		binary.BigEndian.PutUint64(name[16:], uint64(issued.Unix()))
	}
	hash := maphash.Bytes(c.seed, name[:])
	if len(forwardedFor) > 0 {
		// Rotated, so that two equal halves don't cancel each other out.
		hash = bits.RotateLeft64(hash, 1) ^ maphash.Bytes(c.seed, forwardedFor)
	}
	return hash
}

// minute returns the start of the clock's minute, in Unix time.
func minute(now time.Time) int64 {
	second := now.Unix()
	return second - second%spanSeconds
}
