package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// Schema describes the resource.
func (r *serverResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	inline := serverAttributeSchemas()
	instanceTypes := []string{string(lbapi.ServerVM), string(lbapi.ServerContainer)}
	resp.Schema = schema.Schema{
		MarkdownDescription: "One server of a server group, where the servers of a group are not all described in one place: they come from " +
			"`for_each` over something else, or from several configurations. The group leaves its own `servers` out; one that lists them and " +
			"has an `alb_server` as well is refused. To have a group list a server that was an `alb_server`, put a `removed` block with " +
			"`destroy = false` in its place, so that the server stays in the group meanwhile. A backend service with `wait_for_healthy` waits for servers that are registered " +
			"when it is made, so give it `depends_on` for its `alb_server` resources. A plan that takes the requests from a server warns of how " +
			"many sessions were seen on it of late.",
		Attributes: map[string]schema.Attribute{
			"id": idAttribute("server"),
			"server_group_id": schema.StringAttribute{
				MarkdownDescription: "Server group that the server is in. Another one replaces the server.",
				Required:            true,
				Validators:          []validator.String{idRule(lbapi.ServerGroupID)},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"address": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf("Address of the server, %s in the load balancer's network, for a group of `type` `%s`. Exactly one of "+
					"`address` and `instance_id` is given. Another address replaces the server.", lbapi.AddressRule, lbapi.GroupOfAddresses),
				Optional:      true,
				Validators:    []validator.String{stringRule{lbapi.AddressRule, lbapi.InvalidAddress}},
				PlanModifiers: []planmodifier.String{replaceUnlessSameAddress()},
			},
			"instance_id": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf("Id of the instance that is the server, for a group of `type` `%s`. Another one replaces the server.",
					lbapi.GroupOfInstances),
				Optional:      true,
				Validators:    []validator.String{givenRule()},
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"instance_type": schema.StringAttribute{
				MarkdownDescription: describeWords("What the instance is", instanceTypes, instanceTypes[0]) +
					" Only with `instance_id`. Another one replaces the server.",
				Optional:   true,
				Validators: []validator.String{wordRule(instanceTypes)},
				PlanModifiers: []planmodifier.String{replaceUnless("the default written out", func(before, after string) bool {
					return instanceType(before) == instanceType(after)
				})},
			},
			"port":     inline["port"],
			"weight":   inline["weight"],
			"timeouts": timeoutAttributes(ctx, "server", ""),
		},
	}
}

// replaceUnless replaces the resource for another value, unless both mean the same; the empty text stands for null.
func replaceUnless(description string, same func(before, after string) bool) planmodifier.String {
	description = "replaces the resource, unless the change is " + description
	return stringplanmodifier.RequiresReplaceIf(
		func(_ context.Context, req planmodifier.StringRequest, resp *stringplanmodifier.RequiresReplaceIfFuncResponse) {
			resp.RequiresReplace = req.PlanValue.IsUnknown() || !same(req.StateValue.ValueString(), req.PlanValue.ValueString())
		}, description, description)
}

func replaceUnlessSameAddress() planmodifier.String {
	return replaceUnless("another way to write the same address", func(before, after string) bool {
		return addressHost(before) == addressHost(after)
	})
}

// IdentitySchema describes by what Terraform knows the server, whatever its address in a configuration.
func (r *serverResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"server_group_id": identityID(lbapi.ServerGroupID), "id": identityID(r.ids),
	}}
}

// ValidateConfig wants a server named in exactly one way.
func (r *serverResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config serverResourceModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() || config.Address.IsUnknown() || config.InstanceID.IsUnknown() {
		return
	}
	if config.Address.IsNull() == config.InstanceID.IsNull() {
		resp.Diagnostics.AddAttributeError(path.Root("address"), "Invalid combination",
			"Exactly one of \"address\" and \"instance_id\" must be set, by the \"type\" of the server group.")
	}
	config.validateInstanceType(path.Root("instance_type"), &resp.Diagnostics)
}

// ModifyPlan refuses a server of a group that lists its servers itself, also where only the state has it still, and one that is
// named in another way than those of its group, as far as the group is known.
func (r *serverResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	judgeIgnored(ctx, r, req, resp)
	r.judge(ctx, req, resp)
	if r.api == nil || resp.Diagnostics.HasError() {
		return
	}
	if req.Plan.Raw.IsNull() {
		var state serverResourceModel
		if resp.Diagnostics.Append(req.State.Get(ctx, &state)...); !resp.Diagnostics.HasError() {
			r.api.members.leave(state.ServerGroupID.ValueString(), state.ID.ValueString(), state.server().identity(), &resp.Diagnostics)
		}
		return
	}
	var plan serverResourceModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	groupID := plan.ServerGroupID.ValueString()
	if resp.Diagnostics.HasError() || groupID == "" {
		return
	}
	r.api.members.add(groupID, &resp.Diagnostics)
	if !plan.ID.IsUnknown() {
		return // it is in the group
	}
	if groupType, ok := r.api.groupType(ctx, groupID); ok {
		plan.reportMismatch(groupID, groupType, &resp.Diagnostics)
	}
}
