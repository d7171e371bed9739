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
)

var _ datasource.DataSourceWithConfigure = (*listDataSource[lbapi.Listener, listenerAttributes])(nil)

// listDataSource finds all objects of a kind that pass its filters.
type listDataSource[Object, Model any] struct {
	baseDataSource
	kind[Object, Model]
}

func newListDataSource[Object, Model any](of kind[Object, Model]) func() datasource.DataSource {
	return func() datasource.DataSource { return &listDataSource[Object, Model]{kind: of} }
}

// attribute is the attribute that holds what was found.
func (d *listDataSource[O, M]) attribute() string { return strings.ReplaceAll(d.plural, " ", "_") }

// Metadata names the data source.
func (d *listDataSource[O, M]) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = typeNameOf(d.plural)
}

// Schema describes the data source.
func (d *listDataSource[O, M]) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	filter := func(description string, rule stringRule) schema.Attribute {
		return schema.StringAttribute{MarkdownDescription: description, Optional: true, Validators: []validator.String{rule}}
	}
	attributes := map[string]schema.Attribute{
		"name":          filter(fmt.Sprintf("Only %s of exactly this name.", d.plural), givenRule()),
		"name_contains": filter(fmt.Sprintf("Only %s whose name contains this, case and all.", d.plural), givenRule()),
		d.attribute(): schema.ListNestedAttribute{
			MarkdownDescription: fmt.Sprintf("The %s that were found, oldest first; none is no error.", d.plural),
			Computed:            true,
			NestedObject:        schema.NestedAttributeObject{Attributes: d.attributes()},
		},
	}
	if d.placed {
		attributes["load_balancer_id"] = filter(fmt.Sprintf("Only %s on this load balancer; default is the provider's `load_balancer_id`, "+
			"else any.", d.plural), idRule(lbapi.LoadBalancerID))
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: fmt.Sprintf("All %s that pass the filters; without any, all that there are.", d.plural),
		Attributes:          attributes,
	}
}

// filters are those of a configuration, for a data source or a list block.
func (k kind[O, M]) filters(ctx context.Context, config tfsdk.Config, api *connection, diags *diag.Diagnostics) (filters []lbapi.Filter) {
	for attribute, like := range map[string]bool{"name": false, "name_contains": true} {
		var value types.String
		diags.Append(config.GetAttribute(ctx, path.Root(attribute), &value)...)
		if !value.IsNull() {
			filters = append(filters, lbapi.Filter{Field: k.nameFilter, Like: like, Values: []string{value.ValueString()}})
		}
	}
	if k.placed {
		var loadBalancerID types.String
		diags.Append(config.GetAttribute(ctx, path.Root("load_balancer_id"), &loadBalancerID)...)
		filters = append(filters, api.on(loadBalancerID, diags)...)
	}
	return filters
}

// Read lists what passes the filters.
func (d *listDataSource[O, M]) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	ctx, cancel := context.WithTimeout(ctx, defaultTimeout)
	defer cancel()
	filters := d.filters(ctx, req.Config, d.api, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	objects, err := d.list(d.api.Client, ctx, filters...)
	if err != nil {
		resp.Diagnostics.AddError(capitalized(d.plural)+" not listed", stopped(capitalized(err.Error())))
		return
	}
	models := make([]M, len(objects))
	for i, object := range objects {
		models[i] = d.model(ctx, object, &resp.Diagnostics)
	}
	resp.State.Raw = req.Config.Raw
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(d.attribute()), models)...)
}
