package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// leavingServer is a registered server that a plan takes the requests from.
type leavingServer struct {
	lbapi.Server
	at      path.Path
	name    string // the user's, or the one that the server would appear under
	what    string // what the plan does with it
	newPort int    // with changesPort
}

const (
	leavesGroup = "leaves"
	getsNothing = "gets weight 0, so takes no request, in"
	changesPort = "changes its port in"
)

// judgeListed warns of a plan that takes the requests from servers that a group lists, or has beside those, and that sessions
// are on.
func (c *connection) judgeListed(ctx context.Context, does fate, before, after serverGroupModel, diags *diag.Diagnostics) {
	if does != fateChanged || after.Servers.IsNull() || after.Servers.IsUnknown() || after.Servers.Equal(before.Servers) {
		return
	}
	wanted, had := after.knownServers(ctx, diags), before.knownServers(ctx, diags)
	if diags.HasError() || !allPlacesKnown(wanted, len(after.Servers.Elements())) {
		return // any server could be one that is not known yet
	}
	group, ok := ask(ctx, c, func(ctx context.Context) (lbapi.ServerGroup, error) {
		return c.ServerGroup(ctx, before.ID.ValueString())
	})
	if ok {
		c.judgeLeaving(ctx, group, leavingServers(wanted, had, group.Servers), diags)
	}
}

// replaces reports whether a plan makes another group of the one in the state, by the attributes that cannot change.
func (m serverGroupModel) replaces(state serverGroupModel) bool {
	return !m.LoadBalancerID.Equal(state.LoadBalancerID) || !m.Type.Equal(state.Type)
}

// allPlacesKnown reports whether the host and port of each of so many servers is known.
func allPlacesKnown(servers map[string]serverModel, number int) bool {
	for _, one := range servers {
		if _, ok := one.host(); !ok || one.Port.IsUnknown() {
			return false
		}
	}
	return len(servers) == number
}

// leavingServers finds the registered servers that are not wanted any more, or no longer with a weight.
func leavingServers(wanted, before map[string]serverModel, registered []lbapi.Server) []leavingServer {
	var leaving []leavingServer
	names := map[string]string{}
	for name, is := range nameAll(named(before), registered) {
		names[is.ID] = name
	}
	found, strangers := pair(named(wanted), registered)
	for _, is := range strangers {
		leaving = append(leaving, leavingServer{Server: is, at: path.Root("servers"), name: names[is.ID], what: leavesGroup})
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		at := func(attribute string) path.Path { return serverPath(name, attribute) }
		if is, leaves := wanted[name].leaving(found[name], name, at); leaves {
			leaving = append(leaving, is)
		}
	}
	return leaving
}

// leaving tells whether a plan for a registered server takes the requests from where it is.
func (m serverModel) leaving(is lbapi.Server, name string, at func(attribute string) path.Path) (leavingServer, bool) {
	switch port := int(m.Port.ValueInt64()); {
	case !m.Weight.IsUnknown() && m.Weight.ValueInt64() == 0:
		return leavingServer{Server: is, at: at("weight"), name: name, what: getsNothing}, true
	case !m.Port.IsUnknown() && port != is.Port:
		return leavingServer{Server: is, at: at("port"), name: name, what: changesPort, newPort: port}, true
	default:
		return leavingServer{}, false
	}
}

// judgeServer warns of a plan that takes the requests from a server that sessions are on.
func (c *connection) judgeServer(ctx context.Context, does fate, before, after serverResourceModel, diags *diag.Diagnostics) {
	groupID := before.ServerGroupID.ValueString()
	if does == fateUnknown || does == fateCreated || does != fateChanged && c.members.isListed(groupID) ||
		does == fateChanged && after.Weight.Equal(before.Weight) && after.Port.Equal(before.Port) {
		return // it stays, or the group that lists it decides
	}
	group, ok := ask(ctx, c, func(ctx context.Context) (lbapi.ServerGroup, error) { return c.ServerGroup(ctx, groupID) })
	i := slices.IndexFunc(group.Servers, func(s lbapi.Server) bool { return s.ID == before.ID.ValueString() })
	if !ok || i < 0 {
		return
	}
	name, leaves := before.server().name(), true
	is := leavingServer{Server: group.Servers[i], name: name, what: leavesGroup}
	if does == fateChanged {
		is, leaves = after.leaving(group.Servers[i], name, path.Root)
	}
	if leaves {
		c.judgeLeaving(ctx, group, []leavingServer{is}, diags)
	}
}

// replaces reports whether a plan certainly makes another server of the one in the state.
func (m serverResourceModel) replaces(state serverResourceModel) bool {
	before, _ := state.host()
	after, known := m.host()
	return !m.ServerGroupID.Equal(state.ServerGroupID) || known && before != after
}

// judgeLeaving warns for each server that loses its requests, and each backend service that keeps sessions on it.
func (c *connection) judgeLeaving(ctx context.Context, group lbapi.ServerGroup, leaving []leavingServer, diags *diag.Diagnostics) {
	leaving = slices.DeleteFunc(leaving, func(s leavingServer) bool { return s.Weight == 0 })
	if len(leaving) == 0 {
		return
	}
	for _, service := range c.backendServices(ctx, group.LoadBalancerID) {
		if !service.SessionPersistence || !slices.Contains(service.ServerGroupIDs, group.ID) {
			continue
		}
		shown := c.serversWithSessions(ctx, service.ID)
		for _, server := range leaving {
			server.warn(group, service, shown, diags)
		}
	}
}

// warn warns where a backend service that uses the server's group shows sessions on it.
func (s leavingServer) warn(group lbapi.ServerGroup, service lbapi.BackendService, shown []lbapi.ServerHealth, diags *diag.Diagnostics) {
	i := slices.IndexFunc(shown, func(shown lbapi.ServerHealth) bool { return s.isShownAs(shown, service) })
	where := "other servers"
	if s.what == changesPort {
		where = fmt.Sprintf("port %d", portOf(s.newPort, service))
	}
	if i < 0 || s.what == changesPort && portOf(s.newPort, service) == portOf(s.Port, service) {
		return
	}
	sessions := shown[i].Sessions
	warnAt(diags, s.at, sessionsWillMove, fmt.Sprintf("Server %q %s server group %s. About %s of backend service %s, seen on it in the last %s, "+
		"will move to %s.", s.name, s.what, describeObject(group.Name, group.ID), counted(sessions.Count, "session"),
		describeObject(service.Name, service.ID), counted(sessions.Window/60, "minute"), where))
}

// isShownAs finds a server in the health answer of a backend service, which shows no ids but where each server takes traffic.
func (s leavingServer) isShownAs(shown lbapi.ServerHealth, service lbapi.BackendService) bool {
	return shown.ServerGroupID == s.GroupID && shown.Type == s.Type && shown.Port == portOf(s.Port, service) &&
		shown.InstanceID == s.InstanceID && (s.InstanceID != "" || shown.Address == s.Address)
}

// portOf is where a server takes the traffic of a backend service.
func portOf(port int, service lbapi.BackendService) int {
	if port == 0 {
		return service.Port
	}
	return port
}
