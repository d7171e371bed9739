// Package listener is the provider's part for listeners: ports of a load balancer whose traffic goes to a backend
// service. It holds the resource alb_listener, how the resource becomes calls of the API and back, and the data sources
// that find listeners. What it shares with the other kinds is in package base.
package listener

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
	"github.com/alb-project/terraform-provider-alb/internal/provider/planning"
)

var _ base.CompleteResource = (*listenerResource)(nil)

// Kind returns what listeners contribute to the provider.
func Kind() base.Kind { return base.KindOf(finder(), newResource) }

func newResource() resource.Resource {
	return &listenerResource{base.PlacedResource{Resource: base.Resource{IDs: lbapi.ListenerID}}}
}

type listenerResource struct{ base.PlacedResource }

// ModifyPlan also compares the listener's protocol with that of its backend service, if that exists and can be read.
func (r *listenerResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	r.PlacedResource.ModifyPlan(ctx, req, resp)
	r.countQuota(ctx, req, resp)
	if resp.Diagnostics.HasError() || req.Plan.Raw.IsNull() || r.API == nil {
		return
	}
	var plan, state model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	}
	protocol, ok := lbapi.ListenerProtocols().Parse(plan.Protocol.ValueString())
	unchanged := plan.Protocol.Equal(state.Protocol) && plan.BackendServiceID.Equal(state.BackendServiceID)
	if resp.Diagnostics.HasError() || !ok || plan.BackendServiceID.IsUnknown() || unchanged {
		return
	}
	backendService, ok := planning.Ask(ctx, r.API.Walk, func(ctx context.Context) (lbapi.BackendService, error) {
		return r.API.BackendService(ctx, plan.BackendServiceID.ValueString())
	})
	if !ok {
		return // the API judges the same during apply
	}
	if reason := lbapi.ProtocolMismatch(lbapi.Terraform, protocol, backendService.Protocol); reason != "" {
		resp.Diagnostics.AddAttributeError(path.Root("backend_service_id"), "Invalid combination",
			fmt.Sprintf("Attribute %s\n\nThe backend service is %q (%s).", reason, backendService.Name, backendService.ID))
	}
}

func (r *listenerResource) countQuota(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	quota := planning.Quota{Objects: "listeners", Of: func(q *lbapi.LoadBalancerQuotas) *lbapi.Quota { return &q.Listeners }}
	if change, ok := base.PlannedChange(ctx, &r.Resource, req, resp, model.replaces); ok {
		r.API.Walk.CountOnLoadBalancer(ctx, quota, change.Action,
			change.Before.LoadBalancerID.ValueString(), change.After.LoadBalancerID.ValueString(), &resp.Diagnostics)
	}
}

// Create makes the listener, and turns it off if the plan wants that: the API creates listeners on.
func (r *listenerResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	base.Create(ctx, req, resp, func(ctx context.Context, plan model) {
		spec := plan.create()
		id, err := base.CreateOnceFree(ctx, client.IsPortTaken, func(ctx context.Context) (string, error) { return r.API.CreateListener(ctx, spec) })
		if err != nil {
			base.AddCallError(&resp.Diagnostics, "Listener not created", err, plan.Attribute)
			return
		}
		wanted := plan.Enabled
		plan.ID, plan.Enabled = types.StringValue(id), types.BoolValue(true)
		base.SaveCreated(ctx, resp, plan)
		if wanted.ValueBool() || resp.Diagnostics.HasError() {
			return
		}
		if err := r.API.PatchListener(ctx, id, lbapi.PatchListener{Status: new(lbapi.Off)}); err != nil {
			base.AddCallError(&resp.Diagnostics, "Listener created, but not turned off", err, plan.Attribute)
			return
		}
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("enabled"), wanted)...)
	})
}

func (r *listenerResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	base.Read(ctx, &r.Resource, req, resp,
		func(ctx context.Context, state model) (lbapi.Listener, error) {
			return r.API.Listener(ctx, state.ID.ValueString())
		},
		func(state *model, listener lbapi.Listener) { state.read(listener) })
}

func (r *listenerResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	base.Update(ctx, req, resp, func(ctx context.Context, plan *model, state model, diags *diag.Diagnostics) bool {
		return base.SendPatch(ctx, &r.Resource, plan.ID, plan.patch(state), r.API.PatchListener, plan.Attribute, diags)
	})
}

func (r *listenerResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	base.Delete(ctx, req, resp, func(ctx context.Context, state model, diags *diag.Diagnostics) {
		r.DeleteUnused(ctx, state.ID, r.API.DeleteListener, diags)
	})
}
