package provider

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// sessionsWillMove is the summary of every warning that counts sessions.
const sessionsWillMove = "Sessions will move"

// judgeSessions warns of a plan that ends or moves the sessions of a backend service, and says how many there were of late.
func (c *connection) judgeSessions(ctx context.Context, does fate, before, after backendServiceModel, diags *diag.Diagnostics) {
	if !before.persists() {
		return
	}
	var at path.Path
	var what, then string
	switch does {
	case fateDeleted:
		what, then = "is deleted", "their clients get another server wherever their requests go then"
	case fateReplaced:
		what, then = "is replaced", "the new one has a cookie of its own, so their clients get a server anew"
	case fateChanged:
		at, what, then = after.endsSessions(before)
	case fateUnknown, fateCreated:
	}
	if what == "" {
		return
	}
	var count, window int
	for _, server := range c.serversWithSessions(ctx, before.ID.ValueString()) {
		count += server.Sessions.Count
		window = max(window, server.Sessions.Window)
	}
	if count == 0 {
		return
	}
	warnAt(diags, at, sessionsWillMove, fmt.Sprintf("Backend service %s %s. About %s seen on its servers in the last %s will move: %s.",
		describeObject(before.Name.ValueString(), before.ID.ValueString()), what, counted(count, "session"),
		counted(window/60, "minute"), then))
}

// endsSessions tells what of a change in place moves sessions, at which attribute, and what becomes of them; nothing where
// they stay, or where the plan does not tell yet.
func (m backendServiceModel) endsSessions(state backendServiceModel) (at path.Path, what, then string) {
	switch {
	case m.SessionPersistence.IsUnknown():
	case !m.persists() && !m.Scheduler.Equal(state.Scheduler):
		return path.Root(lbapi.TermScheduler.Attribute), fmt.Sprintf("changes its \"scheduler\" from %q to %q, which ends session persistence",
			state.Scheduler.ValueString(), m.Scheduler.ValueString()), "each request of their clients goes where that sends it"
	case !m.persists():
		return path.Root(lbapi.TermSessionPersistence.Attribute), "turns session persistence off",
			"each request of their clients goes where the scheduler sends it"
	case !m.ServerGroupID.Equal(state.ServerGroupID):
		from := state.ServerGroupID.ValueString()
		switch {
		case m.ServerGroupID.IsNull():
			return path.Root("server_group_id"), "leaves server group " + from, "there is no server for their clients"
		case m.ServerGroupID.IsUnknown():
			return path.Root("server_group_id"), "leaves server group " + from + " for one that is not known yet", "their clients get servers of that one"
		default:
			return path.Root("server_group_id"), "changes from server group " + from + " to " + m.ServerGroupID.ValueString(),
				"their clients get servers of the latter"
		}
	}
	return path.Empty(), "", ""
}

// persists reports whether session persistence is certainly on.
func (m backendServiceModel) persists() bool {
	enabled, ok := m.SessionPersistence.Attributes()["enabled"].(types.Bool)
	return ok && enabled.ValueBool()
}

// replaces reports whether a plan makes another backend service of the one in the state, by the attributes that cannot change.
func (m backendServiceModel) replaces(state backendServiceModel) bool {
	return !m.LoadBalancerID.Equal(state.LoadBalancerID) || !m.Protocol.Equal(state.Protocol) || !m.Port.Equal(state.Port)
}

// serversWithSessions lists the servers of a backend service that sessions were seen on of late. It leaves out a server that
// takes no request: its sessions move in any case.
func (c *connection) serversWithSessions(ctx context.Context, backendServiceID string) []lbapi.ServerHealth {
	servers, _ := ask(ctx, c, func(ctx context.Context) ([]lbapi.ServerHealth, error) { return c.ServerHealth(ctx, backendServiceID) })
	return slices.DeleteFunc(servers, func(s lbapi.ServerHealth) bool {
		return s.Sessions == nil || s.Sessions.Count == 0 || s.Weight == 0 || s.Status == lbapi.Unhealthy
	})
}

// counted is a number of things: "1 session", "2 sessions".
func counted(number int, thing string) string {
	if number == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", number, thing)
}
