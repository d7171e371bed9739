package provider

import (
	"context"
	"fmt"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// placedResource is what every resource has that is on a load balancer.
type placedResource struct{ baseResource }

// ModifyPlan settles which load balancer the resource is on.
func (r *placedResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() || r.api == nil {
		return
	}
	at := path.Root("load_balancer_id")
	var configured, prior types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, at, &configured)...)
	exists := !req.State.Raw.IsNull()
	if exists {
		resp.Diagnostics.Append(req.State.GetAttribute(ctx, at, &prior)...)
	}
	standard := r.api.defaultLoadBalancerID
	if resp.Diagnostics.HasError() || !configured.IsNull() {
		return // what the resource says itself
	}
	if r.api.defaultUnknown {
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, at, types.StringUnknown())...)
		if exists {
			resp.RequiresReplace = append(resp.RequiresReplace, at) // a new load balancer is not the one that it is on
		}
		return
	}
	if exists && (standard == "" || standard == prior.ValueString()) {
		return // where it already is
	}
	on, ok := r.api.place(at, &resp.Diagnostics)
	if !ok {
		return
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, at, on.ID)...)
	if !exists {
		return
	}
	resp.RequiresReplace = append(resp.RequiresReplace, at)
	if !r.api.misled.Load() {
		there := strconv.Quote(on.ID)
		if on.Name != "" {
			there = "that of " + describeObject(on.Name, on.ID)
		}
		resp.Diagnostics.AddAttributeWarning(at, "The "+r.ids.Of+" moves to the provider's load balancer", fmt.Sprintf(
			"It is on load balancer %q, and \"load_balancer_id\" of the provider is %s: the plan replaces it. To leave it where it is, correct "+
				"the provider's, or set its own \"load_balancer_id\" to %[1]q.", prior.ValueString(), there))
	}
}

// place is the load balancer of a resource that names none: the provider's, or the region's only one.
func (c *connection) place(at path.Path, diags *diag.Diagnostics) (on lbapi.LoadBalancer, ok bool) {
	if c.notListed != nil && c.defaultLoadBalancerID != "" {
		return lbapi.LoadBalancer{ID: c.defaultLoadBalancerID}, true // nobody contradicts
	}
	if c.notListed != nil {
		addCallError(diags, "Load balancers not listed", c.notListed, noAttribute)
		return on, false
	}
	if c.defaultLoadBalancerID == "" {
		on, err := theOnly(c.balancers, c.Region())
		if err != nil {
			diags.AddAttributeError(at, "Which load balancer?", fmt.Sprintf("Neither the resource nor the provider sets "+
				"\"load_balancer_id\", and there is not one that goes without saying: %s.", err))
		}
		return on, err == nil
	}
	for _, balancer := range c.balancers {
		if balancer.ID == c.defaultLoadBalancerID {
			return balancer, true
		}
	}
	// The first resource that would be placed there says so for all of them. For the others nothing else is planned: where the
	// load balancer is gone only since the plan, Terraform would take that for a fault of the provider.
	if !c.misled.Swap(true) {
		diags.AddError("No such load balancer", fmt.Sprintf("\"load_balancer_id\" of the provider is %q, and region %q has no load balancer of "+
			"that id. It has: %s. Correct it in the provider block or in %s.",
			c.defaultLoadBalancerID, c.Region(), listLoadBalancers(c.balancers), environmentVariable("load_balancer_id")))
	}
	return lbapi.LoadBalancer{ID: c.defaultLoadBalancerID}, true
}

// placedModel holds the attributes of every resource that is on a load balancer.
type placedModel struct {
	baseModel
	LoadBalancerID types.String `tfsdk:"load_balancer_id"`
}

// withPlacedAttributes adds the attributes of every resource on a load balancer to those of one.
func withPlacedAttributes(ctx context.Context, kind string, attributes map[string]schema.Attribute) map[string]schema.Attribute {
	attributes["load_balancer_id"] = schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("Load balancer that the %s is on; default is the provider's `load_balancer_id`, else the one "+
			"load balancer of the region. Another one replaces the %s.", kind, kind),
		Optional:      true,
		Computed:      true,
		Validators:    []validator.String{idRule(lbapi.LoadBalancerID)},
		PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown(), stringplanmodifier.RequiresReplace()},
	}
	return withBaseAttributes(ctx, kind, attributes)
}
