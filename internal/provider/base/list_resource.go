package base

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

var _ list.ListResourceWithConfigure = (*listResource[any, any])(nil)

// Found is one object as a query shows it: by its name, and as its resource is after an import, which has the identity.
type Found struct {
	Name     string
	Resource Model
}

// Stream gives what was found to a query, up to its limit.
func Stream[Object any](
	ctx context.Context, req list.ListRequest, objects []Object, show func(context.Context, Object, *diag.Diagnostics) Found,
) func(func(list.ListResult) bool) {
	return func(push func(list.ListResult) bool) {
		for i, object := range objects {
			if req.Limit > 0 && int64(i) == req.Limit {
				return
			}
			result := req.NewListResult(ctx)
			one := show(ctx, object, &result.Diagnostics)
			result.DisplayName = one.Name
			result.Diagnostics.Append(result.Identity.Set(ctx, one.Resource.Identity())...)
			if req.IncludeResource {
				result.Diagnostics.Append(result.Resource.Set(ctx, one.Resource)...)
			}
			if !push(result) {
				return
			}
		}
	}
}

// listResource finds the objects of a kind for `terraform query`.
type listResource[Object, Shown any] struct {
	Resource
	finder Finder[Object, Shown]
}

func newListResource[Object, Shown any](finder Finder[Object, Shown]) func() list.ListResource {
	return func() list.ListResource {
		return &listResource[Object, Shown]{Resource{IDs: finder.IDs}, finder}
	}
}

func (r *listResource[O, S]) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	attributes := map[string]schema.Attribute{
		"name":          listFilter(fmt.Sprintf("Only %s of exactly this name.", r.finder.Plural), GivenRule()),
		"name_contains": listFilter(fmt.Sprintf("Only %s whose name contains this, case and all.", r.finder.Plural), GivenRule()),
	}
	if r.finder.Placed {
		attributes["load_balancer_id"] = listFilter(fmt.Sprintf("Only %s on this load balancer; default is the provider's `load_balancer_id`, "+
			"else any.", r.finder.Plural), IDRule(lbapi.LoadBalancerID))
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: fmt.Sprintf("All %s that pass the filters; without any, all that there are.", r.finder.Plural),
		Attributes:          attributes,
	}
}

func listFilter(description string, rule TextRule) schema.Attribute {
	return schema.StringAttribute{MarkdownDescription: description, Optional: true, Validators: []validator.String{rule}}
}

// List finds what passes the filters, oldest first.
func (r *listResource[O, S]) List(ctx context.Context, req list.ListRequest, resp *list.ListResultsStream) {
	var diags diag.Diagnostics
	filters := r.finder.filters(ctx, req.Config, r.API, &diags)
	if !diags.HasError() {
		objects, err := r.finder.List(r.API.Client, ctx, filters...)
		if err == nil {
			resp.Results = Stream(ctx, req, objects, r.finder.Import)
			return
		}
		AddCallError(&diags, capitalized(r.finder.Plural)+" not listed", err, noAttribute)
	}
	resp.Results = list.ListResultsStreamDiagnostics(diags)
}
