package main

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// The test does for a few seconds what `make soak` does for ten minutes.
func TestAShortSoakLosesNothing(t *testing.T) {
	t.Parallel()
	lbserver := filepath.Join(t.TempDir(), "lbserver")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", lbserver, "../cmd/lbserver")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build lbserver: %v\n%s", err, output)
	}
	short := plan{
		duration: 3 * time.Second, rest: time.Second, slack: usage{goroutines: 8, descriptors: 8, heap: 2 << 20},
		then: func(s *scene, ctx context.Context, _ plan) error {
			return errors.Join(s.flood(ctx, time.Second), s.crowd(ctx, 300))
		},
	}
	if err := run(t.Context(), lbserver, short); err != nil {
		t.Error(err)
	}
}
