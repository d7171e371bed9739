package snapshot_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
)

// In a record, null, zero and missing must not be the same.
func TestStoredObjectsLeaveNoFieldOut(t *testing.T) {
	t.Parallel()
	edit := empty(t).Edit()
	snapshot.Put(edit, &lbapi.LoadBalancer{ID: "x"})
	snapshot.Put(edit, &lbapi.Listener{ID: "x"})
	snapshot.Put(edit, &lbapi.BackendService{ID: "x"})
	snapshot.Put(edit, &lbapi.ServerGroup{ID: "x", Servers: []lbapi.Server{{}}})
	_, records := done(t, edit)
	types := map[store.Kind]reflect.Type{
		store.LoadBalancer: reflect.TypeFor[lbapi.LoadBalancer](), store.Listener: reflect.TypeFor[lbapi.Listener](),
		store.BackendService: reflect.TypeFor[lbapi.BackendService](), store.ServerGroup: reflect.TypeFor[lbapi.ServerGroup](),
	}
	for _, record := range records {
		var stored any
		if err := json.Unmarshal(record.Value, &stored); err != nil {
			t.Fatal(err)
		}
		want, got := map[string]bool{}, map[string]bool{}
		fieldsOfType(want, "", types[record.Kind])
		fieldsOfValue(got, "", stored)
		if record.Kind == store.BackendService {
			want[".checkingOff"] = true
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
			t.Errorf("fields of a stored %s (-want +got):\n%s", record.Kind, diff)
		}
	}
}

func fieldsOfType(into map[string]bool, at string, of reflect.Type) {
	switch of.Kind() {
	case reflect.Slice:
		fieldsOfType(into, at, of.Elem())
	case reflect.Struct:
		for field := range of.Fields() {
			if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "-" {
				into[at+"."+name] = true
				fieldsOfType(into, at+"."+name, field.Type)
			}
		}
	default:
	}
}

func fieldsOfValue(into map[string]bool, at string, of any) {
	switch of := of.(type) {
	case []any:
		for _, item := range of {
			fieldsOfValue(into, at, item)
		}
	case map[string]any:
		for name, value := range of {
			into[at+"."+name] = true
			fieldsOfValue(into, at+"."+name, value)
		}
	}
}

// A field that is added later is missing in the records of today, and has its default there.
func TestAMissingFieldHasItsDefault(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]*lbapi.Listener{
		`{"listenerId":"x","protocol":"Http"}`:                               {ID: "x", Protocol: lbapi.HTTP, Action: "Forward", Status: lbapi.On, IdleTimeout: 60},
		`{"listenerId":"x","protocol":"Tcp"}`:                                {ID: "x", Protocol: lbapi.TCP, Action: "Forward", Status: lbapi.On, IdleTimeout: 1800},
		`{"listenerId":"x","protocol":"Tcp","connectionIdleTimeSeconds":60}`: {ID: "x", Protocol: lbapi.TCP, Action: "Forward", Status: lbapi.On, IdleTimeout: 60},
	} {
		state := decoded(t, store.Listener, value)
		if diff := cmp.Diff(want, state.Listeners["x"]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", value, diff)
		}
	}
	for value, want := range map[string]lbapi.HealthCheck{
		`{"backendId":"x"}`: {},
		`{"backendId":"x","healthCheck":{"protocol":""}}`:                                        {},
		`{"backendId":"x","healthCheck":{"protocol":"Tcp"}}`:                                     lbapi.DefaultHealthCheck(lbapi.TCP),
		`{"backendId":"x","healthCheck":{"protocol":"Http"}}`:                                    lbapi.DefaultHealthCheck(lbapi.HTTP),
		`{"backendId":"x","healthCheck":{"protocol":"Tcp","httpCode":null,"port":0}}`:            lbapi.DefaultHealthCheck(lbapi.TCP),
		`{"backendId":"x","healthCheck":{"protocol":"Tcp","intervalSeconds":9}}`:                 interval(lbapi.DefaultHealthCheck(lbapi.TCP), 9),
		`{"backendId":"x","checkingOff":true,"healthCheck":{"protocol":"","intervalSeconds":0}}`: {Off: true},
	} {
		object := decoded(t, store.BackendService, value).BackendServices["x"]
		if diff := cmp.Diff(want, object.HealthCheck); diff != "" {
			t.Errorf("%s (-want +got):\n%s", value, diff)
		}
		if object.Scheduler != lbapi.WeightedRoundRobin || object.ServerGroupIDs == nil {
			t.Errorf("%s: %v", value, object)
		}
	}
}

func interval(check lbapi.HealthCheck, seconds int) lbapi.HealthCheck {
	check.Interval = seconds
	return check
}

func decoded(t *testing.T, kind store.Kind, value string) *snapshot.Snapshot {
	t.Helper()
	state, err := snapshot.New(store.State{Records: []store.Record{{Kind: kind, ID: "x", Value: []byte(value)}}})
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func TestAnEqualObjectChangesNothing(t *testing.T) {
	t.Parallel()
	check := lbapi.DefaultHealthCheck(lbapi.HTTP)
	edit := empty(t).Edit()
	snapshot.Put(edit, &lbapi.BackendService{ID: "x", HealthCheck: check})
	base, _ := done(t, edit)

	edit = base.Edit()
	snapshot.Put(edit, &lbapi.BackendService{ID: "x", HealthCheck: check})
	next, records := done(t, edit)
	if len(records) != 0 || len(next.Since(base).BackendServices) != 0 || next.BackendServices["x"] != base.BackendServices["x"] {
		t.Errorf("an equal object was put: %d records", len(records))
	}
	check.Off = true
	snapshot.Put(edit, &lbapi.BackendService{ID: "x", HealthCheck: check})
	if _, records := done(t, edit); len(records) != 1 {
		t.Errorf("a check was turned off: %d records", len(records))
	}
}
