package main

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
)

func TestMain(m *testing.M) { os.Exit(acctest.Main(m)) }

// schemasIn returns the kinds of schemas of the only provider in a document.
func schemasIn(t *testing.T, output []byte) map[string]any {
	t.Helper()
	var all struct {
		Schemas map[string]map[string]any `json:"provider_schemas"`
	}
	if err := json.Unmarshal(output, &all); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for _, schemas := range all.Schemas {
		return schemas
	}
	t.Fatal("no schemas")
	return nil
}

func TestTheSchemasAreThoseThatTerraformShows(t *testing.T) {
	t.Parallel()
	var own bytes.Buffer
	if err := run(t.Context(), &own); err != nil {
		t.Fatal(err)
	}
	shown := acctest.NewWorkspace(t, "").Run(t, "providers", "schema", "-json")
	got, want := schemasIn(t, own.Bytes()), schemasIn(t, []byte(shown))
	for _, kind := range []string{"provider", "resource_schemas", "data_source_schemas", "functions"} {
		if want[kind] == nil {
			t.Errorf("terraform shows no %s", kind)
		}
	}
	for kind := range want { // this Terraform may be too old to show some
		if diff := cmp.Diff(want[kind], got[kind]); diff != "" {
			t.Errorf("%s (-terraform +own):\n%s", kind, diff)
		}
	}
}
