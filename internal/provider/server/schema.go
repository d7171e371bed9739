package server

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
	"github.com/alb-project/terraform-provider-alb/internal/provider/member"
)

func (r *serverResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	listed := member.AttributeSchema()
	instanceTypes := []string{string(lbapi.ServerVM), string(lbapi.ServerContainer)}
	resp.Schema = schema.Schema{
		MarkdownDescription: "One server of a server group, where the servers of a group are not all described in one place: they come from " +
			"`for_each` over something else, or from several configurations. The group leaves its own `servers` out; one that lists them and " +
			"has an `alb_server` as well is refused. To have a group list a server that was an `alb_server`, put a `removed` block with " +
			"`destroy = false` in its place, so that the server stays in the group meanwhile. A backend service with `wait_for_healthy` waits for servers that are registered " +
			"when it is made, so give it `depends_on` for its `alb_server` resources. A plan that takes the requests from a server warns of how " +
			"many sessions were seen on it recently.",
		Attributes: map[string]schema.Attribute{
			"id": base.IDAttribute("server"),
			"server_group_id": schema.StringAttribute{
				MarkdownDescription: "Server group that the server is in. Another one replaces the server.",
				Required:            true,
				Validators:          []validator.String{base.IDRule(lbapi.ServerGroupID)},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"address": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf("Address of the server, %s in the load balancer's network, for a group of `type` `%s`. Exactly one of "+
					"`address` and `instance_id` is given. Another address replaces the server.", lbapi.AddressRule, lbapi.GroupOfAddresses),
				Optional:      true,
				Validators:    []validator.String{base.TextRule{Rule: lbapi.AddressRule, Invalid: lbapi.InvalidAddress}},
				PlanModifiers: []planmodifier.String{base.ReplaceUnlessSameAddress()},
			},
			"instance_id": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf("Id of the instance that is the server, for a group of `type` `%s`. Another one replaces the server.",
					lbapi.GroupOfInstances),
				Optional:      true,
				Validators:    []validator.String{base.GivenRule()},
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"instance_type": schema.StringAttribute{
				MarkdownDescription: base.DescribeWords("What the instance is", instanceTypes, instanceTypes[0]) +
					" Only with `instance_id`. Another one replaces the server.",
				Optional:   true,
				Validators: []validator.String{base.WordRule(instanceTypes)},
				PlanModifiers: []planmodifier.String{base.ReplaceUnless("the default written out", func(before, after string) bool {
					return member.InstanceType(before) == member.InstanceType(after)
				})},
			},
			"port":     listed["port"],
			"weight":   listed["weight"],
			"timeouts": base.TimeoutAttributes(ctx, "server", ""),
		},
	}
}

// ValidateConfig requires a server that is named in exactly one way.
func (r *serverResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config model
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() || config.Address.IsUnknown() || config.InstanceID.IsUnknown() {
		return
	}
	if config.Address.IsNull() == config.InstanceID.IsNull() {
		resp.Diagnostics.AddAttributeError(path.Root("address"), "Invalid combination",
			"Exactly one of \"address\" and \"instance_id\" must be set, by the \"type\" of the server group.")
	}
	config.ValidateInstanceType(path.Root("instance_type"), &resp.Diagnostics)
}
