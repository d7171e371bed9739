package servergroup

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
	"github.com/alb-project/terraform-provider-alb/internal/provider/member"
	"github.com/alb-project/terraform-provider-alb/internal/provider/planning"
)

// ValidateConfig judges each server against the group's type, and all of them for duplicates.
func (r *serverGroupResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config model
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
			validateServer(one, name, groupType, &resp.Diagnostics)
		}
		one.ValidateInstanceType(member.ListedPath(name, "instance_type"), &resp.Diagnostics)
	}
	for name, element := range config.Servers.Elements() {
		if element.IsNull() {
			resp.Diagnostics.AddAttributeError(path.Root("servers").AtMapKey(name), "Missing value",
				fmt.Sprintf("Server %q must not be null; leave its key out to have no such server.", name))
		}
	}
	validateNoDuplicates(servers, &resp.Diagnostics)
}

// validateServer judges a server against the type of its group.
func validateServer(server member.Model, name string, groupType lbapi.ServerGroupType, diags *diag.Diagnostics) {
	count := diags.ErrorsCount()
	base.AddDependencyViolations(diags, lbapi.ServerDependencies(),
		func(attribute string) path.Path { return member.ListedPath(name, attribute) },
		func(attribute string) bool {
			if attribute == lbapi.TermServerAddress.Attribute {
				return base.Given(server.Address)
			}
			return base.Given(server.InstanceID)
		},
		func(string) (string, bool) { return string(groupType), true })
	needed, value := lbapi.TermServerAddress.Attribute, server.Address
	if groupType == lbapi.GroupOfInstances {
		needed, value = lbapi.TermServerInstance.Attribute, server.InstanceID
	}
	if diags.ErrorsCount() == count && value.IsNull() {
		diags.AddAttributeError(path.Root("servers").AtMapKey(name), "Missing value",
			fmt.Sprintf("Attribute \"%s\" must be set when \"type\" is %q.", member.ListedPath(name, needed), groupType))
	}
}

// validateNoDuplicates reports each server that has the host and port of one before it.
func validateNoDuplicates(servers map[string]member.Model, diags *diag.Diagnostics) {
	first := map[planning.ServerIdentity]string{}
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		if _, known := servers[name].Host(); !known || servers[name].Port.IsUnknown() {
			continue
		}
		server := servers[name].Server()
		other, taken := first[server.Identity()]
		if !taken {
			first[server.Identity()] = name
			continue
		}
		diags.AddAttributeError(path.Root("servers").AtMapKey(name), "Duplicate server",
			fmt.Sprintf("Servers %q and %q are both %s; a server may be in a group once for each port.", other, name, server.Describe()))
	}
}
