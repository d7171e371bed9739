package provider

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
)

// judgeTimeout bounds one question to the API for the sake of a judgement while planning.
const judgeTimeout = 5 * time.Second

// judgement is what is remembered, for one walk over the resources, to judge plans by what the API shows while they are made.
// That only ever warns: what is true now may have changed when the plan is applied, and what the API must refuse it refuses
// then. Where the API cannot be read, or does not tell, there is no warning.
type judgement struct {
	silent atomic.Bool // a question went unanswered; no further one is asked

	mu       sync.Mutex
	quotas   map[quotaKey]*lbapi.Quota          // under mu: as the API showed them before the walk; nil: it does not say
	planned  map[quotaKey]int                   // under mu: objects that the walk has planned to create, less those to delete
	services map[string][]lbapi.BackendService  // under mu: by load balancer, as the API showed them
	sharers  map[string][]plannedBackendService // under mu: by server group, those that the walk has planned
	leaving  map[string]bool                    // under mu: ids of backend services that will not be what the API shows
}

func newJudgement() *judgement {
	return &judgement{
		quotas: map[quotaKey]*lbapi.Quota{}, planned: map[quotaKey]int{}, services: map[string][]lbapi.BackendService{},
		sharers: map[string][]plannedBackendService{}, leaving: map[string]bool{},
	}
}

// fate is what a plan does with a resource.
type fate int

const (
	fateUnknown fate = iota // nothing to judge, or to judge by: no change, no API, or errors already
	fateCreated
	fateChanged
	fateReplaced // Terraform plans the creation of the new one after that
	fateDeleted
)

// judged takes a plan apart: the resource in the state, the zero value where it is created, and in the plan, the zero value
// where it is deleted.
func judged[M any](
	ctx context.Context, api *connection, replaces func(after, before M) bool, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse,
) (before, after M, does fate) {
	if api == nil || resp.Diagnostics.HasError() || req.State.Raw.Equal(resp.Plan.Raw) {
		return before, after, fateUnknown
	}
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &before)...)
	}
	if !req.Plan.Raw.IsNull() {
		resp.Diagnostics.Append(resp.Plan.Get(ctx, &after)...)
	}
	switch {
	case resp.Diagnostics.HasError():
		return before, after, fateUnknown
	case req.State.Raw.IsNull():
		return before, after, fateCreated
	case req.Plan.Raw.IsNull():
		return before, after, fateDeleted
	case replaces(after, before):
		return before, after, fateReplaced
	default:
		return before, after, fateChanged
	}
}

func (r *loadBalancerResource) judge(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	_, _, does := judged(ctx, r.api, loadBalancerModel.replaces, req, resp)
	r.api.judgeLoadBalancerQuota(ctx, does, &resp.Diagnostics)
}

func (r *listenerResource) judge(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	before, after, does := judged(ctx, r.api, listenerModel.replaces, req, resp)
	r.api.judgeQuota(ctx, listenerQuota(), does, before.placedModel, after.placedModel, &resp.Diagnostics)
}

func (r *backendServiceResource) judge(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	before, after, does := judged(ctx, r.api, backendServiceModel.replaces, req, resp)
	r.api.judgeQuota(ctx, backendServiceQuota(), does, before.placedModel, after.placedModel, &resp.Diagnostics)
	r.api.judgeSharing(ctx, does, before, after, &resp.Diagnostics)
	r.api.judgeSessions(ctx, does, before, after, &resp.Diagnostics)
}

func (r *serverGroupResource) judge(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	before, after, does := judged(ctx, r.api, serverGroupModel.replaces, req, resp)
	r.api.judgeQuota(ctx, serverGroupQuota(), does, before.placedModel, after.placedModel, &resp.Diagnostics)
	r.api.judgeListedQuota(ctx, does, before, after, &resp.Diagnostics)
	r.api.judgeListed(ctx, does, before, after, &resp.Diagnostics)
}

func (r *serverResource) judge(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	before, after, does := judged(ctx, r.api, serverResourceModel.replaces, req, resp)
	r.api.judgeServerQuota(ctx, does, before.ServerGroupID.ValueString(), after.ServerGroupID.ValueString(), &resp.Diagnostics)
	r.api.judgeServer(ctx, does, before, after, &resp.Diagnostics)
}

// ask puts a question to the API for the sake of a judgement while planning; false where there is no answer.
func ask[T any](ctx context.Context, c *connection, question func(context.Context) (T, error)) (answer T, ok bool) {
	if c.judging.silent.Load() {
		return answer, false
	}
	bounded, cancel := context.WithTimeout(ctx, judgeTimeout)
	defer cancel()
	answer, err := question(bounded)
	if err == nil {
		return answer, true
	}
	tflog.Debug(ctx, "Left a judgement to the API: it could not be asked while planning", map[string]any{"error": err.Error()})
	if !client.IsNotFound(err) && !errors.Is(ctx.Err(), context.Canceled) {
		c.judging.silent.Store(true)
	}
	return answer, false
}

// backendServices lists the backend services of a load balancer, as they were when the walk asked first.
func (c *connection) backendServices(ctx context.Context, loadBalancerID string) []lbapi.BackendService {
	c.judging.mu.Lock()
	defer c.judging.mu.Unlock()
	if known, ok := c.judging.services[loadBalancerID]; ok {
		return known
	}
	found, ok := ask(ctx, c, func(ctx context.Context) ([]lbapi.BackendService, error) {
		return c.BackendServices(ctx, lbapi.Filter{Field: lbapi.FilterLoadBalancerID, Values: []string{loadBalancerID}})
	})
	if ok {
		c.judging.services[loadBalancerID] = found
	}
	return found
}

// warnAt warns at an attribute, or at the resource where the path is empty.
func warnAt(diags *diag.Diagnostics, at path.Path, summary, detail string) {
	if at.Equal(path.Empty()) {
		diags.AddWarning(summary, detail)
		return
	}
	diags.AddAttributeWarning(at, summary, detail)
}

// describeObject names an object by its name and its id, as far as it has one.
func describeObject(name, id string) string {
	text := strconv.Quote(name)
	if id != "" {
		text += " (" + id + ")"
	}
	return text
}
