package base

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
)

func failed(status lbapi.ErrorStatus, message string, details ...lbapi.Detail) error {
	return &client.CallError{
		Operation: "delete listener \"listener-1\"", Method: "DELETE", URL: "http://lb/x", Attempts: 1,
		Err: lbapi.NewError(status, message, details...),
	}
}

func TestDeletingWhatIsGoneIsSuccess(t *testing.T) {
	err := retryWhileInUse(t.Context(), func(context.Context) error { return failed(lbapi.NotFound, "no such listener") })
	if err != nil {
		t.Error(err)
	}
}

func TestDeletingWaitsUntilNobodyUsesTheObject(t *testing.T) {
	calls := 0
	err := retryWhileInUse(t.Context(), func(context.Context) error {
		calls++
		if calls < 3 {
			return failed(lbapi.Conflict, "in use by listener web")
		}
		return nil
	})
	if err != nil || calls != 3 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestDeletingGivesUpWithTheContextAndNamesTheUser(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for name, atTheEnd := range map[string]error{
		"while it waits": failed(lbapi.Conflict, "in use by listener web"),
		"in a call":      context.DeadlineExceeded,
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			err := retryWhileInUse(ctx, func(ctx context.Context) error {
				calls++
				if calls == 1 {
					return failed(lbapi.Conflict, "in use by listener web")
				}
				<-ctx.Done()
				return atTheEnd
			})
			if err == nil || !client.IsConflict(err) || !strings.Contains(err.Error(), "in use by listener web") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAnInterruptedDeletionDoesNotBlameTheTimeout(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	err := retryWhileInUse(ctx, func(context.Context) error {
		interrupt()
		return failed(lbapi.Conflict, "in use by listener web")
	})
	if !client.IsConflict(err) || strings.Contains(err.Error(), "timeout") {
		t.Errorf("got %v", err)
	}
}

func TestCreatingWaitsForAPlaceThatIsTaken(t *testing.T) {
	for name, test := range map[string]struct {
		failures, calls int
		err             error
		takes           time.Duration
	}{
		"freed soon":     {2, 3, failed(lbapi.Conflict, "the port is taken"), 750 * time.Millisecond},
		"never freed":    {100, 6, failed(lbapi.Conflict, "the port is taken"), 7750 * time.Millisecond},
		"another reason": {100, 1, failed(lbapi.InvalidArgument, "no such port"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls, began := 0, time.Now()
				id, err := CreateOnceFree(t.Context(), client.IsConflict, func(context.Context) (string, error) {
					if calls++; calls <= test.failures {
						return "", test.err
					}
					return "it", nil
				})
				made := test.calls > test.failures
				if calls != test.calls || time.Since(began) != test.takes || (id == "it") != made || (err == nil) != made {
					t.Errorf("%d calls in %s: %q, %v", calls, time.Since(began), id, err)
				}
			})
		})
	}
}

func TestDeletingStopsAtOnceForAnyOtherReason(t *testing.T) {
	for name, reason := range map[string]error{
		"a fault":            failed(lbapi.Internal, "a fault"),
		"a protected object": failed(lbapi.Conflict, "protected", lbapi.Detail{Field: lbapi.FieldDeleteProtection, Reason: "is protected"}),
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			err := retryWhileInUse(t.Context(), func(context.Context) error {
				calls++
				return reason
			})
			if !errors.Is(err, reason) || calls != 1 {
				t.Errorf("%d calls, %v", calls, err)
			}
		})
	}
}

func TestAChangeUnderWayOutlivesAnInterruptForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		terraform, interrupt := context.WithCancel(t.Context())
		ctx, done := finishing(terraform, time.Minute)
		defer done()
		interrupt()
		time.Sleep(interruptGrace - time.Second)
		if ctx.Err() != nil {
			t.Fatalf("cut off: %v", ctx.Err())
		}
		time.Sleep(2 * time.Second)
		if ctx.Err() == nil {
			t.Fatal("not ended after its grace")
		}
	})
}

func TestAnInterruptGrantsNoMoreThanTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		terraform, interrupt := context.WithCancel(t.Context())
		ctx, done := finishing(terraform, 2*time.Second)
		defer done()
		interrupt()
		time.Sleep(3 * time.Second)
		if ctx.Err() == nil {
			t.Fatal("outlived its timeout")
		}
	})
}
