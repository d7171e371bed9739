package base

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
)

// Finder finds the objects of one kind for data sources and queries: Object as the API shows one, Shown as a data
// source shows it to Terraform.
type Finder[Object, Shown any] struct {
	IDs        lbapi.IDForm // the form of their ids, which also names the kind: "server group"
	Plural     string       // "server groups"
	Placed     bool         // they are on a load balancer
	NameFilter lbapi.FilterField
	Attributes func() map[string]schema.Attribute // what a data source shows of each
	Find       func(api *client.Client, ctx context.Context, id string) (Object, error)
	List       func(api *client.Client, ctx context.Context, filters ...lbapi.Filter) ([]Object, error)
	Show       func(context.Context, Object, *diag.Diagnostics) Shown
	Import     func(context.Context, Object, *diag.Diagnostics) Found // as the resource is after an import
	Describe   func(Object) string                                    // by its id, for an error that lists candidates
}

// filters are the filters of a configuration, for a data source or a list block.
func (f Finder[Object, Shown]) filters(
	ctx context.Context, config tfsdk.Config, api *Connection, diags *diag.Diagnostics,
) (filters []lbapi.Filter) {
	for attribute, like := range map[string]bool{"name": false, "name_contains": true} {
		var value types.String
		diags.Append(config.GetAttribute(ctx, path.Root(attribute), &value)...)
		if !value.IsNull() {
			filters = append(filters, lbapi.Filter{Field: f.NameFilter, Like: like, Values: []string{value.ValueString()}})
		}
	}
	if f.Placed {
		var loadBalancerID types.String
		diags.Append(config.GetAttribute(ctx, path.Root("load_balancer_id"), &loadBalancerID)...)
		filters = append(filters, api.on(loadBalancerID, diags)...)
	}
	return filters
}
