package balance_test

import (
	"net/netip"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/balance"
)

func leastConnections(servers []balance.Server, previous balance.Picker) balance.Picker {
	return balance.New(lbapi.WeightedLeastConnections, servers, previous)
}

// isLeast reports whether no server has a smaller (in-flight+1)/weight than server i.
func isLeast(servers []balance.Server, i int) bool {
	for _, other := range servers {
		if (servers[i].InFlight.Load()+1)*int64(other.Weight) > (other.InFlight.Load()+1)*int64(servers[i].Weight) {
			return false
		}
	}
	return true
}

func TestNoServerIsABetterChoice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		servers := serversOf(drawWeights(t)...)
		picker := leastConnections(servers, nil)
		var open []int
		for range 300 {
			if len(open) > 0 && rapid.Bool().Draw(t, "one ends") {
				n := rapid.IntRange(0, len(open)-1).Draw(t, "which")
				servers[open[n]].InFlight.Add(-1)
				open = append(open[:n], open[n+1:]...)
				continue
			}
			got := picker.Pick(netip.Addr{}, nil)
			if !isLeast(servers, got) {
				t.Fatalf("picked %d (weight %d, %d in flight)", got, servers[got].Weight, servers[got].InFlight.Load())
			}
			servers[got].InFlight.Add(1)
			open = append(open, got)
		}
	})
}

// While the same servers tie, each cycle of their weights gives each of them exactly its weight. The tie changes from
// time to time, and nothing of the earlier tie may be left in it.
func TestTiesGoRoundByWeight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(1, 10), 2, 12).Draw(t, "weights")
		servers := serversOf(weights...)
		picker := leastConnections(servers, nil)
		for range 5 {
			cycle := 0
			for i, weight := range weights {
				tied := i == 0 || rapid.Bool().Draw(t, "tied")
				setInFlight(servers[i], int64(3*weight-1))
				if tied {
					setInFlight(servers[i], int64(2*weight-1))
					cycle += weight
				}
			}
			pickMany(picker, cycle) // overdue turns of those that were in no tie before
			counted := counts(pickMany(picker, 4*cycle), len(weights))
			for i, got := range counted {
				want := 0
				if isLeast(servers, i) {
					want = 4 * weights[i]
				}
				if got < want-1 || got > want+1 || want == 0 && got > 0 {
					t.Fatalf("weights %v: server %d has %d picks, want %d ± 1; all: %v", weights, i, got, want, counted)
				}
			}
		}
	})
}

func TestServerBackFromLoadTakesOneTurnAndNoMore(t *testing.T) {
	servers := serversOf(1, 1, 1)
	setInFlight(servers[0], 5)
	picker := leastConnections(servers, nil)
	pickMany(picker, 10_000)
	setInFlight(servers[0], 0)
	if got := counts(pickMany(picker, 30), 3); got[0] < 10 || got[0] > 11 {
		t.Errorf("30 picks after it came back: %v", got)
	}
}

func TestTiesGoOnAfterAChangeOfServers(t *testing.T) {
	servers := serversOf(1, 1, 1, 1)
	picker := leastConnections(servers, nil)
	picked := make([]int, len(servers))
	// With a change before each pick, starting the round again would give everything to the first server.
	for i := range 300 {
		picker = leastConnections(servers[:3+i%2], picker)
		picked[picker.Pick(netip.Addr{}, nil)]++
	}
	for i, got := range picked[:3] {
		if got < 70 || got > 110 {
			t.Errorf("server %d has %d of 300 picks: %v", i, got, picked)
		}
	}
}

// Picks at the same moment see the same counts; the round among ties still spreads them.
func TestConcurrentTiesAreSpread(t *testing.T) {
	picker := leastConnections(serversOf(1, 1, 1, 1), nil)
	const workers, each = 8, 5_000
	results := make([][]int, workers)
	var wait sync.WaitGroup
	for worker := range results {
		wait.Go(func() { results[worker] = pickMany(picker, each) })
	}
	wait.Wait()
	for i, got := range counts(slices.Concat(results...), 4) {
		if want := workers * each / 4; got < want*9/10 || got > want*11/10 {
			t.Errorf("server %d: %d picks, want %d ± 10 %%", i, got, want)
		}
	}
}
