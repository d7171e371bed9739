package balance

import (
	"cmp"
	"math/bits"
	"net/netip"
	"slices"
	"sync/atomic"
)

// weightedRoundRobin is a smooth and exact weighted round robin.
//
// In virtual time a server of weight w has its turns at (k+phase)/w, k = 0, 1, 2, …; the order of picks is the merge of
// all servers' turns. With g the greatest common divisor of the weights, every stretch of virtual time of length 1/g
// holds exactly w/g turns of each server, whatever the phases. So the order is periodic with sum(w)/g entries: it is
// laid out once, a pick is one atomic add, and any sum(w)/g picks in a row, from any starting point and on any number
// of cores, give each server exactly its share.
//
// When the set changes, each server's phase passes to the next picker. So from the virtual time at which a server first
// joined, while it is in the set, its picks never differ from weight × time by more than one, through any number of
// changes: neither its own flapping nor that of others makes it gain or starve.
//
// The order takes 4 bytes an entry, so at most 400 bytes a server (weight 100). A bucket sort makes it in linear time:
// 10,000 servers of weights 1 to 100 take 2 MB and some tens of milliseconds.
type weightedRoundRobin struct {
	servers  []Server
	phases   []uint64 // when order begins, by server
	departed []turn
	order    []uint32 // one period: indices into servers
	begun    bool     // an earlier picker that this one continues has made a pick

	// Every core writes next, so it stays off the cache lines that they all only read, ours and our neighbours'.
	_    [64]byte
	next atomic.Uint64
	_    [56]byte
}

func newWeightedRoundRobin(servers []Server, previous *weightedRoundRobin) *weightedRoundRobin {
	p := &weightedRoundRobin{servers: servers}
	var remembered []turn
	// Before the first pick there is nothing to be fair about. Starting fresh spreads servers that were registered one
	// after another as if they had come together.
	if previous != nil && (previous.begun || previous.next.Load() > 0) {
		p.begun = true
		remembered = previous.turns()
	}
	p.phases, p.departed = join(servers, remembered)
	p.order = layOut(servers, p.phases)
	return p
}

// Pick takes the next entry of the order. A request that has already tried that server takes further entries; the
// skipped entry is spent, because passing it on would give all turns of a dead server to whichever server comes after
// it.
func (p *weightedRoundRobin) Pick(_ netip.Addr, tried []int) int {
	period := uint64(len(p.order))
	if period == 0 {
		return -1
	}
	index := int(p.order[(p.next.Add(1)-1)%period])
	if len(tried) == 0 || !slices.Contains(tried, index) {
		return index
	}
	for range period {
		index = int(p.order[(p.next.Add(1)-1)%period])
		if !slices.Contains(tried, index) {
			return index
		}
	}
	// Other requests took the entries in between, or every server has been tried.
	return firstUntried(p.servers, index, tried)
}

// turns returns the phase of every server that p knows at this moment: the present ones, then the departed. The present
// is the time of the turn that was taken last.
func (p *weightedRoundRobin) turns() []turn {
	remembered := make([]turn, 0, len(p.servers)+len(p.departed))
	picks := p.next.Load()
	if picks == 0 || len(p.order) == 0 {
		for i, server := range p.servers {
			remembered = append(remembered, turn{server.Key, p.phases[i]})
		}
		return append(remembered, p.departed...)
	}

	spent := p.order[:(picks-1)%uint64(len(p.order))+1]
	taken := make([]uint64, len(p.servers))
	for _, index := range spent {
		taken[index]++
	}
	last := spent[len(spent)-1]
	now := deadline(taken[last]-1, p.phases[last], p.servers[last].Weight)
	for i, server := range p.servers {
		phase := uint64(0)
		if server.Weight > 0 {
			next := deadline(taken[i], p.phases[i], server.Weight)
			phase = min((next-now)*uint64(server.Weight)>>timeShift, wholeTurn)
		}
		remembered = append(remembered, turn{server.Key, phase})
	}
	return append(remembered, p.departed...)
}

// timeShift gives virtual time 16 more binary digits than a turn has, so that dividing by a weight and multiplying by
// it again, as each change of the set does, loses at most one part in 2³² of a turn.
const timeShift = 16

// deadline returns the virtual time of a server's turn number k, counted from 0, in units of 2⁻⁴⁸. With k up to 100
// it needs 55 bits.
func deadline(k, phase uint64, weight int) uint64 {
	return (k*wholeTurn + phase) << timeShift / uint64(weight)
}

// scheduledTurn is one entry of the order before it is sorted into place.
type scheduledTurn struct {
	deadline uint64
	server   uint32
}

// layOut merges all servers' turns of one period. Of turns at the same time, the lighter server's comes first, then the
// earlier one in servers.
func layOut(servers []Server, phases []uint64) []uint32 {
	divisor, sum := 0, 0
	for _, server := range servers {
		if server.Weight > 0 {
			divisor = greatestCommonDivisor(divisor, server.Weight)
			sum += server.Weight
		}
	}
	if sum == 0 {
		return nil
	}
	period := sum / divisor

	// A deadline lies between 0 and 1/divisor, so its bucket of period buckets is deadline × divisor × period.
	bucketOf := func(deadline uint64) int {
		high, low := bits.Mul64(deadline, uint64(divisor*period))
		return min(int(high<<(64-48)|low>>48), period-1)
	}
	ends := make([]uint32, period+1)
	eachTurn(servers, phases, divisor, func(t scheduledTurn) { ends[bucketOf(t.deadline)+1]++ })
	for b := range period {
		ends[b+1] += ends[b]
	}
	turns := make([]scheduledTurn, period)
	eachTurn(servers, phases, divisor, func(t scheduledTurn) {
		b := bucketOf(t.deadline)
		turns[ends[b]] = t
		ends[b]++ // first the start of the bucket; at the end of the loop, the start of the next
	})
	start := uint32(0)
	for _, end := range ends[:period] {
		if end-start > 1 {
			slices.SortFunc(turns[start:end], func(a, b scheduledTurn) int {
				return cmp.Or(cmp.Compare(a.deadline, b.deadline),
					cmp.Compare(servers[a.server].Weight, servers[b.server].Weight), cmp.Compare(a.server, b.server))
			})
		}
		start = end
	}

	order := make([]uint32, period)
	for i, t := range turns {
		order[i] = t.server
	}
	return order
}

// eachTurn calls visit for every turn of one period.
func eachTurn(servers []Server, phases []uint64, divisor int, visit func(scheduledTurn)) {
	for i, server := range servers {
		for k := range max(server.Weight, 0) / divisor {
			visit(scheduledTurn{deadline(uint64(k), phases[i], server.Weight), uint32(i)})
		}
	}
}

func greatestCommonDivisor(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
