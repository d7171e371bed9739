package snapshot_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
)

func empty(t interface{ Fatal(...any) }) *snapshot.Snapshot {
	made, err := snapshot.New(store.State{})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func done(t interface{ Fatal(...any) }, edit *snapshot.Edit) (*snapshot.Snapshot, []store.Record) {
	next, records, err := edit.Done()
	if err != nil {
		t.Fatal(err)
	}
	return next, records
}

func TestEditLeavesItsBaseAsItWas(t *testing.T) {
	t.Parallel()
	edit := empty(t).Edit()
	snapshot.Put(edit, &lbapi.Listener{ID: "listener-a", BackendServiceID: "backend-a"})
	snapshot.Put(edit, &lbapi.ServerGroup{ID: "tg-a"})
	base, _ := done(t, edit)

	edit = base.Edit()
	snapshot.Put(edit, &lbapi.Listener{ID: "listener-b"})
	snapshot.Delete[lbapi.Listener](edit, "listener-a")
	next, _ := done(t, edit)

	if base.Listeners["listener-a"] == nil || base.Listeners["listener-b"] != nil {
		t.Errorf("the base has changed: %v", base.Listeners)
	}
	if next.Listeners["listener-a"] != nil || next.Listeners["listener-b"] == nil {
		t.Errorf("the edit is not in the next snapshot: %v", next.Listeners)
	}
	if base.ServerGroups["tg-a"] != next.ServerGroups["tg-a"] {
		t.Error("an object that the edit did not touch is not shared, so it would look changed")
	}
}

// The records of an edit must bring the store to exactly what the edit's snapshot shows.
func TestStoredRecordsRebuildTheSnapshot(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		current := empty(t)
		stored := map[store.Kind]map[string]store.Record{}
		id := rapid.SampledFrom([]string{"a", "b", "c"})
		for range rapid.IntRange(0, 20).Draw(t, "edits") {
			edit := current.Edit()
			for range rapid.IntRange(1, 4).Draw(t, "changes") {
				change(t, edit, id.Draw(t, "id"))
			}
			next, records := done(t, edit)
			for _, record := range records {
				if stored[record.Kind] == nil {
					stored[record.Kind] = map[string]store.Record{}
				}
				stored[record.Kind][record.ID] = record
				if record.Value == nil {
					delete(stored[record.Kind], record.ID)
				}
			}
			current = next
		}
		var state store.State
		for _, records := range stored {
			for _, record := range records {
				state.Records = append(state.Records, record)
			}
		}
		rebuilt, err := snapshot.New(state)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(current, rebuilt, cmpopts.IgnoreUnexported(snapshot.Snapshot{})); diff != "" {
			t.Errorf("the stored state differs from the live one (-live +stored):\n%s", diff)
		}
	})
}

func change(t *rapid.T, edit *snapshot.Edit, id string) {
	port := rapid.IntRange(1, 9).Draw(t, "port")
	switch rapid.IntRange(0, 8).Draw(t, "kind of change") {
	case 0:
		snapshot.Put(edit, &lbapi.LoadBalancer{ID: id, Name: "lb"})
	case 1:
		snapshot.Delete[lbapi.LoadBalancer](edit, id)
	case 2:
		snapshot.Put(edit, &lbapi.Listener{ID: id, Port: port})
	case 3:
		snapshot.Delete[lbapi.Listener](edit, id)
	case 4:
		snapshot.Put(edit, &lbapi.BackendService{ID: id, Port: port, HealthCheck: drawCheck(t)})
	case 5:
		snapshot.Delete[lbapi.BackendService](edit, id)
	case 6:
		snapshot.Put(edit, &lbapi.ServerGroup{ID: id, Servers: []lbapi.Server{{ID: "target-" + id, Port: port}}})
	case 7:
		snapshot.Delete[lbapi.ServerGroup](edit, id)
	case 8:
		edit.PutPersistenceKeys([]byte(`{"port":1}`))
	}
}

func drawCheck(t *rapid.T) lbapi.HealthCheck {
	check := lbapi.DefaultHealthCheck(rapid.SampledFrom([]lbapi.Protocol{lbapi.HTTP, lbapi.TCP}).Draw(t, "protocol"))
	check.Off = rapid.Bool().Draw(t, "off")
	return check
}

func TestReferrersAreFoundInTheOrderOfTheirIDs(t *testing.T) {
	t.Parallel()
	edit := empty(t).Edit()
	for _, id := range []string{"listener-c", "listener-a", "listener-b"} {
		snapshot.Put(edit, &lbapi.Listener{ID: id, BackendServiceID: "backend-1"})
	}
	snapshot.Put(edit, &lbapi.Listener{ID: "listener-d", BackendServiceID: "backend-2"})
	snapshot.Put(edit, &lbapi.BackendService{ID: "backend-1", ServerGroupIDs: []string{"tg-1"}})
	snapshot.Put(edit, &lbapi.BackendService{ID: "backend-2"})
	snapshot.Put(edit, &lbapi.ServerGroup{ID: "tg-1"})
	state, _ := done(t, edit)

	var ids []string
	for _, listener := range state.ListenersUsing("backend-1") {
		ids = append(ids, listener.ID)
	}
	if diff := cmp.Diff([]string{"listener-a", "listener-b", "listener-c"}, ids); diff != "" {
		t.Errorf("listeners (-want +got):\n%s", diff)
	}
	if users := state.BackendServicesUsing("tg-1"); len(users) != 1 || users[0].ID != "backend-1" {
		t.Errorf("backend services of tg-1: %v", users)
	}
	if group := state.ServerGroupOf(state.BackendServices["backend-2"]); group != nil {
		t.Errorf("a backend service without a server group has %v", group)
	}
}

func TestUnreadableRecordsAreNamed(t *testing.T) {
	t.Parallel()
	for name, record := range map[string]store.Record{
		"broken JSON":  {Kind: store.Listener, ID: "listener-x", Value: []byte("{")},
		"unknown kind": {Kind: "hologram", ID: "listener-x", Value: []byte("{}")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := snapshot.New(store.State{Records: []store.Record{record}})
			if err == nil || !strings.Contains(err.Error(), "listener-x") {
				t.Errorf("want an error that names the record, got %v", err)
			}
		})
	}
}
