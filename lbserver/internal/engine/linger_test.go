package engine

import (
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// guest is a connection that lingers. The first letter of its name is its peer's.
type guest struct {
	lingering
	name   string
	closed *[]string // the names of those that were closed
}

func (g *guest) RemoteAddr() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, g.name[0]}), 1)
}

func (g *guest) Close() error {
	*g.closed = append(*g.closed, g.name)
	return nil
}

func TestOfThePeerWithMostTheConnectionThatLingersLongestIsClosed(t *testing.T) {
	for name, test := range map[string]struct {
		limit  int
		events string // who begins to linger, or ends with a minus
		closed string
	}{
		"nobody, with room":                 {4, "a1 a2 b1 c1", ""},
		"the longest of most":               {4, "b1 a1 a2 a3 c1", "a1"},
		"one after another":                 {3, "b1 a1 a2 a3 a4 c1", "a1 a2 a3"},
		"the newcomer's oldest":             {3, "a1 b1 b2 b3", "b1"},
		"the longest of all, when equal":    {3, "b1 a1 c1 d1", "b1"},
		"those that have ended don't count": {3, "a1 a2 -a1 -a2 b1 b2 c1 c2", "b1"},
		"the newcomer, with no room":        {0, "a1 b1", "a1 b1"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLingerers(test.limit, new(atomic.Pointer[time.Time]))
			var closed []string
			guests := map[string]*guest{}
			for event := range strings.FieldsSeq(test.events) {
				if ended, ok := strings.CutPrefix(event, "-"); ok {
					l.leave(guests[ended])
					continue
				}
				guests[event] = &guest{name: event, closed: &closed}
				l.enter(guests[event])
			}
			if got := strings.Join(closed, " "); got != test.closed {
				t.Errorf("closed %q, want %q", got, test.closed)
			}
			for _, each := range guests {
				l.leave(each) // also those that were closed
			}
			if len(l.all)+len(l.peers) != 0 {
				t.Errorf("%d connections of %d peers are left", len(l.all), len(l.peers))
			}
		})
	}
}

func TestLoopsShareOutWhatMayLinger(t *testing.T) {
	for _, limit := range []int{0, 1, 3, 1000} {
		e := New(Config{MaxLingering: limit})
		sum, least, most := 0, limit, 0
		for number := range 3 {
			share := e.lingerShare(number, 3)
			sum, least, most = sum+share, min(least, share), max(most, share)
		}
		if sum != limit || most-least > 1 {
			t.Errorf("of %d, three loops get %d together, %d to %d each", limit, sum, least, most)
		}
	}
}
