package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// Schema describes the resource.
func (r *serverGroupResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	groupTypes := []string{string(lbapi.GroupOfAddresses), string(lbapi.GroupOfInstances)}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Servers that backend services send traffic to; many backend services may share one group.",
		Attributes: withPlacedAttributes(ctx, "server group", map[string]schema.Attribute{
			"type": schema.StringAttribute{
				MarkdownDescription: describeWords("How the group names its servers: by address or by instance", groupTypes, groupTypes[0]) +
					" Another one replaces the group.",
				Optional:      true,
				Computed:      true,
				Default:       stringdefault.StaticString(groupTypes[0]),
				Validators:    []validator.String{wordRule(groupTypes)},
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"servers": schema.MapNestedAttribute{
				MarkdownDescription: "The servers of the group, all of them: one that is registered by other means is removed, and `{}` means " +
					"none. Left out, which servers there are is not this resource's concern but that of [alb_server](server.md) resources " +
					"or of others; those that are there stay. The keys are names of your own choice, which the API does not know; a " +
					"server is known by its address or instance and its port, so a new key for the same server changes nothing. After an " +
					"import the keys are `address:port`, or `address` alone for a server without a port of its own. A plan that takes the requests " +
					"from a server warns of how many sessions were seen on it of late.",
				Optional:     true,
				NestedObject: schema.NestedAttributeObject{Attributes: serverAttributeSchemas()},
			},
		}),
	}
}

func serverAttributeSchemas() map[string]schema.Attribute {
	instanceTypes := []string{string(lbapi.ServerVM), string(lbapi.ServerContainer)}
	rules := lbapi.ServerDependencies()
	return map[string]schema.Attribute{
		"address": schema.StringAttribute{
			MarkdownDescription: fmt.Sprintf("Address of the server, %s in the load balancer's network. ", lbapi.AddressRule) +
				describeRules(lbapi.TermServerAddress.Attribute, rules),
			Optional:   true,
			Validators: []validator.String{stringRule{lbapi.AddressRule, lbapi.InvalidAddress}},
		},
		"instance_id": schema.StringAttribute{
			MarkdownDescription: "Id of the instance that is the server. " + describeRules(lbapi.TermServerInstance.Attribute, rules),
			Optional:            true,
			Validators:          []validator.String{givenRule()},
		},
		"instance_type": schema.StringAttribute{
			MarkdownDescription: describeWords("What the instance is", instanceTypes, instanceTypes[0]) + " Only with `instance_id`.",
			Optional:            true,
			Validators:          []validator.String{wordRule(instanceTypes)},
		},
		"port": schema.Int64Attribute{
			CustomType:          wholeNumber{},
			MarkdownDescription: describeRange("Port that the server serves on", lbapi.ServerPort, withoutDefault) + " Left out, it means the same.",
			Optional:            true,
			Validators:          []validator.Int64{int64Rule{lbapi.ServerPort}},
		},
		"weight": schema.Int64Attribute{
			CustomType:          wholeNumber{},
			MarkdownDescription: describeRange("Share of the traffic, in proportion to the weights of the others", lbapi.Weight, withDefault),
			Optional:            true,
			Computed:            true,
			Default:             int64default.StaticInt64(lbapi.Weight.Default),
			Validators:          []validator.Int64{int64Rule{lbapi.Weight}},
		},
	}
}

// ValidateConfig judges each server against the group's type, and all of them for duplicates.
func (r *serverGroupResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config serverGroupModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	servers := config.knownServers(ctx, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	groupType := lbapi.ServerGroupType(config.Type.ValueString())
	if config.Type.IsNull() {
		groupType = lbapi.GroupOfAddresses
	}
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		one := servers[name]
		if groupType == lbapi.GroupOfAddresses || groupType == lbapi.GroupOfInstances {
			one.validate(name, groupType, &resp.Diagnostics)
		}
		one.validateInstanceType(serverPath(name, "instance_type"), &resp.Diagnostics)
	}
	for name, element := range config.Servers.Elements() {
		if element.IsNull() {
			resp.Diagnostics.AddAttributeError(path.Root("servers").AtMapKey(name), "Missing value",
				fmt.Sprintf("Server %q must not be null; leave its key out to have no such server.", name))
		}
	}
	validateNoDuplicates(servers, &resp.Diagnostics)
}

// validate judges a server against the type of its group.
func (m serverModel) validate(name string, groupType lbapi.ServerGroupType, diags *diag.Diagnostics) {
	count := diags.ErrorsCount()
	dependencyViolations(diags, lbapi.ServerDependencies(),
		func(attribute string) path.Path { return serverPath(name, attribute) },
		func(attribute string) bool {
			if attribute == lbapi.TermServerAddress.Attribute {
				return given(m.Address)
			}
			return given(m.InstanceID)
		},
		func(string) (string, bool) { return string(groupType), true })
	needed, value := lbapi.TermServerAddress.Attribute, m.Address
	if groupType == lbapi.GroupOfInstances {
		needed, value = lbapi.TermServerInstance.Attribute, m.InstanceID
	}
	if diags.ErrorsCount() == count && value.IsNull() {
		diags.AddAttributeError(path.Root("servers").AtMapKey(name), "Missing value",
			fmt.Sprintf("Attribute \"%s\" must be set when \"type\" is %q.", serverPath(name, needed), groupType))
	}
}

func (m serverModel) validateInstanceType(at path.Path, diags *diag.Diagnostics) {
	if given(m.InstanceType) && m.InstanceID.IsNull() {
		diags.AddAttributeError(at, "Invalid combination",
			fmt.Sprintf("Attribute \"%s\" says what an instance is, and the server has no \"instance_id\".", at))
	}
}

// validateNoDuplicates reports every server that has the host and port of one before it.
func validateNoDuplicates(servers map[string]serverModel, diags *diag.Diagnostics) {
	first := map[identity]string{}
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		where, known := servers[name].host()
		if !known || servers[name].Port.IsUnknown() {
			continue
		}
		one := server{host: where, port: int(servers[name].Port.ValueInt64())}
		other, taken := first[one.identity()]
		if !taken {
			first[one.identity()] = name
			continue
		}
		diags.AddAttributeError(path.Root("servers").AtMapKey(name), "Duplicate server",
			fmt.Sprintf("Servers %q and %q are both %s; a server may be in a group once for each port.", other, name, describeServer(one)))
	}
}
