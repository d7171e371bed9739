package base

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
)

var (
	_ datasource.DataSourceWithConfigure      = (*objectDataSource[any, any])(nil)
	_ datasource.DataSourceWithValidateConfig = (*objectDataSource[any, any])(nil)
)

// DataSource is what every data source has: the connection.
type DataSource struct{ API *Connection }

// Configure takes the connection over from the provider.
func (d *DataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.API = connectionFrom(req.ProviderData, "data source", &resp.Diagnostics)
}

// objectDataSource finds one object by its id or by its name.
type objectDataSource[Object, Shown any] struct {
	DataSource
	Finder[Object, Shown]
}

func newObjectDataSource[Object, Shown any](finder Finder[Object, Shown]) func() datasource.DataSource {
	return func() datasource.DataSource { return &objectDataSource[Object, Shown]{Finder: finder} }
}

func (d *objectDataSource[O, S]) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = TypeNameOf(d.IDs.Of)
}

func (d *objectDataSource[O, S]) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := d.Attributes()
	attributes["id"] = schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("Id of the %s. Exactly one of `id` and `name` is given.", d.IDs.Of),
		Optional:            true,
		Computed:            true,
		Validators:          []validator.String{IDRule(d.IDs)},
	}
	attributes["name"] = schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("Name of the %s. Names need not be unique: where several have it, that is an error which lists them.", d.IDs.Of),
		Optional:            true,
		Computed:            true,
		Validators:          []validator.String{GivenRule()},
	}
	if d.Placed {
		attributes["load_balancer_id"] = schema.StringAttribute{
			MarkdownDescription: fmt.Sprintf("Load balancer that the %s is on. Given with `name`, it narrows the search; default is the provider's "+
				"`load_balancer_id`, else any.", d.IDs.Of),
			Optional:   true,
			Computed:   true,
			Validators: []validator.String{IDRule(lbapi.LoadBalancerID)},
		}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: fmt.Sprintf("One %s that exists, found by its id or its name.", d.IDs.Of),
		Attributes:          attributes,
	}
}

// search is what a configuration looks for.
type search struct{ id, name, loadBalancerID types.String }

func (d *objectDataSource[O, S]) search(ctx context.Context, config tfsdk.Config, diags *diag.Diagnostics) (s search) {
	diags.Append(config.GetAttribute(ctx, path.Root("id"), &s.id)...)
	diags.Append(config.GetAttribute(ctx, path.Root("name"), &s.name)...)
	if d.Placed {
		diags.Append(config.GetAttribute(ctx, path.Root("load_balancer_id"), &s.loadBalancerID)...)
	}
	return s
}

// ValidateConfig requires exactly one of id and name.
func (d *objectDataSource[O, S]) ValidateConfig(ctx context.Context, req datasource.ValidateConfigRequest, resp *datasource.ValidateConfigResponse) {
	wanted := d.search(ctx, req.Config, &resp.Diagnostics)
	switch {
	case resp.Diagnostics.HasError() || wanted.id.IsUnknown() || wanted.name.IsUnknown():
	case wanted.id.IsNull() == wanted.name.IsNull():
		resp.Diagnostics.AddAttributeError(path.Root("id"), "Invalid combination",
			fmt.Sprintf("Exactly one of \"id\" and \"name\" must be set to find a %s.", d.IDs.Of))
	case !wanted.id.IsNull() && !wanted.loadBalancerID.IsNull():
		resp.Diagnostics.AddAttributeError(path.Root("load_balancer_id"), "Invalid combination",
			"Attribute \"load_balancer_id\" cannot be set when \"id\" is; an id is one object's, on whichever load balancer it is.")
	}
}

func (d *objectDataSource[O, S]) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	ctx, cancel := context.WithTimeout(ctx, DefaultTimeout)
	defer cancel()
	wanted := d.search(ctx, req.Config, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	find := d.byName
	if !wanted.id.IsNull() {
		find = d.byID
	}
	object, ok := find(ctx, wanted, &resp.Diagnostics)
	if !ok {
		return
	}
	shown := d.Show(ctx, object, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, shown)...)
}

func (d *objectDataSource[O, S]) byID(ctx context.Context, wanted search, diags *diag.Diagnostics) (object O, ok bool) {
	object, err := d.Find(d.API.Client, ctx, wanted.id.ValueString())
	if client.IsNotFound(err) {
		diags.AddAttributeError(path.Root("id"), "No such "+d.IDs.Of, ErrorSentence(err))
		return object, false
	}
	if err != nil {
		diags.AddError(capitalized(d.IDs.Of)+" not read", ErrorSentence(err))
		return object, false
	}
	return object, true
}

func (d *objectDataSource[O, S]) byName(ctx context.Context, wanted search, diags *diag.Diagnostics) (object O, ok bool) {
	filters := []lbapi.Filter{{Field: d.NameFilter, Values: []string{wanted.name.ValueString()}}}
	where := fmt.Sprintf("region %q", d.API.Region())
	if d.Placed {
		for _, on := range d.API.on(wanted.loadBalancerID, diags) {
			where = fmt.Sprintf("load balancer %q", on.Values[0])
			filters = append(filters, on)
		}
	}
	if diags.HasError() {
		return object, false
	}
	objects, err := d.List(d.API.Client, ctx, filters...)
	switch {
	case err != nil:
		diags.AddError(capitalized(d.Plural)+" not listed", ErrorSentence(err))
	case len(objects) == 1:
		return objects[0], true
	case len(objects) == 0:
		diags.AddAttributeError(path.Root("name"), "No such "+d.IDs.Of,
			fmt.Sprintf("In %s there is no %s named %q.", where, d.IDs.Of, wanted.name.ValueString()))
	default:
		candidates := make([]string, len(objects))
		for i, candidate := range objects {
			candidates[i] = d.Describe(candidate)
		}
		diags.AddAttributeError(path.Root("name"), "Which "+d.IDs.Of+"?", fmt.Sprintf("In %s there are %d %s named %q: %s. Set \"id\" to one of them.",
			where, len(objects), d.Plural, wanted.name.ValueString(), strings.Join(candidates, ", ")))
	}
	return object, false
}
