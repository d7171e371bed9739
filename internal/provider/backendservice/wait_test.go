package backendservice

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
)

func TestAWaitForServersEndsWithTheContextAndTellsWhatItSawLast(t *testing.T) {
	seen := []lbapi.ServerHealth{
		{Address: "10.0.0.1", Port: 80, Status: lbapi.Healthy},
		{Address: "fd00::1", Port: 80, Status: lbapi.Unhealthy, Reason: lbapi.UnhealthyReason{Reason: lbapi.HTTPCodeMismatch, Detail: "got 500"}},
		{Address: "10.0.0.3", Port: 81, InstanceID: "vm-3", Status: lbapi.HealthUnknown},
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	looks := 0
	err := untilHealthy(ctx, 2, func(ctx context.Context) ([]lbapi.ServerHealth, error) {
		if looks++; looks > 1 {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return seen, nil
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{
		"1 of its 3 servers were healthy when the timeout of the operation was over", `"wait_for_healthy" wants 2`,
		"\n  - 10.0.0.1:80 is healthy\n", "\n  - [fd00::1]:80 is unhealthy: HTTP_CODE_MISMATCH, got 500\n", "\n  - vm-3, 10.0.0.3:81 is unknown",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in:\n%s", want, err)
		}
	}
}

func TestAWaitForMoreServersThanThereAreSaysSo(t *testing.T) {
	const hint = "Its server group does not have so many"
	one := []lbapi.ServerHealth{{Address: "10.0.0.1", Port: 80, Status: lbapi.Healthy}}
	for want, says := range map[int]bool{1: false, 2: true} {
		err := &tooFewHealthyError{want: want, servers: one, because: context.DeadlineExceeded}
		if strings.Contains(err.Error(), hint) != says {
			t.Errorf("of one server %d were wanted: the hint is wanted: %t; got\n%s", want, says, err)
		}
	}
}

func TestAWaitForServersOutlivesAnAPIThatIsAwayForAWhile(t *testing.T) {
	away := &client.CallError{Operation: "read", Err: syscall.ECONNREFUSED}
	looks := 0
	look := func(context.Context) ([]lbapi.ServerHealth, error) {
		if looks++; looks < 3 {
			return nil, away
		}
		return []lbapi.ServerHealth{{Address: "10.0.0.1", Port: 80, Status: lbapi.Healthy}}, nil
	}
	if err := untilHealthy(t.Context(), 1, look); err != nil {
		t.Error(err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	looks = -1000
	err := untilHealthy(ctx, 1, look)
	if _, unknown := errors.AsType[*healthUnknownError](err); !unknown || !errors.Is(err, away) {
		t.Errorf("got %v, want that the health is not known, and why", err)
	}
}

func TestAWaitForServersEndsAtOnceWhenTheirHealthCannotBeRead(t *testing.T) {
	reason := &client.CallError{Operation: "read", Attempts: 1, Err: lbapi.NewError(lbapi.NotFound, "there is no backend service")}
	err := untilHealthy(t.Context(), 1, func(context.Context) ([]lbapi.ServerHealth, error) { return nil, reason })
	if !errors.Is(err, reason) {
		t.Errorf("got %v", err)
	}
}
