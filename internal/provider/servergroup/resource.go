// Package servergroup is the provider's part for server groups: servers that backend services send traffic to. It holds
// the resource alb_server_group, which may list its servers or leave them to resources of their own, and the data
// sources that find server groups. What a server is, it shares with the kind server in package member; the rest is in
// package base.
package servergroup

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
	"github.com/alb-project/terraform-provider-alb/internal/provider/member"
)

var (
	_ base.CompleteResource               = (*serverGroupResource)(nil)
	_ resource.ResourceWithValidateConfig = (*serverGroupResource)(nil)
)

// Kind returns what server groups contribute to the provider.
func Kind() base.Kind { return base.KindOf(finder(), newResource) }

func newResource() resource.Resource {
	return &serverGroupResource{base.PlacedResource{Resource: base.Resource{IDs: lbapi.ServerGroupID}}}
}

type serverGroupResource struct{ base.PlacedResource }

// importedKey marks a group that was imported and not read since, in the data that Terraform keeps for the provider.
const importedKey = "imported"

// ImportState also makes the next read show all servers: whether the configuration lists them is not known yet.
func (r *serverGroupResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	r.PlacedResource.ImportState(ctx, req, resp)
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, importedKey, []byte("true"))...)
}

// ModifyPlan also notes who says which servers the group has, and warns when the group itself no longer does.
func (r *serverGroupResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	r.PlacedResource.ModifyPlan(ctx, req, resp)
	base.ValidateIgnored(ctx, r, req, resp)
	r.judge(ctx, req, resp)
	if resp.Diagnostics.HasError() || req.Plan.Raw.IsNull() || r.API == nil {
		return
	}
	var plan, state model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	}
	if resp.Diagnostics.HasError() || plan.ID.IsUnknown() {
		return
	}
	switch listed := len(state.Servers.Elements()); {
	case plan.Servers.IsUnknown():
	case !plan.Servers.IsNull():
		wanted := member.Named(plan.knownServers(ctx, &resp.Diagnostics))
		r.API.Walk.Members.List(plan.ID.ValueString(), member.Identities(wanted), &resp.Diagnostics)
		if state.Servers.IsNull() {
			r.warnOfUnlisted(ctx, plan, &resp.Diagnostics)
		}
	case listed > 0 && !plan.replaces(state):
		resp.Diagnostics.AddAttributeWarning(path.Root("servers"), "Servers stay registered", fmt.Sprintf(
			"Server group %q (%s) does not list its servers. The %d that it has stay in it and take traffic; alb_server resources can take "+
				"them over by import. To remove them, write \"servers = {}\".", plan.Name.ValueString(), plan.ID.ValueString(), listed))
	}
}

// Create makes the group, then registers its servers.
func (r *serverGroupResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	base.Create(ctx, req, resp, func(ctx context.Context, plan model) {
		wanted := member.Named(plan.knownServers(ctx, &resp.Diagnostics))
		if resp.Diagnostics.HasError() {
			return
		}
		id, err := r.API.CreateServerGroup(ctx, plan.create())
		if err != nil {
			base.AddCallError(&resp.Diagnostics, "Server group not created", err, plan.Attribute)
			return
		}
		servers := plan.Servers
		plan.ID, plan.Servers = types.StringValue(id), types.MapNull(member.ObjectType())
		base.SaveCreated(ctx, resp, plan)
		if !servers.IsNull() {
			r.API.Walk.Members.List(id, member.Identities(wanted), &resp.Diagnostics)
			r.carryOut(ctx, id, member.ChangeTo(wanted, nil), &resp.Diagnostics)
		}
		if resp.Diagnostics.HasError() {
			return
		}
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("servers"), servers)...)
	})
}

func (r *serverGroupResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	base.Read(ctx, &r.Resource, req, resp,
		func(ctx context.Context, state model) (lbapi.ServerGroup, error) {
			return r.API.ServerGroup(ctx, state.ID.ValueString())
		},
		func(state *model, group lbapi.ServerGroup) {
			imported, found := req.Private.GetKey(ctx, importedKey)
			resp.Diagnostics.Append(found...)
			if string(imported) == "true" {
				state.showServers(group)
				resp.Diagnostics.Append(resp.Private.SetKey(ctx, importedKey, []byte("false"))...)
			}
			state.read(ctx, group, &resp.Diagnostics)
		})
}

// Update changes the group and its servers in place. If it fails half-way, the state stays, and the next refresh shows
// what was done.
func (r *serverGroupResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	base.Update(ctx, req, resp, func(ctx context.Context, plan *model, state model, diags *diag.Diagnostics) bool {
		wanted := member.Named(plan.knownServers(ctx, diags))
		if diags.HasError() || !base.SendPatch(
			ctx, &r.Resource, plan.ID, plan.patch(state), r.API.PatchServerGroup, plan.Attribute, diags) {
			return false
		}
		if !plan.Servers.IsNull() && !plan.Servers.Equal(state.Servers) {
			r.setServers(ctx, plan.ID.ValueString(), wanted, diags)
		}
		return !diags.HasError()
	})
}

// Delete removes the group with its servers.
func (r *serverGroupResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	base.Delete(ctx, req, resp, func(ctx context.Context, state model, diags *diag.Diagnostics) {
		r.DeleteUnused(ctx, state.ID, r.API.DeleteServerGroup, diags)
	})
}
