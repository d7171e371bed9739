package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
)

// connection is what the provider hands to its resources and data sources.
type connection struct {
	*client.Client
	defaultLoadBalancerID string // the provider's load_balancer_id, or empty
	defaultUnknown        bool   // the provider's is one that this apply makes; only while planning

	members  membership
	judging  *judgement
	unusable atomic.Bool // whether a resource has reported that the API cannot be used
	misled   atomic.Bool // whether a resource has reported that defaultLoadBalancerID names none

	mu         sync.Mutex
	listed     bool                             // under mu: whether the load balancers were asked for
	balancers  []lbapi.LoadBalancer             // under mu: the load balancers of the region, once listed
	notListed  error                            // under mu: why they are not known, once listed
	groupTypes map[string]lbapi.ServerGroupType // under mu, by id: those that were read
}

// loadBalancers are those of the region. They are asked for once in the life of the connection, which is one walk over the
// resources.
func (c *connection) loadBalancers(ctx context.Context) ([]lbapi.LoadBalancer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listed {
		return c.balancers, c.notListed
	}
	balancers, err := c.LoadBalancers(ctx)
	if !errors.Is(err, context.Canceled) {
		c.balancers, c.notListed, c.listed = balancers, err, true
	}
	return balancers, err
}

// theOnly is the load balancer that goes without saying: the region's one.
func theOnly(balancers []lbapi.LoadBalancer, region string) (lbapi.LoadBalancer, error) {
	switch len(balancers) {
	case 1:
		return balancers[0], nil
	case 0:
		return lbapi.LoadBalancer{}, fmt.Errorf("region %q has no load balancer", region)
	default:
		return lbapi.LoadBalancer{}, fmt.Errorf("region %q has %d load balancers: %s; set \"load_balancer_id\" of the resource or of the provider "+
			"to one of them", region, len(balancers), listLoadBalancers(balancers))
	}
}

func listLoadBalancers(balancers []lbapi.LoadBalancer) string {
	names := make([]string, len(balancers))
	for i, balancer := range balancers {
		names[i] = fmt.Sprintf("%s (%s)", balancer.ID, balancer.Name)
	}
	return strings.Join(names, ", ")
}

// addReadError reports that a resource could not be read or planned. An API that cannot be used is reported once for all
// resources: the first error ends the walk over them, so nothing is done with what the others take as unchanged.
func (c *connection) addReadError(diags *diag.Diagnostics, summary string, err error, attribute func(field string) (path.Path, bool)) {
	switch {
	case !client.IsUnusable(err):
		addCallError(diags, summary, err, attribute)
	case !c.unusable.Swap(true):
		addCallError(diags, "The control API cannot be used", err, attribute)
	}
}

// noAttribute is for errors that no attribute can cause.
func noAttribute(string) (path.Path, bool) { return path.Empty(), false }
