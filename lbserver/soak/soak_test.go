package main

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A few seconds of what `make soak` does for ten minutes.
func TestAShortSoakLosesNothing(t *testing.T) {
	t.Parallel()
	lbserver := filepath.Join(t.TempDir(), "lbserver")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", lbserver, "../cmd/lbserver")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build lbserver: %v\n%s", err, output)
	}
	if err := run(t.Context(), lbserver, 7*time.Second); err != nil {
		t.Error(err)
	}
}
