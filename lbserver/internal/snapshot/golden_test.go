package snapshot_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
)

// goldenRecords are the records of a store that the lbserver of November 2026 wrote, when the stored form of an object
// was its form in an answer. Among them are checks that are on and off, weights of 0, instances and empty groups.
func goldenRecords(t *testing.T) []store.Record {
	t.Helper()
	text, err := os.ReadFile("testdata/records-of-format-1.json")
	if err != nil {
		t.Fatal(err)
	}
	var lines []struct {
		Kind  store.Kind      `json:"kind"`
		ID    string          `json:"id"`
		Value json.RawMessage `json:"value"`
	}
	if err := json.Unmarshal(text, &lines); err != nil {
		t.Fatal(err)
	}
	records := make([]store.Record, len(lines))
	for i, line := range lines {
		records[i] = store.Record{Kind: line.Kind, ID: line.ID, Value: line.Value}
	}
	return records
}

func TestRecordsOfTheFirstFormatAreReadAsTheyWere(t *testing.T) {
	t.Parallel()
	records := goldenRecords(t)
	got, err := snapshot.New(store.State{Revision: 7, Records: records})
	if err != nil {
		t.Fatal(err)
	}
	want := snapshot.Snapshot{
		Revision: 7, LoadBalancers: map[string]*lbapi.LoadBalancer{}, Listeners: map[string]*lbapi.Listener{},
		BackendServices: map[string]*lbapi.BackendService{}, ServerGroups: map[string]*lbapi.ServerGroup{},
	}
	for _, record := range records {
		switch record.Kind {
		case store.LoadBalancer:
			plainly(t, want.LoadBalancers, record)
		case store.Listener:
			plainly(t, want.Listeners, record)
		case store.BackendService:
			plainly(t, want.BackendServices, record)
			want.BackendServices[record.ID].CookieSameSite = lbapi.SameSiteLax // the default of a field that was not there yet
		case store.ServerGroup:
			plainly(t, want.ServerGroups, record)
		case store.PersistenceKeys:
			want.PersistenceKeys = record.Value
		default:
			t.Fatalf("no such kind was written: %s", record.Kind)
		}
	}
	if diff := cmp.Diff(&want, got, cmpopts.IgnoreUnexported(snapshot.Snapshot{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// plainly decodes a record as the lbserver that wrote it did.
func plainly[T any](t *testing.T, objects map[string]*T, record store.Record) {
	t.Helper()
	object := new(T)
	if err := json.Unmarshal(record.Value, object); err != nil {
		t.Fatal(err)
	}
	objects[record.ID] = object
}
