package servergroup

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
	"github.com/alb-project/terraform-provider-alb/internal/provider/member"
	"github.com/alb-project/terraform-provider-alb/internal/provider/planning"
)

// judge warns of quotas and of servers that lose their requests.
func (r *serverGroupResource) judge(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	change, ok := base.PlannedChange(ctx, &r.Resource, req, resp, model.replaces)
	if !ok {
		return
	}
	before, after := change.Before, change.After
	quota := planning.Quota{Objects: "server groups", Of: func(q *lbapi.LoadBalancerQuotas) *lbapi.Quota { return &q.ServerGroups }}
	r.API.Walk.CountOnLoadBalancer(ctx, quota, change.Action,
		before.LoadBalancerID.ValueString(), after.LoadBalancerID.ValueString(), &resp.Diagnostics)

	servers, staysOrComes := len(after.Servers.Elements()), change.Action == planning.Create || change.Action == planning.Update
	if id := after.LoadBalancerID.ValueString(); staysOrComes && servers > len(before.Servers.Elements()) && id != "" {
		r.API.Walk.WarnOfLongList(ctx, id, servers, &resp.Diagnostics)
	}
	if change.Action == planning.Update {
		r.warnOfLeaving(ctx, before, after, &resp.Diagnostics)
	}
}

// warnOfLeaving warns of a plan that takes the requests away from servers on which sessions were seen: servers that the
// group lists, and any others that are in it.
func (r *serverGroupResource) warnOfLeaving(ctx context.Context, before, after model, diags *diag.Diagnostics) {
	if after.Servers.IsNull() || after.Servers.IsUnknown() || after.Servers.Equal(before.Servers) {
		return
	}
	wanted, had := after.knownServers(ctx, diags), before.knownServers(ctx, diags)
	if diags.HasError() || len(wanted) != len(after.Servers.Elements()) || !allIdentitiesKnown(wanted) {
		return // any registered server may be one of the list that is not known yet
	}
	if group, ok := r.API.Walk.ServerGroup(ctx, before.ID.ValueString()); ok {
		r.API.Walk.WarnOfLeaving(ctx, group, member.Leaving(wanted, had, group.Servers), diags)
	}
}

// allIdentitiesKnown reports whether the host and the port of each server is known.
func allIdentitiesKnown(servers map[string]member.Model) bool {
	for _, one := range servers {
		if _, ok := one.Host(); !ok || one.Port.IsUnknown() {
			return false
		}
	}
	return true
}
