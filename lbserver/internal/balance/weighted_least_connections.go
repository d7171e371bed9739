package balance

import (
	"net/netip"
	"slices"
	"sync/atomic"
)

// weightedLeastConnections picks the server with the smallest (in-flight+1)/weight. Ties are resolved by a smooth
// weighted round robin: each server has its next turn in virtual time, the earliest turn wins, and the server that is
// picked moves on by 1/weight. A server that was not picked for a while finds its turn overdue; it gets one turn and
// then continues from the present, without catching up on the turns it missed.
//
// A small set is scanned at each pick. A larger one plays a tournament, which every change of a count keeps up to date,
// so that a pick takes time logarithmic in the number of servers.
type weightedLeastConnections struct {
	servers    []Server
	contenders []contender
	tournament *tournament // nil if the set is scanned
	departed   []turn

	// Every pick writes clock, so it stays off the cache lines that all cores only read.
	_     [64]byte
	clock atomic.Uint64 // virtual time of the latest turn taken
	_     [56]byte
}

// scanLimit is the size of the largest set that is scanned. BenchmarkLeastConnections: at 64 servers a scan costs as
// much as what one request causes in a tournament, a pick and two changes of a count (250 ns).
const scanLimit = 64

// tieTime is the unit of virtual time in fixed point. With 24 binary digits the error of 1/97, the worst case, is
// 4·10⁻⁶, and a uint64 lasts for 10¹² turns of one server between two changes of the set.
const tieTime = 1 << 24

// phaseToTieTime divides a phase, in 2⁻³² of a turn, into units of virtual time.
const phaseToTieTime = wholeTurn / tieTime

// casAttempts bounds how often a pick tries again after another pick took the turn it had found.
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

// least returns the best server that was not tried, or -1.
func (p *weightedLeastConnections) least(tried []int) int {
	switch {
	case p.tournament == nil:
		return p.scan(tried)
	case len(tried) == 0:
		return p.tournament.winner(1)
	default:
		return p.tournament.winnerExcept(1, tried)
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

// retire stops the updates that each change of a count makes to the tournament; later picks still work, from the counts
// known by then.
func (p *weightedLeastConnections) retire() {
	if p.tournament != nil {
		p.tournament.leave()
	}
}

// remember returns the phase of every server that p knows: the present ones, then the departed.
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
