package servergroup

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
	"github.com/alb-project/terraform-provider-alb/internal/provider/member"
)

// setServers makes the servers of a group those that are wanted.
func (r *serverGroupResource) setServers(ctx context.Context, groupID string, wanted map[string]member.Server, diags *diag.Diagnostics) {
	r.API.Walk.Members.List(groupID, member.Identities(wanted), diags)
	if diags.HasError() {
		return
	}
	group, err := r.API.ServerGroup(ctx, groupID)
	if err != nil {
		base.AddCallError(diags, "Servers not updated", err, attributes{}.Attribute)
		return
	}
	r.carryOut(ctx, groupID, member.ChangeTo(wanted, group.Servers), diags)
}

// carryOut carries out a change: servers join before others leave, so that the group never has fewer than it had or
// will have.
func (r *serverGroupResource) carryOut(ctx context.Context, groupID string, c member.Change, diags *diag.Diagnostics) {
	for len(c.Register) > 0 {
		err := r.API.RegisterServers(ctx, groupID, c.Register)
		if err == nil {
			break
		}
		if !client.IsQuotaExceeded(err) || len(c.Deregister) == 0 {
			base.AddCallError(diags, "Servers not registered", err, serverAttributes(c.RegisterNames))
			return
		}
		if !r.swapHalf(ctx, groupID, &c, diags) {
			return
		}
	}
	if len(c.Update) > 0 {
		if err := r.API.UpdateServers(ctx, groupID, c.Update); err != nil {
			base.AddCallError(diags, "Servers not updated", err, serverAttributes(c.UpdateNames))
			return
		}
	}
	if len(c.Deregister) > 0 {
		if err := r.API.DeregisterServers(ctx, groupID, c.Deregister); err != nil {
			base.AddCallError(diags, "Servers not deregistered", err, serverAttributes(nil))
		}
	}
}

// swapHalf makes room if old and new servers together exceed the quota: half of those that leave make place for as many
// that join, so at least half of the capacity serves at any time.
func (r *serverGroupResource) swapHalf(ctx context.Context, groupID string, c *member.Change, diags *diag.Diagnostics) bool {
	leave := (len(c.Deregister) + 1) / 2
	if err := r.API.DeregisterServers(ctx, groupID, c.Deregister[:leave]); err != nil {
		base.AddCallError(diags, "Servers not deregistered", err, serverAttributes(nil))
		return false
	}
	c.Deregister = c.Deregister[leave:]
	join := min(leave, len(c.Register))
	if err := r.API.RegisterServers(ctx, groupID, c.Register[:join]); err != nil {
		base.AddCallError(diags, "Servers not registered", err, serverAttributes(c.RegisterNames))
		return false
	}
	c.Register, c.RegisterNames = c.Register[join:], c.RegisterNames[join:]
	return true
}

// serverAttributes finds the attributes of servers that a call lists in the order of names.
func serverAttributes(names []string) base.AttributeFinder {
	return func(field string) (path.Path, bool) {
		index, rest, ok := lbapi.ServerField(field)
		if !ok || index >= len(names) {
			return path.Empty(), false
		}
		at := path.Root("servers").AtMapKey(names[index])
		if attribute, ok := lbapi.ServerTerms().Attribute(rest); ok {
			at = at.AtName(attribute)
		}
		return at, true
	}
}
