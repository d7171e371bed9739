package backendservice

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
)

func finder() base.Finder[lbapi.BackendService, attributes] {
	return base.Finder[lbapi.BackendService, attributes]{
		IDs: lbapi.BackendServiceID, Plural: "backend services", Placed: true, NameFilter: lbapi.FilterBackendServiceName,
		Find: (*client.Client).BackendService, List: (*client.Client).BackendServices,
		Describe:   func(b lbapi.BackendService) string { return base.DescribePlaced(b.ID, b.LoadBalancerID) },
		Attributes: shownAttributes,
		Show:       show,
		Import: func(ctx context.Context, service lbapi.BackendService, diags *diag.Diagnostics) base.Found {
			imported := model{Limits: base.NoLimits()}
			imported.SessionPersistence = types.ObjectNull(sessionPersistenceTypes())
			imported.ForwardedHeaders = types.SetNull(types.StringType)
			imported.HealthCheck = types.ObjectNull(healthCheckTypes())
			imported.read(ctx, service, diags)
			return base.Found{Name: service.Name, Resource: imported}
		},
	}
}

// show shows every attribute, on or off: there is no configuration whose way of leaving things out could be kept.
func show(ctx context.Context, service lbapi.BackendService, diags *diag.Diagnostics) attributes {
	shown := attributes{
		SessionPersistence: types.ObjectUnknown(sessionPersistenceTypes()),
		ForwardedHeaders:   types.SetUnknown(types.StringType),
		HealthCheck:        types.ObjectUnknown(healthCheckTypes()),
	}
	shown.read(ctx, service, diags)
	if !service.HealthCheck.Enabled() { // the API does not show its settings
		off := healthCheckModel{Enabled: types.BoolValue(false), Codes: types.SetNull(types.StringType)}
		shown.HealthCheck = off.object(ctx, diags)
	}
	return shown
}

func shownAttributes() map[string]schema.Attribute {
	onlyHTTP := " Null for a check that is not `http`."
	return base.ShownPlaced("backend service", map[string]schema.Attribute{
		"protocol":        base.ShownText(base.DescribeWords("Protocol that the servers are spoken to in", lbapi.BackendServiceProtocols().Words(), "")),
		"port":            base.ShownNumber("Port of the servers that name none of their own."),
		"scheduler":       base.ShownText(base.DescribeWords("How a server is chosen", lbapi.Schedulers().Words(), "")),
		"server_group_id": base.ShownText("Server group that takes the traffic; null where there is none."),
		"session_persistence": base.ShownNested("Whether and how long a client is kept on its server by a cookie.", map[string]schema.Attribute{
			"enabled": base.ShownBool("Whether it is on."),
			"timeout": base.ShownNumber("How long a client is kept after its last request, or up to a tenth less, in seconds. `0` means: " + lbapi.PersistenceTimeout.Zero + "."),
			"same_site": base.ShownText(base.DescribeWords("On which requests that other sites cause browsers send the cookie", lbapi.SameSites().Words(), "") +
				" Null from an API that does not have it."),
		}),
		lbapi.AttributeForwardedHeaders: base.ShownTexts("Headers that tell the servers about the client's request."),
		"proxy_protocol":                base.ShownBool("Whether each connection to a server begins with a PROXY protocol line."),
		"health_check": base.ShownNested("How the health of the servers is checked; only `enabled` is set while checking is off.", map[string]schema.Attribute{
			"enabled":             base.ShownBool("Whether servers are checked."),
			"protocol":            base.ShownText(base.DescribeWords("What is checked", lbapi.HealthCheckProtocols().Words(), "")),
			"port":                base.ShownNumber("Port that is checked. `0` means: " + lbapi.CheckPort.Zero + "."),
			"interval":            base.ShownNumber("Time from one check of a server to the next, in seconds."),
			"timeout":             base.ShownNumber("Time after which a check without an answer has failed, in seconds."),
			"healthy_threshold":   base.ShownNumber("Successes in a row after which an unhealthy server is healthy again; one suffices until it has been healthy once."),
			"unhealthy_threshold": base.ShownNumber("Failures in a row after which a healthy server is unhealthy."),
			"http_version":        base.ShownText("HTTP version of the request." + onlyHTTP),
			"path":                base.ShownText("Path of the request." + onlyHTTP),
			"domain":              base.ShownText("`Host` of the request; null where there is none."),
			"codes":               base.ShownTexts("Status codes that mean healthy." + onlyHTTP),
		}),
	})
}
