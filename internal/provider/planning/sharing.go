package planning

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// BackendService is a planned backend service, as far as those that use the same server group need it. What is not
// known yet is empty.
type BackendService struct {
	ID, Name, LoadBalancerID, ServerGroupID, Protocol string
}

// sharer is a backend service that uses a server group.
type sharer struct {
	name, protocol string // the name as messages give it
}

// WarnOfSharing warns if a backend service begins to use a server group that a backend service of another protocol
// uses. The API allows it, because a server may take both protocols; most don't.
func (w *Walk) WarnOfSharing(ctx context.Context, change Change[BackendService], diags *diag.Diagnostics) {
	before, after := change.Before, change.After
	if change.Action != Create {
		w.outdate(before.ID)
	}
	if change.Action == Delete || change.Action == Replace || after.ServerGroupID == "" || after.Protocol == "" {
		return
	}
	mine := sharer{NameAndID(after.Name, after.ID), after.Protocol}
	others := append(w.sharing(ctx, after.LoadBalancerID, after.ServerGroupID), w.share(after.ServerGroupID, mine)...)
	i := slices.IndexFunc(others, func(other sharer) bool { return other.protocol != mine.protocol })
	if i < 0 {
		return
	}
	diags.AddAttributeWarning(path.Root("server_group_id"), "Server group of two protocols", fmt.Sprintf("Server group %s is also used by "+
		"backend service %s, whose \"protocol\" is %q, and this one's is %q: its servers would have to take both on the same port. Most "+
		"don't; give each protocol a server group of its own then.", after.ServerGroupID, others[i].name, others[i].protocol, mine.protocol))
}

// sharing lists the backend services that use a server group as the API shows them, without those that leave it.
func (w *Walk) sharing(ctx context.Context, loadBalancerID, groupID string) []sharer {
	var found []sharer
	for _, service := range w.backendServices(ctx, loadBalancerID) {
		if slices.Contains(service.ServerGroupIDs, groupID) && !w.isOutdated(service.ID) {
			found = append(found, sharer{NameAndID(service.Name, service.ID), lbapi.BackendServiceProtocols().Word(service.Protocol)})
		}
	}
	return found
}

// share notes that a planned backend service uses a server group, and returns those that were noted before it.
func (w *Walk) share(groupID string, planned sharer) []sharer {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := slices.Clone(w.sharers[groupID])
	w.sharers[groupID] = append(w.sharers[groupID], planned)
	return before
}

// outdate notes that a backend service will not be as the API shows it.
func (w *Walk) outdate(backendServiceID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outdated[backendServiceID] = true
}

func (w *Walk) isOutdated(backendServiceID string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.outdated[backendServiceID]
}
