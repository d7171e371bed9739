package planning

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// Quota is the quota of one kind of objects on a load balancer.
type Quota struct {
	Objects string // in words: "server groups"
	Of      func(*lbapi.LoadBalancerQuotas) *lbapi.Quota
}

// quotaKey is one quota: of a kind of objects, by the id of what holds them. It is empty for the region, which holds
// load balancers.
type quotaKey struct{ objects, holder string }

// CountOnLoadBalancer counts what a plan does to the number of objects on a load balancer, and warns if that exceeds
// the quota. from and to are the ids of the object's load balancer before and after; empty if there is none, or none
// known yet.
func (w *Walk) CountOnLoadBalancer(ctx context.Context, quota Quota, action Action, from, to string, diags *diag.Diagnostics) {
	switch action {
	case Delete, Replace:
		w.count(quotaKey{quota.Objects, from}, -1)
	case Create:
		if to == "" {
			return // on a load balancer that does not exist yet
		}
		key := quotaKey{quota.Objects, to}
		shown, _ := w.quotas.get(ctx, w, key, func(ctx context.Context) (*lbapi.Quota, error) {
			all, err := w.api.LoadBalancerQuotas(ctx, to)
			if err != nil || all == nil {
				return nil, err
			}
			return quota.Of(all), nil
		})
		warnOfQuota(diags, path.Root("load_balancer_id"), fmt.Sprintf("Load balancer %q", to), quota.Objects, shown, w.count(key, +1))
	case Update:
	}
}

// CountInRegion counts what a plan does to the number of load balancers, and warns if that exceeds the region's quota.
func (w *Walk) CountInRegion(ctx context.Context, action Action, diags *diag.Diagnostics) {
	key := quotaKey{objects: "load balancers"}
	switch action {
	case Delete, Replace:
		w.count(key, -1)
	case Create:
		shown, _ := w.quotas.get(ctx, w, key, w.api.LoadBalancerQuota)
		warnOfQuota(diags, path.Empty(), fmt.Sprintf("Region %q", w.api.Region()), key.objects, shown, w.count(key, +1))
	case Update:
	}
}

// CountInServerGroup counts what a plan does to the number of servers in a group that are resources of their own, and
// warns if that exceeds the quota. from and to are the ids of the server's group before and after; empty if there is
// none, or none known yet.
func (w *Walk) CountInServerGroup(ctx context.Context, action Action, from, to string, diags *diag.Diagnostics) {
	const objects = "servers"
	switch action {
	case Delete, Replace:
		w.count(quotaKey{objects, from}, -1)
	case Create:
		if to == "" {
			return // in a group that does not exist yet
		}
		key := quotaKey{objects, to}
		shown, _ := w.quotas.get(ctx, w, key, func(ctx context.Context) (*lbapi.Quota, error) {
			group, err := w.api.ServerGroup(ctx, to)
			if err != nil {
				return nil, err
			}
			all, err := w.api.LoadBalancerQuotas(ctx, group.LoadBalancerID)
			if err != nil || all == nil {
				return nil, err
			}
			return &lbapi.Quota{Used: len(group.Servers), Limit: all.ServersPerGroup}, nil
		})
		warnOfQuota(diags, path.Root("server_group_id"), fmt.Sprintf("Server group %q", to), objects, shown, w.count(key, +1))
	case Update:
	}
}

// WarnOfLongList warns if a server group lists more servers than a group on its load balancer may have.
func (w *Walk) WarnOfLongList(ctx context.Context, loadBalancerID string, servers int, diags *diag.Diagnostics) {
	key := quotaKey{"servers of each group", loadBalancerID}
	shown, _ := w.quotas.get(ctx, w, key, func(ctx context.Context) (*lbapi.Quota, error) {
		all, err := w.api.LoadBalancerQuotas(ctx, loadBalancerID)
		if err != nil || all == nil {
			return nil, err
		}
		return &lbapi.Quota{Limit: all.ServersPerGroup}, nil
	})
	if shown != nil && servers > shown.Limit {
		diags.AddAttributeWarning(path.Root("servers"), quotaPassed, fmt.Sprintf("The server group lists %d servers, and each group on load "+
			"balancer %q may have %d. The API will refuse the rest: list fewer, or have the quota raised first.", servers, loadBalancerID, shown.Limit))
	}
}

// quotaPassed is the summary of every warning about a quota.
const quotaPassed = "Quota would be passed"

func warnOfQuota(diags *diag.Diagnostics, at path.Path, holder, objects string, quota *lbapi.Quota, planned int) {
	if quota == nil || planned <= 0 || quota.Used+planned <= quota.Limit {
		return
	}
	WarnAt(diags, at, quotaPassed, fmt.Sprintf("%s has %d of %d %s, and with this one the plan makes %d more. The API will refuse what passes the quota, unless "+
		"others are deleted first: delete some in an apply of its own, or have the quota raised.", holder, quota.Used, quota.Limit, objects, planned))
}

// count adds to the number of objects that the walk has planned, and returns the sum.
func (w *Walk) count(key quotaKey, change int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.planned[key] += change
	return w.planned[key]
}
