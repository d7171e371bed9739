package base

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// Resource is what every resource has: a name, the connection, an identity, and import by id or by identity.
type Resource struct {
	IDs lbapi.IDForm // the form of its ids, which also names its kind
	API *Connection  // nil while Terraform only validates
}

// Metadata names the resource type after its kind.
func (r *Resource) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = TypeNameOf(r.IDs.Of)
}

// Configure takes the connection over from the provider.
func (r *Resource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.API = connectionFrom(req.ProviderData, "resource", &resp.Diagnostics)
}

// Object holds the attributes that every kind has.
type Object struct {
	ID          types.String `tfsdk:"id"`
	Name        types.String `tfsdk:"name"`
	Description types.String `tfsdk:"description"`
}

// Identity returns what identifies the object to Terraform.
func (o Object) Identity() any { return Identity{o.ID} }

// ObjectAttributes adds the attributes of every kind, and the timeouts, to those of one kind.
func ObjectAttributes(ctx context.Context, kind string, attributes map[string]schema.Attribute) map[string]schema.Attribute {
	attributes["id"] = IDAttribute(kind)
	attributes["name"] = schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("Name of the %s: %s. It need not be unique.", kind, lbapi.NameRule),
		Required:            true,
		Validators:          []validator.String{TextRule{lbapi.NameRule, lbapi.InvalidName}},
	}
	attributes["description"] = schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("Description, %s; default empty.", lbapi.DescriptionRule),
		Optional:            true,
		Computed:            true,
		Default:             stringdefault.StaticString(""),
		Validators:          []validator.String{TextRule{lbapi.DescriptionRule, lbapi.InvalidDescription}},
	}
	attributes["timeouts"] = TimeoutAttributes(ctx, kind, " While another object uses it, the deletion is tried again until then.")
	return attributes
}

// IDAttribute describes the id that the API gives to an object of a kind.
func IDAttribute(kind string) schema.Attribute {
	return schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("Id of the %s, made by the API.", kind),
		Computed:            true,
		PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	}
}

// TextOrNull returns null for the empty text, with which the API shows what was not given.
func TextOrNull(text string) types.String {
	if text == "" {
		return types.StringNull()
	}
	return types.StringValue(text)
}
