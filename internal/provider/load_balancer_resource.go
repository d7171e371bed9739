package provider

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/setplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
)

var (
	_ resource.Resource                = (*loadBalancerResource)(nil)
	_ resource.ResourceWithConfigure   = (*loadBalancerResource)(nil)
	_ resource.ResourceWithImportState = (*loadBalancerResource)(nil)
	_ resource.ResourceWithIdentity    = (*loadBalancerResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*loadBalancerResource)(nil)
)

func newLoadBalancerResource() resource.Resource {
	return &loadBalancerResource{baseResource{ids: lbapi.LoadBalancerID}}
}

type loadBalancerResource struct{ baseResource }

// loadBalancerModel is a load balancer as the resource holds it.
type loadBalancerModel struct {
	loadBalancerAttributes
	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

// loadBalancerAttributes are those of the load balancer itself.
type loadBalancerAttributes struct {
	baseModel
	Address            types.String `tfsdk:"address"`
	SubnetID           types.String `tfsdk:"subnet_id"`
	AvailabilityZones  types.Set    `tfsdk:"availability_zones"`
	DeletionProtection types.Bool   `tfsdk:"deletion_protection"`
}

// read takes over what the API shows. It shows an empty text or list where nothing was given.
func (m *loadBalancerAttributes) read(ctx context.Context, balancer lbapi.LoadBalancer, diags *diag.Diagnostics) {
	m.ID = types.StringValue(balancer.ID)
	m.Name = types.StringValue(balancer.Name)
	m.Description = types.StringValue(balancer.Description)
	if addressHost(m.Address.ValueString()) != addressHost(balancer.PrivateIP.Address) {
		m.Address = types.StringValue(balancer.PrivateIP.Address) // else it stays as it is written
	}
	m.SubnetID = textOrNull(balancer.SubnetID)
	zones, problems := types.SetValueFrom(ctx, types.StringType, append([]string{}, balancer.Zones...))
	diags.Append(problems...)
	m.AvailabilityZones = zones
	m.DeletionProtection = types.BoolValue(balancer.DeleteProtection)
}

// replaces reports whether a plan makes another load balancer of the one in the state, by the attributes that cannot change.
func (m loadBalancerModel) replaces(before loadBalancerModel) bool {
	return addressHost(m.Address.ValueString()) != addressHost(before.Address.ValueString()) || !m.SubnetID.Equal(before.SubnetID) || !m.AvailabilityZones.Equal(before.AvailabilityZones)
}

// Metadata names the resource type.
func (r *loadBalancerResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_load_balancer"
}

// Schema describes the resource.
func (r *loadBalancerResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "An address that takes traffic, and all that is on it: listeners, backend services and server groups. " +
			"A new lbserver starts with one of its own, `" + lbapi.DefaultLoadBalancerName + "`, so this resource is for those that need another.",
		Attributes: withBaseAttributes(ctx, "load balancer", map[string]schema.Attribute{
			"address": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf("Address (VIP) that the listeners take traffic on, %s; default is the server's choice, for "+
					"lbserver its `--vip`. It must be one of the server's machine. Another one replaces the load balancer.", lbapi.AddressRule),
				Optional:   true,
				Computed:   true,
				Validators: []validator.String{stringRule{lbapi.AddressRule, lbapi.InvalidAddress}},
				PlanModifiers: []planmodifier.String{
					stringplanmodifier.UseStateForUnknown(), replaceUnlessSameAddress(),
				},
			},
			"subnet_id": schema.StringAttribute{
				MarkdownDescription: "Subnet of the load balancer in the cloud; lbserver keeps it and does nothing with it. Another one " +
					"replaces the load balancer.",
				Optional:   true,
				Computed:   true,
				Validators: []validator.String{givenRule()},
				PlanModifiers: []planmodifier.String{
					stringplanmodifier.UseStateForUnknown(), stringplanmodifier.RequiresReplaceIfConfigured(),
				},
			},
			"availability_zones": schema.SetAttribute{
				MarkdownDescription: "Availability zones of the load balancer in the cloud; lbserver keeps them and does nothing with them. " +
					"Others replace the load balancer.",
				ElementType: types.StringType,
				Optional:    true,
				Computed:    true,
				Validators:  []validator.Set{zonesRule()},
				PlanModifiers: []planmodifier.Set{
					setplanmodifier.UseStateForUnknown(), setplanmodifier.RequiresReplaceIfConfigured(),
				},
			},
			"deletion_protection": schema.BoolAttribute{
				MarkdownDescription: "Whether the load balancer is kept from being deleted, by Terraform or anybody else; default `false`. " +
					"While it is on, a plan that deletes or replaces the load balancer fails. That a `-replace` or `terraform taint` wants a " +
					"replacement, Terraform tells no provider: such an apply fails only when all that is on the load balancer is gone, and with " +
					"`create_before_destroy` it leaves the old load balancer deposed, for which every plan is refused until its protection is " +
					"turned off by the API: see [Troubleshooting](../index.md#troubleshooting). So set this to `false` and apply before a `-replace`. " +
					"`prevent_destroy` in the `lifecycle` block refuses those plans as well.",
				Optional: true,
				Computed: true,
				Default:  booldefault.StaticBool(false),
			},
		}),
	}
}

// zonesRule refuses a zone without a name.
func zonesRule() elementsRule {
	return elementsRule{"none of them empty", func(zones []string) string {
		if slices.Contains(zones, "") {
			return "must not hold an empty zone"
		}
		return ""
	}}
}

// ModifyPlan refuses to delete or replace what is protected: at apply it would be too late, since what is on the load
// balancer is deleted before it.
func (r *loadBalancerResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	r.judge(ctx, req, resp)
	if req.State.Raw.IsNull() {
		return
	}
	var state, plan loadBalancerModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	fate, orphaned := "deletes", fmt.Sprintf(" If no resource of the configuration is this load balancer any more, as after a replacement by "+
		"create_before_destroy, turn its protection off by the API: PATCH /%s/%s with {%q:false}. The guide \"Importing what is there\" "+
		"shows how to call it.", lbapi.LoadBalancers, state.ID.ValueString(), lbapi.FieldDeleteProtection)
	if !req.Plan.Raw.IsNull() {
		fate, orphaned = "replaces", ""
		resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
		if !plan.replaces(state) {
			return
		}
	}
	if state.DeletionProtection.ValueBool() && !resp.Diagnostics.HasError() {
		resp.Diagnostics.AddAttributeError(path.Root("deletion_protection"), "Load balancer is protected",
			fmt.Sprintf("The plan %s load balancer %q (%s), whose \"deletion_protection\" is on. Set it to false, apply that first, then "+
				"plan this again.", fate, state.Name.ValueString(), state.ID.ValueString())+orphaned)
	}
}

// Create makes the load balancer.
func (r *loadBalancerResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan loadBalancerModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	timeout, diags := plan.Timeouts.Create(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := finishing(ctx, timeout)
	defer cancel()

	spec := lbapi.CreateLoadBalancer{
		Name:             plan.Name.ValueStringPointer(),
		Description:      plan.Description.ValueStringPointer(),
		DeleteProtection: plan.DeletionProtection.ValueBoolPointer(),
	}
	if !plan.Address.IsUnknown() {
		spec.PrivateIPAddress = plan.Address.ValueStringPointer()
	}
	if !plan.SubnetID.IsUnknown() {
		spec.SubnetID = plan.SubnetID.ValueStringPointer()
	}
	if !plan.AvailabilityZones.IsUnknown() {
		resp.Diagnostics.Append(plan.AvailabilityZones.ElementsAs(ctx, &spec.Zones, false)...)
	}
	id, err := r.api.CreateLoadBalancer(ctx, spec)
	if err != nil {
		addCallError(&resp.Diagnostics, "Load balancer not created", err, attributesOf(lbapi.LoadBalancerTerms()))
		return
	}
	// What the server chose is known only by reading; until then the id is what must not be lost.
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), id)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identityModel{types.StringValue(id)})...)
	balancer, err := r.api.LoadBalancer(ctx, id)
	if err != nil {
		addCallError(&resp.Diagnostics, "Load balancer created, but not read", err, attributesOf(lbapi.LoadBalancerTerms()))
		return
	}
	plan.read(ctx, balancer, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identityModel{plan.ID})...)
}

// Read takes the load balancer from the API.
func (r *loadBalancerResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state loadBalancerModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	timeout, diags := state.Timeouts.Read(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identityModel{state.ID})...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	balancer, err := r.api.LoadBalancer(ctx, state.ID.ValueString())
	if client.IsNotFound(err) {
		resp.State.RemoveResource(ctx)
		return
	}
	if err != nil {
		r.api.addReadError(&resp.Diagnostics, "Load balancer not read", err, attributesOf(lbapi.LoadBalancerTerms()))
		return
	}
	state.read(ctx, balancer, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Update changes in place what the plan changes.
func (r *loadBalancerResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state loadBalancerModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	timeout, diags := plan.Timeouts.Update(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	change := lbapi.PatchLoadBalancer{
		Name:             changed(plan.Name, state.Name, plan.Name.ValueString()),
		Description:      changed(plan.Description, state.Description, plan.Description.ValueString()),
		DeleteProtection: changed(plan.DeletionProtection, state.DeletionProtection, plan.DeletionProtection.ValueBool()),
	}
	if change != (lbapi.PatchLoadBalancer{}) {
		if err := r.api.PatchLoadBalancer(ctx, plan.ID.ValueString(), change); err != nil {
			addCallError(&resp.Diagnostics, "Load balancer not updated", err, attributesOf(lbapi.LoadBalancerTerms()))
			return
		}
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identityModel{plan.ID})...)
}

// Delete removes the load balancer.
func (r *loadBalancerResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state loadBalancerModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	r.delete(ctx, state.baseModel, state.Timeouts, "Load balancer", r.api.DeleteLoadBalancer, &resp.Diagnostics)
}
