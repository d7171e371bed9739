package snapshot_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
)

// Whoever follows differences and looks at nothing else has what the last snapshot has, whichever snapshots came between.
func TestDifferencesLeaveNothingOut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.SampledFrom([]string{"a", "b", "c"})
		all := []*snapshot.Snapshot{empty(t)}
		followed := all[0]
		loadBalancers, listeners := map[string]*lbapi.LoadBalancer{}, map[string]*lbapi.Listener{}
		backendServices, serverGroups := map[string]*lbapi.BackendService{}, map[string]*lbapi.ServerGroup{}
		for range rapid.IntRange(1, 20).Draw(t, "edits") {
			edit := rapid.SampledFrom(all).Draw(t, "base").Edit()
			for range rapid.IntRange(0, 4).Draw(t, "changes") {
				change(t, edit, id.Draw(t, "id"))
			}
			next, _ := done(t, edit)
			all = append(all, next)
			if rapid.Bool().Draw(t, "followed") {
				continue
			}
			difference := next.Since(followed)
			follow(t, loadBalancers, next.LoadBalancers, difference.LoadBalancers)
			follow(t, listeners, next.Listeners, difference.Listeners)
			follow(t, backendServices, next.BackendServices, difference.BackendServices)
			follow(t, serverGroups, next.ServerGroups, difference.ServerGroups)
			followed = next
		}
	})
}

func follow[T any](t *rapid.T, followed, objects map[string]*T, ids []string) {
	t.Helper()
	for _, id := range ids {
		if objects[id] == nil {
			delete(followed, id)
		} else {
			followed[id] = objects[id]
		}
	}
	if got, want := fmt.Sprint(followed), fmt.Sprint(objects); got != want { // by pointer
		t.Fatalf("followed %s, want %s", got, want)
	}
}

func TestAnEditDiffersByWhatItTouched(t *testing.T) {
	t.Parallel()
	edit := empty(t).Edit()
	for i := range 1000 {
		snapshot.Put(edit, &lbapi.Listener{ID: fmt.Sprint("listener-", i)})
	}
	base, _ := done(t, edit)
	edit = base.Edit()
	snapshot.Put(edit, &lbapi.Listener{ID: "listener-6"}) // as it is
	snapshot.Put(edit, &lbapi.Listener{ID: "listener-7", Port: 7})
	snapshot.Delete[lbapi.Listener](edit, "listener-8")
	next, _ := done(t, edit)
	if got := next.Since(base).Listeners; !slices.Equal(got, []string{"listener-7", "listener-8"}) {
		t.Errorf("one listener changed and one is gone: %d ids differ: %.10q", len(got), got)
	}
	for name, other := range map[string]*snapshot.Snapshot{"itself": next, "none": nil, "one that it does not come from": empty(t)} {
		if got := len(next.Since(other).Listeners); got != 999 {
			t.Errorf("of %s differ %d listeners, want all 999", name, got)
		}
	}
}
