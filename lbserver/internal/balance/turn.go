package balance

// wholeTurn is one turn of one server in fixed point. A server of weight w has w turns in a unit of virtual time, one
// every 1/w; its phase, 0 to wholeTurn, is how much of the wait for its next turn is still to come.
const wholeTurn = 1 << 32

// departedLimit bounds what a picker remembers of servers that have left, so that a service whose servers come and go
// for months under new addresses does not grow, and a change of it stays cheap. Of more that flap at one time, those
// that left first come back as fresh ones.
const departedLimit = 1024

// turn is a server's place in the round at the moment when one picker replaces another. It counts in turns and not in
// time, so it means the same after the server's weight has changed.
type turn struct {
	key   string
	phase uint64
}

// join gives every server its phase: the remembered one, so that neither leaving and coming back nor a change among
// other servers makes it wait anew, or a fresh one. Fresh servers of one weight are spread evenly over their turn, which
// is what keeps 5:1:1 from serving the five in a row. The second result is what was remembered of the servers that are
// not in the set, the latest first.
func join(servers []Server, remembered []turn) (phases []uint64, departed []turn) {
	phaseOf := make(map[string]uint64, len(remembered))
	for _, r := range remembered {
		phaseOf[r.key] = r.phase
	}

	phases = make([]uint64, len(servers))
	freshOfWeight := map[int][]int{}
	for i, server := range servers {
		phase, known := phaseOf[server.Key]
		if !known {
			freshOfWeight[server.Weight] = append(freshOfWeight[server.Weight], i)
			continue
		}
		phases[i] = phase
		delete(phaseOf, server.Key)
	}
	for _, fresh := range freshOfWeight {
		for position, i := range fresh {
			phases[i] = uint64(2*position+1) * wholeTurn / uint64(2*len(fresh))
		}
	}

	for _, r := range remembered {
		if _, left := phaseOf[r.key]; left && len(departed) < departedLimit {
			departed = append(departed, r)
		}
	}
	return phases, departed
}
