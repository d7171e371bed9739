// Package loadbalancer is the provider's part for load balancers: addresses that take traffic, with everything that is
// on them. It holds the resource alb_load_balancer, how the resource becomes calls of the API and back, and the data
// sources that find load balancers. What it shares with the other kinds is in package base.
package loadbalancer

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
)

var _ base.CompleteResource = (*loadBalancerResource)(nil)

// Kind returns what load balancers contribute to the provider.
func Kind() base.Kind { return base.KindOf(finder(), newResource) }

func newResource() resource.Resource {
	return &loadBalancerResource{base.Resource{IDs: lbapi.LoadBalancerID}}
}

type loadBalancerResource struct{ base.Resource }

// ModifyPlan refuses to delete or replace what is protected: during apply it would be too late, because what is on the
// load balancer is deleted before it.
func (r *loadBalancerResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	r.judge(ctx, req, resp)
	if req.State.Raw.IsNull() {
		return
	}
	var state, plan model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	action, orphaned := "deletes", fmt.Sprintf(" If no resource of the configuration is this load balancer any more, as after a replacement by "+
		"create_before_destroy, turn its protection off by the API: PATCH /%s/%s with {%q:false}. The guide \"Importing what is there\" "+
		"shows how to call it.", lbapi.LoadBalancers, state.ID.ValueString(), lbapi.FieldDeleteProtection)
	if !req.Plan.Raw.IsNull() {
		action, orphaned = "replaces", ""
		resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
		if !plan.replaces(state) {
			return
		}
	}
	if state.DeletionProtection.ValueBool() && !resp.Diagnostics.HasError() {
		resp.Diagnostics.AddAttributeError(path.Root("deletion_protection"), "Load balancer is protected",
			fmt.Sprintf("The plan %s load balancer %q (%s), whose \"deletion_protection\" is on. Set it to false, apply that first, then "+
				"plan this again.", action, state.Name.ValueString(), state.ID.ValueString())+orphaned)
	}
}

func (r *loadBalancerResource) judge(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if change, ok := base.PlannedChange(ctx, &r.Resource, req, resp, model.replaces); ok {
		r.API.Walk.CountInRegion(ctx, change.Action, &resp.Diagnostics)
	}
}

// Create also reads the load balancer, to know what the server chose.
func (r *loadBalancerResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	base.Create(ctx, req, resp, func(ctx context.Context, plan model) {
		id, err := r.API.CreateLoadBalancer(ctx, plan.create(ctx, &resp.Diagnostics))
		if err != nil {
			base.AddCallError(&resp.Diagnostics, "Load balancer not created", err, plan.Attribute)
			return
		}
		// If the read fails, the id is what must not be lost.
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), id)...)
		resp.Diagnostics.Append(resp.Identity.Set(ctx, base.Identity{ID: types.StringValue(id)})...)
		balancer, err := r.API.LoadBalancer(ctx, id)
		if err != nil {
			base.AddCallError(&resp.Diagnostics, "Load balancer created, but not read", err, plan.Attribute)
			return
		}
		plan.read(ctx, balancer, &resp.Diagnostics)
		base.SaveCreated(ctx, resp, plan)
	})
}

func (r *loadBalancerResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	base.Read(ctx, &r.Resource, req, resp,
		func(ctx context.Context, state model) (lbapi.LoadBalancer, error) {
			return r.API.LoadBalancer(ctx, state.ID.ValueString())
		},
		func(state *model, balancer lbapi.LoadBalancer) { state.read(ctx, balancer, &resp.Diagnostics) })
}

func (r *loadBalancerResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	base.Update(ctx, req, resp, func(ctx context.Context, plan *model, state model, diags *diag.Diagnostics) bool {
		return base.SendPatch(ctx, &r.Resource, plan.ID, plan.patch(state), r.API.PatchLoadBalancer, plan.Attribute, diags)
	})
}

func (r *loadBalancerResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	base.Delete(ctx, req, resp, func(ctx context.Context, state model, diags *diag.Diagnostics) {
		r.DeleteUnused(ctx, state.ID, r.API.DeleteLoadBalancer, diags)
	})
}
