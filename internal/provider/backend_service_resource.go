package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
)

var (
	_ resource.Resource                   = (*backendServiceResource)(nil)
	_ resource.ResourceWithConfigure      = (*backendServiceResource)(nil)
	_ resource.ResourceWithImportState    = (*backendServiceResource)(nil)
	_ resource.ResourceWithIdentity       = (*backendServiceResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*backendServiceResource)(nil)
	_ resource.ResourceWithValidateConfig = (*backendServiceResource)(nil)
)

func newBackendServiceResource() resource.Resource {
	return &backendServiceResource{placedResource{baseResource{ids: lbapi.BackendServiceID}}}
}

type backendServiceResource struct{ placedResource }

// backendServiceModel is a backend service as the resource holds it.
type backendServiceModel struct {
	backendServiceAttributes
	WaitForHealthy types.Int64    `tfsdk:"wait_for_healthy"`
	Timeouts       timeouts.Value `tfsdk:"timeouts"`
}

// backendServiceAttributes are those of the backend service itself.
type backendServiceAttributes struct {
	placedModel
	Protocol           types.String `tfsdk:"protocol"`
	Port               types.Int64  `tfsdk:"port"`
	Scheduler          types.String `tfsdk:"scheduler"`
	SessionPersistence types.Object `tfsdk:"session_persistence"`
	ServerGroupID      types.String `tfsdk:"server_group_id"`
	ForwardedHeaders   types.Set    `tfsdk:"forwarded_headers"`
	ProxyProtocol      types.Bool   `tfsdk:"proxy_protocol"`
	HealthCheck        types.Object `tfsdk:"health_check"`
}

// Metadata names the resource type.
func (r *backendServiceResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_backend_service"
}

// ModifyPlan also judges the plan by what the API shows.
func (r *backendServiceResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	r.placedResource.ModifyPlan(ctx, req, resp)
	judgeIgnored(ctx, r, req, resp)
	r.judge(ctx, req, resp)
}

// Create makes the backend service, and turns its health check off if that is wanted: the API creates it with one. Then it
// waits for healthy servers, if that is wanted.
func (r *backendServiceResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan backendServiceModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	timeout, diags := plan.Timeouts.Create(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	wanted := plan.wire(ctx, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	waiting, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	ctx, cancel := finishing(ctx, timeout)
	defer cancel()

	id, err := r.api.CreateBackendService(ctx, wanted.create())
	if err != nil {
		addCallError(&resp.Diagnostics, "Backend service not created", err, attributesOf(lbapi.BackendServiceTerms()))
		return
	}
	plan.ID = types.StringValue(id)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identityModel{plan.ID})...)
	if wanted.checkEnabled || resp.Diagnostics.HasError() {
		r.awaitHealthy(waiting, plan, afterCreate, &resp.Diagnostics)
		return
	}
	enabled := path.Root("health_check").AtName("enabled")
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, enabled, true)...)
	if err := r.api.PatchBackendService(ctx, id, lbapi.PatchBackendService{CloseHealthCheck: new(true)}); err != nil {
		addCallError(&resp.Diagnostics, "Backend service created, but its health check not turned off", err,
			attributesOf(lbapi.BackendServiceTerms()))
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, enabled, false)...)
}

// Read takes the backend service from the API.
func (r *backendServiceResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state backendServiceModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	timeout, diags := state.Timeouts.Read(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identityModel{state.ID})...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	service, err := r.api.BackendService(ctx, state.ID.ValueString())
	if client.IsNotFound(err) {
		resp.State.RemoveResource(ctx)
		return
	}
	if err != nil {
		r.api.addReadError(&resp.Diagnostics, "Backend service not read", err, attributesOf(lbapi.BackendServiceTerms()))
		return
	}
	state.read(ctx, service, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Update changes in place what the plan changes, and waits for healthy servers, if that is wanted.
func (r *backendServiceResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state backendServiceModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	timeout, diags := plan.Timeouts.Update(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	wanted := plan.wire(ctx, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	if change := wanted.patch(plan, state); change != (lbapi.PatchBackendService{}) {
		if err := r.api.PatchBackendService(ctx, plan.ID.ValueString(), change); err != nil {
			addCallError(&resp.Diagnostics, "Backend service not updated", err, attributesOf(lbapi.BackendServiceTerms()))
			return
		}
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identityModel{plan.ID})...)
	if !r.awaitHealthy(ctx, plan, afterUpdate, &resp.Diagnostics) {
		// A state that has it would leave nothing to plan, and an apply that is tried again would succeed without a wait.
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("wait_for_healthy"), types.Int64Null())...)
	}
}

// Delete removes the backend service.
func (r *backendServiceResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state backendServiceModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	r.delete(ctx, state.baseModel, state.Timeouts, "Backend service", r.api.DeleteBackendService, &resp.Diagnostics)
}
