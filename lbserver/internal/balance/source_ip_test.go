package balance_test

import (
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/balance"
)

func sourceIP(servers []balance.Server) balance.Picker {
	return balance.New(lbapi.SourceIP, servers, nil)
}

func clientNumber(i uint32) netip.Addr {
	var address [4]byte
	binary.BigEndian.PutUint32(address[:], i)
	return netip.AddrFrom4(address)
}

func TestClientStaysOnItsServerWhateverTheOrderOfServers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		servers := serversOf(drawWeights(t)...)
		shuffled := rapid.Permutation(servers).Draw(t, "order on another node")
		client := drawClient(t)
		here, there := sourceIP(servers), sourceIP(shuffled)
		want := servers[here.Pick(client, nil)].Key
		for range 3 {
			if got := shuffled[there.Pick(client, nil)].Key; got != want {
				t.Fatalf("client %s: %s here, %s there", client, want, got)
			}
		}
	})
}

func TestRemovalMovesOnlyItsOwnClients(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		servers := serversOf(drawWeights(t)...)
		gone := rapid.IntRange(0, len(servers)-1).Draw(t, "gone")
		left := slices.Delete(slices.Clone(servers), gone, gone+1)
		before, after := sourceIP(servers), sourceIP(left)
		for range 100 {
			client := drawClient(t)
			from := before.Pick(client, nil)
			to := after.Pick(client, nil)
			if from != gone && left[to].Key != servers[from].Key {
				t.Fatalf("client %s moved from %s to %s when %s left", client, servers[from].Key, left[to].Key, servers[gone].Key)
			}
			// A retry after the server failed goes to the server that the client would move to if the failed one were
			// removed.
			if retried := before.Pick(client, []int{gone}); from == gone && len(left) > 0 && servers[retried].Key != left[to].Key {
				t.Fatalf("client %s: retried on %s, moved to %s", client, servers[retried].Key, left[to].Key)
			}
		}
	})
}

func TestWeightChangeMovesOnlyToOrFromThatServer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		servers := serversOf(drawWeights(t)...)
		changed := rapid.IntRange(0, len(servers)-1).Draw(t, "changed")
		heavier := slices.Clone(servers)
		heavier[changed].Weight = rapid.IntRange(servers[changed].Weight, 100).Draw(t, "weight")
		before, after := sourceIP(servers), sourceIP(heavier)
		for range 100 {
			client := drawClient(t)
			from, to := before.Pick(client, nil), after.Pick(client, nil)
			if from != to && to != changed {
				t.Fatalf("client %s moved from %d to %d when %d grew", client, from, to, changed)
			}
		}
	})
}

func TestMappedAddressIsTheSameClient(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		picker := sourceIP(serversOf(drawWeights(t)...))
		client := netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "client")))
		if a, b := picker.Pick(client, nil), picker.Pick(netip.AddrFrom16(client.As16()), nil); a != b {
			t.Fatalf("%s goes to %d as IPv4 and to %d as IPv6", client, a, b)
		}
	})
}

// Shares follow the weights even for clients with consecutive addresses, the least random there are: within five
// standard deviations, and 0.1 % for the table of logarithms.
func TestSharesFollowWeights(t *testing.T) {
	const clients = 200_000
	for _, weights := range [][]int{{1, 1}, {5, 3, 2}, {100, 1}, slices.Repeat([]int{10}, 20), mixedWeights(50)} {
		sum := 0
		for _, weight := range weights {
			sum += weight
		}
		picker := sourceIP(serversOf(weights...))
		counted := make([]int, len(weights))
		for i := range uint32(clients) {
			counted[picker.Pick(clientNumber(0x0a000000+i), nil)]++
		}
		for i, got := range counted {
			share := float64(weights[i]) / float64(sum)
			want := clients * share
			if bound := 5*math.Sqrt(want*(1-share)) + want/1000; math.Abs(float64(got)-want) > bound {
				t.Errorf("weights %v: server %d has %d clients, want %.0f ± %.0f", weights, i, got, want, bound)
			}
		}
	}
}

// These answers hold for every version and processor: a node that gave others would send a fleet's clients to other
// servers. A second implementation, with floating-point logarithms, computed them.
func TestAnswersAreFixedForEver(t *testing.T) {
	servers := []balance.Server{
		{Key: "10.0.0.1:80", Weight: 1}, {Key: "10.0.0.2:80", Weight: 2}, {Key: "10.0.0.3:80", Weight: 5},
		{Key: "10.0.0.4:8080", Weight: 10}, {Key: "[fd00::5]:80", Weight: 10}, {Key: "10.0.0.6:80", Weight: 100},
		{Key: "10.0.0.7:80", Weight: 37}, {Key: "10.0.0.8:80", Weight: 99},
	}
	picker := sourceIP(servers)
	for client, want := range map[string]string{
		"192.0.2.1":        "10.0.0.8:80",
		"::ffff:192.0.2.1": "10.0.0.8:80",
		"192.0.2.2":        "10.0.0.7:80",
		"198.51.100.2":     "[fd00::5]:80",
		"198.51.100.44":    "10.0.0.4:8080",
		"198.51.100.63":    "10.0.0.3:80",
		"198.51.100.77":    "10.0.0.3:80",
		"198.51.100.95":    "10.0.0.2:80",
		"198.51.100.133":   "10.0.0.1:80",
		"10.0.0.1":         "10.0.0.8:80",
		"127.0.0.1":        "10.0.0.7:80",
		"0.0.0.0":          "10.0.0.6:80",
		"255.255.255.255":  "10.0.0.6:80",
		"::1":              "10.0.0.6:80",
		"2001:db8::1":      "10.0.0.8:80",
		"2001:db8::2":      "10.0.0.8:80",
		"fe80::1":          "10.0.0.6:80",
	} {
		if got := servers[picker.Pick(netip.MustParseAddr(client), nil)].Key; got != want {
			t.Errorf("%s: %s, want %s", client, got, want)
		}
	}
	// A checksum over many clients covers every part of the hash and of the table of logarithms.
	sum := uint64(0)
	for i := range uint32(100_000) {
		sum = sum*31 + uint64(picker.Pick(clientNumber(i*2_654_435_761), nil))
	}
	if want := uint64(0x2df2aceb37a420b8); sum != want {
		t.Errorf("checksum %#x, want %#x", sum, want)
	}
}
