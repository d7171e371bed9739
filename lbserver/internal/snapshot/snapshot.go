// Package snapshot holds the desired state at one revision as an immutable value that is read without a lock. An Edit
// makes the next snapshot with the records to store, and Since finds what differs between two; objects that an edit
// does not touch are the same pointers in both. A table of kinds says how each kind of object is stored and read back.
package snapshot

import (
	"cmp"
	"fmt"
	"slices"
	"weak"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
)

// Snapshot is the desired state at one revision. Nobody changes it or what it points to once it is made.
type Snapshot struct {
	Revision        uint64
	LoadBalancers   map[string]*lbapi.LoadBalancer
	Listeners       map[string]*lbapi.Listener
	BackendServices map[string]*lbapi.BackendService
	ServerGroups    map[string]*lbapi.ServerGroup
	// PersistenceKeys is the JSON form of the keys that seal persistence cookies; nil before they are made.
	PersistenceKeys []byte

	from    weak.Pointer[Snapshot] // the snapshot that this one was edited from, which may be gone
	touched Difference             // by that edit
}

// New decodes the state of a store.
func New(state store.State) (*Snapshot, error) {
	s := &Snapshot{Revision: state.Revision}
	rows := map[store.Kind]row{}
	for _, row := range kinds {
		rows[row.stores()] = row
		row.begin(s)
	}
	for _, record := range state.Records {
		row, known := rows[record.Kind]
		if !known {
			return nil, fmt.Errorf("the stored %s %q is of an unknown kind; was it written by a newer version?", record.Kind, record.ID)
		}
		if err := row.read(s, record); err != nil {
			return nil, fmt.Errorf("decode the stored %s %q: %w", record.Kind, record.ID, err)
		}
	}
	return s, nil
}

// ListenersUsing lists the listeners whose traffic goes to a backend service, by id.
func (s *Snapshot) ListenersUsing(backendServiceID string) []*lbapi.Listener {
	return Sorted(s.Listeners, func(l *lbapi.Listener) bool { return l.BackendServiceID == backendServiceID })
}

// BackendServicesUsing lists the backend services that send traffic to a server group, by id.
func (s *Snapshot) BackendServicesUsing(serverGroupID string) []*lbapi.BackendService {
	return Sorted(s.BackendServices, func(b *lbapi.BackendService) bool {
		return slices.Contains(b.ServerGroupIDs, serverGroupID)
	})
}

// ServerGroupOf is the server group of a backend service, or nil if it has none.
func (s *Snapshot) ServerGroupOf(backendService *lbapi.BackendService) *lbapi.ServerGroup {
	if len(backendService.ServerGroupIDs) == 0 {
		return nil
	}
	return s.ServerGroups[backendService.ServerGroupIDs[0]]
}

// Sorted lists the objects that keep accepts, by id, so that answers and logs have a stable order.
func Sorted[T any](objects map[string]*T, keep func(*T) bool) []*T {
	ids := make([]string, 0, len(objects))
	for id, object := range objects {
		if keep(object) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, cmp.Compare[string])
	sorted := make([]*T, len(ids))
	for i, id := range ids {
		sorted[i] = objects[id]
	}
	return sorted
}
