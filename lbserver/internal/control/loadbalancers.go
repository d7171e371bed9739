package control

import (
	"net/http"
	"slices"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/ids"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
)

func loadBalancers() *resource {
	return &resource{
		idField: "loadBalancerId",
		collection: methods{
			http.MethodGet:  {read: listLoadBalancers},
			http.MethodPost: {write: createLoadBalancer},
		},
		object: methods{
			http.MethodGet:    {read: readLoadBalancer},
			http.MethodPatch:  {write: patchLoadBalancer},
			http.MethodDelete: {write: deleteLoadBalancer},
		},
	}
}

func listLoadBalancers(c *call) (any, error) {
	items, total, err := page(c, all(c.now().LoadBalancers), filters[lbapi.LoadBalancer]{
		"loadBalancerIds":   func(l *lbapi.LoadBalancer) string { return l.ID },
		"loadBalancerNames": func(l *lbapi.LoadBalancer) string { return l.Name },
	}, func(l *lbapi.LoadBalancer) string { return l.CreatedTime })
	used := c.server.config.Quotas.loadBalancers(c.now())
	return lbapi.LoadBalancerList{LoadBalancers: items, TotalCount: total, Quota: &used.Quota}, err
}

func readLoadBalancer(c *call) (any, error) {
	now, quotas := c.now(), c.server.config.Quotas
	object, err := get(c, now.LoadBalancers, "load balancer")
	if err != nil {
		return nil, err
	}
	return lbapi.LoadBalancerResult{LoadBalancer: *object, Quotas: &lbapi.LoadBalancerQuotas{
		Listeners:       quotas.listeners(now, object).Quota,
		BackendServices: quotas.backendServices(now, object).Quota,
		ServerGroups:    quotas.serverGroups(now, object).Quota,
		ServersPerGroup: quotas.Servers,
	}}, nil
}

func createLoadBalancer(c *call, change *change) (any, error) {
	var body lbapi.CreateLoadBalancer
	err := c.decode(&body, shape{required: []string{"loadBalancerName"}, sibling: lbapi.PatchLoadBalancer{}})
	if err != nil {
		return nil, err
	}
	object := lbapi.DefaultLoadBalancer()
	object.Zones = append(object.Zones, body.Zones...)
	object.PrivateIP.Address, object.CreatedTime = c.server.config.VIP.String(), lbapi.Timestamp(c.started)
	assign(&object.Name, body.Name)
	assign(&object.Type, body.Type)
	assign(&object.SubnetID, body.SubnetID)
	assign(&object.PrivateIP.Address, body.PrivateIPAddress)
	object.PrivateIP.Address = lbapi.ShortestAddress(object.PrivateIP.Address)
	assign(&object.Description, body.Description)
	assign(&object.DeleteProtection, body.DeleteProtection)
	details := append(object.Violations(), loadBalancerViolations(&object)...)
	if err := invalid(details...); err != nil {
		return nil, err
	}
	if err := c.server.config.Quotas.loadBalancers(change.base).room("loadBalancerName", 1); err != nil {
		return nil, err
	}
	object.ID, err = c.server.ids.New(lbapi.PrefixLoadBalancer, ids.In(change.base.LoadBalancers))
	if err != nil {
		return nil, err
	}
	snapshot.Put(change.edit, &object)
	return lbapi.LoadBalancerCreated{ID: object.ID}, nil
}

// loadBalancerViolations judges the fields that only a creation has.
func loadBalancerViolations(object *lbapi.LoadBalancer) []lbapi.Detail {
	var details []lbapi.Detail
	if object.Type != lbapi.LoadBalancerType {
		details = append(details, detail("type", "must be %q, got %q", lbapi.LoadBalancerType, object.Type))
	}
	if reason := invalidVIP(object.PrivateIP.Address); reason != "" {
		details = append(details, detail("privateIpAddress", "%s", reason))
	}
	return details
}

func invalidVIP(text string) string {
	if reason := lbapi.InvalidAddress(text); reason != "" {
		return reason
	}
	if address, err := lbapi.ParseAddress(text); err != nil || address.IsMulticast() {
		return "must be the address of one host, got " + text
	}
	return ""
}

func patchLoadBalancer(c *call, change *change) (any, error) {
	old, err := find(c, change.base.LoadBalancers, "load balancer")
	if err != nil {
		return nil, err
	}
	var body lbapi.PatchLoadBalancer
	if err := c.decode(&body, shape{sibling: lbapi.CreateLoadBalancer{}}); err != nil {
		return nil, err
	}
	object := *old
	assign(&object.Name, body.Name)
	assign(&object.Description, body.Description)
	assign(&object.DeleteProtection, body.DeleteProtection)
	if err := invalid(object.Violations()...); err != nil {
		return nil, err
	}
	snapshot.Put(change.edit, &object)
	return nothing{}, nil
}

func deleteLoadBalancer(c *call, change *change) (any, error) {
	object, err := getToDelete(c, change.base.LoadBalancers, "load balancer")
	if err != nil {
		return nil, err
	}
	if object.DeleteProtection {
		return nil, refuse(lbapi.Conflict, "deleteProtection",
			"%s is protected; turn its delete protection off first", nameLoadBalancer(object))
	}
	on := slices.Concat(
		each(listenersOn(change.base, object.ID), nameListener),
		each(backendServicesOn(change.base, object.ID), nameBackendService),
		each(serverGroupsOn(change.base, object.ID), nameServerGroup),
	)
	if err := inUse("loadBalancerId", nameLoadBalancer(object), on); err != nil {
		return nil, err
	}
	snapshot.Delete[lbapi.LoadBalancer](change.edit, object.ID)
	return nothing{}, nil
}

// loadBalancer finds the load balancer that the body of a creation names.
func (c *change) loadBalancer(id string) (*lbapi.LoadBalancer, error) {
	if object := c.base.LoadBalancers[id]; object != nil {
		return object, nil
	}
	return nil, invalid(detail("loadBalancerId", "there is no load balancer %.100q", id))
}

func listenersOn(s *snapshot.Snapshot, loadBalancerID string) []*lbapi.Listener {
	return snapshot.Sorted(s.Listeners, func(l *lbapi.Listener) bool { return l.LoadBalancerID == loadBalancerID })
}

func backendServicesOn(s *snapshot.Snapshot, loadBalancerID string) []*lbapi.BackendService {
	return snapshot.Sorted(s.BackendServices, func(b *lbapi.BackendService) bool {
		return b.LoadBalancerID == loadBalancerID
	})
}

func serverGroupsOn(s *snapshot.Snapshot, loadBalancerID string) []*lbapi.ServerGroup {
	return snapshot.Sorted(s.ServerGroups, func(g *lbapi.ServerGroup) bool { return g.LoadBalancerID == loadBalancerID })
}
