package base

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
	"github.com/alb-project/terraform-provider-alb/internal/provider/planning"
)

// Connection is what the provider hands to its resources and data sources.
type Connection struct {
	*client.Client
	Walk *planning.Walk

	defaultLoadBalancer    DefaultLoadBalancer
	unusableReported       atomic.Bool // a resource has reported that the API cannot be used
	missingDefaultReported atomic.Bool // a resource has reported that the default load balancer does not exist

	// The load balancers of the region when the provider was configured, or why they are not known: what is planned on
	// them stays true whatever an apply creates.
	balancers []lbapi.LoadBalancer
	notListed error
}

// DefaultLoadBalancer is the provider's load_balancer_id, for resources and data sources that give none themselves.
type DefaultLoadBalancer struct {
	ID      string // empty if it is not set, or unknown
	Unknown bool   // it is set to one that this apply creates; only while planning
}

// Connect returns a connection once the API has shown that it can be used, within DefaultTimeout. If it cannot be used,
// that is one error, while planning as during apply, before anything is done.
func Connect(ctx context.Context, api *client.Client, byDefault DefaultLoadBalancer, diags *diag.Diagnostics) *Connection {
	c := &Connection{Client: api, Walk: planning.NewWalk(api), defaultLoadBalancer: byDefault}
	ctx, cancel := context.WithTimeout(ctx, DefaultTimeout)
	defer cancel()
	if c.balancers, c.notListed = api.LoadBalancers(ctx); client.IsUnusable(c.notListed) {
		AddCallError(diags, apiUnusable, c.notListed, noAttribute)
	}
	return c
}

// connectionFrom takes the connection over from what the provider hands out; nil while Terraform only validates.
func connectionFrom(providerData any, to string, diags *diag.Diagnostics) *Connection {
	if providerData == nil {
		return nil
	}
	api, ok := providerData.(*Connection)
	if !ok {
		diags.AddError("Provider fault", fmt.Sprintf("The %s was given a %T as its connection; please report this.", to, providerData))
	}
	return api
}

// onlyOf returns the load balancer of a region that has only one.
func onlyOf(balancers []lbapi.LoadBalancer, region string) (lbapi.LoadBalancer, error) {
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

// addReadError reports that a resource could not be read. That the API cannot be used is reported once for all
// resources: the first error ends Terraform's walk over them, so nothing is done with what the others take as
// unchanged.
func (c *Connection) addReadError(diags *diag.Diagnostics, summary string, err error, attribute AttributeFinder) {
	switch {
	case !client.IsUnusable(err):
		AddCallError(diags, summary, err, attribute)
	case !c.unusableReported.Swap(true):
		AddCallError(diags, apiUnusable, err, attribute)
	}
}

// noAttribute is the AttributeFinder of calls that are made from no attribute.
func noAttribute(string) (path.Path, bool) { return path.Empty(), false }

// EnvironmentVariable is the variable that takes the place of a setting of the provider: ALB_REGION of "region".
func EnvironmentVariable(setting string) string { return "ALB_" + strings.ToUpper(setting) }
