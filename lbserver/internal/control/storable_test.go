package control

import (
	"strings"
	"syscall"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

func TestAFailedWriteIsKnownUntilTheStoreTakesOneAgain(t *testing.T) {
	for name, mend := range map[string]func(*api){
		"by a change": func(a *api) { a.must("POST", base+"loadBalancers/", `{"loadBalancerName":"after"}`) },
		"by itself":   func(*api) {},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			if err := a.server.Storable(t.Context()); err != nil {
				t.Fatalf("before any trouble: %v", err)
			}
			a.store.before = syscall.ENOSPC
			got := a.call("POST", base+"loadBalancers/", `{"loadBalancerName":"lost"}`)
			if got.Error == nil || got.Error.Status != lbapi.Unavailable {
				t.Fatalf("the change was answered with %v", got.Error)
			}
			for range 2 {
				if err := a.server.Storable(t.Context()); err == nil || !strings.Contains(err.Error(), "no space left on device") {
					t.Fatalf("after a failed write: %v", err)
				}
			}
			a.store.before = nil
			before := a.server.Snapshot().Revision
			mend(a)
			if err := a.server.Storable(t.Context()); err != nil {
				t.Errorf("with room again: %v", err)
			}
			if after := a.server.Snapshot().Revision; name == "by itself" && after != before {
				t.Errorf("looking moved the revision from %d to %d", before, after)
			}
			a.expectStored()
		})
	}
}

func TestAChangeThatWasQuickerIsNoFailureOfTheStore(t *testing.T) {
	a := newAPI(t)
	a.store.stale = 100
	a.call("POST", base+"loadBalancers/", `{"loadBalancerName":"never"}`)
	if err := a.server.Storable(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestADiskThatStillTakesALittleIsFullAllTheSame(t *testing.T) {
	a := newAPI(t)
	a.store.room = 100
	if got := a.call("POST", base+"loadBalancers/", `{"loadBalancerName":"lost"}`); got.Error == nil || got.Error.Status != lbapi.Unavailable {
		t.Fatalf("the change was answered with %v", got.Error)
	}
	if err := a.server.Storable(t.Context()); err == nil {
		t.Error("a change would still not be stored, and nobody says so")
	}
}
