// Package server is the provider's part for servers that are resources of their own, for groups whose servers are not
// all described in one place. It holds the resource alb_server, whose identity is a pair of ids because a server is
// found only through its group. What a server is, it shares with the kind servergroup in package member; the rest is in
// package base.
package server

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
	"github.com/alb-project/terraform-provider-alb/internal/provider/member"
	"github.com/alb-project/terraform-provider-alb/internal/provider/planning"
)

var (
	_ base.CompleteResource               = (*serverResource)(nil)
	_ resource.ResourceWithValidateConfig = (*serverResource)(nil)
)

// Kind returns what servers contribute to the provider. There are no data sources: those of server groups show servers.
func Kind() base.Kind {
	return base.Kind{
		Resources:     []func() resource.Resource{newResource},
		ListResources: []func() list.ListResource{newListResource},
	}
}

func newResource() resource.Resource { return &serverResource{base.Resource{IDs: lbapi.ServerID}} }

type serverResource struct{ base.Resource }

// Create registers the server.
func (r *serverResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	base.Create(ctx, req, resp, func(ctx context.Context, plan model) {
		groupID := plan.ServerGroupID.ValueString()
		r.API.Walk.Members.Add(groupID, &resp.Diagnostics) // the plan could not do it for a group that did not exist yet
		if resp.Diagnostics.HasError() {
			return
		}
		wanted := plan.Server()
		id, err := base.CreateOnceFree(ctx, client.IsConflict, func(ctx context.Context) (string, error) {
			return r.API.RegisterServer(ctx, groupID, member.Registration(wanted))
		})
		if err != nil {
			r.reportRefusal(ctx, plan, err, &resp.Diagnostics)
			return
		}
		if id == "" {
			if id, err = r.findID(ctx, groupID, wanted.Identity()); err != nil {
				resp.Diagnostics.AddError("Server registered, but its id not found", base.ErrorSentence(err)+
					" Import it by its id when the server group can be read again.")
				return
			}
		}
		plan.ID = types.StringValue(id)
		base.SaveCreated(ctx, resp, plan)
	})
}

// reportRefusal reports why a server was not registered; if it is registered already, with the id by which it can be
// imported.
func (r *serverResource) reportRefusal(ctx context.Context, plan model, err error, diags *diag.Diagnostics) {
	groupID, wanted := plan.ServerGroupID.ValueString(), plan.Server()
	if client.IsConflict(err) {
		if id, lookErr := r.findID(ctx, groupID, wanted.Identity()); lookErr == nil {
			diags.AddAttributeError(path.Root(plan.HostAttribute()), "Server is registered already", fmt.Sprintf(
				"Server group %q has %s already, as server %q. To have it managed here, import it by the id \"%[1]s/%[3]s\".",
				groupID, wanted.Describe(), id))
			return
		}
	}
	base.AddCallError(diags, "Server not registered", err, plan.Attribute)
}

// findID finds the id of a server that was just registered; the answer to a registration may lack it.
func (r *serverResource) findID(ctx context.Context, groupID string, wanted planning.ServerIdentity) (string, error) {
	servers, err := r.API.Servers(ctx, groupID)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(servers, func(s lbapi.Server) bool { return member.Registered(s).Identity() == wanted })
	if i < 0 {
		return "", fmt.Errorf("server group %q does not show the server that it took", groupID)
	}
	return servers[i].ID, nil
}

// find returns the server as the API shows it. client.IsNotFound holds for the error if the server or its group is
// gone.
func (r *serverResource) find(ctx context.Context, state model) (server lbapi.Server, err error) {
	groupID, id := state.ServerGroupID.ValueString(), state.ID.ValueString()
	servers, err := r.API.Servers(ctx, groupID, lbapi.Filter{Field: lbapi.FilterServerID, Values: []string{id}})
	switch {
	case err != nil:
		return server, err
	case len(servers) == 0:
		return server, lbapi.NewError(lbapi.NotFound, fmt.Sprintf("server group %q has no server %q", groupID, id))
	default:
		return servers[0], nil
	}
}

func (r *serverResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	base.Read(ctx, &r.Resource, req, resp, r.find, func(state *model, is lbapi.Server) { state.Model = member.Read(state.Model, is) })
}

// Update changes port and weight in place.
func (r *serverResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	base.Update(ctx, req, resp, func(ctx context.Context, plan *model, state model, diags *diag.Diagnostics) bool {
		was := state.Server()
		update, differs := member.UpdateTo(plan.Server(), lbapi.Server{ID: plan.ID.ValueString(), Port: was.Port, Weight: was.Weight})
		if !differs {
			return true
		}
		err := r.API.UpdateServers(ctx, plan.ServerGroupID.ValueString(), []lbapi.UpdateServer{update})
		if err != nil {
			base.AddCallError(diags, "Server not updated", err, plan.Attribute)
		}
		return err == nil
	})
}

// Delete deregisters the server.
func (r *serverResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	base.Delete(ctx, req, resp, func(ctx context.Context, state model, diags *diag.Diagnostics) {
		err := r.API.DeregisterServers(ctx, state.ServerGroupID.ValueString(), []string{state.ID.ValueString()})
		if err == nil || client.IsNotFound(err) {
			return
		}
		// The API refuses the id of a server that is gone like any other id that is not the group's.
		if _, findErr := r.find(ctx, state); !client.IsNotFound(findErr) {
			base.AddCallError(diags, "Server not deregistered", err, state.Attribute)
		}
	})
}
