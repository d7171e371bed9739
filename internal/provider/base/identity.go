package base

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// Identity is the identity of an object whose id is all it needs: no two objects ever have the same.
type Identity struct {
	ID types.String `tfsdk:"id"`
}

// IDInIdentity describes an id in an identity.
func IDInIdentity(form lbapi.IDForm) identityschema.Attribute {
	return identityschema.StringAttribute{
		Description:       fmt.Sprintf("Id of the %s, such as %q.", form.Of, form.Prefix+"a2b3c4d5e6"),
		RequiredForImport: true,
	}
}

// IdentitySchema describes what identifies the object to Terraform, whatever its address in a configuration.
func (r *Resource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{"id": IDInIdentity(r.IDs)}}
}

// ImportState takes the id from the command line or from an identity; Read does the rest.
func (r *Resource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	id := req.ID
	if ByIdentity(req) {
		var identity Identity
		resp.Diagnostics.Append(req.Identity.Get(ctx, &identity)...)
		id = identity.ID.ValueString()
	}
	if resp.Diagnostics.HasError() || !ValidImportID(r.IDs, "id", id, resp) {
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), id)...)
}

// ByIdentity reports whether an import block gives an identity and no id.
func ByIdentity(req resource.ImportStateRequest) bool {
	return req.ID == "" && req.Identity != nil && !req.Identity.Raw.IsNull()
}

// ValidImportID reports whether an id of an import has the form of its kind. If not, it is refused, and the API is not
// asked.
func ValidImportID(form lbapi.IDForm, attribute, id string, resp *resource.ImportStateResponse) bool {
	reason := form.Invalid(id)
	if reason != "" {
		resp.Diagnostics.AddAttributeError(path.Root(attribute), "Invalid id", AttributeSentence(attribute, reason))
	}
	return reason == ""
}
