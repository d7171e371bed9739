// Package balance chooses servers: one file per scheduler, each a pure function of the set of eligible servers, of the
// requests that these have in flight, and of the turns that they have had.
//
// A Picker is made once for each set of eligible servers and is never changed; when the set changes, New makes the next
// one from the last, so that no server gains or loses by the change.
package balance

import (
	"net/netip"
	"slices"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// Server is what a scheduler knows of one eligible server (weight above 0, not unhealthy).
type Server struct {
	// Key is the server's identity, "ip:port": what source_ip hashes, and by what a server's turn is found again after a
	// change. It must be the same on every node of a fleet and unique in its set.
	Key string
	// Weight is the server's share, 1–100. A server of weight 0 or less is never picked.
	Weight int
	// InFlight is the number of requests that the server has in hand; weighted_least_connections goes by it.
	InFlight *InFlight
}

// Picker chooses servers of one eligible set. It is safe for concurrent use, takes no lock and allocates nothing.
type Picker interface {
	// Pick returns an index into the slice that the picker was made from, for a request of client. tried holds the
	// indices that this request has already tried (usually none); Pick returns -1 when no other is left.
	Pick(client netip.Addr, tried []int) int
}

// New makes the picker of one eligible set, which it keeps and which must not change any more. previous is the picker
// that it replaces; nil, or one of another scheduler, means a fresh start. Picks of previous that run at the same time
// as New may go unnoticed by the new one, each worth one turn of one server.
//
// Counts of requests in flight may change all the while. From New on, changes of a server's are followed by the latest
// picker that the server is in.
//
// A scheduler that is none of lbapi's is taken for the API's default, weighted_round_robin.
func New(scheduler lbapi.Scheduler, servers []Server, previous Picker) Picker {
	least, _ := previous.(*weightedLeastConnections)
	if least != nil {
		defer least.retire() // when the next one follows the counts
	}
	switch scheduler {
	case lbapi.SourceIP:
		return newSourceIP(servers)
	case lbapi.WeightedLeastConnections:
		return newWeightedLeastConnections(servers, least)
	default:
		last, _ := previous.(*weightedRoundRobin)
		return newWeightedRoundRobin(servers, last)
	}
}

// firstUntried returns the first index at or after start, going round, whose server may be picked and is not in tried,
// or -1.
func firstUntried(servers []Server, start int, tried []int) int {
	for offset := range servers {
		index := (start + offset) % len(servers)
		if servers[index].Weight > 0 && !slices.Contains(tried, index) {
			return index
		}
	}
	return -1
}
