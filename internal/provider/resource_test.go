package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"

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
	err := deleteUnused(t.Context(), func(context.Context) error { return failed(lbapi.NotFound, "no such listener") })
	if err != nil {
		t.Error(err)
	}
}

func TestDeletingWaitsUntilNobodyUsesTheObject(t *testing.T) {
	calls := 0
	err := deleteUnused(t.Context(), func(context.Context) error {
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
			err := deleteUnused(ctx, func(ctx context.Context) error {
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
	err := deleteUnused(ctx, func(context.Context) error {
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
				id, err := createOnceFree(t.Context(), client.IsConflict, func(context.Context) (string, error) {
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
			err := deleteUnused(t.Context(), func(context.Context) error {
				calls++
				return reason
			})
			if !errors.Is(err, reason) || calls != 1 {
				t.Errorf("%d calls, %v", calls, err)
			}
		})
	}
}

func TestDetailsLandOnTheirAttributesAndTheRestOnTheResource(t *testing.T) {
	bad := func(field string) lbapi.Detail { return lbapi.Detail{Field: field, Reason: "is bad"} }
	for _, test := range []struct {
		name string
		err  error
		want []string
	}{
		{"a field", failed(lbapi.Conflict, "taken", bad("port")), []string{"port"}},
		{"a nested field", failed(lbapi.InvalidArgument, "bad", bad("healthCheckSpec.httpPath")), []string{"health_check.path"}},
		{"two fields", failed(lbapi.InvalidArgument, "bad", bad("backendName"), bad("algorithm")), []string{"name", "scheduler"}},
		{"an element of a list", failed(lbapi.InvalidArgument, "bad", bad("targetGroupIds[0]")), []string{"server_group_id"}},
		{"a field nobody knows", failed(lbapi.InvalidArgument, "bad", bad("regionId")), []string{""}},
		{"both", failed(lbapi.InvalidArgument, "bad", bad("regionId"), bad("port"), bad("body")), []string{"port", ""}},
		{"no details", failed(lbapi.Internal, "a fault"), []string{""}},
		{"not the API's", fmt.Errorf("call: %w", errors.New("connection refused")), []string{""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var diags diag.Diagnostics
			addCallError(&diags, "Not done", test.err, attributesOf(lbapi.BackendServiceTerms()))
			var got []string
			for _, one := range diags {
				at := ""
				if located, ok := one.(diag.DiagnosticWithPath); ok {
					at = located.Path().String()
				}
				got = append(got, at)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestServerDetailsLandOnTheServerByItsName(t *testing.T) {
	attribute := serverAttributes([]string{"a", "b"})
	for field, want := range map[string]string{
		"targetSpecs[1].ipAddress": `servers["b"].address`, "targetUpdateSpecs[0].weight": `servers["a"].weight`,
		"targetSpecs[0]": `servers["a"]`, "targetSpecs[0].nothing": `servers["a"]`, "targetSpecs[2].port": "", "targetIds[0]": "",
	} {
		at, ok := attribute(field)
		if ok != (want != "") || ok && at.String() != want {
			t.Errorf("%s is at %q, %t, want %q", field, at, ok, want)
		}
	}
}

func TestAnImportWithoutAnIDIsRefused(t *testing.T) {
	var resp resource.ImportStateResponse
	(&baseResource{ids: lbapi.ListenerID}).ImportState(t.Context(), resource.ImportStateRequest{ID: ""}, &resp)
	if !resp.Diagnostics.HasError() {
		t.Error("an empty id was taken")
	}
}

func TestAnErrorThatEndsInAQuestionGetsNoFullStop(t *testing.T) {
	var diags diag.Diagnostics
	addCallError(&diags, "Not done", errors.New("is the server running?"), attributesOf(lbapi.ListenerTerms()))
	if got := diags[0].Detail(); got != "Is the server running?" {
		t.Errorf("got %q", got)
	}
}
