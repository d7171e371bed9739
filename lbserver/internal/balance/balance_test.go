package balance_test

import (
	"fmt"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/balance"
)

var schedulers = []lbapi.Scheduler{lbapi.WeightedRoundRobin, lbapi.SourceIP, lbapi.WeightedLeastConnections}

// serversOf makes servers 10.0.0.0:80, 10.0.0.1:80, … of the given weights.
func serversOf(weights ...int) []balance.Server {
	servers := make([]balance.Server, len(weights))
	for i, weight := range weights {
		servers[i] = balance.Server{
			Key:      fmt.Sprintf("10.%d.%d.%d:80", i>>16, i>>8&255, i&255),
			Weight:   weight,
			InFlight: new(balance.InFlight),
		}
	}
	return servers
}

func setInFlight(server balance.Server, count int64) {
	server.InFlight.Add(count - server.InFlight.Load())
}

func drawWeights(t *rapid.T) []int {
	return rapid.SliceOfN(rapid.IntRange(1, 100), 1, 40).Draw(t, "weights")
}

func drawClient(t *rapid.T) netip.Addr {
	if rapid.Bool().Draw(t, "v6") {
		return netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "client")))
	}
	return netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "client")))
}

func TestNoServersGiveNoPick(t *testing.T) {
	for _, scheduler := range schedulers {
		for name, servers := range map[string][]balance.Server{"none": nil, "only weight 0": serversOf(0, 0)} {
			picker := balance.New(scheduler, servers, nil)
			if got := picker.Pick(netip.MustParseAddr("192.0.2.1"), nil); got != -1 {
				t.Errorf("%s, %s: picked %d, want -1", scheduler, name, got)
			}
			// A set that comes back after all servers were gone must work.
			picker = balance.New(scheduler, serversOf(3, 1), picker)
			if got := picker.Pick(netip.MustParseAddr("192.0.2.1"), nil); got < 0 {
				t.Errorf("%s, %s: no pick after servers came", scheduler, name)
			}
		}
	}
}

func TestWeightZeroIsNeverPicked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.SampledFrom([]int{0, 0, 1, 2, 50, 100}), 1, 20).Draw(t, "weights")
		for _, scheduler := range schedulers {
			servers := serversOf(weights...)
			picker := balance.New(scheduler, servers, nil)
			for range 50 {
				if got := picker.Pick(drawClient(t), nil); got >= 0 && weights[got] == 0 {
					t.Fatalf("%s picked server %d of weights %v", scheduler, got, weights)
				}
			}
		}
	})
}

func TestRetriesReachEveryServerOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := drawWeights(t)
		client := drawClient(t)
		for _, scheduler := range schedulers {
			servers := serversOf(weights...)
			for i := range servers {
				setInFlight(servers[i], rapid.Int64Range(0, 5).Draw(t, "in flight"))
			}
			picker := balance.New(scheduler, servers, nil)
			var tried []int
			seen := make([]bool, len(servers))
			for range servers {
				got := picker.Pick(client, tried)
				if got < 0 || seen[got] {
					t.Fatalf("%s after %v picked %d", scheduler, tried, got)
				}
				seen[got] = true
				tried = append(tried, got)
			}
			if got := picker.Pick(client, tried); got != -1 {
				t.Fatalf("%s picked %d with all servers tried", scheduler, got)
			}
		}
	})
}

func TestPickAllocatesNothing(t *testing.T) {
	client := netip.MustParseAddr("192.0.2.1")
	tried := []int{1, 3}
	for _, scheduler := range schedulers {
		picker := balance.New(scheduler, serversOf(5, 3, 2, 2, 1), nil)
		if allocations := testing.AllocsPerRun(100, func() { picker.Pick(client, nil); picker.Pick(client, tried) }); allocations != 0 {
			t.Errorf("%s: %v allocations a pick", scheduler, allocations)
		}
	}
}

func BenchmarkPick(b *testing.B) {
	for _, scheduler := range schedulers {
		for _, count := range []int{10, 100, 1_000, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", scheduler, count), func(b *testing.B) {
				picker := balance.New(scheduler, serversOf(mixedWeights(count)...), nil)
				client := netip.MustParseAddr("192.0.2.1")
				b.ReportAllocs()
				for b.Loop() {
					client = client.Next()
					picker.Pick(client, nil)
				}
			})
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for _, scheduler := range schedulers {
		for _, count := range []int{10, 100, 1_000, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", scheduler, count), func(b *testing.B) {
				servers := serversOf(mixedWeights(count)...)
				picker := balance.New(scheduler, servers, nil)
				b.ReportAllocs()
				for b.Loop() {
					picker.Pick(netip.IPv4Unspecified(), nil)
					picker = balance.New(scheduler, servers, picker)
				}
			})
		}
	}
}

// mixedWeights returns weights from 1 to 100 whose greatest common divisor is 1.
func mixedWeights(count int) []int {
	weights := make([]int, count)
	for i := range weights {
		weights[i] = 1 + i*37%100
	}
	return weights
}
