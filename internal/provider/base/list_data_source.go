package base

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

var _ datasource.DataSourceWithConfigure = (*listDataSource[any, any])(nil)

// listDataSource finds all objects of a kind that pass its filters.
type listDataSource[Object, Shown any] struct {
	DataSource
	Finder[Object, Shown]
}

func newListDataSource[Object, Shown any](finder Finder[Object, Shown]) func() datasource.DataSource {
	return func() datasource.DataSource { return &listDataSource[Object, Shown]{Finder: finder} }
}

// attribute is the attribute that holds what was found.
func (d *listDataSource[O, S]) attribute() string { return strings.ReplaceAll(d.Plural, " ", "_") }

func (d *listDataSource[O, S]) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = TypeNameOf(d.Plural)
}

func (d *listDataSource[O, S]) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	filter := func(description string, rule TextRule) schema.Attribute {
		return schema.StringAttribute{MarkdownDescription: description, Optional: true, Validators: []validator.String{rule}}
	}
	attributes := map[string]schema.Attribute{
		"name":          filter(fmt.Sprintf("Only %s of exactly this name.", d.Plural), GivenRule()),
		"name_contains": filter(fmt.Sprintf("Only %s whose name contains this, case and all.", d.Plural), GivenRule()),
		d.attribute(): schema.ListNestedAttribute{
			MarkdownDescription: fmt.Sprintf("The %s that were found, oldest first; none is no error.", d.Plural),
			Computed:            true,
			NestedObject:        schema.NestedAttributeObject{Attributes: d.Attributes()},
		},
	}
	if d.Placed {
		attributes["load_balancer_id"] = filter(fmt.Sprintf("Only %s on this load balancer; default is the provider's `load_balancer_id`, "+
			"else any.", d.Plural), IDRule(lbapi.LoadBalancerID))
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: fmt.Sprintf("All %s that pass the filters; without any, all that there are.", d.Plural),
		Attributes:          attributes,
	}
}

// Read lists what passes the filters.
func (d *listDataSource[O, S]) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	ctx, cancel := context.WithTimeout(ctx, DefaultTimeout)
	defer cancel()
	filters := d.filters(ctx, req.Config, d.API, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	objects, err := d.List(d.API.Client, ctx, filters...)
	if err != nil {
		resp.Diagnostics.AddError(capitalized(d.Plural)+" not listed", ErrorSentence(err))
		return
	}
	shown := make([]S, len(objects))
	for i, object := range objects {
		shown[i] = d.Show(ctx, object, &resp.Diagnostics)
	}
	resp.State.Raw = req.Config.Raw
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(d.attribute()), shown)...)
}
