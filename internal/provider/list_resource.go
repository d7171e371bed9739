package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

var (
	_ list.ListResourceWithConfigure = (*listResource[lbapi.Listener, listenerAttributes])(nil)
	_ list.ListResourceWithConfigure = (*serverListResource)(nil)
)

// found is one object as a query shows it: by name, by identity, and as its resource is after an import.
type found struct {
	name     string
	identity any
	resource any
}

// stream gives what was found to a query, up to its limit.
func stream[Object any](
	ctx context.Context, req list.ListRequest, objects []Object, show func(context.Context, Object, *diag.Diagnostics) found,
) func(func(list.ListResult) bool) {
	return func(push func(list.ListResult) bool) {
		for i, object := range objects {
			if req.Limit > 0 && int64(i) == req.Limit {
				return
			}
			result := req.NewListResult(ctx)
			one := show(ctx, object, &result.Diagnostics)
			result.DisplayName = one.name
			result.Diagnostics.Append(result.Identity.Set(ctx, one.identity)...)
			if req.IncludeResource {
				result.Diagnostics.Append(result.Resource.Set(ctx, one.resource)...)
			}
			if !push(result) {
				return
			}
		}
	}
}

// listResource finds the objects of a kind for `terraform query`.
type listResource[Object, Model any] struct {
	baseResource
	kind[Object, Model]
	show func(context.Context, Object, *diag.Diagnostics) found
}

func newListResource[Object, Model any](
	of kind[Object, Model], show func(context.Context, Object, *diag.Diagnostics) found,
) func() list.ListResource {
	return func() list.ListResource { return &listResource[Object, Model]{kind: of, show: show} }
}

// Metadata names the resource type.
func (r *listResource[O, M]) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = typeNameOf(r.word)
}

// ListResourceConfigSchema describes the filters.
func (r *listResource[O, M]) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	attributes := map[string]schema.Attribute{
		"name":          listFilter(fmt.Sprintf("Only %s of exactly this name.", r.plural), givenRule()),
		"name_contains": listFilter(fmt.Sprintf("Only %s whose name contains this, case and all.", r.plural), givenRule()),
	}
	if r.placed {
		attributes["load_balancer_id"] = listFilter(fmt.Sprintf("Only %s on this load balancer; default is the provider's `load_balancer_id`, "+
			"else any.", r.plural), idRule(lbapi.LoadBalancerID))
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: fmt.Sprintf("All %s that pass the filters; without any, all that there are.", r.plural),
		Attributes:          attributes,
	}
}

func listFilter(description string, rule stringRule) schema.Attribute {
	return schema.StringAttribute{MarkdownDescription: description, Optional: true, Validators: []validator.String{rule}}
}

// List finds what passes the filters, oldest first.
func (r *listResource[O, M]) List(ctx context.Context, req list.ListRequest, resp *list.ListResultsStream) {
	var diags diag.Diagnostics
	filters := r.filters(ctx, req.Config, r.api, &diags)
	if !diags.HasError() {
		objects, err := r.kind.list(r.api.Client, ctx, filters...)
		if err == nil {
			resp.Results = stream(ctx, req, objects, r.show)
			return
		}
		addCallError(&diags, capitalized(r.plural)+" not listed", err, noAttribute)
	}
	resp.Results = list.ListResultsStreamDiagnostics(diags)
}

// serverListResource finds the servers of a group for `terraform query`.
type serverListResource struct{ serverResource }

func newServerListResource() list.ListResource { return &serverListResource{} }

// ListResourceConfigSchema describes the filter.
func (r *serverListResource) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "All servers of a server group.",
		Attributes: map[string]schema.Attribute{
			"server_group_id": schema.StringAttribute{
				MarkdownDescription: "Server group whose servers are listed.",
				Required:            true,
				Validators:          []validator.String{idRule(lbapi.ServerGroupID)},
			},
		},
	}
}

// List finds the servers of the group.
func (r *serverListResource) List(ctx context.Context, req list.ListRequest, resp *list.ListResultsStream) {
	var groupID types.String
	diags := req.Config.GetAttribute(ctx, path.Root("server_group_id"), &groupID)
	if !diags.HasError() {
		servers, err := r.api.Servers(ctx, groupID.ValueString())
		if err == nil {
			resp.Results = stream(ctx, req, servers, listServer)
			return
		}
		addCallError(&diags, "Servers not listed", err, serverResourceAttributes{}.attribute)
	}
	resp.Results = list.ListResultsStreamDiagnostics(diags)
}

// noTimeouts are those of a resource whose configuration gives none.
func noTimeouts() timeouts.Value {
	operations := map[string]attr.Type{"create": types.StringType, "read": types.StringType, "update": types.StringType, "delete": types.StringType}
	return timeouts.Value{Object: types.ObjectNull(operations)}
}

func listLoadBalancer(ctx context.Context, balancer lbapi.LoadBalancer, diags *diag.Diagnostics) found {
	model := loadBalancerModel{Timeouts: noTimeouts()}
	model.read(ctx, balancer, diags)
	return found{balancer.Name, identityModel{model.ID}, model}
}

func listListener(_ context.Context, listener lbapi.Listener, _ *diag.Diagnostics) found {
	model := listenerModel{Timeouts: noTimeouts()}
	model.read(listener)
	return found{listener.Name, identityModel{model.ID}, model}
}

func listBackendService(ctx context.Context, service lbapi.BackendService, diags *diag.Diagnostics) found {
	model := backendServiceModel{Timeouts: noTimeouts()}
	model.SessionPersistence = types.ObjectNull(sessionPersistenceTypes())
	model.ForwardedHeaders = types.SetNull(types.StringType)
	model.HealthCheck = types.ObjectNull(healthCheckTypes())
	model.read(ctx, service, diags)
	return found{service.Name, identityModel{model.ID}, model}
}

func listServerGroup(ctx context.Context, group lbapi.ServerGroup, diags *diag.Diagnostics) found {
	model := serverGroupModel{Timeouts: noTimeouts()}
	model.showServers(group)
	model.read(ctx, group, diags)
	return found{group.Name, identityModel{model.ID}, model}
}

func listServer(_ context.Context, is lbapi.Server, _ *diag.Diagnostics) found {
	model := serverResourceModel{Timeouts: noTimeouts()}
	model.ID, model.ServerGroupID = types.StringValue(is.ID), types.StringValue(is.GroupID)
	model.serverModel = readServer(serverModel{}, is)
	return found{serverOf(is).name(), model.identity(), model}
}
