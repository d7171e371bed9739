package provider

import (
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

	// Those of the region as Configure finds them, or why they are not known: what is planned on them holds whatever an apply makes.
	balancers []lbapi.LoadBalancer
	notListed error

	mu         sync.Mutex
	groupTypes map[string]lbapi.ServerGroupType // under mu, by id: those that were read
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

// apiUnusable is the summary of the error for all calls that would fail alike.
const apiUnusable = "The control API cannot be used"

// addReadError reports that a resource could not be read. An API that cannot be used is reported once for all
// resources: the first error ends the walk over them, so nothing is done with what the others take as unchanged.
func (c *connection) addReadError(diags *diag.Diagnostics, summary string, err error, attribute func(field string) (path.Path, bool)) {
	switch {
	case !client.IsUnusable(err):
		addCallError(diags, summary, err, attribute)
	case !c.unusable.Swap(true):
		addCallError(diags, apiUnusable, err, attribute)
	}
}

// noAttribute is for errors that no attribute can cause.
func noAttribute(string) (path.Path, bool) { return path.Empty(), false }
