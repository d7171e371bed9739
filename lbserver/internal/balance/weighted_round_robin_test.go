package balance_test

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/balance"
)

func roundRobin(servers []balance.Server, previous balance.Picker) balance.Picker {
	return balance.New(lbapi.WeightedRoundRobin, servers, previous)
}

func pickMany(picker balance.Picker, count int) []int {
	picks := make([]int, count)
	for i := range picks {
		picks[i] = picker.Pick(netip.Addr{}, nil)
	}
	return picks
}

func counts(picks []int, servers int) []int {
	counted := make([]int, servers)
	for _, pick := range picks {
		counted[pick]++
	}
	return counted
}

func period(weights []int) (cycle, divisor int) {
	for _, weight := range weights {
		cycle += weight
		a, b := divisor, weight
		for b != 0 {
			a, b = b, a%b
		}
		divisor = a
	}
	return cycle / divisor, divisor
}

func TestFiftyThirtyTwentyOfAHundred(t *testing.T) {
	picker := roundRobin(serversOf(5, 3, 2), nil)
	if diff := cmp.Diff([]int{50, 30, 20}, counts(pickMany(picker, 100), 3)); diff != "" {
		t.Error(diff)
	}
}

func TestEveryStretchOfOneCycleIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := drawWeights(t)
		cycle, divisor := period(weights)
		picks := pickMany(roundRobin(serversOf(weights...), nil), 3*cycle)
		start := rapid.IntRange(0, 2*cycle).Draw(t, "start")
		for i, got := range counts(picks[start:start+cycle], len(weights)) {
			if got != weights[i]/divisor {
				t.Fatalf("weights %v: server %d has %d of %d picks from number %d on, want %d",
					weights, i, got, cycle, start, weights[i]/divisor)
			}
		}
	})
}

func TestConcurrentPicksAreExactTogether(t *testing.T) {
	weights := []int{7, 100, 13, 1}
	cycle, _ := period(weights)
	picker := roundRobin(serversOf(weights...), nil)
	results := make([][]int, 8)
	var wait sync.WaitGroup
	for i := range results {
		wait.Go(func() { results[i] = pickMany(picker, 5*cycle) })
	}
	wait.Wait()
	for i, got := range counts(slices.Concat(results...), len(weights)) {
		if want := 8 * 5 * weights[i]; got != want {
			t.Errorf("server %d: %d picks, want %d", i, got, want)
		}
	}
}

func TestPicksAreSpread(t *testing.T) {
	for name, test := range map[string]struct {
		weights []int
		longest int // run of one server's picks, across the cycle's end too; the least possible
	}{
		"equal":         {[]int{1, 1, 1, 1}, 1},
		"5:1:1":         {[]int{5, 1, 1}, 3},
		"5:3:2":         {[]int{5, 3, 2}, 2},
		"default":       {[]int{10, 10, 10}, 1},
		"half the rest": {append(slices.Repeat([]int{1}, 50), 50), 1},
		"4:4:1":         {[]int{4, 4, 1}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			cycle, _ := period(test.weights)
			picks := pickMany(roundRobin(serversOf(test.weights...), nil), 3*cycle)
			longest, run := 1, 1
			for i := 1; i < len(picks); i++ {
				run++
				if picks[i] != picks[i-1] {
					run = 1
				}
				longest = max(longest, run)
			}
			if longest > test.longest {
				t.Errorf("%d in a row, want at most %d: %v", longest, test.longest, picks[:cycle])
			}
		})
	}
}

// In any stretch of picks no server is off its share by more than the servers' simultaneous turns explain. What the
// order guarantees is stricter and is tested pair by pair: n/weight of any two servers never differ by more than one
// turn of each.
func TestAnyTwoServersStayLevel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := drawWeights(t)
		cycle, _ := period(weights)
		picked := make([]float64, len(weights))
		for n, pick := range pickMany(roundRobin(serversOf(weights...), nil), 2*cycle) {
			picked[pick]++
			for i := range weights {
				requireLevel(t, n, i, pick, picked, weights)
			}
		}
	})
}

func requireLevel(t *rapid.T, n, i, j int, picked []float64, weights []int) {
	t.Helper()
	wi, wj := float64(weights[i]), float64(weights[j])
	if off := math.Abs(picked[i]/wi - picked[j]/wj); off > 1/wi+1/wj+1e-6 {
		t.Fatalf("after %d picks server %d (weight %d) has %v and server %d (weight %d) has %v", n+1,
			i, weights[i], picked[i], j, weights[j], picked[j])
	}
}

// However often other servers flap, join, leave and change weight, the servers that stay neither gain nor starve.
func TestChangesOfOthersKeepStayingServersLevel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(1, 100), 2, 12).Draw(t, "weights")
		staying := rapid.IntRange(2, len(weights)).Draw(t, "staying")
		all := serversOf(weights...)
		picked := make([]float64, staying)
		var picker balance.Picker
		for n := range rapid.IntRange(1, 150).Draw(t, "changes") {
			set := slices.Clone(all[:staying])
			for i, server := range all[staying:] {
				if rapid.Bool().Draw(t, "present") {
					server.Weight = rapid.SampledFrom([]int{weights[staying+i], 1, 100}).Draw(t, "weight")
					set = append(set, server)
				}
			}
			picker = roundRobin(set, picker)
			for _, pick := range pickMany(picker, rapid.IntRange(0, 30).Draw(t, "picks")) {
				if pick >= staying {
					continue
				}
				picked[pick]++
				for i := range picked {
					requireLevel(t, n, i, pick, picked, weights)
				}
			}
		}
	})
}

// A server that leaves and comes back, each time long before its next turn, still gets its share of the time that it
// was present. A server of weight 100 that always stays measures that time, to within one of its turns per flap.
func TestFlappingServerKeepsItsTurn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weight := rapid.IntRange(1, 20).Draw(t, "weight")
		anchor, flapping := serversOf(100, weight)[0], serversOf(100, weight)[1]
		present := rapid.IntRange(1, 2*(100+weight)/weight).Draw(t, "picks while present")
		absent := rapid.IntRange(1, 50).Draw(t, "picks while absent")
		var got, time float64
		picker := roundRobin([]balance.Server{anchor, flapping}, nil)
		const flaps = 60
		for range flaps {
			for _, pick := range pickMany(picker, present) {
				got += float64(pick)
				time += float64(1-pick) / 100
			}
			picker = roundRobin([]balance.Server{anchor}, picker)
			pickMany(picker, absent)
			picker = roundRobin([]balance.Server{anchor, flapping}, picker)
		}
		ideal := time * float64(weight)
		if bound := 1 + float64(weight)*flaps/100; math.Abs(got-ideal) > bound {
			t.Fatalf("weight %d, %d flaps: %v picks, want %.1f ± %.1f", weight, flaps, got, ideal, bound)
		}
	})
}

// A changed weight counts from the moment of the change; what the server had waited for by then is kept.
func TestChangedWeightAccruesFromTheChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		anchor := serversOf(100)[0]
		changing := serversOf(1, 1)[1]
		var got, ideal float64
		var picker balance.Picker
		changes := rapid.IntRange(1, 100).Draw(t, "changes")
		slack := 1.0
		for range changes {
			changing.Weight = rapid.IntRange(1, 20).Draw(t, "weight")
			slack += float64(changing.Weight) / 100
			picker = roundRobin([]balance.Server{anchor, changing}, picker)
			for _, pick := range pickMany(picker, rapid.IntRange(0, 20).Draw(t, "picks")) {
				got += float64(pick)
				ideal += float64(1-pick) / 100 * float64(changing.Weight)
			}
		}
		if math.Abs(got-ideal) > slack {
			t.Fatalf("%v picks over %d changes, want %.2f ± %.2f", got, changes, ideal, slack)
		}
	})
}

func TestCycleIsExactRightAfterAChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := drawWeights(t), drawWeights(t)
		picker := roundRobin(serversOf(before...), nil)
		pickMany(picker, rapid.IntRange(0, 500).Draw(t, "picks before"))
		picker = roundRobin(serversOf(after...), picker)
		cycle, divisor := period(after)
		for i, got := range counts(pickMany(picker, cycle), len(after)) {
			if got != after[i]/divisor {
				t.Fatalf("from %v to %v: server %d has %d picks, want %d", before, after, i, got, after[i]/divisor)
			}
		}
	})
}

func TestServersAddedOneByOneBeforeTrafficAreSpread(t *testing.T) {
	weights := append(slices.Repeat([]int{1}, 50), 50)
	var picker balance.Picker
	all := serversOf(weights...)
	for i := range all {
		picker = roundRobin(all[:i+1], picker)
	}
	if got, want := pickMany(picker, 100), pickMany(roundRobin(all, nil), 100); !slices.Equal(got, want) {
		t.Errorf("one by one %v, together %v", got, want)
	}
}

// Servers come and go under new addresses for ever; the picker must not remember them all, and must still balance
// exactly.
func TestChurnOfAddressesStaysExact(t *testing.T) {
	stays := serversOf(1)[0]
	var picker balance.Picker
	got := 0
	for i := range 2_500 {
		passing := balance.Server{Key: fmt.Sprintf("10.1.%d.%d:80", i>>8, i&255), Weight: 1}
		picker = roundRobin([]balance.Server{stays, passing}, picker)
		for _, pick := range pickMany(picker, 2) {
			got += 1 - pick
		}
	}
	if got < 2_499 || got > 2_501 {
		t.Errorf("the staying server has %d of 5,000 picks, want 2,500 ± 1", got)
	}
}
