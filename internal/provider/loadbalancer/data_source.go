package loadbalancer

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
)

func finder() base.Finder[lbapi.LoadBalancer, attributes] {
	return base.Finder[lbapi.LoadBalancer, attributes]{
		IDs: lbapi.LoadBalancerID, Plural: "load balancers", NameFilter: lbapi.FilterLoadBalancerName,
		Find: (*client.Client).LoadBalancer, List: (*client.Client).LoadBalancers,
		Describe: func(l lbapi.LoadBalancer) string { return fmt.Sprintf("%s with address %s", l.ID, l.PrivateIP.Address) },
		Attributes: func() map[string]schema.Attribute {
			return base.ShownObject("load balancer", map[string]schema.Attribute{
				"address":             base.ShownText("Address (VIP) that the listeners take traffic on."),
				"subnet_id":           base.ShownText("Subnet of the load balancer; null where it has none."),
				"availability_zones":  base.ShownTexts("Availability zones of the load balancer."),
				"deletion_protection": base.ShownBool("Whether the load balancer is kept from being deleted."),
			})
		},
		Show: func(ctx context.Context, balancer lbapi.LoadBalancer, diags *diag.Diagnostics) (shown attributes) {
			shown.read(ctx, balancer, diags)
			return shown
		},
		Import: func(ctx context.Context, balancer lbapi.LoadBalancer, diags *diag.Diagnostics) base.Found {
			imported := model{Limits: base.NoLimits()}
			imported.read(ctx, balancer, diags)
			return base.Found{Name: balancer.Name, Resource: imported}
		},
	}
}
