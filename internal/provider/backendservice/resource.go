// Package backendservice is the provider's part for backend services: how traffic is given to the servers of a group.
// It holds the resource alb_backend_service, how the resource becomes calls of the API and back, the data sources that
// find backend services and show the health of their servers, and the function that names their session cookie. What it
// shares with the other kinds is in package base.
package backendservice

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
)

var (
	_ base.CompleteResource               = (*backendServiceResource)(nil)
	_ resource.ResourceWithValidateConfig = (*backendServiceResource)(nil)
)

// Kind returns what backend services contribute to the provider.
func Kind() base.Kind {
	kind := base.KindOf(finder(), newResource)
	kind.DataSources = append(kind.DataSources, newServerHealthDataSource)
	kind.Functions = []func() function.Function{newCookieNameFunction}
	return kind
}

func newResource() resource.Resource {
	return &backendServiceResource{base.PlacedResource{Resource: base.Resource{IDs: lbapi.BackendServiceID}}}
}

type backendServiceResource struct{ base.PlacedResource }

// ModifyPlan also judges the plan by what the API shows.
func (r *backendServiceResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	r.PlacedResource.ModifyPlan(ctx, req, resp)
	base.ValidateIgnored(ctx, r, req, resp)
	r.judge(ctx, req, resp)
}

// Create makes the backend service, and turns its health check off if the plan wants that: the API creates it with one.
// Then it waits for healthy servers, if the plan wants that.
func (r *backendServiceResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	interruptible := ctx
	base.Create(ctx, req, resp, func(ctx context.Context, plan model) {
		wanted := plan.wire(ctx, &resp.Diagnostics)
		if resp.Diagnostics.HasError() {
			return
		}
		id, err := r.API.CreateBackendService(ctx, wanted.create())
		if err != nil {
			base.AddCallError(&resp.Diagnostics, "Backend service not created", err, plan.Attribute)
			return
		}
		plan.ID = types.StringValue(id)
		base.SaveCreated(ctx, resp, plan)
		if wanted.checkEnabled || resp.Diagnostics.HasError() {
			deadline, _ := ctx.Deadline()
			waiting, stop := context.WithDeadline(interruptible, deadline) // an interrupt ends the wait at once
			defer stop()
			r.awaitHealthy(waiting, plan, afterCreate, &resp.Diagnostics)
			return
		}
		r.closeCheck(ctx, plan, resp)
	})
}

// closeCheck turns off the health check of a backend service that was just created.
func (r *backendServiceResource) closeCheck(ctx context.Context, created model, resp *resource.CreateResponse) {
	enabled := path.Root("health_check").AtName("enabled")
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, enabled, true)...)
	err := r.API.PatchBackendService(ctx, created.ID.ValueString(), lbapi.PatchBackendService{CloseHealthCheck: new(true)})
	if err != nil {
		base.AddCallError(&resp.Diagnostics, "Backend service created, but its health check not turned off", err, created.Attribute)
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, enabled, false)...)
}

func (r *backendServiceResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	base.Read(ctx, &r.Resource, req, resp,
		func(ctx context.Context, state model) (lbapi.BackendService, error) {
			return r.API.BackendService(ctx, state.ID.ValueString())
		},
		func(state *model, service lbapi.BackendService) { state.read(ctx, service, &resp.Diagnostics) })
}

// Update also waits for healthy servers, if the plan wants that.
func (r *backendServiceResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	base.Update(ctx, req, resp, func(ctx context.Context, plan *model, state model, diags *diag.Diagnostics) bool {
		wanted := plan.wire(ctx, diags)
		if diags.HasError() || !base.SendPatch(
			ctx, &r.Resource, plan.ID, wanted.patch(*plan, state), r.API.PatchBackendService, plan.Attribute, diags) {
			return false
		}
		if !r.awaitHealthy(ctx, *plan, afterUpdate, diags) {
			// Otherwise nothing would be left to plan, and an apply that is tried again would succeed without a wait.
			plan.WaitForHealthy = types.Int64Null()
		}
		return true
	})
}

func (r *backendServiceResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	base.Delete(ctx, req, resp, func(ctx context.Context, state model, diags *diag.Diagnostics) {
		r.DeleteUnused(ctx, state.ID, r.API.DeleteBackendService, diags)
	})
}
