package lbapi

// ServerGroup is a set of servers that backend services send traffic to.
type ServerGroup struct {
	ID             string          `json:"targetGroupId"`
	Name           string          `json:"targetGroupName"`
	LoadBalancerID string          `json:"loadBalancerId"`
	Type           ServerGroupType `json:"type"`
	Description    string          `json:"description"`
	Servers        []Server        `json:"targets"`
	CreatedTime    string          `json:"createdTime"`
}

// DefaultServerGroup is a server group with every optional field at its default.
func DefaultServerGroup() ServerGroup {
	return ServerGroup{Type: GroupOfInstances, Servers: []Server{}}
}

// Server is one server of a group.
type Server struct {
	ID      string     `json:"targetId"`
	GroupID string     `json:"targetGroupId"`
	Type    ServerType `json:"type"`
	// InstanceID is set for a vm or a container, and only then.
	InstanceID string `json:"instanceId,omitempty"`
	// Address is set for a server of type ip. For an instance, the server fills it in from the inventory in its
	// answers.
	Address string `json:"ipAddress"`
	Port    int    `json:"port"`   // 0–65535; 0 = the backend service's port
	Weight  int    `json:"weight"` // 0–100; 0 takes no request
}

// CreateServerGroup is the body of a creation; a nil field was not given.
type CreateServerGroup struct {
	Name           *string          `json:"targetGroupName,omitempty"`
	LoadBalancerID *string          `json:"loadBalancerId,omitempty"`
	Type           *ServerGroupType `json:"type,omitempty"`
	Description    *string          `json:"description,omitempty"`
}

// PatchServerGroup is the body of a change; a nil field stays as it is.
type PatchServerGroup struct {
	Name        *string `json:"targetGroupName,omitempty"`
	Description *string `json:"description,omitempty"`
}

// RegisterServers adds servers to a group, all or none.
type RegisterServers struct {
	Servers []RegisterServer `json:"targetSpecs"`
}

// RegisterServer describes one server to add; a nil field was not given.
type RegisterServer struct {
	Type       *ServerType `json:"type,omitempty"`
	InstanceID *string     `json:"instanceId,omitempty"`
	Address    *string     `json:"ipAddress,omitempty"`
	Port       *int        `json:"port,omitempty"`
	Weight     *int        `json:"weight,omitempty"`
}

// DeregisterServers removes servers from a group, all or none.
type DeregisterServers struct {
	IDs []string `json:"targetIds"`
}

// UpdateServers changes port and weight of servers in place, all or none.
type UpdateServers struct {
	Servers []UpdateServer `json:"targetUpdateSpecs"`
}

// UpdateServer changes one server; a nil field stays as it is.
type UpdateServer struct {
	ID     *string `json:"targetId,omitempty"`
	Port   *int    `json:"port,omitempty"`
	Weight *int    `json:"weight,omitempty"`
}

// Violations returns what in the group, without its servers, breaks the rule table.
func (g *ServerGroup) Violations() []Detail {
	var found findings
	found.name("targetGroupName", g.Name)
	oneOf(&found, "type", g.Type, []string{string(GroupOfInstances), string(GroupOfAddresses)})
	found.description("description", g.Description)
	return found
}

// Violations returns what in one server breaks the rule table. at is the JSON path of the server in the call, such as
// "targetSpecs[0]". Only lbserver can judge whether the address lies in an allowed network and the instance is known.
func (s *Server) Violations(at string) []Detail {
	var found findings
	oneOf(&found, at+".type", s.Type, []string{string(ServerVM), string(ServerContainer), string(ServerAddress)})
	found.inRange(at+".port", s.Port, ServerPort)
	found.inRange(at+".weight", s.Weight, Weight)
	if s.Type == ServerAddress {
		if s.InstanceID != "" {
			found.add(at+".instanceId", `must not be given when "type" is "ip"`)
		}
		if reason := InvalidAddress(s.Address); reason != "" {
			found.add(at+".ipAddress", reason)
		}
	} else {
		if s.InstanceID == "" {
			found.add(at+".instanceId", "must be given when \"type\" is \"vm\" or \"container\"")
		}
		if s.Address != "" {
			found.add(at+".ipAddress", `may be given only when "type" is "ip"`)
		}
	}
	return found
}

// Results of the calls on server groups.
type (
	// ServerGroupCreated answers a creation.
	ServerGroupCreated struct {
		ID string `json:"targetGroupId"`
	}
	// ServerGroupResult answers a read.
	ServerGroupResult struct {
		ServerGroup ServerGroup `json:"targetGroup"`
	}
	// ServerGroupList answers a listing; TotalCount counts over all pages.
	ServerGroupList struct {
		ServerGroups []ServerGroup `json:"targetGroups"`
		TotalCount   int           `json:"totalCount"`
	}
	// ServersRegistered answers a registration with the ids in the order of the call.
	ServersRegistered struct {
		IDs []string `json:"targetIds"`
	}
	// ServerList answers a listing of a group's servers; TotalCount counts over all pages.
	ServerList struct {
		Servers    []Server `json:"targets"`
		TotalCount int      `json:"totalCount"`
	}
)
