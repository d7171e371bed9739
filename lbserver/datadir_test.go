package lbserver_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alb-project/terraform-provider-alb/lbserver"
)

func openAndClose(t *testing.T, config lbserver.Config) error {
	t.Helper()
	server, err := lbserver.New(config)
	if err != nil {
		return err
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	return nil
}

func TestAStoreThatHasBeenEmptiedIsNotANewOne(t *testing.T) {
	t.Parallel()
	config := testConfig(t)
	if err := openAndClose(t, config); err != nil {
		t.Fatal(err)
	}
	store := filepath.Join(config.DataDir, "lbserver.db")
	if err := os.Truncate(store, 0); err != nil {
		t.Fatal(err)
	}
	err := openAndClose(t, config)
	if err == nil || !strings.Contains(err.Error(), store) || !strings.Contains(err.Error(), "restore it from a backup, or remove the empty file") {
		t.Errorf("got %v", err)
	}
	if info, err := os.Stat(store); err != nil || info.Size() != 0 {
		t.Errorf("the empty file was written to: %v, %v", info, err)
	}
}

// The start that was interrupted before it wrote anything has left no keys either.
func TestAnEmptyStoreWithoutKeysIsANewOne(t *testing.T) {
	t.Parallel()
	config := testConfig(t)
	if err := os.Mkdir(config.DataDir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(config.DataDir, "lbserver.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := openAndClose(t, config); err != nil {
		t.Error(err)
	}
}

func TestANewStoreIsLogged(t *testing.T) {
	t.Parallel()
	config := testConfig(t)
	store := filepath.Join(config.DataDir, "lbserver.db")
	for _, step := range []struct {
		name, want string
		before     func() error
	}{
		{"first start", "level=INFO msg=\"a new store was made\"", func() error { return nil }},
		{"next start", "", func() error { return nil }},
		{"keys, but no store", "level=WARN msg=\"there is no store beside the API keys; a new one was made\"", func() error { return os.Remove(store) }},
	} {
		if err := step.before(); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		config.Log = slog.New(slog.NewTextHandler(&log, nil))
		if err := openAndClose(t, config); err != nil {
			t.Fatal(err)
		}
		if got := log.String(); !strings.Contains(got, step.want) || step.want == "" && strings.Contains(got, "made") {
			t.Errorf("%s: want %q in the log:\n%s", step.name, step.want, got)
		}
	}
}
