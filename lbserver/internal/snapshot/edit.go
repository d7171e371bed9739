package snapshot

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"weak"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
)

// Edit collects changes to a snapshot, by Put, Delete and PutPersistenceKeys. The snapshot it came from stays as it is.
type Edit struct {
	next    Snapshot
	cloned  map[store.Kind]bool // maps of next that are the edit's own
	records []store.Record
	err     error
}

// Edit starts a change of the snapshot.
func (s *Snapshot) Edit() *Edit {
	e := &Edit{next: *s, cloned: map[store.Kind]bool{}}
	e.next.from, e.next.touched = weak.Make(s), Difference{}
	return e
}

// Put adds or replaces an object of one of the kinds. The object belongs to the edit from then on; the caller must not
// change it any more. If an equal object is there already, nothing changes: the data plane keeps what it has for it.
func Put[T any](e *Edit, object *T) {
	kind := kindOf[T]()
	id := kind.id(object)
	if old := (*kind.objects(&e.next))[id]; old != nil && reflect.DeepEqual(old, object) {
		return
	}
	value, err := json.Marshal(kind.encode(object))
	if err != nil {
		e.err = fmt.Errorf("encode the %s %q: %w", kind.name, id, err)
		return
	}
	own(e, kind)[id] = object
	e.touch(kind.changed, id, store.Record{Kind: kind.name, ID: id, Value: value})
}

// Delete removes an object of a kind: Delete[lbapi.Listener](edit, id).
func Delete[T any](e *Edit, id string) {
	kind := kindOf[T]()
	delete(own(e, kind), id)
	e.touch(kind.changed, id, store.Record{Kind: kind.name, ID: id})
}

// PutPersistenceKeys replaces the keys that seal persistence cookies; value is their JSON form.
func (e *Edit) PutPersistenceKeys(value []byte) {
	e.next.PersistenceKeys = value
	e.next.touched.PersistenceKeys = true
	e.records = append(e.records, store.Record{Kind: store.PersistenceKeys, ID: persistenceKeysID, Value: value})
}

// Done returns the next snapshot and the records that bring the store there. The caller sets the snapshot's revision
// when the store has given one. Without records, nothing has changed.
func (e *Edit) Done() (*Snapshot, []store.Record, error) {
	if e.err != nil {
		return nil, nil, e.err
	}
	return &e.next, e.records, nil
}

func (e *Edit) touch(changed func(*Difference) *[]string, id string, record store.Record) {
	ids := changed(&e.next.touched)
	*ids = append(*ids, id)
	e.records = append(e.records, record)
}

// own returns the map of a kind after copying it, before its first change, so that the base keeps its own.
func own[T any](e *Edit, kind *kind[T]) map[string]*T {
	objects := kind.objects(&e.next)
	if !e.cloned[kind.name] {
		*objects = maps.Clone(*objects)
		e.cloned[kind.name] = true
	}
	return *objects
}
