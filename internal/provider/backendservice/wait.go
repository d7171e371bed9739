package backendservice

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
)

// healthyServers is the range of wait_for_healthy. The API's quota bounds what a group can have; this only catches
// typing errors.
var healthyServers = lbapi.Range{Min: 1, Max: 10000, Unit: "servers"}

// healthPause is the time between two questions for the servers' health: a tenth of the shortest check interval.
const healthPause = 500 * time.Millisecond

// What happens to a backend service after a wait without success.
const (
	afterCreate = "It is in the state, tainted: the next apply replaces it and waits again, unless \"terraform untaint\" is run before."
	afterUpdate = "The next apply waits again."
)

// awaitHealthy waits until as many servers of a backend service are healthy as the plan wants, which is none without
// wait_for_healthy, and reports whether they are. The context carries the timeout of the operation; after says in the
// error what happens next.
func (r *backendServiceResource) awaitHealthy(ctx context.Context, plan model, after string, diags *diag.Diagnostics) bool {
	if plan.WaitForHealthy.IsNull() || diags.HasError() {
		return true
	}
	id := plan.ID.ValueString()
	err := untilHealthy(ctx, int(plan.WaitForHealthy.ValueInt64()), func(ctx context.Context) ([]lbapi.ServerHealth, error) {
		return r.API.ServerHealth(ctx, id)
	})
	if err != nil {
		summary := "Too few healthy servers"
		if _, unknown := errors.AsType[*healthUnknownError](err); unknown {
			summary = "Health of the servers not known"
		}
		diags.AddAttributeError(path.Root("wait_for_healthy"), summary, fmt.Sprintf(
			"Backend service %q (%s) is as the plan wants it, but %s\n\n%s", plan.Name.ValueString(), id, base.WithFullStop(err.Error()), after))
	}
	return err == nil
}

// tooFewHealthyError says how the servers were when the time was up.
type tooFewHealthyError struct {
	want    int
	servers []lbapi.ServerHealth
	because error // of the context
}

func (e *tooFewHealthyError) Error() string {
	end := "when the wait was interrupted"
	if errors.Is(e.because, context.DeadlineExceeded) {
		end = "when the timeout of the operation was over"
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%d of its %d servers were healthy %s, and \"wait_for_healthy\" wants %d", countHealthy(e.servers), len(e.servers), end, e.want)
	if len(e.servers) > 0 {
		text.WriteString(":\n")
	}
	for _, server := range e.servers {
		fmt.Fprintf(&text, "\n  - %s", describeHealth(server))
	}
	if len(e.servers) < e.want {
		text.WriteString("\n\nIts server group does not have so many: ask for fewer, or, where the servers are alb_server resources, " +
			"name them in \"depends_on\" so that they are there first")
	}
	return text.String()
}

func (e *tooFewHealthyError) Unwrap() error { return e.because }

// healthUnknownError says why the health of servers could not be read.
type healthUnknownError struct{ because error }

func (e *healthUnknownError) Error() string {
	return "the health of its servers is not known: " + e.because.Error()
}

func (e *healthUnknownError) Unwrap() error { return e.because }

func describeHealth(server lbapi.ServerHealth) string {
	text := fmt.Sprintf("%s is %s", net.JoinHostPort(server.Address, strconv.Itoa(server.Port)), server.Status)
	if server.InstanceID != "" {
		text = server.InstanceID + ", " + text
	}
	if server.Reason.Reason != "" {
		text += fmt.Sprintf(": %s, %s", server.Reason.Reason, server.Reason.Detail)
	}
	return text
}

// untilHealthy looks at servers until as many as wanted are healthy. At the end of the context the error says what was
// seen last. An API that does not answer for a while is waited for as well.
func untilHealthy(ctx context.Context, want int, look func(context.Context) ([]lbapi.ServerHealth, error)) error {
	tick := time.NewTicker(healthPause)
	defer tick.Stop()
	var last []lbapi.ServerHealth
	var unknown error // why the last look failed
	for {
		servers, err := look(ctx)
		switch {
		case err == nil && countHealthy(servers) >= want:
			return nil
		case err == nil:
			last, unknown = servers, nil
		case ctx.Err() == nil:
			if unknown = err; !client.IsTransient(err) {
				return &healthUnknownError{err}
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if unknown != nil {
				return &healthUnknownError{unknown}
			}
			return &tooFewHealthyError{want: want, servers: last, because: ctx.Err()}
		}
	}
}

// validateWait refuses a wait that could never succeed.
func (m model) validateWait(check healthCheckModel, checkKnown bool, diags *diag.Diagnostics) {
	if !base.Given(m.WaitForHealthy) {
		return
	}
	at := path.Root("wait_for_healthy")
	if checkKnown && check.Enabled.Equal(types.BoolValue(false)) {
		diags.AddAttributeError(at, "Invalid combination",
			"Attribute \"wait_for_healthy\" cannot be set when \"health_check.enabled\" is false; only a check finds a server healthy.")
	}
	if m.ServerGroupID.IsNull() {
		diags.AddAttributeError(at, "Invalid combination",
			"Attribute \"wait_for_healthy\" cannot be set without \"server_group_id\"; there is no server to wait for.")
	}
}
