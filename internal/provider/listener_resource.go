package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
)

var (
	_ resource.Resource                = (*listenerResource)(nil)
	_ resource.ResourceWithConfigure   = (*listenerResource)(nil)
	_ resource.ResourceWithImportState = (*listenerResource)(nil)
	_ resource.ResourceWithIdentity    = (*listenerResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*listenerResource)(nil)
)

func newListenerResource() resource.Resource {
	return &listenerResource{placedResource{baseResource{ids: lbapi.ListenerID}}}
}

type listenerResource struct{ placedResource }

// listenerModel is a listener as the resource holds it.
type listenerModel struct {
	listenerAttributes
	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

// listenerAttributes are those of the listener itself.
type listenerAttributes struct {
	placedModel
	Protocol         types.String `tfsdk:"protocol"`
	Port             types.Int64  `tfsdk:"port"`
	BackendServiceID types.String `tfsdk:"backend_service_id"`
	IdleTimeout      types.Int64  `tfsdk:"idle_timeout"`
	Enabled          types.Bool   `tfsdk:"enabled"`
}

// read takes over what the API shows.
func (m *listenerAttributes) read(listener lbapi.Listener) {
	m.ID = types.StringValue(listener.ID)
	m.Name = types.StringValue(listener.Name)
	m.Description = types.StringValue(listener.Description)
	m.LoadBalancerID = types.StringValue(listener.LoadBalancerID)
	m.Protocol = types.StringValue(lbapi.ListenerProtocols().Word(listener.Protocol))
	m.Port = types.Int64Value(int64(listener.Port))
	m.BackendServiceID = types.StringValue(listener.BackendServiceID)
	m.IdleTimeout = types.Int64Value(int64(listener.IdleTimeout))
	m.Enabled = types.BoolValue(listener.Status == lbapi.On)
}

// replaces reports whether a plan makes another listener of the one in the state, by the attributes that cannot change.
func (m listenerModel) replaces(before listenerModel) bool {
	return !m.LoadBalancerID.Equal(before.LoadBalancerID) || !m.Protocol.Equal(before.Protocol) || !m.Port.Equal(before.Port)
}

// Metadata names the resource type.
func (r *listenerResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_listener"
}

// Schema describes the resource.
func (r *listenerResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	idle := lbapi.IdleTimeout(lbapi.HTTP)
	resp.Schema = schema.Schema{
		MarkdownDescription: "A port of a load balancer. Its traffic goes to a backend service; many listeners may share one.",
		Attributes: withPlacedAttributes(ctx, "listener", map[string]schema.Attribute{
			"protocol": schema.StringAttribute{
				MarkdownDescription: describeWords("Protocol that clients speak", lbapi.ListenerProtocols().Words(), "") +
					" It must go with that of the backend service: `http` and `https` with `http`, `tcp` and `tls` with `tcp`. " +
					"Another one replaces the listener. " + servedProtocol + " There is no attribute for the certificate of `https` and `tls` yet.",
				Required:      true,
				Validators:    []validator.String{wordRule(lbapi.ListenerProtocols().Words())},
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"port": schema.Int64Attribute{
				CustomType: wholeNumber{},
				MarkdownDescription: describeRange("Port on the load balancer's address that clients connect to", lbapi.Port, withoutDefault) +
					" It must be free on its load balancer. Another one replaces the listener.",
				Required:      true,
				Validators:    []validator.Int64{int64Rule{lbapi.Port}},
				PlanModifiers: []planmodifier.Int64{int64planmodifier.RequiresReplace()},
			},
			"backend_service_id": schema.StringAttribute{
				MarkdownDescription: "Backend service that takes the traffic, on the same load balancer.",
				Required:            true,
				Validators:          []validator.String{idRule(lbapi.BackendServiceID)},
			},
			"idle_timeout": schema.Int64Attribute{
				CustomType: wholeNumber{},
				MarkdownDescription: fmt.Sprintf("Time after which a client's connection without traffic is closed, %s; default `%d` for "+
					"`http` and `https`, `%d` for `tcp` and `tls`. A change holds for a connection from its next request on.", idle, idle.Default, lbapi.IdleTimeout(lbapi.TCP).Default),
				Optional:      true,
				Computed:      true,
				Validators:    []validator.Int64{int64Rule{idle}},
				PlanModifiers: []planmodifier.Int64{idleTimeoutDefault{}},
			},
			"enabled": schema.BoolAttribute{
				MarkdownDescription: "Whether the port is open; default `true`. A listener that is off keeps its place, and its port closed.",
				Optional:            true,
				Computed:            true,
				Default:             booldefault.StaticBool(true),
			},
		}),
	}
}

// ModifyPlan also holds the listener's protocol against that of its backend service, when that is there and can be read.
func (r *listenerResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	r.placedResource.ModifyPlan(ctx, req, resp)
	r.judge(ctx, req, resp)
	if resp.Diagnostics.HasError() || req.Plan.Raw.IsNull() || r.api == nil {
		return
	}
	var plan, state listenerModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	}
	protocol, ok := lbapi.ListenerProtocols().Parse(plan.Protocol.ValueString())
	unchanged := plan.Protocol.Equal(state.Protocol) && plan.BackendServiceID.Equal(state.BackendServiceID)
	if resp.Diagnostics.HasError() || !ok || plan.BackendServiceID.IsUnknown() || unchanged {
		return
	}
	backendService, ok := ask(ctx, r.api, func(ctx context.Context) (lbapi.BackendService, error) {
		return r.api.BackendService(ctx, plan.BackendServiceID.ValueString())
	})
	if !ok {
		return // the API judges the same at apply
	}
	if reason := lbapi.ProtocolMismatch(lbapi.Terraform, protocol, backendService.Protocol); reason != "" {
		resp.Diagnostics.AddAttributeError(path.Root("backend_service_id"), "Invalid combination",
			fmt.Sprintf("Attribute %s\n\nThe backend service is %q (%s).", reason, backendService.Name, backendService.ID))
	}
}

// Create makes the listener, and turns it off if that is wanted: the API creates listeners on.
func (r *listenerResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan listenerModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	timeout, diags := plan.Timeouts.Create(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := finishing(ctx, timeout)
	defer cancel()

	protocol, _ := lbapi.ListenerProtocols().Parse(plan.Protocol.ValueString())
	spec := lbapi.CreateListener{
		Name:             plan.Name.ValueStringPointer(),
		LoadBalancerID:   plan.LoadBalancerID.ValueStringPointer(),
		Protocol:         &protocol,
		Port:             new(int(plan.Port.ValueInt64())),
		BackendServiceID: plan.BackendServiceID.ValueStringPointer(),
		IdleTimeout:      new(int(plan.IdleTimeout.ValueInt64())),
		Description:      plan.Description.ValueStringPointer(),
	}
	id, err := createOnceFree(ctx, client.IsPortTaken, func(ctx context.Context) (string, error) { return r.api.CreateListener(ctx, spec) })
	if err != nil {
		addCallError(&resp.Diagnostics, "Listener not created", err, attributesOf(lbapi.ListenerTerms()))
		return
	}
	plan.ID = types.StringValue(id)
	wanted := plan.Enabled
	plan.Enabled = types.BoolValue(true)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identityModel{plan.ID})...)
	if wanted.ValueBool() || resp.Diagnostics.HasError() {
		return
	}
	if err := r.api.PatchListener(ctx, id, lbapi.PatchListener{Status: new(lbapi.Off)}); err != nil {
		addCallError(&resp.Diagnostics, "Listener created, but not turned off", err, attributesOf(lbapi.ListenerTerms()))
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("enabled"), wanted)...)
}

// Read takes the listener from the API.
func (r *listenerResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state listenerModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	timeout, diags := state.Timeouts.Read(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identityModel{state.ID})...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	listener, err := r.api.Listener(ctx, state.ID.ValueString())
	if client.IsNotFound(err) {
		resp.State.RemoveResource(ctx)
		return
	}
	if err != nil {
		r.api.addReadError(&resp.Diagnostics, "Listener not read", err, attributesOf(lbapi.ListenerTerms()))
		return
	}
	state.read(listener)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Update changes in place what the plan changes.
func (r *listenerResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state listenerModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	timeout, diags := plan.Timeouts.Update(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	status := lbapi.Off
	if plan.Enabled.ValueBool() {
		status = lbapi.On
	}
	change := lbapi.PatchListener{
		Name:             changed(plan.Name, state.Name, plan.Name.ValueString()),
		Description:      changed(plan.Description, state.Description, plan.Description.ValueString()),
		BackendServiceID: changed(plan.BackendServiceID, state.BackendServiceID, plan.BackendServiceID.ValueString()),
		IdleTimeout:      changed(plan.IdleTimeout, state.IdleTimeout, int(plan.IdleTimeout.ValueInt64())),
		Status:           changed(plan.Enabled, state.Enabled, status),
	}
	if change != (lbapi.PatchListener{}) {
		if err := r.api.PatchListener(ctx, plan.ID.ValueString(), change); err != nil {
			addCallError(&resp.Diagnostics, "Listener not updated", err, attributesOf(lbapi.ListenerTerms()))
			return
		}
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identityModel{plan.ID})...)
}

// Delete removes the listener.
func (r *listenerResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state listenerModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	r.delete(ctx, state.baseModel, state.Timeouts, "Listener", r.api.DeleteListener, &resp.Diagnostics)
}

// idleTimeoutDefault plans the protocol's idle timeout where the configuration gives none.
type idleTimeoutDefault struct{}

// Description implements planmodifier.Describer.
func (idleTimeoutDefault) Description(context.Context) string {
	return "the default depends on the protocol"
}

// MarkdownDescription implements planmodifier.Describer.
func (d idleTimeoutDefault) MarkdownDescription(ctx context.Context) string {
	return d.Description(ctx)
}

// PlanModifyInt64 implements planmodifier.Int64.
func (idleTimeoutDefault) PlanModifyInt64(ctx context.Context, req planmodifier.Int64Request, resp *planmodifier.Int64Response) {
	if !req.ConfigValue.IsNull() {
		return
	}
	var word types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("protocol"), &word)...)
	resp.PlanValue = types.Int64Unknown()
	if protocol, ok := lbapi.ListenerProtocols().Parse(word.ValueString()); ok {
		resp.PlanValue = types.Int64Value(lbapi.IdleTimeout(protocol).Default)
	}
}
