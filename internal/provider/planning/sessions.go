package planning

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// LeavingServer is a registered server that loses its requests by a plan.
type LeavingServer struct {
	lbapi.Server
	At      path.Path
	Name    string // the user's name of it, or the one under which it would appear
	What    string // what the plan does with it: one of the three below
	NewPort int    // with ChangesPort
}

// What a plan does with a server that loses its requests.
const (
	LeavesGroup = "leaves"
	GetsNothing = "gets weight 0, so takes no request, in"
	ChangesPort = "changes its port in"
)

// ServerGroup returns a server group as the API shows it now; false if it can't be read.
func (w *Walk) ServerGroup(ctx context.Context, id string) (lbapi.ServerGroup, bool) {
	return Ask(ctx, w, func(ctx context.Context) (lbapi.ServerGroup, error) { return w.api.ServerGroup(ctx, id) })
}

// WarnOfLeaving warns of each server of a group that loses its requests, for each backend service that keeps sessions
// on it.
func (w *Walk) WarnOfLeaving(ctx context.Context, group lbapi.ServerGroup, leaving []LeavingServer, diags *diag.Diagnostics) {
	leaving = slices.DeleteFunc(leaving, func(s LeavingServer) bool { return s.Weight == 0 })
	if len(leaving) == 0 {
		return
	}
	for _, service := range w.backendServices(ctx, group.LoadBalancerID) {
		if !service.SessionPersistence || !slices.Contains(service.ServerGroupIDs, group.ID) {
			continue
		}
		shown := w.serversWithSessions(ctx, service.ID)
		for _, server := range leaving {
			server.warn(group, service, shown, diags)
		}
	}
}

// warn warns if a backend service that uses the server's group shows sessions on the server.
func (s LeavingServer) warn(group lbapi.ServerGroup, service lbapi.BackendService, shown []lbapi.ServerHealth, diags *diag.Diagnostics) {
	i := slices.IndexFunc(shown, func(shown lbapi.ServerHealth) bool { return s.isShownAs(shown, service) })
	to := "other servers"
	if s.What == ChangesPort {
		to = fmt.Sprintf("port %d", servedPort(s.NewPort, service))
	}
	if i < 0 || s.What == ChangesPort && servedPort(s.NewPort, service) == servedPort(s.Port, service) {
		return
	}
	sessions := shown[i].Sessions
	WarnAt(diags, s.At, SessionsWillMove, fmt.Sprintf("Server %q %s server group %s. About %s of backend service %s, seen on it in the last %s, "+
		"will move to %s.", s.Name, s.What, NameAndID(group.Name, group.ID), Counted(sessions.Count, "session"),
		NameAndID(service.Name, service.ID), Counted(sessions.Window/60, "minute"), to))
}

// isShownAs finds a server in the health answer of a backend service, which shows no ids but where each server takes
// traffic.
func (s LeavingServer) isShownAs(shown lbapi.ServerHealth, service lbapi.BackendService) bool {
	return shown.ServerGroupID == s.GroupID && shown.Type == s.Type && shown.Port == servedPort(s.Port, service) &&
		shown.InstanceID == s.InstanceID && (s.InstanceID != "" || shown.Address == s.Address)
}

// servedPort is the port on which a server takes the traffic of a backend service; 0 means the backend service's.
func servedPort(port int, service lbapi.BackendService) int {
	if port == 0 {
		return service.Port
	}
	return port
}

// Sessions returns how many sessions were seen on the servers of a backend service, and in how many seconds.
func (w *Walk) Sessions(ctx context.Context, backendServiceID string) (count, window int) {
	for _, server := range w.serversWithSessions(ctx, backendServiceID) {
		count += server.Sessions.Count
		window = max(window, server.Sessions.Window)
	}
	return count, window
}

// serversWithSessions lists the servers of a backend service on which sessions were recently seen. It leaves out a
// server that takes no requests: its sessions move in any case.
func (w *Walk) serversWithSessions(ctx context.Context, backendServiceID string) []lbapi.ServerHealth {
	servers, _ := Ask(ctx, w, func(ctx context.Context) ([]lbapi.ServerHealth, error) {
		return w.api.ServerHealth(ctx, backendServiceID)
	})
	return slices.DeleteFunc(servers, func(s lbapi.ServerHealth) bool {
		return s.Sessions == nil || s.Sessions.Count == 0 || s.Weight == 0 || s.Status == lbapi.Unhealthy
	})
}
