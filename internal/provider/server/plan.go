package server

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
	"github.com/alb-project/terraform-provider-alb/internal/provider/planning"
)

// ModifyPlan refuses a server of a group that lists its servers itself, even if only the state still has the server,
// and a server that is named in another way than those of its group, as far as the group is known.
func (r *serverResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	base.ValidateIgnored(ctx, r, req, resp)
	r.judge(ctx, req, resp)
	if r.API == nil || resp.Diagnostics.HasError() {
		return
	}
	if req.Plan.Raw.IsNull() {
		var state model
		if resp.Diagnostics.Append(req.State.Get(ctx, &state)...); !resp.Diagnostics.HasError() {
			r.API.Walk.Members.Leave(state.ServerGroupID.ValueString(), state.ID.ValueString(), state.Server().Identity(), &resp.Diagnostics)
		}
		return
	}
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	groupID := plan.ServerGroupID.ValueString()
	if resp.Diagnostics.HasError() || groupID == "" {
		return
	}
	r.API.Walk.Members.Add(groupID, &resp.Diagnostics)
	if !plan.ID.IsUnknown() {
		return // the server exists, so its group has taken it
	}
	if groupType, ok := r.API.Walk.ServerGroupType(ctx, groupID); ok {
		plan.reportMismatch(groupID, groupType, &resp.Diagnostics)
	}
}

// judge warns of the quota and of sessions.
func (r *serverResource) judge(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	change, ok := base.PlannedChange(ctx, &r.Resource, req, resp, model.replaces)
	if !ok {
		return
	}
	from, to := change.Before.ServerGroupID.ValueString(), change.After.ServerGroupID.ValueString()
	r.API.Walk.CountInServerGroup(ctx, change.Action, from, to, &resp.Diagnostics)
	r.warnOfLeaving(ctx, change, &resp.Diagnostics)
}

// warnOfLeaving warns of a plan that takes the requests away from a server on which sessions were seen.
func (r *serverResource) warnOfLeaving(ctx context.Context, change planning.Change[model], diags *diag.Diagnostics) {
	before, after := change.Before, change.After
	groupID, updated := before.ServerGroupID.ValueString(), change.Action == planning.Update
	if change.Action == planning.Create || !updated && r.API.Walk.Members.IsListed(groupID) ||
		updated && after.Weight.Equal(before.Weight) && after.Port.Equal(before.Port) {
		return // the server stays, or the group that lists it warns
	}
	group, ok := r.API.Walk.ServerGroup(ctx, groupID)
	i := slices.IndexFunc(group.Servers, func(s lbapi.Server) bool { return s.ID == before.ID.ValueString() })
	if !ok || i < 0 {
		return
	}
	name, leaves := before.Server().Key(), true
	is := planning.LeavingServer{Server: group.Servers[i], Name: name, What: planning.LeavesGroup}
	if updated {
		is, leaves = after.Leaving(group.Servers[i], name, path.Root)
	}
	if leaves {
		r.API.Walk.WarnOfLeaving(ctx, group, []planning.LeavingServer{is}, diags)
	}
}
