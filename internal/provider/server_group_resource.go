package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
)

var (
	_ resource.Resource                   = (*serverGroupResource)(nil)
	_ resource.ResourceWithConfigure      = (*serverGroupResource)(nil)
	_ resource.ResourceWithImportState    = (*serverGroupResource)(nil)
	_ resource.ResourceWithIdentity       = (*serverGroupResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*serverGroupResource)(nil)
	_ resource.ResourceWithValidateConfig = (*serverGroupResource)(nil)
)

func newServerGroupResource() resource.Resource {
	return &serverGroupResource{placedResource{baseResource{ids: lbapi.ServerGroupID}}}
}

type serverGroupResource struct{ placedResource }

// Metadata names the resource type.
func (r *serverGroupResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_server_group"
}

// importedKey marks a group, in what Terraform keeps for the provider, that was imported and not read since.
const importedKey = "imported"

// ImportState also has the next read show all servers: whether the configuration lists them is not known yet.
func (r *serverGroupResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	r.placedResource.ImportState(ctx, req, resp)
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, importedKey, []byte("true"))...)
}

// ModifyPlan also notes who says which servers the group has, and tells when that is the group no longer.
func (r *serverGroupResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	r.placedResource.ModifyPlan(ctx, req, resp)
	judgeIgnored(ctx, r, req, resp)
	r.judge(ctx, req, resp)
	if resp.Diagnostics.HasError() || req.Plan.Raw.IsNull() || r.api == nil {
		return
	}
	var plan, state serverGroupModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	}
	if resp.Diagnostics.HasError() || plan.ID.IsUnknown() {
		return
	}
	switch listed := len(state.Servers.Elements()); {
	case plan.Servers.IsUnknown():
	case !plan.Servers.IsNull():
		r.api.members.list(plan.ID.ValueString(), named(plan.knownServers(ctx, &resp.Diagnostics)), &resp.Diagnostics)
		if state.Servers.IsNull() {
			r.warnOfUnlisted(ctx, plan, &resp.Diagnostics)
		}
	case listed > 0 && !plan.replaces(state):
		resp.Diagnostics.AddAttributeWarning(path.Root("servers"), "Servers stay registered", fmt.Sprintf(
			"Server group %q (%s) does not list its servers. The %d that it has stay in it and take traffic; alb_server resources can take "+
				"them over by import. To remove them, write \"servers = {}\".", plan.Name.ValueString(), plan.ID.ValueString(), listed))
	}
}

// Create makes the group, then registers its servers.
func (r *serverGroupResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan serverGroupModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	timeout, diags := plan.Timeouts.Create(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	wanted := named(plan.knownServers(ctx, &resp.Diagnostics))
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := finishing(ctx, timeout)
	defer cancel()

	groupType := lbapi.ServerGroupType(plan.Type.ValueString())
	id, err := r.api.CreateServerGroup(ctx, lbapi.CreateServerGroup{
		Name:           plan.Name.ValueStringPointer(),
		LoadBalancerID: plan.LoadBalancerID.ValueStringPointer(),
		Type:           &groupType,
		Description:    plan.Description.ValueStringPointer(),
	})
	if err != nil {
		addCallError(&resp.Diagnostics, "Server group not created", err, attributesOf(lbapi.ServerGroupTerms()))
		return
	}
	servers := plan.Servers
	plan.ID, plan.Servers = types.StringValue(id), types.MapNull(serverType())
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identityModel{plan.ID})...)
	if !servers.IsNull() {
		r.api.members.list(id, wanted, &resp.Diagnostics)
		r.change(ctx, id, changeTo(wanted, nil), &resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("servers"), servers)...)
}

// Read takes the group and its servers from the API.
func (r *serverGroupResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state serverGroupModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	timeout, diags := state.Timeouts.Read(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identityModel{state.ID})...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	group, err := r.api.ServerGroup(ctx, state.ID.ValueString())
	if client.IsNotFound(err) {
		resp.State.RemoveResource(ctx)
		return
	}
	if err != nil {
		r.api.addReadError(&resp.Diagnostics, "Server group not read", err, attributesOf(lbapi.ServerGroupTerms()))
		return
	}
	imported, found := req.Private.GetKey(ctx, importedKey)
	resp.Diagnostics.Append(found...)
	if string(imported) == "true" {
		state.showServers(group)
		resp.Diagnostics.Append(resp.Private.SetKey(ctx, importedKey, []byte("false"))...)
	}
	state.read(ctx, group, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Update changes the group and its servers in place.
func (r *serverGroupResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state serverGroupModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	timeout, diags := plan.Timeouts.Update(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	wanted := named(plan.knownServers(ctx, &resp.Diagnostics))
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	id := plan.ID.ValueString()
	patch := lbapi.PatchServerGroup{
		Name:        changed(plan.Name, state.Name, plan.Name.ValueString()),
		Description: changed(plan.Description, state.Description, plan.Description.ValueString()),
	}
	if patch != (lbapi.PatchServerGroup{}) {
		if err := r.api.PatchServerGroup(ctx, id, patch); err != nil {
			addCallError(&resp.Diagnostics, "Server group not updated", err, attributesOf(lbapi.ServerGroupTerms()))
			return
		}
	}
	if !plan.Servers.IsNull() && !plan.Servers.Equal(state.Servers) {
		r.list(ctx, id, wanted, &resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() {
		return // the next refresh shows how far it came
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identityModel{plan.ID})...)
}

// Delete removes the group with its servers.
func (r *serverGroupResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state serverGroupModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	r.delete(ctx, state.baseModel, state.Timeouts, "Server group", r.api.DeleteServerGroup, &resp.Diagnostics)
}

// list makes the servers of a group those that are wanted.
func (r *serverGroupResource) list(ctx context.Context, groupID string, wanted map[string]server, diags *diag.Diagnostics) {
	r.api.members.list(groupID, wanted, diags)
	if diags.HasError() {
		return
	}
	group, err := r.api.ServerGroup(ctx, groupID)
	if err != nil {
		addCallError(diags, "Servers not updated", err, attributesOf(lbapi.ServerGroupTerms()))
		return
	}
	r.change(ctx, groupID, changeTo(wanted, group.Servers), diags)
}

// change carries a change out: servers come before others go, so that the group never has fewer than before and after.
func (r *serverGroupResource) change(ctx context.Context, groupID string, c change, diags *diag.Diagnostics) {
	for len(c.register) > 0 {
		err := r.api.RegisterServers(ctx, groupID, c.register)
		if err == nil {
			break
		}
		if !client.IsQuotaExceeded(err) || len(c.deregister) == 0 {
			addCallError(diags, "Servers not registered", err, serverAttributes(c.registerNames))
			return
		}
		if !r.swapHalf(ctx, groupID, &c, diags) {
			return
		}
	}
	if len(c.update) > 0 {
		if err := r.api.UpdateServers(ctx, groupID, c.update); err != nil {
			addCallError(diags, "Servers not updated", err, serverAttributes(c.updateNames))
			return
		}
	}
	if len(c.deregister) > 0 {
		if err := r.api.DeregisterServers(ctx, groupID, c.deregister); err != nil {
			addCallError(diags, "Servers not deregistered", err, serverAttributes(nil))
		}
	}
}

// swapHalf makes room where old and new servers together exceed the quota: half of those that leave make place for as many
// that join, so at least half of the capacity serves at any time.
func (r *serverGroupResource) swapHalf(ctx context.Context, groupID string, c *change, diags *diag.Diagnostics) bool {
	leave := (len(c.deregister) + 1) / 2
	if err := r.api.DeregisterServers(ctx, groupID, c.deregister[:leave]); err != nil {
		addCallError(diags, "Servers not deregistered", err, serverAttributes(nil))
		return false
	}
	c.deregister = c.deregister[leave:]
	join := min(leave, len(c.register))
	if err := r.api.RegisterServers(ctx, groupID, c.register[:join]); err != nil {
		addCallError(diags, "Servers not registered", err, serverAttributes(c.registerNames))
		return false
	}
	c.register, c.registerNames = c.register[join:], c.registerNames[join:]
	return true
}

// serverAttributes finds the attributes of servers that a call lists in the order of their names.
func serverAttributes(names []string) func(field string) (path.Path, bool) {
	return func(field string) (path.Path, bool) {
		index, rest, ok := lbapi.ServerField(field)
		if !ok || index >= len(names) {
			return path.Empty(), false
		}
		at := path.Root("servers").AtMapKey(names[index])
		if attribute, ok := lbapi.ServerTerms().Attribute(rest); ok {
			at = at.AtName(attribute)
		}
		return at, true
	}
}

func serverPath(name, attribute string) path.Path {
	return path.Root("servers").AtMapKey(name).AtName(attribute)
}

func describeServer(one server) string {
	if one.port == 0 {
		return fmt.Sprintf("%q without a port of its own", one.host.name)
	}
	return fmt.Sprintf("%q with port %d", one.host.name, one.port)
}
