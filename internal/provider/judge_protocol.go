package provider

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// plannedBackendService is what the plan of one backend service tells to those that use its server group as well.
type plannedBackendService struct {
	name, protocol string
}

// judgeSharing warns where a backend service comes to use a server group that one of another protocol uses. The API allows
// it, since a server may well take both; most don't.
func (c *connection) judgeSharing(ctx context.Context, does fate, before, after backendServiceModel, diags *diag.Diagnostics) {
	if does == fateUnknown || does == fateChanged && after.ServerGroupID.Equal(before.ServerGroupID) {
		return
	}
	if does != fateCreated {
		c.judging.leave(before.ID.ValueString())
	}
	groupID := after.ServerGroupID.ValueString()
	if does == fateDeleted || does == fateReplaced || groupID == "" || after.Protocol.IsUnknown() {
		return
	}
	mine := plannedBackendService{describeObject(after.Name.ValueString(), after.ID.ValueString()), after.Protocol.ValueString()}
	others := append(c.sharing(ctx, after.LoadBalancerID.ValueString(), groupID), c.judging.share(groupID, mine)...)
	i := slices.IndexFunc(others, func(other plannedBackendService) bool { return other.protocol != mine.protocol })
	if i < 0 {
		return
	}
	diags.AddAttributeWarning(path.Root("server_group_id"), "Server group of two protocols", fmt.Sprintf("Server group %s is also used by "+
		"backend service %s, whose \"protocol\" is %q, and this one's is %q: its servers would have to take both on the same port. Most "+
		"don't; give each protocol a server group of its own then.", groupID, others[i].name, others[i].protocol, mine.protocol))
}

// sharing lists the backend services that use a server group, as the API shows them, without those that leave it.
func (c *connection) sharing(ctx context.Context, loadBalancerID, groupID string) []plannedBackendService {
	var found []plannedBackendService
	for _, service := range c.backendServices(ctx, loadBalancerID) {
		if slices.Contains(service.ServerGroupIDs, groupID) && !c.judging.leaves(service.ID) {
			found = append(found, plannedBackendService{
				describeObject(service.Name, service.ID), lbapi.BackendServiceProtocols().Word(service.Protocol),
			})
		}
	}
	return found
}

// share notes that a planned backend service uses a server group, and returns those before it.
func (j *judgement) share(groupID string, planned plannedBackendService) []plannedBackendService {
	j.mu.Lock()
	defer j.mu.Unlock()
	before := slices.Clone(j.sharers[groupID])
	j.sharers[groupID] = append(j.sharers[groupID], planned)
	return before
}

// leave notes that a backend service will not be what the API shows.
func (j *judgement) leave(backendServiceID string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.leaving[backendServiceID] = true
}

func (j *judgement) leaves(backendServiceID string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.leaving[backendServiceID]
}
