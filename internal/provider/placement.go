package provider

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
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
	id := r.api.defaultLoadBalancerID
	if resp.Diagnostics.HasError() || !configured.IsNull() || exists && id == "" {
		return // what the resource says itself, or where it already is
	}
	if id == "" {
		var err error
		if id, err = r.api.onlyLoadBalancer(ctx); err != nil {
			if _, ok := errors.AsType[*client.CallError](err); ok {
				r.api.addReadError(&resp.Diagnostics, "Load balancers not listed", err, noAttribute)
				return
			}
			resp.Diagnostics.AddAttributeError(at, "Which load balancer?", fmt.Sprintf("Neither the resource nor the provider sets "+
				"\"load_balancer_id\", and there is not one that goes without saying: %s.", err))
			return
		}
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, at, id)...)
	if exists && prior.ValueString() != id {
		resp.RequiresReplace = append(resp.RequiresReplace, at)
	}
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
