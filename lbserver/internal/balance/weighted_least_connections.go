package balance

import (
	"net/netip"
	"slices"
	"sync/atomic"
)

// weightedLeastConnections picks the server with the smallest (in-flight+1)/weight. Between servers that tie it goes
// round robin, smooth and by weight: each has its next turn in virtual time, the earliest turn wins, and a server that is
// picked moves on by 1/weight. A server that was not picked for a while finds its turn overdue; it gets one, and then
// goes on from the present rather than take all that it missed.
//
// A small set is scanned at each pick. A larger one plays a tournament, which each change of a count keeps up to date, so
// that a pick takes a time that grows with the logarithm of the number of servers.
type weightedLeastConnections struct {
	servers    []Server
	contenders []contender
	tournament *tournament // nil where the set is scanned
	departed   []turn

	// The word that every pick writes stays off the cache lines that all cores only read.
	_     [64]byte
	clock atomic.Uint64 // virtual time of the latest turn taken
	_     [56]byte
}

// scanLimit is the largest set that is scanned. BenchmarkLeastConnections: at 64 servers a scan costs as much as what a
// request causes in a tournament, a pick and two changes of a count (250 ns).
const scanLimit = 64

// tieTime is the unit of virtual time in fixed point. At 24 binary digits 1/97, the worst case, is off by 4·10⁻⁶, and
// uint64 lasts for 10¹² turns of one server between two changes of the set.
const tieTime = 1 << 24

// phaseToTieTime divides a phase, in 2⁻³² of a turn, into units of virtual time.
const phaseToTieTime = wholeTurn / tieTime

// casAttempts bounds how often a pick looks anew because another took the turn that it had found.
const casAttempts = 4

func newWeightedLeastConnections(servers []Server, previous *weightedLeastConnections) *weightedLeastConnections {
	p := &weightedLeastConnections{servers: servers, contenders: make([]contender, len(servers))}
	var remembered []turn
	if previous != nil {
		remembered = previous.remember()
	}
	phases, departed := join(servers, remembered)
	p.departed = departed
	for i, server := range servers {
		p.contenders[i].inFlight, p.contenders[i].weight = server.InFlight, int64(server.Weight)
		p.contenders[i].turn.Store(phases[i] / phaseToTieTime / uint64(max(server.Weight, 1)))
	}
	if len(servers) > scanLimit {
		p.tournament = newTournament(p.contenders)
	}
	return p
}

func (p *weightedLeastConnections) Pick(_ netip.Addr, tried []int) int {
	for attempt := 1; ; attempt++ {
		index := p.least(tried)
		if index < 0 {
			return -1
		}
		picked := &p.contenders[index]
		turnAt := picked.turn.Load()
		now := max(turnAt, p.clock.Load())
		if picked.turn.CompareAndSwap(turnAt, now+tieTime/uint64(picked.weight)) {
			p.clock.Store(now)
			if p.tournament != nil {
				p.tournament.replayPicked(index)
			}
			return index
		}
		if attempt == casAttempts {
			return index
		}
	}
}

// least finds the best server that was not tried, or -1.
func (p *weightedLeastConnections) least(tried []int) int {
	switch {
	case p.tournament == nil:
		return p.scan(tried)
	case len(tried) == 0:
		return p.tournament.winner(1)
	default:
		return p.tournament.winnerBut(1, tried)
	}
}

func (p *weightedLeastConnections) scan(tried []int) int {
	best := -1
	for i := range p.contenders {
		if p.contenders[i].weight <= 0 || len(tried) > 0 && slices.Contains(tried, i) {
			continue
		}
		if best < 0 || !p.contenders[best].before(&p.contenders[i]) {
			best = i
		}
	}
	return best
}

// retire ends what the picker does at each change of a count; picks go on to work, on what is known by then.
func (p *weightedLeastConnections) retire() {
	if p.tournament != nil {
		p.tournament.leave()
	}
}

// remember returns the phase of every server known to p: the present ones, then the departed.
func (p *weightedLeastConnections) remember() []turn {
	remembered := make([]turn, 0, len(p.servers)+len(p.departed))
	now := p.clock.Load()
	for i, server := range p.servers {
		wait := uint64(0)
		if at := p.contenders[i].turn.Load(); at > now {
			wait = min((at-now)*uint64(max(server.Weight, 1))*phaseToTieTime, wholeTurn)
		}
		remembered = append(remembered, turn{server.Key, wait})
	}
	return append(remembered, p.departed...)
}
