package server

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
	"github.com/alb-project/terraform-provider-alb/internal/provider/member"
)

var _ list.ListResourceWithConfigure = (*serverListResource)(nil)

// serverListResource finds the servers of a group for `terraform query`.
type serverListResource struct{ base.Resource }

func newListResource() list.ListResource {
	return &serverListResource{base.Resource{IDs: lbapi.ServerID}}
}

func (r *serverListResource) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "All servers of a server group.",
		Attributes: map[string]schema.Attribute{
			"server_group_id": schema.StringAttribute{
				MarkdownDescription: "Server group whose servers are listed.",
				Required:            true,
				Validators:          []validator.String{base.IDRule(lbapi.ServerGroupID)},
			},
		},
	}
}

func (r *serverListResource) List(ctx context.Context, req list.ListRequest, resp *list.ListResultsStream) {
	var groupID types.String
	diags := req.Config.GetAttribute(ctx, path.Root("server_group_id"), &groupID)
	if !diags.HasError() {
		servers, err := r.API.Servers(ctx, groupID.ValueString())
		if err == nil {
			resp.Results = base.Stream(ctx, req, servers, imported)
			return
		}
		base.AddCallError(&diags, "Servers not listed", err, attributes{}.Attribute)
	}
	resp.Results = list.ListResultsStreamDiagnostics(diags)
}

// imported is a server as the resource is after an import.
func imported(_ context.Context, is lbapi.Server, _ *diag.Diagnostics) base.Found {
	m := model{Limits: base.NoLimits()}
	m.ID, m.ServerGroupID = types.StringValue(is.ID), types.StringValue(is.GroupID)
	m.Model = member.Read(member.Model{}, is)
	return base.Found{Name: member.Registered(is).Key(), Resource: m}
}
