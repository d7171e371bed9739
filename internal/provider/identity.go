package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// identityModel is the identity of every resource but a server's. An id says all: no two objects ever have the same.
type identityModel struct {
	ID types.String `tfsdk:"id"`
}

// identityID describes an id in an identity.
func identityID(form lbapi.IDForm) identityschema.Attribute {
	return identityschema.StringAttribute{
		Description:       fmt.Sprintf("Id of the %s, such as %q.", form.Of, form.Prefix+"a2b3c4d5e6"),
		RequiredForImport: true,
	}
}

// IdentitySchema describes by what Terraform knows the object, whatever its address in a configuration.
func (r *baseResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{"id": identityID(r.ids)}}
}

// ImportState takes the id, from the command line or an identity; Read does the rest.
func (r *baseResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	id := req.ID
	if byIdentity(req) {
		var identity identityModel
		resp.Diagnostics.Append(req.Identity.Get(ctx, &identity)...)
		id = identity.ID.ValueString()
	}
	if resp.Diagnostics.HasError() || !validID(r.ids, "id", id, resp) {
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), id)...)
}

// byIdentity reports whether an import block gives an identity, and no id.
func byIdentity(req resource.ImportStateRequest) bool {
	return req.ID == "" && req.Identity != nil && !req.Identity.Raw.IsNull()
}

// validID reports whether an id of an import has its form: one that has not is refused before anything is asked for it.
func validID(form lbapi.IDForm, attribute, id string, resp *resource.ImportStateResponse) bool {
	reason := form.Invalid(id)
	if reason != "" {
		resp.Diagnostics.AddAttributeError(path.Root(attribute), "Invalid id", sentence(attribute, reason))
	}
	return reason == ""
}
