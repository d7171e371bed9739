package balance

// wholeTurn is one turn of one server in fixed point. A server of weight w has w turns in a unit of virtual time, one
// every 1/w. Its phase, 0 to wholeTurn, is the part of the wait for its next turn that remains.
const wholeTurn = 1 << 32

// departedLimit bounds how many departed servers a picker remembers, so that a service whose servers come and go for
// months under new addresses does not grow, and changing it stays cheap. If more than that come and go at one time,
// those that left first come back as new servers.
const departedLimit = 1024

// turn is a server's place in the round at the moment when one picker replaces another. It is a fraction of a turn, not
// a time, so it keeps its meaning when the server's weight changes.
type turn struct {
	key   string
	phase uint64
}

// join gives every server its phase: the remembered one, so that neither leaving and coming back nor a change among
// other servers makes it wait from the start, or a new one. New servers of one weight are spread evenly over their
// turn, so that 5:1:1 does not serve the five in a row. departed lists the remembered servers that are not in the set,
// the latest first.
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
