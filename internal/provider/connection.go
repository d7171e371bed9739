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

	members  membership
	unusable atomic.Bool // whether a resource has reported that the API cannot be used

	mu         sync.Mutex
	onlyID     string                           // under mu: the region's one load balancer, once it was found
	onlyFailed error                            // under mu: why it was not, once that was tried
	groupTypes map[string]lbapi.ServerGroupType // under mu, by id: those that were read
}

// onlyLoadBalancer is the id of the one load balancer of the region; an error where there is none or more than one. It asks
// the API once in the life of the connection, which is one walk over the resources.
func (c *connection) onlyLoadBalancer(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.onlyID != "" || c.onlyFailed != nil {
		return c.onlyID, c.onlyFailed
	}
	balancers, err := c.LoadBalancers(ctx)
	if err == nil {
		c.onlyID, err = theOnly(balancers, c.Region())
	}
	if !errors.Is(err, context.Canceled) {
		c.onlyFailed = err
	}
	return c.onlyID, err
}

func theOnly(balancers []lbapi.LoadBalancer, region string) (string, error) {
	switch len(balancers) {
	case 1:
		return balancers[0].ID, nil
	case 0:
		return "", fmt.Errorf("region %q has no load balancer", region)
	default:
		names := make([]string, len(balancers))
		for i, balancer := range balancers {
			names[i] = fmt.Sprintf("%s (%s)", balancer.ID, balancer.Name)
		}
		return "", fmt.Errorf("region %q has %d load balancers: %s; set \"load_balancer_id\" of the resource or of the provider to one of them",
			region, len(balancers), strings.Join(names, ", "))
	}
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
