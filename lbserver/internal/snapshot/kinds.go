package snapshot

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
)

// kinds is the table of what a desired state consists of: one row a kind of record. A new kind is a row here, its map
// in Snapshot and its ids in Difference. The table is never changed.
var kinds = [...]row{
	&kind[lbapi.LoadBalancer]{
		name:    store.LoadBalancer,
		objects: func(s *Snapshot) *map[string]*lbapi.LoadBalancer { return &s.LoadBalancers },
		changed: func(d *Difference) *[]string { return &d.LoadBalancers },
		id:      func(l *lbapi.LoadBalancer) string { return l.ID },
		decode:  decodeLoadBalancer,
		encode:  func(l *lbapi.LoadBalancer) any { return l },
	},
	&kind[lbapi.Listener]{
		name:    store.Listener,
		objects: func(s *Snapshot) *map[string]*lbapi.Listener { return &s.Listeners },
		changed: func(d *Difference) *[]string { return &d.Listeners },
		id:      func(l *lbapi.Listener) string { return l.ID },
		decode:  decodeListener,
		encode:  func(l *lbapi.Listener) any { return l },
	},
	&kind[lbapi.BackendService]{
		name:    store.BackendService,
		objects: func(s *Snapshot) *map[string]*lbapi.BackendService { return &s.BackendServices },
		changed: func(d *Difference) *[]string { return &d.BackendServices },
		id:      func(b *lbapi.BackendService) string { return b.ID },
		decode:  decodeBackendService,
		encode:  encodeBackendService,
	},
	&kind[lbapi.ServerGroup]{
		name:    store.ServerGroup,
		objects: func(s *Snapshot) *map[string]*lbapi.ServerGroup { return &s.ServerGroups },
		changed: func(d *Difference) *[]string { return &d.ServerGroups },
		id:      func(g *lbapi.ServerGroup) string { return g.ID },
		decode:  decodeServerGroup,
		encode:  encodeServerGroup,
	},
	persistenceKeys{},
}

// row is what the package does with records of one kind without knowing the type of their objects.
type row interface {
	stores() store.Kind
	// begin gives a new snapshot an empty map.
	begin(s *Snapshot)
	// read decodes a record into a snapshot.
	read(s *Snapshot, record store.Record) error
	// compare adds what one of two snapshots has and what may differ in both.
	compare(difference *Difference, before, after *Snapshot)
}

// kind is the row of a kind of objects with ids.
type kind[T any] struct {
	name    store.Kind
	objects func(*Snapshot) *map[string]*T
	changed func(*Difference) *[]string
	id      func(*T) string
	// decode reads the stored form of an object, onto defaults made from the record's own protocol: a field that an
	// older lbserver did not write has its default, not zero.
	decode func(value []byte) (*T, error)
	// encode returns the stored form of an object, for encoding/json: every field is in it, whatever its value.
	encode func(*T) any
}

func (k *kind[T]) stores() store.Kind { return k.name }

func (k *kind[T]) begin(s *Snapshot) { *k.objects(s) = map[string]*T{} }

func (k *kind[T]) read(s *Snapshot, record store.Record) error {
	object, err := k.decode(record.Value)
	if err != nil {
		return err
	}
	(*k.objects(s))[record.ID] = object
	return nil
}

func (k *kind[T]) compare(difference *Difference, before, after *Snapshot) {
	old, current := *k.objects(before), *k.objects(after)
	ids := slices.AppendSeq(make([]string, 0, len(old)+len(current)), maps.Keys(old))
	for id := range current {
		if old[id] == nil {
			ids = append(ids, id)
		}
	}
	*k.changed(difference) = ids
}

// kindOf finds the row of a type of objects. It panics if the type has none, which is a fault of the program.
func kindOf[T any]() *kind[T] {
	for _, row := range kinds {
		if found, ok := row.(*kind[T]); ok {
			return found
		}
	}
	panic(fmt.Sprintf("%T is no kind of object of a snapshot", *new(T)))
}

// persistenceKeys is the row of the keys of the persistence cookies, which are one record.
type persistenceKeys struct{}

// persistenceKeysID is the id of that record.
const persistenceKeysID = "keys"

func (persistenceKeys) stores() store.Kind { return store.PersistenceKeys }

func (persistenceKeys) begin(*Snapshot) {}

func (persistenceKeys) read(s *Snapshot, record store.Record) error {
	s.PersistenceKeys = record.Value
	return nil
}

func (persistenceKeys) compare(difference *Difference, before, after *Snapshot) {
	difference.PersistenceKeys = !bytes.Equal(before.PersistenceKeys, after.PersistenceKeys)
}
