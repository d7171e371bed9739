package sessions_test

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/sessions"
)

// start is in the middle of a minute.
var start = time.Unix(1_790_000_010, 0)

// client is a browser: it connects from one address and sends the cookie that it was given.
type client struct {
	from    netip.AddrPort
	issued  time.Time     // of its cookie
	timeout time.Duration // of persistence
}

// request is what the proxy does for a request that counter's server answers.
func (c *client) request(counter *sessions.Counter, now time.Time) {
	if !counter.Knows(c.issued, now) {
		counter.See(c.from, nil, c.issued, now)
	}
	if c.issued.IsZero() || c.timeout > 0 && now.Sub(c.issued) >= c.timeout/10 {
		c.issued = now.Truncate(time.Second)
	}
}

// office returns clients behind one address.
func office(number int) []*client {
	clients := make([]*client, number)
	for i := range clients {
		clients[i] = &client{from: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(1024+i))}
	}
	return clients
}

func newCounter() *sessions.Counter { return sessions.New(start.Add(-time.Hour)) }

// tolerance is five standard deviations of a sketch, plus 2 because small counts are not spread evenly.
func tolerance(number int) float64 {
	const registers = 512.0
	share := float64(number) / registers
	if share > 1 {
		return 2 + 5*1.04/math.Sqrt(registers)*float64(number)
	}
	return 2 + 5*math.Sqrt(registers*(math.Exp(share)-share-1)) // of linear counting
}

// about fails if a count is off by more than chance explains.
func about(t *testing.T, what string, got, want int) {
	t.Helper()
	if off := math.Abs(float64(got - want)); off > tolerance(want) {
		t.Errorf("%s: counted %d, want %d give or take %.0f", what, got, want, tolerance(want))
	}
}

func TestClientsBehindOneAddressAreCountedSeparately(t *testing.T) {
	for _, number := range []int{0, 1, 2, 10, 50, 400, 3000, 60_000} {
		counter := newCounter()
		for _, each := range office(number) {
			each.request(counter, start)
		}
		about(t, "one request each", counter.Count(start), number)
	}
}

func TestSessionCountsOnceHoweverBusyItIs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		counter, now, port := newCounter(), start, uint16(10_000)
		clients := office(12)
		timeout := rapid.SampledFrom([]time.Duration{0, 10 * time.Second, 10 * time.Minute, 24 * time.Hour}).Draw(rt, "timeout")
		last := make(map[*client]time.Time, len(clients))
		for range rapid.IntRange(1, 400).Draw(rt, "requests") {
			// Not within a second, so that no two clients have the same cookie.
			now = now.Add(time.Duration(rapid.IntRange(1_000, 20_000).Draw(rt, "pause")) * time.Millisecond)
			one := clients[rapid.IntRange(0, len(clients)-1).Draw(rt, "client")]
			if rapid.Bool().Draw(rt, "reconnect") {
				port++
				one.from = netip.AddrPortFrom(one.from.Addr(), port)
			}
			one.timeout = timeout
			one.request(counter, now)
			last[one] = now
		}
		// The count reaches back to the start of a minute, five to six minutes ago.
		since, want := now.Truncate(time.Minute).Add(-sessions.Window), 0
		for _, at := range last {
			if !at.Before(since) {
				want++
			}
		}
		if got := counter.Count(now); math.Abs(float64(got-want)) > 4 {
			rt.Fatalf("counted %d sessions, want about %d", got, want)
		}
	})
}

func TestSessionsPassOutOfTheWindow(t *testing.T) {
	for after, want := range map[time.Duration]int{
		3 * time.Minute:                 100,
		sessions.Window:                 100,
		sessions.Window + time.Minute:   40,
		sessions.Window + 4*time.Minute: 0,
		24 * time.Hour:                  0,
	} {
		counter := newCounter()
		for i, each := range office(100) {
			each.from = netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i % 4)}), each.from.Port())
			each.request(counter, start.Add(time.Duration(i/4)*time.Second)) // each address and second once
			if i < 40 {
				each.request(counter, start.Add(3*time.Minute))
			}
		}
		about(t, after.String(), counter.Count(start.Add(after)), want)
	}
}

func TestClientsThatBeganTogetherAreCountedSeparatelyForFiveMinutes(t *testing.T) {
	counter, clients := newCounter(), office(100)
	for after := time.Duration(0); after <= sessions.Window; after += 30 * time.Second {
		for i, each := range clients {
			each.from = netip.AddrPortFrom(each.from.Addr(), each.from.Port()+uint16(len(clients)*(1+i%3))) // over new connections
			each.request(counter, start.Add(after))
		}
		about(t, after.String(), counter.Count(start.Add(after)), 100)
	}
}

func TestClientWithoutCookiesCountsOnceAConnection(t *testing.T) {
	counter := newCounter()
	for i := range 10_000 {
		one := client{from: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.7"), uint16(4000+i%5))}
		one.request(counter, start.Add(time.Duration(i)*time.Millisecond))
	}
	about(t, "10,000 requests on five connections", counter.Count(start.Add(10*time.Second)), 5)
}

func TestOldCookieSentForEverCountsOnce(t *testing.T) {
	counter := newCounter()
	for i := range 10_000 {
		one := client{from: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.7"), uint16(4000+i)), issued: start.Add(-20 * time.Minute)}
		one.request(counter, start.Add(time.Duration(i)*10*time.Millisecond))
	}
	about(t, "10,000 requests", counter.Count(start.Add(100*time.Second)), 1)
}

func TestForwardedForDistinguishesClientsOfAProxy(t *testing.T) {
	counter := newCounter()
	proxy := netip.MustParseAddrPort("192.0.2.9:7000")
	for i := range 50 {
		name := []byte(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}).String())
		counter.See(proxy, name, time.Time{}, start)
		counter.See(proxy, name, time.Time{}, start)
	}
	about(t, "50 clients on one connection", counter.Count(start), 50)
}

func TestSessionsFromBeforeTheCounterCount(t *testing.T) {
	counter := sessions.New(start)
	for i, each := range office(20) {
		each.issued = start.Add(-2*time.Second - time.Duration(i)*time.Minute) // before it, by a process that has ended
		each.request(counter, start.Add(time.Second))
		each.request(counter, start.Add(2*time.Second))
	}
	about(t, "after a restart", counter.Count(start.Add(3*time.Second)), 20)
}

func TestClockBeforeItsEpochIsHarmless(t *testing.T) {
	now := time.Unix(-100, 0)
	counter := sessions.New(now)
	counter.See(netip.AddrPort{}, nil, time.Time{}, now)
	if got := counter.Count(now); got < 0 || got > 1 {
		t.Errorf("counted %d", got)
	}
}

func TestManyCoresCountTogether(t *testing.T) {
	counter, now := newCounter(), start
	var wait sync.WaitGroup
	for core := range 4 {
		wait.Go(func() {
			for i, each := range office(2000) {
				if i%4 == core || i%3 == 0 { // some clients use several cores at once
					each.request(counter, now.Add(time.Duration(i%7)*time.Minute/2))
				}
				if i%500 == 0 {
					counter.Count(now)
				}
			}
		})
	}
	wait.Wait()
	about(t, "from four cores", counter.Count(now.Add(3*time.Minute)), 2000)
}

func TestIdleCounterIsSmall(t *testing.T) {
	const number = 10_000
	counters := make([]*sessions.Counter, number)
	before := heap()
	for i := range counters {
		counters[i] = newCounter()
	}
	if each := (heap() - before) / number; each > 128 {
		t.Errorf("an idle counter takes %d bytes", each)
	}
	for _, counter := range counters {
		counter.See(netip.AddrPort{}, nil, time.Time{}, start)
		counter.Count(start.Add(time.Hour))
	}
	if each := (heap() - before) / number; each > 128 {
		t.Errorf("a counter that has become idle takes %d bytes", each)
	}
	runtime.KeepAlive(counters)
}

// heap returns the memory in use, in bytes.
func heap() int64 {
	var stats runtime.MemStats
	runtime.GC() //nolint:revive // what is garbage must not be counted
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// BenchmarkKnownClient measures what every request of a session costs, except the first in a minute.
func BenchmarkKnownClient(b *testing.B) {
	counter, one := newCounter(), office(1)[0]
	one.request(counter, start)
	b.ReportAllocs()
	for b.Loop() {
		if !counter.Knows(one.issued, start) {
			b.Fatal("not known")
		}
	}
}

// BenchmarkClientSeenAgain measures a request of a client whose cookie is older than all spans, as most of a long session are
// without a timeout.
func BenchmarkClientSeenAgain(b *testing.B) {
	counter, one := newCounter(), office(1)[0]
	b.ReportAllocs()
	for b.Loop() {
		counter.See(one.from, nil, start.Add(-time.Hour), start)
	}
}

// BenchmarkNewClients measures the first request of a session, on all cores at once.
func BenchmarkNewClients(b *testing.B) {
	counter := newCounter()
	address := netip.MustParseAddr("192.0.2.1")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		at := time.Unix(rand.Int64N(1<<30), 0)
		for port := uint16(0); pb.Next(); port++ {
			if port == 0 {
				at = at.Add(time.Second)
			}
			counter.See(netip.AddrPortFrom(address, port), nil, at, start)
		}
	})
}

// BenchmarkCount measures one reading of one server.
func BenchmarkCount(b *testing.B) {
	counter := newCounter()
	for _, each := range office(5000) {
		each.request(counter, start)
	}
	b.ReportAllocs()
	for b.Loop() {
		counter.Count(start)
	}
}
