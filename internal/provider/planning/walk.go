// Package planning holds what the plans of one walk of Terraform over its resources share: the answers to questions
// that are put to the API once, and what each plan leaves for the plans after it. From that it judges what no resource
// can judge alone, such as quotas, server groups that two protocols use, and sessions that will move to another server.
// Most judgements only warn: what is true while planning may have changed when the plan is applied, and then the API
// judges again.
package planning

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
)

// askTimeout bounds one question to the API.
const askTimeout = 5 * time.Second

// Walk is one walk of Terraform over the resources of a configuration. Its methods may be called from any goroutine.
type Walk struct {
	Members Membership

	api    *client.Client
	silent atomic.Bool // a question got no answer, so no other one is asked

	quotas     answers[quotaKey, *lbapi.Quota] // nil: the API has no such quota
	services   answers[string, []lbapi.BackendService]
	groupTypes answers[string, lbapi.ServerGroupType]

	mu       sync.Mutex
	planned  map[quotaKey]int    // under mu: objects that the walk has planned to create, less those to delete
	sharers  map[string][]sharer // under mu: planned backend services, by the id of their server group
	outdated map[string]bool     // under mu: ids of planned backend services that won't be as the API shows them
}

// NewWalk returns a walk that asks the API through a client.
func NewWalk(api *client.Client) *Walk {
	return &Walk{api: api, planned: map[quotaKey]int{}, sharers: map[string][]sharer{}, outdated: map[string]bool{}}
}

// Ask puts a question to the API and returns false if there is no answer. After the first question that the API leaves
// unanswered, no other is asked: a plan must not wait for a timeout at every resource.
func Ask[T any](ctx context.Context, w *Walk, question func(context.Context) (T, error)) (answer T, ok bool) {
	if w.silent.Load() {
		return answer, false
	}
	bounded, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	answer, err := question(bounded)
	if err == nil {
		return answer, true
	}
	tflog.Debug(ctx, "Left a judgement to the API: it could not be asked while planning", map[string]any{"error": err.Error()})
	if !client.IsNotFound(err) && !errors.Is(ctx.Err(), context.Canceled) {
		w.silent.Store(true)
	}
	return answer, false
}

// answers remembers the answers to the questions of one kind, by their keys. The zero value remembers none.
type answers[Key comparable, Answer any] struct {
	mu    sync.Mutex
	known map[Key]Answer // under mu
}

// get returns the answer as the API gave it when the walk asked first; false if it gave none.
func (a *answers[Key, Answer]) get(
	ctx context.Context, w *Walk, key Key, question func(context.Context) (Answer, error),
) (answer Answer, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if answer, ok = a.known[key]; ok {
		return answer, true
	}
	if answer, ok = Ask(ctx, w, question); !ok {
		return answer, false
	}
	if a.known == nil {
		a.known = map[Key]Answer{}
	}
	a.known[key] = answer
	return answer, true
}

// ServerGroupType returns the type of a server group, which never changes; false if it can't be read.
func (w *Walk) ServerGroupType(ctx context.Context, id string) (lbapi.ServerGroupType, bool) {
	return w.groupTypes.get(ctx, w, id, func(ctx context.Context) (lbapi.ServerGroupType, error) {
		group, err := w.api.ServerGroup(ctx, id)
		return group.Type, err
	})
}

// backendServices lists the backend services of a load balancer; none if they can't be read.
func (w *Walk) backendServices(ctx context.Context, loadBalancerID string) []lbapi.BackendService {
	found, _ := w.services.get(ctx, w, loadBalancerID, func(ctx context.Context) ([]lbapi.BackendService, error) {
		return w.api.BackendServices(ctx, lbapi.Filter{Field: lbapi.FilterLoadBalancerID, Values: []string{loadBalancerID}})
	})
	return found
}
