// Package snapshot is an immutable picture of the desired state at one revision. Reading it needs no lock; an Edit makes
// the next one. Objects that an edit does not touch are shared between the two, so that equal pointers mean "unchanged";
// Since finds what is not.
package snapshot

import (
	"cmp"
	"encoding/json"
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

	from    weak.Pointer[Snapshot] // what this one was edited from; nobody needs to keep that
	touched Difference             // by the edit
}

// persistenceKeysID is the id of the one record of kind store.PersistenceKeys.
const persistenceKeysID = "keys"

// New decodes the state of a store.
func New(state store.State) (*Snapshot, error) {
	s := &Snapshot{
		Revision:        state.Revision,
		LoadBalancers:   map[string]*lbapi.LoadBalancer{},
		Listeners:       map[string]*lbapi.Listener{},
		BackendServices: map[string]*lbapi.BackendService{},
		ServerGroups:    map[string]*lbapi.ServerGroup{},
	}
	for _, record := range state.Records {
		if err := s.decode(record); err != nil {
			return nil, fmt.Errorf("decode the stored %s %q: %w", record.Kind, record.ID, err)
		}
	}
	return s, nil
}

func (s *Snapshot) decode(record store.Record) error {
	switch record.Kind {
	case store.LoadBalancer:
		return decodeInto(s.LoadBalancers, record)
	case store.Listener:
		return decodeInto(s.Listeners, record)
	case store.BackendService:
		return decodeInto(s.BackendServices, record)
	case store.ServerGroup:
		return decodeInto(s.ServerGroups, record)
	case store.PersistenceKeys:
		s.PersistenceKeys = record.Value
		return nil
	default:
		return fmt.Errorf("unknown kind; was it written by a newer version?")
	}
}

func decodeInto[T any](objects map[string]*T, record store.Record) error {
	object := new(T)
	if err := json.Unmarshal(record.Value, object); err != nil {
		return err
	}
	objects[record.ID] = object
	return nil
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

// ServerGroupOf is the server group of a backend service, or nil when it has none.
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
