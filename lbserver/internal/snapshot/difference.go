package snapshot

import (
	"maps"
	"slices"
	"weak"
)

// Difference has the ids of what differs between two snapshots, or may: of objects that are new, changed or gone.
type Difference struct {
	LoadBalancers   []string
	Listeners       []string
	BackendServices []string
	ServerGroups    []string
}

// Since tells what differs from another snapshot, or from none for nil. From the one that s was edited from that is what the
// edit touched, however many objects there are beside it. From any other it is everything that one of the two has.
func (s *Snapshot) Since(before *Snapshot) Difference {
	if before == nil {
		before = &Snapshot{}
	} else if s.from == weak.Make(before) {
		return s.touched
	}
	return Difference{
		LoadBalancers:   idsOfBoth(before.LoadBalancers, s.LoadBalancers),
		Listeners:       idsOfBoth(before.Listeners, s.Listeners),
		BackendServices: idsOfBoth(before.BackendServices, s.BackendServices),
		ServerGroups:    idsOfBoth(before.ServerGroups, s.ServerGroups),
	}
}

func idsOfBoth[T any](one, other map[string]*T) []string {
	ids := slices.AppendSeq(make([]string, 0, len(one)+len(other)), maps.Keys(one))
	for id := range other {
		if one[id] == nil {
			ids = append(ids, id)
		}
	}
	return ids
}
