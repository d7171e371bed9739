package planning

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// ServerIdentity is what identifies a server within its group: no two servers of a group have the same.
type ServerIdentity struct {
	Type lbapi.ServerType
	Host string // the instance's id, or the address in its shortest form
	Port int
}

// Membership remembers for one walk who says which servers each group has: the group's own "servers", or alb_server
// resources. The API does not know, and if both did they would undo each other's changes forever. The zero value is
// ready.
type Membership struct {
	mu     sync.Mutex
	groups map[string]*groupMembership // under mu, by id
}

// groupMembership is what is known of one group, under the mutex of Membership.
type groupMembership struct {
	listed, single bool                      // "servers" is set; an alb_server is in the group
	wanted         map[ServerIdentity]bool   // those of "servers"
	leaving        map[ServerIdentity]string // ids of those whose alb_server the walk plans to destroy
}

func (m *Membership) of(groupID string) *groupMembership {
	if m.groups == nil {
		m.groups = map[string]*groupMembership{}
	}
	group := m.groups[groupID]
	if group == nil {
		group = &groupMembership{wanted: map[ServerIdentity]bool{}, leaving: map[ServerIdentity]string{}}
		m.groups[groupID] = group
	}
	return group
}

// IsListed reports whether the group lists its servers itself.
func (m *Membership) IsListed(groupID string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.of(groupID).listed
}

// List notes that a group lists its servers itself, by the user's names of them. It refuses that if an alb_server is in
// the group, or if the alb_server of a listed server is to be destroyed.
func (m *Membership) List(groupID string, listed map[string]ServerIdentity, diags *diag.Diagnostics) {
	m.mu.Lock()
	defer m.mu.Unlock()
	group := m.of(groupID)
	group.listed = true
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		server := listed[name]
		group.wanted[server] = true
		if id, leaves := group.leaving[server]; leaves {
			refuseLoss(path.Root("servers").AtMapKey(name), groupID, id, diags)
		}
	}
	if group.single {
		refuseBoth(path.Root("servers"), groupID, diags)
	}
}

// Add notes that an alb_server is in a group, and refuses that if the group lists its servers itself.
func (m *Membership) Add(groupID string, diags *diag.Diagnostics) {
	m.mu.Lock()
	defer m.mu.Unlock()
	group := m.of(groupID)
	group.single = true
	if group.listed {
		refuseBoth(path.Root("server_group_id"), groupID, diags)
	}
}

// Leave notes that an alb_server is planned to be destroyed, and refuses that if its group now lists the server.
func (m *Membership) Leave(groupID, id string, server ServerIdentity, diags *diag.Diagnostics) {
	m.mu.Lock()
	defer m.mu.Unlock()
	group := m.of(groupID)
	group.leaving[server] = id
	if group.wanted[server] {
		refuseLoss(path.Root("server_group_id"), groupID, id, diags)
	}
}

// refuseLoss refuses to take a server out of the group that lists it. Terraform destroys a resource before it updates
// what that depended on, so the server would take no traffic until the list is applied; if it was applied before, none
// at all.
func refuseLoss(at path.Path, groupID, id string, diags *diag.Diagnostics) {
	diags.AddAttributeError(at, "A server that stays would leave its group", fmt.Sprintf(
		"Server group %q lists server %q in \"servers\", and the plan destroys the alb_server that stood for it, which takes the server out "+
			"of the group. Have Terraform forget the alb_server instead: put this in its place (Terraform 1.7 and later), or run "+
			"\"terraform state rm\" with its address.\n\n"+
			"  removed {\n    from = alb_server.NAME\n    lifecycle {\n      destroy = false\n    }\n  }", groupID, id))
}

// refuseBoth refuses a group that lists its servers and has alb_server resources as well.
func refuseBoth(at path.Path, groupID string, diags *diag.Diagnostics) {
	diags.AddAttributeError(at, "Two ways to say which servers a group has",
		"Server group \""+groupID+"\" lists its servers itself, in \"servers\" of its alb_server_group, and has an alb_server as well: "+
			"each would undo what the other does. Either leave \"servers\" of the group out, which leaves the servers it has in place, and have "+
			"an alb_server for each, imported where it exists; or list all of them in \"servers\" and put \"removed { from = alb_server.NAME, "+
			"lifecycle { destroy = false } }\" in the place of the alb_server.")
}
