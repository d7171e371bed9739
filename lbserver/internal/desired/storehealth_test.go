package desired_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"
)

func TestAFailedWriteIsKnownUntilTheStoreTakesOneAgain(t *testing.T) {
	t.Parallel()
	for name, mend := range map[string]func(*bench) error{
		"by a change": func(b *bench) error { return put(b.State, "listener-b", 80) },
		"by itself":   func(*bench) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			if err := b.CheckStore(t.Context()); err != nil {
				t.Fatalf("before any trouble: %v", err)
			}
			b.store.before = syscall.ENOSPC
			if err := put(b.State, "listener-a", 80); !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("the change ended with %v", err)
			}
			for range 2 {
				if err := b.CheckStore(t.Context()); err == nil || !strings.Contains(err.Error(), "changes cannot be stored: no space left on device") {
					t.Fatalf("after a failed write: %v", err)
				}
			}
			b.store.before = nil
			before := b.Current().Revision
			if err := mend(b); err != nil {
				t.Fatal(err)
			}
			if err := b.CheckStore(t.Context()); err != nil {
				t.Errorf("with room again: %v", err)
			}
			if after := b.Current().Revision; name == "by itself" && after != before {
				t.Errorf("looking moved the revision from %d to %d", before, after)
			}
			b.expectStored()
		})
	}
}

func TestAChangeThatWasQuickerIsNoFailureOfTheStore(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.store.stale = 100
	if err := put(b.State, "listener-a", 80); err == nil {
		t.Fatal("the change succeeded")
	}
	if err := b.CheckStore(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestADiskThatStillTakesALittleIsFull(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.store.room = 20
	if err := put(b.State, "listener-a", 80); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the change ended with %v", err)
	}
	b.store.room = 100
	if err := b.CheckStore(t.Context()); err == nil {
		t.Error("a change would still not be stored, and nobody says so")
	}
}
