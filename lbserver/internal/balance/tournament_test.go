package balance

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// newLeastConnections makes a picker that plays a tournament or scans, whatever the size of the set.
func newLeastConnections(weights []int, tournament bool) *weightedLeastConnections {
	servers := make([]Server, len(weights))
	for i, weight := range weights {
		servers[i] = Server{Key: fmt.Sprint(i), Weight: weight, InFlight: new(InFlight)}
	}
	p := newWeightedLeastConnections(servers, nil)
	switch {
	case !tournament:
		p.retire()
		p.tournament = nil
	case p.tournament == nil:
		p.tournament = newTournament(p.contenders)
	}
	return p
}

// A tournament is faster than a scan of all servers and must pick the same server.
func TestTournamentPicksWhatAScanPicks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 100), rapid.IntRange(0, 3)), 1, 70).Draw(t, "weights")
		played, scanned := newLeastConnections(weights, true), newLeastConnections(weights, false)
		index := rapid.IntRange(0, len(weights)-1)
		for range 100 {
			if rapid.Bool().Draw(t, "one ends or a count jumps") {
				which, delta := index.Draw(t, "which"), rapid.Int64Range(-1, 3).Draw(t, "delta")
				if played.servers[which].InFlight.Load()+delta < 0 {
					continue
				}
				played.servers[which].InFlight.Add(delta)
				scanned.servers[which].InFlight.Add(delta)
				continue
			}
			tried := rapid.SliceOfNDistinct(index, 0, min(3, len(weights)), rapid.ID).Draw(t, "tried")
			if len(tried) == 3 {
				tried = nil
			}
			got, want := played.Pick(netip.Addr{}, tried), scanned.Pick(netip.Addr{}, tried)
			if got != want {
				t.Fatalf("weights %v, tried %v: the tournament picked %d, a scan %d", weights, tried, got, want)
			}
			if got >= 0 {
				played.servers[got].InFlight.Add(1)
				scanned.servers[got].InFlight.Add(1)
			}
		}
	})
}

// Whatever ran concurrently: once all threads have returned, every node names the best server below it. The rounds are
// short and many, because a later match repairs what an earlier one missed.
func TestTournamentIsExactWhenTheDustHasSettled(t *testing.T) {
	const workers, servers, rounds = 3, 6, 10_000
	p := newLeastConnections([]int{1, 2, 1, 3, 1, 1}, true)
	var round, done atomic.Int64
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(worker)))
			for next := int64(1); next <= rounds; next++ {
				for spins := 0; round.Load() < next; spins++ {
					if spins > 100 {
						runtime.Gosched()
					}
				}
				if random.IntN(3) == 0 {
					p.servers[p.Pick(netip.Addr{}, nil)].InFlight.Add(1)
				} else {
					p.servers[random.IntN(servers)].InFlight.Add(int64(1 - 2*random.IntN(2)))
				}
				done.Add(1)
			}
		})
	}
	wrong := 0
	for next := range int64(rounds) {
		round.Store(next + 1)
		for done.Load() < workers*(next+1) {
			runtime.Gosched()
		}
		for node := p.tournament.leaves - 1; node > 0; node-- {
			if p.tournament.winner(node) != p.tournament.best(p.tournament.winner(2*node), p.tournament.winner(2*node+1)) {
				wrong++
			}
		}
		for _, server := range p.servers { // no count may fall below 0
			server.InFlight.Add(-min(server.InFlight.Load(), 0))
		}
	}
	group.Wait()
	if wrong > 0 {
		t.Errorf("after %d of %d rounds a node named another than the best", wrong, rounds)
	}
}

// A worker may decide on counts that the others are about to change: for each of them a server may be ahead by two, one
// request picked but not counted yet and one picked from what was known before.
func TestConcurrentPicksKeepServersLevel(t *testing.T) {
	const workers, each = 4, 2_000
	p := newLeastConnections(slices.Repeat([]int{1}, 50), true)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for range each {
				p.servers[p.Pick(netip.Addr{}, nil)].InFlight.Add(1)
			}
		})
	}
	group.Wait()
	fewest, most := int64(workers*each), int64(0)
	for _, server := range p.servers {
		fewest, most = min(fewest, server.InFlight.Load()), max(most, server.InFlight.Load())
	}
	if most-fewest > 2*workers {
		t.Errorf("of requests that never end, one server has %d and another %d; want no more than %d between them", most, fewest, workers)
	}
}

// Counts change while one picker replaces another; whichever is asked uses the current counts.
func TestCountsAreFollowedThroughChangesOfTheSet(t *testing.T) {
	servers := newLeastConnections(slices.Repeat([]int{1}, 120), true).servers
	var current *weightedLeastConnections
	stop := make(chan struct{})
	var group sync.WaitGroup
	for half := range 2 {
		group.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				server := servers[2*(i%60)+half]
				server.InFlight.Add(2)
				server.InFlight.Add(-1)
				server.InFlight.Add(-1)
			}
		})
	}
	for i := range 200 {
		last := current
		current = newWeightedLeastConnections(servers[:120-i%100], last)
		if last != nil {
			last.retire()
		}
	}
	close(stop)
	group.Wait()
	for i, server := range servers {
		server.InFlight.Add(int64(i%7) + 1)
	}
	if got, want := current.tournament, current.scan(nil); got == nil && len(current.servers) > scanLimit || got != nil && got.winner(1) != want {
		t.Errorf("the best server is not known: want %d", want)
	}
	for _, server := range servers[len(current.servers):] {
		if server.InFlight.contender.Load() != nil {
			t.Errorf("server %s plays in a set that it has left", server.Key)
		}
	}
}

// A request that began before the set changed picks from the old picker, which changes of counts no longer reach.
func TestRetiredTournamentStillSpreads(t *testing.T) {
	p := newLeastConnections(slices.Repeat([]int{1}, 40), true)
	p.retire()
	for range 120 {
		p.servers[p.Pick(netip.Addr{}, nil)].InFlight.Add(1)
	}
	for _, server := range p.servers {
		if got := server.InFlight.Load(); got < 2 || got > 4 {
			t.Errorf("server %s has %d of 120 requests, want 3 ± 1", server.Key, got)
		}
	}
}

// BenchmarkLeastConnections measures what a request causes: a pick and two changes of a count, with another server's
// count changing in between.
func BenchmarkLeastConnections(b *testing.B) {
	for _, way := range []string{"scan", "tournament"} {
		for _, count := range []int{8, 32, 64, 100, 1_000, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", way, count), func(b *testing.B) {
				weights := make([]int, count)
				for i := range weights {
					weights[i] = 1 + i*37%100
				}
				p := newLeastConnections(weights, way == "tournament")
				const open = 64 // requests in flight
				var ring [open]int
				for i := range ring {
					ring[i] = p.Pick(netip.Addr{}, nil)
					p.servers[ring[i]].InFlight.Add(1)
				}
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					p.servers[ring[i%open]].InFlight.Add(-1)
					ring[i%open] = p.Pick(netip.Addr{}, nil)
					p.servers[ring[i%open]].InFlight.Add(1)
				}
			})
		}
	}
}
