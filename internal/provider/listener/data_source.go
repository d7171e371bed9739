package listener

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
)

func finder() base.Finder[lbapi.Listener, attributes] {
	return base.Finder[lbapi.Listener, attributes]{
		IDs: lbapi.ListenerID, Plural: "listeners", Placed: true, NameFilter: lbapi.FilterListenerName,
		Find: (*client.Client).Listener, List: (*client.Client).Listeners,
		Describe: func(l lbapi.Listener) string { return base.DescribePlaced(l.ID, l.LoadBalancerID) },
		Attributes: func() map[string]schema.Attribute {
			return base.ShownPlaced("listener", map[string]schema.Attribute{
				"protocol":           base.ShownText(base.DescribeWords("Protocol that clients speak", lbapi.ListenerProtocols().Words(), "")),
				"port":               base.ShownNumber("Port on the load balancer's address that clients connect to."),
				"backend_service_id": base.ShownText("Backend service that takes the traffic."),
				"idle_timeout":       base.ShownNumber("Time after which a client's connection without traffic is closed, in seconds."),
				"enabled":            base.ShownBool("Whether the port is open."),
			})
		},
		Show: func(_ context.Context, listener lbapi.Listener, _ *diag.Diagnostics) (shown attributes) {
			shown.read(listener)
			return shown
		},
		Import: func(_ context.Context, listener lbapi.Listener, _ *diag.Diagnostics) base.Found {
			imported := model{Limits: base.NoLimits()}
			imported.read(listener)
			return base.Found{Name: listener.Name, Resource: imported}
		},
	}
}
