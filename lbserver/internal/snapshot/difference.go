package snapshot

import "weak"

// Difference has the ids of the objects that differ between two snapshots, or may: new, changed and deleted ones.
type Difference struct {
	LoadBalancers   []string
	Listeners       []string
	BackendServices []string
	ServerGroups    []string
	// PersistenceKeys says that the keys of the persistence cookies differ.
	PersistenceKeys bool
}

// Since returns how s differs from another snapshot; nil stands for an empty one, and then everything differs. From the
// snapshot that s was edited from, that is what the edit touched, however many other objects there are. From any other,
// it is every object that one of the two has.
func (s *Snapshot) Since(before *Snapshot) Difference {
	if before != nil && s.from == weak.Make(before) {
		return s.touched
	}
	if before == nil {
		before = &Snapshot{}
	}
	var difference Difference
	for _, row := range kinds {
		row.compare(&difference, before, s)
	}
	return difference
}
