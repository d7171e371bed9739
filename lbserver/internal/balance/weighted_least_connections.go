package balance

import (
	"net/netip"
	"slices"
	"sync/atomic"
)

// weightedLeastConnections picks the server with the smallest (in-flight+1)/weight. Between servers that tie it goes
// round robin, smooth and by weight: each has its next turn in virtual time, the earliest turn wins and moves on by
// 1/weight. A server that was in no tie for a while finds its turn overdue; it gets one, and then goes on from the present
// rather than take all that it missed.
//
// A pick reads every server's count, in a time that grows with their number.
type weightedLeastConnections struct {
	servers  []Server
	turns    []atomic.Uint64 // virtual time of each server's next turn
	clock    atomic.Uint64   // virtual time of the latest turn taken
	departed []turn
}

// tieTime is the unit of virtual time in fixed point. At 24 binary digits 1/97, the worst case, is off by 4·10⁻⁶, and
// uint64 lasts for 10¹² turns of one server between two changes of the set.
const tieTime = 1 << 24

// phaseToTieTime divides a phase, in 2⁻³² of a turn, into units of virtual time.
const phaseToTieTime = wholeTurn / tieTime

// casAttempts bounds how often a pick looks anew because another took the turn that it had found.
const casAttempts = 4

func newWeightedLeastConnections(servers []Server, previous *weightedLeastConnections) *weightedLeastConnections {
	p := &weightedLeastConnections{servers: servers, turns: make([]atomic.Uint64, len(servers))}
	var remembered []turn
	if previous != nil {
		remembered = previous.remember()
	}
	phases, departed := join(servers, remembered)
	p.departed = departed
	for i, server := range servers {
		p.turns[i].Store(phases[i] / phaseToTieTime / uint64(max(server.Weight, 1)))
	}
	return p
}

func (p *weightedLeastConnections) Pick(_ netip.Addr, tried []int) int {
	for attempt := 1; ; attempt++ {
		index, turnAt, tied := p.least(tried)
		if !tied {
			return index
		}
		now := max(turnAt, p.clock.Load())
		next := now + tieTime/uint64(p.servers[index].Weight)
		if p.turns[index].CompareAndSwap(turnAt, next) {
			p.clock.Store(now)
			return index
		}
		if attempt == casAttempts {
			return index
		}
	}
}

// least finds the best server in one pass: the smallest (in-flight+1)/weight, of those the earliest turn, of those the
// first. tied says whether another server had the same ratio.
func (p *weightedLeastConnections) least(tried []int) (index int, turnAt uint64, tied bool) {
	index = -1
	var load, weight int64
	for i := range p.servers {
		server := &p.servers[i]
		if server.Weight <= 0 || len(tried) > 0 && slices.Contains(tried, i) {
			continue
		}
		ownLoad, ownWeight := server.InFlight.Load()+1, int64(server.Weight)
		if index >= 0 {
			own, best := ownLoad*weight, load*ownWeight
			if own > best {
				continue
			}
			tied = own == best
			if tied && p.turns[i].Load() >= turnAt {
				continue
			}
		}
		index, load, weight, turnAt = i, ownLoad, ownWeight, p.turns[i].Load()
	}
	return index, turnAt, tied
}

// remember returns the phase of every server known to p: the present ones, then the departed.
func (p *weightedLeastConnections) remember() []turn {
	remembered := make([]turn, 0, len(p.servers)+len(p.departed))
	now := p.clock.Load()
	for i, server := range p.servers {
		wait := uint64(0)
		if at := p.turns[i].Load(); at > now {
			wait = min((at-now)*uint64(max(server.Weight, 1))*phaseToTieTime, wholeTurn)
		}
		remembered = append(remembered, turn{server.Key, wait})
	}
	return append(remembered, p.departed...)
}
