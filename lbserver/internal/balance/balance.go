// Package balance chooses servers. It has one file per scheduler; each is a pure function of the eligible servers, the
// requests they have in flight, and the turns they have had.
//
// A Picker is made for one set of eligible servers and never changes. When the set changes, New makes the next picker
// from the last one, so that no server gains or loses by the change.
package balance

import (
	"net/netip"
	"slices"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// Server is what a scheduler knows about one eligible server (weight above 0, not unhealthy).
type Server struct {
	// Key is the server's identity, "ip:port". source_ip hashes it, and New finds a server's turn by it after a change.
	// It must be the same on every node of a fleet and unique in its set.
	Key string
	// Weight is the server's share, 1–100. A server of weight 0 or less is never picked.
	Weight int
	// InFlight counts the server's requests in flight, for weighted_least_connections.
	InFlight *InFlight
}

// Picker chooses servers from one eligible set. It is safe for concurrent use, takes no lock and allocates nothing.
type Picker interface {
	// Pick returns, for a request from client, an index into the slice that the picker was made from. tried holds the
	// indices that this request has already tried (usually none); Pick returns -1 if no other server is left.
	Pick(client netip.Addr, tried []int) int
}

// New makes the picker of one eligible set. It keeps servers, which must not change afterwards. previous is the picker
// that it replaces; nil, or a picker of another scheduler, means a fresh start. New may miss picks that previous makes
// while New runs; each is worth one turn of one server.
//
// Counts of requests in flight may change at any time. After New, changes of a server's count go to the latest picker
// that contains the server.
//
// An unknown scheduler is treated as the API's default, weighted_round_robin.
func New(scheduler lbapi.Scheduler, servers []Server, previous Picker) Picker {
	least, _ := previous.(*weightedLeastConnections)
	if least != nil {
		defer least.retire() // once the next picker follows the counts
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

// firstUntried returns the first index at or after start, wrapping round, whose server has a weight above 0 and is not
// in tried, or -1.
func firstUntried(servers []Server, start int, tried []int) int {
	for offset := range servers {
		index := (start + offset) % len(servers)
		if servers[index].Weight > 0 && !slices.Contains(tried, index) {
			return index
		}
	}
	return -1
}
