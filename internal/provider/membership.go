package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"
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

// groupMembership is what is known of one group, under the mutex of membership.
type groupMembership struct {
	listed, single bool                // "servers" is set; an alb_server is in the group
	wanted         map[identity]bool   // those of "servers"
	leaving        map[identity]string // ids of those whose alb_server the walk plans to destroy
}

func (m *membership) of(groupID string) *groupMembership {
	if m.groups == nil {
		m.groups = map[string]*groupMembership{}
	}
	group := m.groups[groupID]
	if group == nil {
		group = &groupMembership{wanted: map[identity]bool{}, leaving: map[identity]string{}}
		m.groups[groupID] = group
	}
	return group
}

// isListed reports whether the group lists its servers itself.
func (m *membership) isListed(groupID string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.of(groupID).listed
}

// list notes that a group lists its servers itself, and refuses that where an alb_server is in it, or where one that stands
// for a server of the list is to be destroyed.
func (m *membership) list(groupID string, wanted map[string]server, diags *diag.Diagnostics) {
	m.mu.Lock()
	defer m.mu.Unlock()
	group := m.of(groupID)
	group.listed = true
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		one := wanted[name].identity()
		group.wanted[one] = true
		if id, leaves := group.leaving[one]; leaves {
			refuseLoss(path.Root("servers").AtMapKey(name), groupID, id, diags)
		}
	}
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

// leave notes that an alb_server is planned to be destroyed, and refuses that where its group lists the server by now.
func (m *membership) leave(groupID, id string, one identity, diags *diag.Diagnostics) {
	m.mu.Lock()
	defer m.mu.Unlock()
	group := m.of(groupID)
	group.leaving[one] = id
	if group.wanted[one] {
		refuseLoss(path.Root("server_group_id"), groupID, id, diags)
	}
}

// refuseLoss refuses to take a server out of the group that lists it. Terraform destroys before it updates what the destroyed
// depended on, so the server would take no traffic until the list is applied; and where that was done before, none from then on.
func refuseLoss(at path.Path, groupID, id string, diags *diag.Diagnostics) {
	diags.AddAttributeError(at, "A server that stays would leave its group", fmt.Sprintf(
		"Server group %q lists server %q in \"servers\", and the plan destroys the alb_server that stood for it, which takes the server out "+
			"of the group. Have Terraform forget the alb_server instead: put this in its place (Terraform 1.7 and later), or run "+
			"\"terraform state rm\" with its address.\n\n"+
			"  removed {\n    from = alb_server.NAME\n    lifecycle {\n      destroy = false\n    }\n  }", groupID, id))
}

func refuseBoth(at path.Path, groupID string, diags *diag.Diagnostics) {
	diags.AddAttributeError(at, "Two ways to say which servers a group has",
		"Server group \""+groupID+"\" lists its servers itself, in \"servers\" of its alb_server_group, and has an alb_server as well: "+
			"each would undo what the other does. Either leave \"servers\" of the group out, which leaves the servers it has in place, and have "+
			"an alb_server for each, imported where it exists; or list all of them in \"servers\" and put \"removed { from = alb_server.NAME, "+
			"lifecycle { destroy = false } }\" in the place of the alb_server.")
}

// groupType is the type of a server group, which never changes; it is read once in a walk. False where it can't be read.
func (c *connection) groupType(ctx context.Context, id string) (lbapi.ServerGroupType, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.groupTypes[id]; ok {
		return known, true
	}
	group, ok := ask(ctx, c, func(ctx context.Context) (lbapi.ServerGroup, error) { return c.ServerGroup(ctx, id) })
	if !ok {
		return "", false
	}
	if c.groupTypes == nil {
		c.groupTypes = map[string]lbapi.ServerGroupType{}
	}
	c.groupTypes[id] = group.Type
	return group.Type, true
}
