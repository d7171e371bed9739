package provider

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
	_ datasource.DataSourceWithConfigure      = (*objectDataSource[lbapi.Listener, listenerAttributes])(nil)
	_ datasource.DataSourceWithValidateConfig = (*objectDataSource[lbapi.Listener, listenerAttributes])(nil)
)

// baseDataSource is what every data source has: the connection.
type baseDataSource struct{ api *connection }

// Configure takes the connection over from the provider. While Terraform only validates there is none.
func (d *baseDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	if req.ProviderData == nil {
		return
	}
	api, ok := req.ProviderData.(*connection)
	if !ok {
		resp.Diagnostics.AddError("Provider fault", fmt.Sprintf("The data source was given a %T as its connection; please report this.", req.ProviderData))
		return
	}
	d.api = api
}

// kind is one kind of object as data sources find it: Object as the API shows it, Model as Terraform does.
type kind[Object, Model any] struct {
	word, plural string // "server group", "server groups"
	ids          lbapi.IDForm
	placed       bool // it is on a load balancer
	attributes   func() map[string]schema.Attribute
	nameFilter   lbapi.FilterField
	read         func(*client.Client, context.Context, string) (Object, error)
	list         func(*client.Client, context.Context, ...lbapi.Filter) ([]Object, error)
	model        func(context.Context, Object, *diag.Diagnostics) Model
	describe     func(Object) string // by its id, for an error that lists candidates
}

// typeNameOf is the name of a data source: alb_server_group, or alb_server_groups.
func typeNameOf(word string) string { return typeName + "_" + strings.ReplaceAll(word, " ", "_") }

// on narrows a listing to the load balancer that the configuration names, else to the provider's default. It is an error where
// that is not there yet: what is found on others is not what is meant.
func (c *connection) on(configured types.String, diags *diag.Diagnostics) []lbapi.Filter {
	id := configured.ValueString()
	if id == "" && c.defaultUnknown {
		diags.AddError("Unknown load_balancer_id", "The provider's \"load_balancer_id\" is that of a load balancer which is not there yet, so "+
			"nothing can be looked for on it. Give the data source its own \"load_balancer_id\": then it is read when that is known.")
	}
	if id == "" {
		id = c.defaultLoadBalancerID
	}
	if id == "" {
		return nil
	}
	return []lbapi.Filter{{Field: lbapi.FilterLoadBalancerID, Values: []string{id}}}
}

// objectDataSource finds one object by its id or by its name.
type objectDataSource[Object, Model any] struct {
	baseDataSource
	kind[Object, Model]
}

func newObjectDataSource[Object, Model any](of kind[Object, Model]) func() datasource.DataSource {
	return func() datasource.DataSource { return &objectDataSource[Object, Model]{kind: of} }
}

// Metadata names the data source.
func (d *objectDataSource[O, M]) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = typeNameOf(d.word)
}

// Schema describes the data source.
func (d *objectDataSource[O, M]) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := d.attributes()
	attributes["id"] = schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("Id of the %s. Exactly one of `id` and `name` is given.", d.word),
		Optional:            true,
		Computed:            true,
		Validators:          []validator.String{idRule(d.ids)},
	}
	attributes["name"] = schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("Name of the %s. Names need not be unique: where several have it, that is an error which lists them.", d.word),
		Optional:            true,
		Computed:            true,
		Validators:          []validator.String{givenRule()},
	}
	if d.placed {
		attributes["load_balancer_id"] = schema.StringAttribute{
			MarkdownDescription: fmt.Sprintf("Load balancer that the %s is on. Given with `name`, it narrows the search; default is the provider's "+
				"`load_balancer_id`, else any.", d.word),
			Optional:   true,
			Computed:   true,
			Validators: []validator.String{idRule(lbapi.LoadBalancerID)},
		}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: fmt.Sprintf("One %s that exists, found by its id or its name.", d.word),
		Attributes:          attributes,
	}
}

// search is what a configuration looks for.
type search struct{ id, name, loadBalancerID types.String }

func (d *objectDataSource[O, M]) search(ctx context.Context, config tfsdk.Config, diags *diag.Diagnostics) (s search) {
	diags.Append(config.GetAttribute(ctx, path.Root("id"), &s.id)...)
	diags.Append(config.GetAttribute(ctx, path.Root("name"), &s.name)...)
	if d.placed {
		diags.Append(config.GetAttribute(ctx, path.Root("load_balancer_id"), &s.loadBalancerID)...)
	}
	return s
}

// ValidateConfig wants exactly one of id and name.
func (d *objectDataSource[O, M]) ValidateConfig(ctx context.Context, req datasource.ValidateConfigRequest, resp *datasource.ValidateConfigResponse) {
	wanted := d.search(ctx, req.Config, &resp.Diagnostics)
	switch {
	case resp.Diagnostics.HasError() || wanted.id.IsUnknown() || wanted.name.IsUnknown():
	case wanted.id.IsNull() == wanted.name.IsNull():
		resp.Diagnostics.AddAttributeError(path.Root("id"), "Invalid combination",
			fmt.Sprintf("Exactly one of \"id\" and \"name\" must be set to find a %s.", d.word))
	case !wanted.id.IsNull() && !wanted.loadBalancerID.IsNull():
		resp.Diagnostics.AddAttributeError(path.Root("load_balancer_id"), "Invalid combination",
			"Attribute \"load_balancer_id\" cannot be set when \"id\" is; an id is one object's, on whichever load balancer it is.")
	}
}

// Read finds the object.
func (d *objectDataSource[O, M]) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	ctx, cancel := context.WithTimeout(ctx, defaultTimeout)
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
	model := d.model(ctx, object, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, model)...)
}

func (d *objectDataSource[O, M]) byID(ctx context.Context, wanted search, diags *diag.Diagnostics) (object O, ok bool) {
	object, err := d.kind.read(d.api.Client, ctx, wanted.id.ValueString())
	if client.IsNotFound(err) {
		diags.AddAttributeError(path.Root("id"), "No such "+d.word, stopped(capitalized(err.Error())))
		return object, false
	}
	if err != nil {
		diags.AddError(capitalized(d.word)+" not read", stopped(capitalized(err.Error())))
		return object, false
	}
	return object, true
}

func (d *objectDataSource[O, M]) byName(ctx context.Context, wanted search, diags *diag.Diagnostics) (object O, ok bool) {
	filters := []lbapi.Filter{{Field: d.nameFilter, Values: []string{wanted.name.ValueString()}}}
	where := fmt.Sprintf("region %q", d.api.Region())
	if d.placed {
		for _, on := range d.api.on(wanted.loadBalancerID, diags) {
			where = fmt.Sprintf("load balancer %q", on.Values[0])
			filters = append(filters, on)
		}
	}
	if diags.HasError() {
		return object, false
	}
	objects, err := d.list(d.api.Client, ctx, filters...)
	switch {
	case err != nil:
		diags.AddError(capitalized(d.plural)+" not listed", stopped(capitalized(err.Error())))
	case len(objects) == 1:
		return objects[0], true
	case len(objects) == 0:
		diags.AddAttributeError(path.Root("name"), "No such "+d.word,
			fmt.Sprintf("In %s there is no %s named %q.", where, d.word, wanted.name.ValueString()))
	default:
		candidates := make([]string, len(objects))
		for i, candidate := range objects {
			candidates[i] = d.describe(candidate)
		}
		diags.AddAttributeError(path.Root("name"), "Which "+d.word+"?", fmt.Sprintf("In %s there are %d %s named %q: %s. Set \"id\" to one of them.",
			where, len(objects), d.plural, wanted.name.ValueString(), strings.Join(candidates, ", ")))
	}
	return object, false
}
