package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// quotaKind is what a quota counts.
type quotaKind struct {
	objects string // in words
	of      func(*lbapi.LoadBalancerQuotas) *lbapi.Quota
}

// quotaKey is one quota: of a kind of objects, by the id of what holds them; that is empty for the region, which holds load
// balancers.
type quotaKey struct{ objects, holder string }

func listenerQuota() quotaKind {
	return quotaKind{"listeners", func(q *lbapi.LoadBalancerQuotas) *lbapi.Quota { return &q.Listeners }}
}

func backendServiceQuota() quotaKind {
	return quotaKind{"backend services", func(q *lbapi.LoadBalancerQuotas) *lbapi.Quota { return &q.BackendServices }}
}

func serverGroupQuota() quotaKind {
	return quotaKind{"server groups", func(q *lbapi.LoadBalancerQuotas) *lbapi.Quota { return &q.ServerGroups }}
}

// judgeQuota counts what a plan does to the number of objects on a load balancer, and warns where it passes the quota.
func (c *connection) judgeQuota(ctx context.Context, kind quotaKind, does fate, before, after placedModel, diags *diag.Diagnostics) {
	switch does {
	case fateDeleted, fateReplaced:
		c.judging.plan(quotaKey{kind.objects, before.LoadBalancerID.ValueString()}, -1)
	case fateCreated:
		id := after.LoadBalancerID.ValueString()
		if id == "" {
			return // on a load balancer that is not there yet
		}
		key := quotaKey{kind.objects, id}
		quota := c.quota(ctx, key, func(ctx context.Context) (*lbapi.Quota, error) {
			all, err := c.LoadBalancerQuotas(ctx, id)
			if err != nil || all == nil {
				return nil, err
			}
			return kind.of(all), nil
		})
		warnOfQuota(diags, path.Root("load_balancer_id"), fmt.Sprintf("Load balancer %q", id), kind.objects, quota, c.judging.plan(key, +1))
	case fateUnknown, fateChanged:
	}
}

// judgeLoadBalancerQuota is judgeQuota for load balancers.
func (c *connection) judgeLoadBalancerQuota(ctx context.Context, does fate, diags *diag.Diagnostics) {
	key := quotaKey{objects: "load balancers"}
	switch does {
	case fateDeleted, fateReplaced:
		c.judging.plan(key, -1)
	case fateCreated:
		quota := c.quota(ctx, key, c.LoadBalancerQuota)
		warnOfQuota(diags, path.Empty(), fmt.Sprintf("Region %q", c.Region()), key.objects, quota, c.judging.plan(key, +1))
	case fateUnknown, fateChanged:
	}
}

// judgeListedQuota warns of a group that comes to list more servers than it may have.
func (c *connection) judgeListedQuota(ctx context.Context, does fate, before, after serverGroupModel, diags *diag.Diagnostics) {
	number, id := len(after.Servers.Elements()), after.LoadBalancerID.ValueString()
	if does != fateCreated && does != fateChanged || number <= len(before.Servers.Elements()) || id == "" {
		return
	}
	quota := c.quota(ctx, quotaKey{"servers of each group", id}, func(ctx context.Context) (*lbapi.Quota, error) {
		all, err := c.LoadBalancerQuotas(ctx, id)
		if err != nil || all == nil {
			return nil, err
		}
		return &lbapi.Quota{Limit: all.ServersPerGroup}, nil
	})
	if quota != nil && number > quota.Limit {
		diags.AddAttributeWarning(path.Root("servers"), quotaPassed, fmt.Sprintf("The server group lists %d servers, and each group on load "+
			"balancer %q may have %d. The API will refuse the rest: list fewer, or have the quota raised first.", number, id, quota.Limit))
	}
}

// judgeServerQuota is judgeQuota for the servers of a group that are resources of their own.
func (c *connection) judgeServerQuota(ctx context.Context, does fate, from, to string, diags *diag.Diagnostics) {
	const objects = "servers"
	switch does {
	case fateDeleted, fateReplaced:
		c.judging.plan(quotaKey{objects, from}, -1)
	case fateCreated:
		if to == "" {
			return // in a group that is not there yet
		}
		key := quotaKey{objects, to}
		quota := c.quota(ctx, key, func(ctx context.Context) (*lbapi.Quota, error) {
			group, err := c.ServerGroup(ctx, to)
			if err != nil {
				return nil, err
			}
			all, err := c.LoadBalancerQuotas(ctx, group.LoadBalancerID)
			if err != nil || all == nil {
				return nil, err
			}
			return &lbapi.Quota{Used: len(group.Servers), Limit: all.ServersPerGroup}, nil
		})
		warnOfQuota(diags, path.Root("server_group_id"), fmt.Sprintf("Server group %q", to), objects, quota, c.judging.plan(key, +1))
	case fateUnknown, fateChanged:
	}
}

const quotaPassed = "Quota would be passed"

func warnOfQuota(diags *diag.Diagnostics, at path.Path, holder, objects string, quota *lbapi.Quota, planned int) {
	if quota == nil || planned <= 0 || quota.Used+planned <= quota.Limit {
		return
	}
	warnAt(diags, at, quotaPassed, fmt.Sprintf("%s has %d of %d %s, and with this one the plan makes %d more. The API will refuse what passes the quota, unless "+
		"others are deleted first: delete some in an apply of its own, or have the quota raised.", holder, quota.Used, quota.Limit, objects, planned))
}

// plan notes that the walk has planned so many more objects, or fewer, and returns how many more it has planned by now.
func (j *judgement) plan(key quotaKey, change int) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.planned[key] += change
	return j.planned[key]
}

// quota is a quota as the API showed it when the walk asked first, which is before it made anything that counts. It is nil
// where the API does not say.
func (c *connection) quota(ctx context.Context, key quotaKey, read func(context.Context) (*lbapi.Quota, error)) *lbapi.Quota {
	c.judging.mu.Lock()
	defer c.judging.mu.Unlock()
	if known, ok := c.judging.quotas[key]; ok {
		return known
	}
	quota, ok := ask(ctx, c, read)
	if ok {
		c.judging.quotas[key] = quota
	}
	return quota
}
