package provider

import (
	"context"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// membership remembers, for one walk over the resources, who says which servers a group has: the group's own "servers", or
// alb_server resources. The API does not know, and where both did they would undo each other's changes for ever.
type membership struct {
	mu     sync.Mutex
	groups map[string]*groupMembership // under mu, by id
}

type groupMembership struct {
	listed, single bool // under the mutex of membership: "servers" is set; an alb_server is in the group

	// changing is held for writing while the group makes its servers those that it lists, and for reading while an alb_server
	// leaves: where a server moves from a resource of its own into the list, it may do so before or after, not meanwhile.
	changing sync.RWMutex
}

func (m *membership) of(groupID string) *groupMembership {
	if m.groups == nil {
		m.groups = map[string]*groupMembership{}
	}
	group := m.groups[groupID]
	if group == nil {
		group = &groupMembership{}
		m.groups[groupID] = group
	}
	return group
}

// changing is the lock of a group's servers.
func (m *membership) changing(groupID string) *sync.RWMutex {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &m.of(groupID).changing
}

// isListed reports whether the group lists its servers itself.
func (m *membership) isListed(groupID string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.of(groupID).listed
}

// list notes that a group lists its servers itself, and refuses that where an alb_server is in it.
func (m *membership) list(groupID string, diags *diag.Diagnostics) {
	m.mu.Lock()
	defer m.mu.Unlock()
	group := m.of(groupID)
	group.listed = true
	if group.single {
		refuseBoth(path.Root("servers"), groupID, diags)
	}
}

// add notes that an alb_server is in a group, and refuses that where the group lists its servers itself.
func (m *membership) add(groupID string, diags *diag.Diagnostics) {
	m.mu.Lock()
	defer m.mu.Unlock()
	group := m.of(groupID)
	group.single = true
	if group.listed {
		refuseBoth(path.Root("server_group_id"), groupID, diags)
	}
}

func refuseBoth(at path.Path, groupID string, diags *diag.Diagnostics) {
	diags.AddAttributeError(at, "Two ways to say which servers a group has",
		"Server group \""+groupID+"\" lists its servers itself, in \"servers\" of its alb_server_group, and has an alb_server as well: "+
			"each would undo what the other does. Either leave \"servers\" of the group out, which leaves the servers it has in place, and have "+
			"an alb_server for each, imported where it exists; or list all of them in \"servers\" and take the alb_server out of the configuration.")
}

// groupType is the type of a server group, which never changes; it is read once in a walk.
func (c *connection) groupType(ctx context.Context, id string) (lbapi.ServerGroupType, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.groupTypes[id]; ok {
		return known, nil
	}
	group, err := c.ServerGroup(ctx, id)
	if err != nil {
		return "", err
	}
	if c.groupTypes == nil {
		c.groupTypes = map[string]lbapi.ServerGroupType{}
	}
	c.groupTypes[id] = group.Type
	return group.Type, nil
}
