package base

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
	"github.com/alb-project/terraform-provider-alb/internal/provider/planning"
)

// PlacedResource is what every resource has that is on a load balancer.
type PlacedResource struct{ Resource }

// ModifyPlan settles which load balancer the resource is on.
func (r *PlacedResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() || r.API == nil {
		return
	}
	at := path.Root("load_balancer_id")
	var configured, prior types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, at, &configured)...)
	exists := !req.State.Raw.IsNull()
	if exists {
		resp.Diagnostics.Append(req.State.GetAttribute(ctx, at, &prior)...)
	}
	defaultID := r.API.defaultLoadBalancer.ID
	if resp.Diagnostics.HasError() || !configured.IsNull() {
		return // the resource gives its own
	}
	if r.API.defaultLoadBalancer.Unknown {
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, at, types.StringUnknown())...)
		if exists {
			resp.RequiresReplace = append(resp.RequiresReplace, at) // a new load balancer is not the one that it is on
		}
		return
	}
	if exists && (defaultID == "" || defaultID == prior.ValueString()) {
		return // where it already is
	}
	on, ok := r.API.place(at, &resp.Diagnostics)
	if !ok {
		return
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, at, on.ID)...)
	if !exists {
		return
	}
	resp.RequiresReplace = append(resp.RequiresReplace, at)
	if !r.API.missingDefaultReported.Load() {
		there := strconv.Quote(on.ID)
		if on.Name != "" {
			there = "that of " + planning.NameAndID(on.Name, on.ID)
		}
		resp.Diagnostics.AddAttributeWarning(at, "The "+r.IDs.Of+" moves to the provider's load balancer", fmt.Sprintf(
			"It is on load balancer %q, and \"load_balancer_id\" of the provider is %s: the plan replaces it. To leave it where it is, correct "+
				"the provider's, or set its own \"load_balancer_id\" to %[1]q.", prior.ValueString(), there))
	}
}

// place returns the load balancer of a resource that gives none: the provider's, or the region's only one.
func (c *Connection) place(at path.Path, diags *diag.Diagnostics) (on lbapi.LoadBalancer, ok bool) {
	if c.notListed != nil && c.defaultLoadBalancer.ID != "" {
		return lbapi.LoadBalancer{ID: c.defaultLoadBalancer.ID}, true // nothing contradicts it
	}
	if c.notListed != nil {
		AddCallError(diags, "Load balancers not listed", c.notListed, noAttribute)
		return on, false
	}
	if c.defaultLoadBalancer.ID == "" {
		on, err := onlyOf(c.balancers, c.Region())
		if err != nil {
			diags.AddAttributeError(at, "Which load balancer?", fmt.Sprintf("Neither the resource nor the provider sets "+
				"\"load_balancer_id\", and there is not one that goes without saying: %s.", err))
		}
		return on, err == nil
	}
	for _, balancer := range c.balancers {
		if balancer.ID == c.defaultLoadBalancer.ID {
			return balancer, true
		}
	}
	// The first resource that would be placed there reports it for all of them. The plan of the others stays the same:
	// if the load balancer has gone only since the plan, Terraform would take another plan for a fault of the provider.
	if !c.missingDefaultReported.Swap(true) {
		diags.AddError("No such load balancer", fmt.Sprintf("\"load_balancer_id\" of the provider is %q, and region %q has no load balancer of "+
			"that id. It has: %s. Correct it in the provider block or in %s.",
			c.defaultLoadBalancer.ID, c.Region(), listLoadBalancers(c.balancers), EnvironmentVariable("load_balancer_id")))
	}
	return lbapi.LoadBalancer{ID: c.defaultLoadBalancer.ID}, true
}

// on narrows a listing to the load balancer that the configuration gives, else to the provider's. If the provider's
// does not exist yet, that is an error: what is found on others is not what is meant.
func (c *Connection) on(configured types.String, diags *diag.Diagnostics) []lbapi.Filter {
	id := configured.ValueString()
	if id == "" && c.defaultLoadBalancer.Unknown {
		diags.AddError("Unknown load_balancer_id", "The provider's \"load_balancer_id\" is that of a load balancer which is not there yet, so "+
			"nothing can be looked for on it. Give the data source its own \"load_balancer_id\": then it is read when that is known.")
	}
	if id == "" {
		id = c.defaultLoadBalancer.ID
	}
	if id == "" {
		return nil
	}
	return []lbapi.Filter{{Field: lbapi.FilterLoadBalancerID, Values: []string{id}}}
}

// PlacedObject holds the attributes of every kind that is on a load balancer.
type PlacedObject struct {
	Object
	LoadBalancerID types.String `tfsdk:"load_balancer_id"`
}

// PlacedAttributes adds the attributes of every kind on a load balancer, and the timeouts, to those of one kind.
func PlacedAttributes(ctx context.Context, kind string, attributes map[string]schema.Attribute) map[string]schema.Attribute {
	attributes["load_balancer_id"] = schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("Load balancer that the %s is on; default is the provider's `load_balancer_id`, else the one "+
			"load balancer of the region. Another one replaces the %s.", kind, kind),
		Optional:      true,
		Computed:      true,
		Validators:    []validator.String{IDRule(lbapi.LoadBalancerID)},
		PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown(), stringplanmodifier.RequiresReplace()},
	}
	return ObjectAttributes(ctx, kind, attributes)
}
