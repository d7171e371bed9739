package control

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
)

// The fields of the calls on servers that hold their lists.
const (
	fieldRegister   = "targetSpecs"
	fieldUpdate     = "targetUpdateSpecs"
	fieldDeregister = "targetIds"
)

func describeServers(c *call) (any, error) {
	group, err := find(c, c.now().ServerGroups, "server group")
	if err != nil {
		return nil, err
	}
	var servers []*lbapi.Server
	for _, server := range c.server.shown(group).Servers {
		servers = append(servers, &server)
	}
	items, total, err := page(c, servers, filters[lbapi.Server]{
		"targetIds":  func(s *lbapi.Server) string { return s.ID },
		"instanceId": func(s *lbapi.Server) string { return s.InstanceID },
		"type":       func(s *lbapi.Server) string { return string(s.Type) },
		"port":       func(s *lbapi.Server) string { return strconv.Itoa(s.Port) },
		"ipAddress":  func(s *lbapi.Server) string { return s.Address },
	}, func(*lbapi.Server) string { return "" }) // a group keeps its servers in the order of their registration
	return lbapi.ServerList{Servers: items, TotalCount: total}, err
}

func registerServers(c *call, change *change) (any, error) {
	group, err := find(c, change.base.ServerGroups, "server group")
	if err != nil {
		return nil, err
	}
	var body lbapi.RegisterServers
	if err := c.decodeList(&body, fieldRegister, func() int { return len(body.Servers) }); err != nil {
		return nil, err
	}
	added := make([]lbapi.Server, len(body.Servers))
	var details []lbapi.Detail
	for i := range body.Servers {
		added[i] = newServer(group, &body.Servers[i])
		details = append(details, c.server.judgeServer(group, &added[i], at(fieldRegister, i))...)
	}
	if err := invalid(bounded(details)...); err != nil {
		return nil, err
	}
	object := *group
	object.Servers = slices.Concat(group.Servers, added)
	if err := unique(&object, func(before, i int) (string, int) { return at(fieldRegister, i-len(group.Servers)), before }); err != nil {
		return nil, err
	}
	if err := c.server.config.Quotas.servers(group).room(fieldRegister, len(added)); err != nil {
		return nil, err
	}
	result := lbapi.ServersRegistered{IDs: make([]string, len(added))}
	taken := serverIDs(change.base)
	for i := range added {
		id, err := c.server.ids.New(lbapi.PrefixServer, func(id string) bool { return taken[id] })
		if err != nil {
			return nil, err
		}
		taken[id] = true
		object.Servers[len(group.Servers)+i].ID, result.IDs[i] = id, id
	}
	snapshot.Put(change.edit, &object)
	return result, nil
}

func newServer(group *lbapi.ServerGroup, body *lbapi.RegisterServer) lbapi.Server {
	server := lbapi.Server{
		GroupID: group.ID,
		Port:    int(lbapi.ServerPort.Default),
		Weight:  int(lbapi.Weight.Default),
	}
	assign(&server.Type, body.Type)
	assign(&server.InstanceID, body.InstanceID)
	assign(&server.Address, body.Address)
	server.Address = lbapi.ShortestAddress(server.Address)
	assign(&server.Port, body.Port)
	assign(&server.Weight, body.Weight)
	return server
}

// judgeServer judges a server by the rule table, by its group, and by its address or instance.
func (s *Server) judgeServer(group *lbapi.ServerGroup, server *lbapi.Server, at string) []lbapi.Detail {
	if server.Type == "" { // all other rules depend on it
		return []lbapi.Detail{detail(at+".type", "must be given")}
	}
	if details := server.Violations(at); len(details) > 0 {
		return details
	}
	if !server.Type.FitsGroup(group.Type) {
		return []lbapi.Detail{detail(at+".type", "%q does not go into %s, which is of type %q",
			server.Type, nameServerGroup(group), group.Type)}
	}
	if server.Type == lbapi.ServerAddress {
		address, _ := lbapi.ParseAddress(server.Address) // the networks refuse the zero Addr
		if reason := s.config.Networks.Refuses(address); reason != "" {
			return []lbapi.Detail{detail(at+".ipAddress", "%s", reason)}
		}
		return nil
	}
	instance, known := s.config.Inventory.Lookup(server.InstanceID)
	if !known {
		return []lbapi.Detail{detail(at+".instanceId", "the inventory has no instance %.100q", server.InstanceID)}
	}
	if instance.Type != server.Type {
		return []lbapi.Detail{detail(at+".type", "the inventory has %q as a %q, not as a %q",
			server.InstanceID, instance.Type, server.Type)}
	}
	return nil
}

func deregisterServers(c *call, change *change) (any, error) {
	group, err := find(c, change.base.ServerGroups, "server group")
	if err != nil {
		return nil, err
	}
	var body lbapi.DeregisterServers
	if err := c.decodeList(&body, fieldDeregister, func() int { return len(body.IDs) }); err != nil {
		return nil, err
	}
	index, details := places(group, body.IDs, func(i int) string { return at(fieldDeregister, i) })
	if err := invalid(bounded(details)...); err != nil {
		return nil, err
	}
	object := *group
	object.Servers = []lbapi.Server{}
	for i := range group.Servers {
		if !slices.Contains(index, i) {
			object.Servers = append(object.Servers, group.Servers[i])
		}
	}
	snapshot.Put(change.edit, &object)
	return nothing{}, nil
}

func updateServers(c *call, change *change) (any, error) {
	group, err := find(c, change.base.ServerGroups, "server group")
	if err != nil {
		return nil, err
	}
	var body lbapi.UpdateServers
	if err := c.decodeList(&body, fieldUpdate, func() int { return len(body.Servers) }); err != nil {
		return nil, err
	}
	ids := make([]string, len(body.Servers))
	for i, update := range body.Servers {
		assign(&ids[i], update.ID)
	}
	index, details := places(group, ids, func(i int) string { return at(fieldUpdate, i) + ".targetId" })
	if err := invalid(bounded(details)...); err != nil {
		return nil, err
	}
	object := *group
	object.Servers = slices.Clone(group.Servers)
	changedBy := map[int]int{} // the place in the group → the place in the call
	for i, update := range body.Servers {
		server := &object.Servers[index[i]]
		assign(&server.Port, update.Port)
		assign(&server.Weight, update.Weight)
		changedBy[index[i]] = i
		// Its address was judged when it was registered. The allowed networks may have changed since then; that is no
		// reason to refuse a weight.
		details = append(details, server.Violations(at(fieldUpdate, i))...)
	}
	if err := invalid(bounded(details)...); err != nil {
		return nil, err
	}
	if err := unique(&object, func(before, i int) (string, int) {
		if update, changed := changedBy[i]; changed {
			return at(fieldUpdate, update) + ".port", before
		}
		return at(fieldUpdate, changedBy[before]) + ".port", i
	}); err != nil {
		return nil, err
	}
	snapshot.Put(change.edit, &object)
	return nothing{}, nil
}

// decodeList decodes the body of a call that is a list of servers, which may not be empty.
func (c *call) decodeList(into any, field string, length func() int) error {
	if err := c.decode(into, shape{required: []string{field}}); err != nil {
		return err
	}
	if length() == 0 {
		return invalid(detail(field, "must hold at least one server"))
	}
	return nil
}

func at(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }

// places returns the places of servers in their group. Each must be there and be named once.
func places(group *lbapi.ServerGroup, ids []string, field func(int) string) ([]int, []lbapi.Detail) {
	index := make([]int, len(ids))
	var details []lbapi.Detail
	for i, id := range ids {
		index[i] = slices.IndexFunc(group.Servers, func(s lbapi.Server) bool { return s.ID == id })
		switch {
		case id == "":
			details = append(details, detail(field(i), "must be given"))
		case index[i] < 0:
			details = append(details, detail(field(i), "%s has no server %.100q", nameServerGroup(group), id))
		case slices.Contains(index[:i], index[i]):
			details = append(details, detail(field(i), "names server %q a second time", id))
		}
	}
	return index, details
}

// unique refuses a group in which two servers have the same address or instance and the same port. For the two places
// in the group, blame returns the field of the call that is at fault, and the place of the other server.
func unique(group *lbapi.ServerGroup, blame func(before, i int) (field string, holder int)) error {
	first := map[string]int{}
	var details []lbapi.Detail
	for i := range group.Servers {
		server := &group.Servers[i]
		key := location(server)
		if before, taken := first[key]; taken {
			field, holder := blame(before, i)
			details = append(details, detail(field, "%s is in %s already, as %s",
				key, nameServerGroup(group), describe(&group.Servers[holder])))
		} else {
			first[key] = i
		}
	}
	if len(details) == 0 {
		return nil
	}
	return lbapi.NewError(lbapi.Conflict, details[0].Reason, bounded(details)...)
}

// location is what may be in a group only once: an address or instance with a port. Addresses are compared, not their
// spellings.
func location(server *lbapi.Server) string {
	port := "the port of the backend service"
	if server.Port != 0 {
		port = "port " + strconv.Itoa(server.Port)
	}
	if server.Type != lbapi.ServerAddress {
		return "instance " + server.InstanceID + " with " + port
	}
	return lbapi.ShortestAddress(server.Address) + " with " + port
}

func describe(server *lbapi.Server) string {
	if server.ID == "" {
		return "another server of this call"
	}
	return "server " + server.ID
}

// serverIDs are the ids of the servers of all groups.
func serverIDs(s *snapshot.Snapshot) map[string]bool {
	taken := map[string]bool{}
	for _, group := range s.ServerGroups {
		for i := range group.Servers {
			taken[group.Servers[i].ID] = true
		}
	}
	return taken
}
