package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
)

var (
	_ resource.Resource                   = (*serverResource)(nil)
	_ resource.ResourceWithConfigure      = (*serverResource)(nil)
	_ resource.ResourceWithImportState    = (*serverResource)(nil)
	_ resource.ResourceWithIdentity       = (*serverResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*serverResource)(nil)
	_ resource.ResourceWithValidateConfig = (*serverResource)(nil)
)

func newServerResource() resource.Resource {
	return &serverResource{baseResource{ids: lbapi.ServerID}}
}

type serverResource struct{ baseResource }

// serverResourceModel is a server as a resource of its own holds it.
type serverResourceModel struct {
	serverResourceAttributes
	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

// serverResourceAttributes are those of the server itself.
type serverResourceAttributes struct {
	ID            types.String `tfsdk:"id"`
	ServerGroupID types.String `tfsdk:"server_group_id"`
	serverModel
}

func (m serverResourceAttributes) identity() serverIdentity {
	return serverIdentity{m.ServerGroupID, m.ID}
}

// Metadata names the resource type.
func (r *serverResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_server"
}

// Create registers the server.
func (r *serverResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan serverResourceModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	timeout, diags := plan.Timeouts.Create(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	groupID := plan.ServerGroupID.ValueString()
	r.api.members.add(groupID, &resp.Diagnostics) // the plan could not tell where the group was not there yet
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := finishing(ctx, timeout)
	defer cancel()

	wanted := plan.server()
	id, err := createOnceFree(ctx, client.IsConflict, func(ctx context.Context) (string, error) {
		return r.api.RegisterServer(ctx, groupID, registration(wanted))
	})
	if err != nil {
		r.reportRefusal(ctx, plan, err, &resp.Diagnostics)
		return
	}
	if id == "" {
		if id, err = r.find(ctx, groupID, wanted.identity()); err != nil {
			resp.Diagnostics.AddError("Server registered, but its id not found", stopped(capitalized(err.Error()))+
				" Import it by its id when the server group can be read again.")
			return
		}
	}
	plan.ID = types.StringValue(id)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, plan.identity())...)
}

// reportRefusal reports why a server was not registered; where it is registered already, by what id it can be imported.
func (r *serverResource) reportRefusal(ctx context.Context, plan serverResourceModel, err error, diags *diag.Diagnostics) {
	groupID, wanted := plan.ServerGroupID.ValueString(), plan.server()
	if client.IsConflict(err) {
		if id, lookErr := r.find(ctx, groupID, wanted.identity()); lookErr == nil {
			diags.AddAttributeError(path.Root(plan.hostAttribute()), "Server is registered already", fmt.Sprintf(
				"Server group %q has %s already, as server %q. To have it managed here, import it by the id \"%[1]s/%[3]s\".",
				groupID, describeServer(wanted), id))
			return
		}
	}
	addCallError(diags, "Server not registered", err, plan.attribute)
}

// find looks up the id of a server by what it is: a registration need not tell it.
func (r *serverResource) find(ctx context.Context, groupID string, wanted identity) (string, error) {
	servers, err := r.api.Servers(ctx, groupID)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(servers, func(s lbapi.Server) bool { return serverOf(s).identity() == wanted })
	if i < 0 {
		return "", fmt.Errorf("server group %q does not show the server that it took", groupID)
	}
	return servers[i].ID, nil
}

// read is the server as the API shows it; false where it or its group is gone.
func (r *serverResource) read(ctx context.Context, groupID, id string) (server lbapi.Server, found bool, err error) {
	servers, err := r.api.Servers(ctx, groupID, lbapi.Filter{Field: lbapi.FilterServerID, Values: []string{id}})
	if client.IsNotFound(err) || err == nil && len(servers) == 0 {
		return server, false, nil
	}
	if err != nil {
		return server, false, err
	}
	return servers[0], true, nil
}

// Read takes the server from the API.
func (r *serverResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state serverResourceModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	timeout, diags := state.Timeouts.Read(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, state.identity())...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	is, found, err := r.read(ctx, state.ServerGroupID.ValueString(), state.ID.ValueString())
	if err != nil {
		r.api.addReadError(&resp.Diagnostics, "Server not read", err, state.attribute)
		return
	}
	if !found {
		resp.State.RemoveResource(ctx)
		return
	}
	state.serverModel = readServer(state.serverModel, is)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Update changes port and weight in place.
func (r *serverResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state serverResourceModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	timeout, diags := plan.Timeouts.Update(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	is := lbapi.Server{ID: plan.ID.ValueString(), Port: state.server().port, Weight: state.server().weight}
	if update, differs := updateTo(plan.server(), is); differs {
		if err := r.api.UpdateServers(ctx, plan.ServerGroupID.ValueString(), []lbapi.UpdateServer{update}); err != nil {
			addCallError(&resp.Diagnostics, "Server not updated", err, plan.attribute)
			return
		}
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, plan.identity())...)
}

// Delete deregisters the server.
func (r *serverResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state serverResourceModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	timeout, diags := state.Timeouts.Delete(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	groupID, id := state.ServerGroupID.ValueString(), state.ID.ValueString()
	err := r.api.DeregisterServers(ctx, groupID, []string{id})
	if err == nil || client.IsNotFound(err) {
		return
	}
	// A server that is gone is refused as any other id that is not the group's.
	if _, found, lookErr := r.read(ctx, groupID, id); found || lookErr != nil {
		addCallError(&resp.Diagnostics, "Server not deregistered", err, state.attribute)
	}
}

// serverIdentity is the identity of a server: it is read through its group.
type serverIdentity struct {
	ServerGroupID types.String `tfsdk:"server_group_id"`
	ID            types.String `tfsdk:"id"`
}

// ImportState takes the ids of group and server, from the command line or an identity; Read does the rest.
func (r *serverResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	groupID, id, two := strings.Cut(req.ID, "/")
	if byIdentity(req) {
		var identity serverIdentity
		resp.Diagnostics.Append(req.Identity.Get(ctx, &identity)...)
		groupID, id, two = identity.ServerGroupID.ValueString(), identity.ID.ValueString(), true
	}
	if !two && !resp.Diagnostics.HasError() {
		resp.Diagnostics.AddAttributeError(path.Root("id"), "Invalid id", fmt.Sprintf("To import a server, give the ids of its server group and "+
			"itself with a slash between them, such as \"%sa2b3c4d5e6/%sa2b3c4d5e6\", got %q.", lbapi.PrefixServerGroup, lbapi.PrefixServer, req.ID))
	}
	if resp.Diagnostics.HasError() || !validID(lbapi.ServerGroupID, "server_group_id", groupID, resp) || !validID(r.ids, "id", id, resp) {
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("server_group_id"), groupID)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), id)...)
}

// attribute finds the attribute of a field in a call for this one server.
func (m serverResourceAttributes) attribute(field string) (path.Path, bool) {
	terms := lbapi.ServerTerms()
	if attribute, ok := terms.Attribute(field); ok {
		return path.Root(attribute), true
	}
	_, rest, ok := lbapi.ServerField(field)
	attribute, known := terms.Attribute(rest)
	switch {
	case !ok || rest != "" && !known:
		return path.Empty(), false
	case rest == "" || attribute == "instance_type" && m.InstanceType.IsNull(): // the server as a whole, or what it is
		return path.Root(m.hostAttribute()), true
	default:
		return path.Root(attribute), true
	}
}

// reportMismatch reports a server that is named in another way than its group's type wants.
func (m serverModel) reportMismatch(groupID string, groupType lbapi.ServerGroupType, diags *diag.Diagnostics) {
	for _, rule := range lbapi.ServerDependencies() {
		if rule.Feature.Attribute == m.hostAttribute() && !slices.Contains(rule.Allowed, string(groupType)) {
			diags.AddAttributeError(path.Root(m.hostAttribute()), "Invalid combination",
				fmt.Sprintf("%s The type is that of server group %q.", rule.Message(lbapi.Terraform, string(groupType)), groupID))
		}
	}
}
