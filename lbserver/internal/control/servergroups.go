package control

import (
	"net/http"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/ids"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
)

func serverGroups() *resource {
	return &resource{
		idField: "targetGroupId",
		collection: methods{
			http.MethodGet:  {read: listServerGroups},
			http.MethodPost: {write: createServerGroup},
		},
		object: methods{
			http.MethodGet:    {read: readServerGroup},
			http.MethodPatch:  {write: patchServerGroup},
			http.MethodDelete: {write: deleteServerGroup},
		},
		verbs: map[string]methods{
			lbapi.VerbDescribeServers:   {http.MethodGet: {read: describeServers}},
			lbapi.VerbRegisterServers:   {http.MethodPost: {write: registerServers}},
			lbapi.VerbDeregisterServers: {http.MethodPost: {write: deregisterServers}},
			lbapi.VerbUpdateServers:     {http.MethodPost: {write: updateServers}},
		},
	}
}

func listServerGroups(c *call) (any, error) {
	items, total, err := page(c, all(c.now().ServerGroups), filters[lbapi.ServerGroup]{
		"targetGroupIds":   func(g *lbapi.ServerGroup) string { return g.ID },
		"targetGroupNames": func(g *lbapi.ServerGroup) string { return g.Name },
		"loadBalancerId":   func(g *lbapi.ServerGroup) string { return g.LoadBalancerID },
	}, func(g *lbapi.ServerGroup) string { return g.CreatedTime })
	for i := range items {
		items[i] = *c.server.shown(&items[i])
	}
	return lbapi.ServerGroupList{ServerGroups: items, TotalCount: total}, err
}

func readServerGroup(c *call) (any, error) {
	object, err := get(c, c.now().ServerGroups, "server group")
	if err != nil {
		return nil, err
	}
	return lbapi.ServerGroupResult{ServerGroup: *c.server.shown(object)}, nil
}

// shown is a server group with the addresses of its instances filled in, as far as the inventory has them.
func (s *Server) shown(group *lbapi.ServerGroup) *lbapi.ServerGroup {
	shown := *group
	shown.Servers = append([]lbapi.Server{}, group.Servers...)
	for i := range shown.Servers {
		server := &shown.Servers[i]
		if server.Type == lbapi.ServerAddress {
			continue
		}
		if instance, known := s.config.Inventory.Lookup(server.InstanceID); known {
			server.Address = instance.Address.String()
		}
	}
	return &shown
}

func createServerGroup(c *call, change *change) (any, error) {
	var body lbapi.CreateServerGroup
	err := c.decode(&body, shape{
		required: []string{"targetGroupName", "loadBalancerId"}, sibling: lbapi.PatchServerGroup{},
	})
	if err != nil {
		return nil, err
	}
	object := lbapi.DefaultServerGroup()
	object.Name, object.LoadBalancerID, object.CreatedTime = *body.Name, *body.LoadBalancerID, lbapi.Timestamp(c.started)
	assign(&object.Type, body.Type)
	assign(&object.Description, body.Description)
	if err := invalid(object.Violations()...); err != nil {
		return nil, err
	}
	loadBalancer, err := change.loadBalancer(object.LoadBalancerID)
	if err != nil {
		return nil, err
	}
	if err := c.server.config.Quotas.serverGroups(change.base, loadBalancer).room("loadBalancerId", 1); err != nil {
		return nil, err
	}
	object.ID, err = c.server.ids.New(lbapi.PrefixServerGroup, ids.In(change.base.ServerGroups))
	if err != nil {
		return nil, err
	}
	snapshot.Put(change.edit, &object)
	return lbapi.ServerGroupCreated{ID: object.ID}, nil
}

func patchServerGroup(c *call, change *change) (any, error) {
	old, err := find(c, change.base.ServerGroups, "server group")
	if err != nil {
		return nil, err
	}
	var body lbapi.PatchServerGroup
	if err := c.decode(&body, shape{sibling: lbapi.CreateServerGroup{}}); err != nil {
		return nil, err
	}
	object := *old
	assign(&object.Name, body.Name)
	assign(&object.Description, body.Description)
	if err := invalid(object.Violations()...); err != nil {
		return nil, err
	}
	snapshot.Put(change.edit, &object)
	return nothing{}, nil
}

func deleteServerGroup(c *call, change *change) (any, error) {
	object, err := getToDelete(c, change.base.ServerGroups, "server group")
	if err != nil {
		return nil, err
	}
	users := each(change.base.BackendServicesUsing(object.ID), nameBackendService)
	if err := inUse("targetGroupId", nameServerGroup(object), users); err != nil {
		return nil, err
	}
	snapshot.Delete[lbapi.ServerGroup](change.edit, object.ID)
	return nothing{}, nil
}
