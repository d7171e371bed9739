package control

import (
	"fmt"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
)

// Quotas bound what one server holds. Source: api.md, "Load balancers".
type Quotas struct {
	LoadBalancers   int
	Listeners       int // on each load balancer
	BackendServices int // on each load balancer
	ServerGroups    int // on each load balancer
	Servers         int // in each server group
}

// usage is how much of a quota is used.
type usage struct {
	lbapi.Quota

	holder string // in words: `load balancer "a" (alb-…)`
	kinds  string // in words: "listeners"
}

// room returns a refusal if more objects do not fit; field is the field that asks for them.
func (u usage) room(field string, more int) error {
	if u.Used+more <= u.Limit {
		return nil
	}
	remedy := "delete one or raise the quota"
	if more > 1 {
		remedy = fmt.Sprintf("%d more do not fit; delete some or raise the quota", more)
	}
	return refuse(lbapi.QuotaExceeded, field, "%s has %d of %d %s; %s", u.holder, u.Used, u.Limit, u.kinds, remedy)
}

func (q *Quotas) loadBalancers(state *snapshot.Snapshot) usage {
	return usage{lbapi.Quota{Used: len(state.LoadBalancers), Limit: q.LoadBalancers}, "this server", "load balancers"}
}

func (q *Quotas) listeners(state *snapshot.Snapshot, on *lbapi.LoadBalancer) usage {
	return usage{lbapi.Quota{Used: len(listenersOn(state, on.ID)), Limit: q.Listeners}, nameLoadBalancer(on), "listeners"}
}

func (q *Quotas) backendServices(state *snapshot.Snapshot, on *lbapi.LoadBalancer) usage {
	return usage{lbapi.Quota{Used: len(backendServicesOn(state, on.ID)), Limit: q.BackendServices}, nameLoadBalancer(on), "backend services"}
}

func (q *Quotas) serverGroups(state *snapshot.Snapshot, on *lbapi.LoadBalancer) usage {
	return usage{lbapi.Quota{Used: len(serverGroupsOn(state, on.ID)), Limit: q.ServerGroups}, nameLoadBalancer(on), "server groups"}
}

func (q *Quotas) servers(group *lbapi.ServerGroup) usage {
	return usage{lbapi.Quota{Used: len(group.Servers), Limit: q.Servers}, nameServerGroup(group), "servers"}
}
