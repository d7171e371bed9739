package control

import (
	"net/http"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/ids"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/sessions"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/status"
)

func backendServices() *resource {
	return &resource{
		idField: "backendId",
		collection: methods{
			http.MethodGet:  {read: listBackendServices},
			http.MethodPost: {write: createBackendService},
		},
		object: methods{
			http.MethodGet:    {read: readBackendService},
			http.MethodPatch:  {write: patchBackendService},
			http.MethodDelete: {write: deleteBackendService},
		},
		parts: map[string]methods{
			"health": {http.MethodGet: {read: readServerHealth}},
		},
	}
}

func listBackendServices(c *call) (any, error) {
	items, total, err := page(c, all(c.now().BackendServices), filters[lbapi.BackendService]{
		"backendIds":     func(b *lbapi.BackendService) string { return b.ID },
		"backendNames":   func(b *lbapi.BackendService) string { return b.Name },
		"loadBalancerId": func(b *lbapi.BackendService) string { return b.LoadBalancerID },
		"protocol":       func(b *lbapi.BackendService) string { return string(b.Protocol) },
	}, func(b *lbapi.BackendService) string { return b.CreatedTime })
	for i := range items {
		items[i] = shownBackendService(&items[i])
	}
	return lbapi.BackendServiceList{BackendServices: items, TotalCount: total}, err
}

func readBackendService(c *call) (any, error) {
	object, err := get(c, c.now().BackendServices, "backend service")
	if err != nil {
		return nil, err
	}
	return lbapi.BackendServiceResult{BackendService: shownBackendService(object)}, nil
}

// shownBackendService is a backend service as answers show it: a check that is off has no fields.
func shownBackendService(object *lbapi.BackendService) lbapi.BackendService {
	shown := *object
	if !shown.HealthCheck.Enabled() {
		shown.HealthCheck = lbapi.HealthCheck{}
	}
	return shown
}

func createBackendService(c *call, change *change) (any, error) {
	var body lbapi.CreateBackendService
	err := c.decode(&body, shape{
		required: []string{"backendName", "loadBalancerId", "protocol", "port", "healthCheckSpec"},
		sibling:  lbapi.PatchBackendService{},
	})
	if err != nil {
		return nil, err
	}
	object := lbapi.DefaultBackendService()
	object.Name, object.LoadBalancerID, object.Protocol, object.Port = *body.Name, *body.LoadBalancerID, *body.Protocol, *body.Port
	object.HealthCheck = body.HealthCheck.Apply(lbapi.HealthCheck{})
	object.CreatedTime = lbapi.Timestamp(c.started)
	assign(&object.Scheduler, body.Scheduler)
	assign(&object.ServerGroupIDs, body.ServerGroupIDs)
	assign(&object.SessionPersistence, body.SessionPersistence)
	assign(&object.PersistenceTimeout, body.PersistenceTimeout)
	assign(&object.CookieSameSite, body.CookieSameSite)
	assign(&object.ForwardedProto, body.ForwardedProto)
	assign(&object.ForwardedPort, body.ForwardedPort)
	assign(&object.ForwardedHost, body.ForwardedHost)
	assign(&object.ForwardedLBIP, body.ForwardedLBIP)
	assign(&object.ForwardedClientPort, body.ForwardedClientPort)
	assign(&object.ProxyProtocol, body.ProxyProtocol)
	assign(&object.Description, body.Description)
	if err := invalidProtocol(object.Protocol, lbapi.BackendServiceProtocols()); err != nil {
		return nil, err
	}
	if err := invalid(append(body.HealthCheck.Violations(), object.Violations()...)...); err != nil {
		return nil, err
	}
	loadBalancer, err := change.loadBalancer(object.LoadBalancerID)
	if err != nil {
		return nil, err
	}
	if err := change.judgeBackendService(&object); err != nil {
		return nil, err
	}
	if err := c.server.config.Quotas.backendServices(change.base, loadBalancer).room("loadBalancerId", 1); err != nil {
		return nil, err
	}
	object.ID, err = c.server.ids.New(lbapi.PrefixBackendService, ids.In(change.base.BackendServices))
	if err != nil {
		return nil, err
	}
	snapshot.Put(change.edit, &object)
	return lbapi.BackendServiceCreated{ID: object.ID}, nil
}

func patchBackendService(c *call, change *change) (any, error) {
	old, err := find(c, change.base.BackendServices, "backend service")
	if err != nil {
		return nil, err
	}
	var body lbapi.PatchBackendService
	if err := c.decode(&body, shape{sibling: lbapi.CreateBackendService{}}); err != nil {
		return nil, err
	}
	object := *old
	assign(&object.Name, body.Name)
	assign(&object.Scheduler, body.Scheduler)
	assign(&object.ServerGroupIDs, body.ServerGroupIDs)
	assign(&object.SessionPersistence, body.SessionPersistence)
	assign(&object.PersistenceTimeout, body.PersistenceTimeout)
	assign(&object.CookieSameSite, body.CookieSameSite)
	assign(&object.ForwardedProto, body.ForwardedProto)
	assign(&object.ForwardedPort, body.ForwardedPort)
	assign(&object.ForwardedHost, body.ForwardedHost)
	assign(&object.ForwardedLBIP, body.ForwardedLBIP)
	assign(&object.ForwardedClientPort, body.ForwardedClientPort)
	assign(&object.ProxyProtocol, body.ProxyProtocol)
	assign(&object.Description, body.Description)
	details := patchHealthCheck(&object, &body)
	if err := invalid(append(details, object.Violations()...)...); err != nil {
		return nil, err
	}
	if err := change.judgeBackendService(&object); err != nil {
		return nil, err
	}
	snapshot.Put(change.edit, &object)
	return nothing{}, nil
}

// patchHealthCheck turns checking off, turns it on again, or lays a spec over it, which turns it on too. It returns
// what is wrong with the fields themselves.
func patchHealthCheck(object *lbapi.BackendService, body *lbapi.PatchBackendService) []lbapi.Detail {
	off := body.CloseHealthCheck != nil && *body.CloseHealthCheck
	switch {
	case off && body.HealthCheck != nil:
		return []lbapi.Detail{detail("closeHealthCheck", "cannot be true together with a healthCheckSpec, which turns checking on")}
	case body.HealthCheck != nil:
		object.HealthCheck = body.HealthCheck.Apply(object.HealthCheck)
		return body.HealthCheck.Violations()
	case body.CloseHealthCheck == nil:
		return nil
	case !off && object.HealthCheck.Protocol == "":
		return []lbapi.Detail{detail("closeHealthCheck", "cannot be false: there is no health check to turn on again; give a healthCheckSpec")}
	default:
		object.HealthCheck.Off = off
		return nil
	}
}

func deleteBackendService(c *call, change *change) (any, error) {
	object, err := getToDelete(c, change.base.BackendServices, "backend service")
	if err != nil {
		return nil, err
	}
	users := each(change.base.ListenersUsing(object.ID), nameListener)
	if err := inUse("backendId", nameBackendService(object), users); err != nil {
		return nil, err
	}
	snapshot.Delete[lbapi.BackendService](change.edit, object.ID)
	return nothing{}, nil
}

// judgeBackendService judges a backend service by the server group that it refers to.
func (c *change) judgeBackendService(object *lbapi.BackendService) error {
	for _, id := range object.ServerGroupIDs {
		group := c.base.ServerGroups[id]
		if group == nil {
			return invalid(detail("targetGroupIds", "there is no server group %.100q", id))
		}
		if group.LoadBalancerID != object.LoadBalancerID {
			return invalid(detail("targetGroupIds", "%s is on load balancer %s; it must be on the backend service's, %s",
				nameServerGroup(group), group.LoadBalancerID, object.LoadBalancerID))
		}
	}
	return nil
}

func readServerHealth(c *call) (any, error) {
	now := c.now()
	object, err := get(c, now.BackendServices, "backend service")
	if err != nil {
		return nil, err
	}
	shown := []lbapi.ServerHealth{}
	if group := now.ServerGroupOf(object); group != nil {
		running := map[string]*status.Server{}
		service, _ := c.server.config.BackendService(object.ID)
		for i := range service.Servers {
			running[service.Servers[i].Object.ID] = &service.Servers[i]
		}
		for _, server := range c.server.shown(group).Servers {
			shown = append(shown, serverHealth(object, server, running[server.ID]))
		}
	}
	return lbapi.ServerHealthList{Servers: shown, TotalCount: len(shown)}, nil
}

// serverHealth shows how one server of a backend service is; running is nil if it takes no traffic here, since its
// address is not known, or not yet.
func serverHealth(object *lbapi.BackendService, server lbapi.Server, running *status.Server) lbapi.ServerHealth {
	health := lbapi.ServerHealth{
		ServerGroupID: server.GroupID,
		InstanceID:    server.InstanceID,
		Address:       server.Address,
		Type:          server.Type,
		Port:          server.Port,
		Weight:        server.Weight,
	}
	if health.Port == 0 {
		health.Port = object.Port
	}
	switch {
	case running != nil:
		health.Status, health.Reason = running.Status, running.Reason
		if running.Sessions != nil {
			health.Sessions = &lbapi.SessionCount{Count: *running.Sessions, Window: int(sessions.Window / time.Second)}
		}
	case server.Address == "":
		health.Status = lbapi.Unhealthy
		health.Reason = lbapi.UnhealthyReason{
			Reason: lbapi.ConnectFailed,
			Detail: "the inventory has no instance " + server.InstanceID + ", so its address is not known",
		}
	case object.HealthCheck.Enabled():
		health.Status = lbapi.HealthUnknown
	default:
		health.Status = lbapi.HealthOff
	}
	return health
}
