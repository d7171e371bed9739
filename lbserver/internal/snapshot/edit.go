package snapshot

import (
	"encoding/json"
	"fmt"
	"maps"
	"weak"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
)

// Edit collects changes to a snapshot. The snapshot it came from stays as it is. An object that is put belongs to the
// edit from then on; the caller must not change it any more.
type Edit struct {
	next    Snapshot
	cloned  map[store.Kind]bool
	records []store.Record
	err     error
}

// Edit starts a change of the snapshot.
func (s *Snapshot) Edit() *Edit {
	e := &Edit{next: *s, cloned: map[store.Kind]bool{}}
	e.next.from, e.next.touched = weak.Make(s), Difference{}
	return e
}

// PutLoadBalancer adds or replaces a load balancer.
func (e *Edit) PutLoadBalancer(object *lbapi.LoadBalancer) {
	put(e, store.LoadBalancer, &e.next.LoadBalancers, &e.next.touched.LoadBalancers, object.ID, object)
}

// PutListener adds or replaces a listener.
func (e *Edit) PutListener(object *lbapi.Listener) {
	put(e, store.Listener, &e.next.Listeners, &e.next.touched.Listeners, object.ID, object)
}

// PutBackendService adds or replaces a backend service.
func (e *Edit) PutBackendService(object *lbapi.BackendService) {
	put(e, store.BackendService, &e.next.BackendServices, &e.next.touched.BackendServices, object.ID, object)
}

// PutServerGroup adds or replaces a server group with its servers.
func (e *Edit) PutServerGroup(object *lbapi.ServerGroup) {
	put(e, store.ServerGroup, &e.next.ServerGroups, &e.next.touched.ServerGroups, object.ID, object)
}

// PutPersistenceKeys replaces the keys that seal persistence cookies; value is their JSON form.
func (e *Edit) PutPersistenceKeys(value []byte) {
	e.next.PersistenceKeys = value
	e.records = append(e.records, store.Record{Kind: store.PersistenceKeys, ID: persistenceKeysID, Value: value})
}

// DeleteLoadBalancer removes a load balancer.
func (e *Edit) DeleteLoadBalancer(id string) {
	remove(e, store.LoadBalancer, &e.next.LoadBalancers, &e.next.touched.LoadBalancers, id)
}

// DeleteListener removes a listener.
func (e *Edit) DeleteListener(id string) {
	remove(e, store.Listener, &e.next.Listeners, &e.next.touched.Listeners, id)
}

// DeleteBackendService removes a backend service.
func (e *Edit) DeleteBackendService(id string) {
	remove(e, store.BackendService, &e.next.BackendServices, &e.next.touched.BackendServices, id)
}

// DeleteServerGroup removes a server group and its servers.
func (e *Edit) DeleteServerGroup(id string) {
	remove(e, store.ServerGroup, &e.next.ServerGroups, &e.next.touched.ServerGroups, id)
}

// Done returns the next snapshot, whose revision the caller sets once the store has given one, and the records that
// bring the store there.
func (e *Edit) Done() (*Snapshot, []store.Record, error) {
	if e.err != nil {
		return nil, nil, e.err
	}
	return &e.next, e.records, nil
}

func put[T any](e *Edit, kind store.Kind, objects *map[string]*T, touched *[]string, id string, object *T) {
	value, err := json.Marshal(object)
	if err != nil {
		e.err = fmt.Errorf("encode the %s %q: %w", kind, id, err)
		return
	}
	own(e, kind, objects)
	(*objects)[id] = object
	*touched = append(*touched, id)
	e.records = append(e.records, store.Record{Kind: kind, ID: id, Value: value})
}

func remove[T any](e *Edit, kind store.Kind, objects *map[string]*T, touched *[]string, id string) {
	own(e, kind, objects)
	delete(*objects, id)
	*touched = append(*touched, id)
	e.records = append(e.records, store.Record{Kind: kind, ID: id})
}

// own copies a map before its first change, so that the base keeps its own.
func own[T any](e *Edit, kind store.Kind, objects *map[string]*T) {
	if !e.cloned[kind] {
		*objects = maps.Clone(*objects)
		e.cloned[kind] = true
	}
}
