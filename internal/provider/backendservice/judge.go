package backendservice

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
	"github.com/alb-project/terraform-provider-alb/internal/provider/planning"
)

// judge warns of quotas, shared server groups and sessions.
func (r *backendServiceResource) judge(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	change, ok := base.PlannedChange(ctx, &r.Resource, req, resp, model.replaces)
	if !ok {
		return
	}
	before, after := change.Before, change.After
	quota := planning.Quota{Objects: "backend services", Of: func(q *lbapi.LoadBalancerQuotas) *lbapi.Quota { return &q.BackendServices }}
	r.API.Walk.CountOnLoadBalancer(ctx, quota, change.Action,
		before.LoadBalancerID.ValueString(), after.LoadBalancerID.ValueString(), &resp.Diagnostics)
	if change.Action != planning.Update || !after.ServerGroupID.Equal(before.ServerGroupID) {
		r.API.Walk.WarnOfSharing(ctx, planning.Change[planning.BackendService]{
			Action: change.Action, Before: before.planned(), After: after.planned(),
		}, &resp.Diagnostics)
	}
	r.warnOfSessions(ctx, change, &resp.Diagnostics)
}

func (m model) planned() planning.BackendService {
	return planning.BackendService{
		ID: m.ID.ValueString(), Name: m.Name.ValueString(), LoadBalancerID: m.LoadBalancerID.ValueString(),
		ServerGroupID: m.ServerGroupID.ValueString(), Protocol: m.Protocol.ValueString(),
	}
}

// warnOfSessions warns of a plan that ends or moves the sessions of a backend service, and says how many were recently
// seen.
func (r *backendServiceResource) warnOfSessions(ctx context.Context, change planning.Change[model], diags *diag.Diagnostics) {
	before := change.Before
	if !before.persists() {
		return
	}
	var at path.Path
	var what, then string
	switch change.Action {
	case planning.Delete:
		what, then = "is deleted", "their clients get another server wherever their requests go then"
	case planning.Replace:
		what, then = "is replaced", "the new one has a cookie of its own, so their clients may get another server"
	case planning.Update:
		at, what, then = change.After.endsSessions(before)
	case planning.Create:
	}
	if what == "" {
		return
	}
	count, window := r.API.Walk.Sessions(ctx, before.ID.ValueString())
	if count == 0 {
		return
	}
	planning.WarnAt(diags, at, planning.SessionsWillMove, fmt.Sprintf("Backend service %s %s. About %s seen on its servers in the last %s will move: %s.",
		planning.NameAndID(before.Name.ValueString(), before.ID.ValueString()), what, planning.Counted(count, "session"),
		planning.Counted(window/60, "minute"), then))
}

// endsSessions says what in a change in place moves sessions, at which attribute, and where the clients go then. It
// says nothing if the sessions stay, or if that is not known yet.
func (m model) endsSessions(state model) (at path.Path, what, then string) {
	switch {
	case m.SessionPersistence.IsUnknown():
	case !m.persists() && !m.Scheduler.Equal(state.Scheduler):
		return path.Root(lbapi.TermScheduler.Attribute), fmt.Sprintf("changes its \"scheduler\" from %q to %q, which ends session persistence",
			state.Scheduler.ValueString(), m.Scheduler.ValueString()), "each request of their clients goes where that sends it"
	case !m.persists():
		return path.Root(lbapi.TermSessionPersistence.Attribute), "turns session persistence off",
			"each request of their clients goes where the scheduler sends it"
	case !m.ServerGroupID.Equal(state.ServerGroupID):
		from := state.ServerGroupID.ValueString()
		switch {
		case m.ServerGroupID.IsNull():
			return path.Root("server_group_id"), "leaves server group " + from, "there is no server for their clients"
		case m.ServerGroupID.IsUnknown():
			return path.Root("server_group_id"), "leaves server group " + from + " for one that is not known yet", "their clients get servers of that one"
		default:
			return path.Root("server_group_id"), "changes from server group " + from + " to " + m.ServerGroupID.ValueString(),
				"their clients get servers of the latter"
		}
	}
	return path.Empty(), "", ""
}
