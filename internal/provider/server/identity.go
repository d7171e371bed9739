package server

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
)

// serverIdentity is what identifies a server to Terraform: it is read through its group.
type serverIdentity struct {
	ServerGroupID types.String `tfsdk:"server_group_id"`
	ID            types.String `tfsdk:"id"`
}

// Identity returns what identifies the server to Terraform.
func (m attributes) Identity() any { return serverIdentity{m.ServerGroupID, m.ID} }

// IdentitySchema describes what identifies the server to Terraform, whatever its address in a configuration.
func (r *serverResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"server_group_id": base.IDInIdentity(lbapi.ServerGroupID), "id": base.IDInIdentity(r.IDs),
	}}
}

// ImportState takes the ids of group and server from the command line or from an identity; Read does the rest.
func (r *serverResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	groupID, id, two := strings.Cut(req.ID, "/")
	if base.ByIdentity(req) {
		var given serverIdentity
		resp.Diagnostics.Append(req.Identity.Get(ctx, &given)...)
		groupID, id, two = given.ServerGroupID.ValueString(), given.ID.ValueString(), true
	}
	if !two && !resp.Diagnostics.HasError() {
		resp.Diagnostics.AddAttributeError(path.Root("id"), "Invalid id", fmt.Sprintf("To import a server, give the ids of its server group and "+
			"itself with a slash between them, such as \"%sa2b3c4d5e6/%sa2b3c4d5e6\", got %q.", lbapi.PrefixServerGroup, lbapi.PrefixServer, req.ID))
	}
	if resp.Diagnostics.HasError() || !base.ValidImportID(lbapi.ServerGroupID, "server_group_id", groupID, resp) || !base.ValidImportID(r.IDs, "id", id, resp) {
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("server_group_id"), groupID)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), id)...)
}
