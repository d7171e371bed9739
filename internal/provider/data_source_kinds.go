package provider

import (
	"context"
	"fmt"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
)

func loadBalancers() kind[lbapi.LoadBalancer, loadBalancerAttributes] {
	return kind[lbapi.LoadBalancer, loadBalancerAttributes]{
		ids: lbapi.LoadBalancerID, word: "load balancer", plural: "load balancers", nameFilter: lbapi.FilterLoadBalancerName,
		read: (*client.Client).LoadBalancer, list: (*client.Client).LoadBalancers,
		describe: func(l lbapi.LoadBalancer) string { return fmt.Sprintf("%s with address %s", l.ID, l.PrivateIP.Address) },
		model: func(ctx context.Context, balancer lbapi.LoadBalancer, diags *diag.Diagnostics) (m loadBalancerAttributes) {
			m.read(ctx, balancer, diags)
			return m
		},
		attributes: func() map[string]schema.Attribute {
			return shown("load balancer", map[string]schema.Attribute{
				"address":             shownText("Address (VIP) that the listeners take traffic on."),
				"subnet_id":           shownText("Subnet of the load balancer; null where it has none."),
				"availability_zones":  shownTexts("Availability zones of the load balancer."),
				"deletion_protection": shownBool("Whether the load balancer is kept from being deleted."),
			})
		},
	}
}

func listeners() kind[lbapi.Listener, listenerAttributes] {
	return kind[lbapi.Listener, listenerAttributes]{
		ids: lbapi.ListenerID, word: "listener", plural: "listeners", placed: true, nameFilter: lbapi.FilterListenerName,
		read: (*client.Client).Listener, list: (*client.Client).Listeners,
		describe: func(l lbapi.Listener) string { return describePlaced(l.ID, l.LoadBalancerID) },
		model: func(_ context.Context, listener lbapi.Listener, _ *diag.Diagnostics) (m listenerAttributes) {
			m.read(listener)
			return m
		},
		attributes: func() map[string]schema.Attribute {
			return shownPlaced("listener", map[string]schema.Attribute{
				"protocol":           shownText(describeWords("Protocol that clients speak", lbapi.ListenerProtocols().Words(), "")),
				"port":               shownNumber("Port on the load balancer's address that clients connect to."),
				"backend_service_id": shownText("Backend service that takes the traffic."),
				"idle_timeout":       shownNumber("Time after which a client's connection without traffic is closed, in seconds."),
				"enabled":            shownBool("Whether the port is open."),
			})
		},
	}
}

func backendServices() kind[lbapi.BackendService, backendServiceAttributes] {
	return kind[lbapi.BackendService, backendServiceAttributes]{
		ids: lbapi.BackendServiceID, word: "backend service", plural: "backend services", placed: true, nameFilter: lbapi.FilterBackendServiceName,
		read: (*client.Client).BackendService, list: (*client.Client).BackendServices,
		describe:   func(b lbapi.BackendService) string { return describePlaced(b.ID, b.LoadBalancerID) },
		model:      shownBackendService,
		attributes: backendServiceDataAttributes,
	}
}

// shownBackendService shows every field, on or off: there is no configuration whose way of leaving things out could be kept.
func shownBackendService(ctx context.Context, service lbapi.BackendService, diags *diag.Diagnostics) backendServiceAttributes {
	model := backendServiceAttributes{
		SessionPersistence: types.ObjectUnknown(sessionPersistenceTypes()),
		ForwardedHeaders:   types.SetUnknown(types.StringType),
		HealthCheck:        types.ObjectUnknown(healthCheckTypes()),
	}
	model.read(ctx, service, diags)
	if !service.HealthCheck.Enabled() { // the API has forgotten its settings
		off := healthCheckModel{Enabled: types.BoolValue(false), Codes: types.SetNull(types.StringType)}
		model.HealthCheck = off.object(ctx, diags)
	}
	return model
}

func backendServiceDataAttributes() map[string]schema.Attribute {
	onlyHTTP := " Null for a check that is not `http`."
	return shownPlaced("backend service", map[string]schema.Attribute{
		"protocol":        shownText(describeWords("Protocol that the servers are spoken to in", lbapi.BackendServiceProtocols().Words(), "")),
		"port":            shownNumber("Port of the servers that name none of their own."),
		"scheduler":       shownText(describeWords("How a server is chosen", lbapi.Schedulers().Words(), "")),
		"server_group_id": shownText("Server group that takes the traffic; null where there is none."),
		"session_persistence": shownObject("Whether and how long a client is kept on its server by a cookie.", map[string]schema.Attribute{
			"enabled": shownBool("Whether it is on."),
			"timeout": shownNumber("How long a client is kept after its last request, in seconds. `0` means: " + lbapi.PersistenceTimeout.Zero + "."),
		}),
		lbapi.AttributeForwardedHeaders: shownTexts("Headers that tell the servers about the client's request."),
		"proxy_protocol":                shownBool("Whether each connection to a server begins with a PROXY protocol line."),
		"health_check": shownObject("How the health of the servers is checked; only `enabled` is set while checking is off.", map[string]schema.Attribute{
			"enabled":             shownBool("Whether servers are checked."),
			"protocol":            shownText(describeWords("What is checked", lbapi.HealthCheckProtocols().Words(), "")),
			"port":                shownNumber("Port that is checked. `0` means: " + lbapi.CheckPort.Zero + "."),
			"interval":            shownNumber("Time from one check of a server to the next, in seconds."),
			"timeout":             shownNumber("Time after which a check without an answer has failed, in seconds."),
			"healthy_threshold":   shownNumber("Successes in a row after which an unhealthy server is healthy again."),
			"unhealthy_threshold": shownNumber("Failures in a row after which a healthy server is unhealthy."),
			"http_version":        shownText("HTTP version of the request." + onlyHTTP),
			"path":                shownText("Path of the request." + onlyHTTP),
			"domain":              shownText("`Host` of the request; null where there is none."),
			"codes":               shownTexts("Status codes that mean healthy." + onlyHTTP),
		}),
	})
}

func serverGroups() kind[lbapi.ServerGroup, serverGroupAttributes] {
	return kind[lbapi.ServerGroup, serverGroupAttributes]{
		ids: lbapi.ServerGroupID, word: "server group", plural: "server groups", placed: true, nameFilter: lbapi.FilterServerGroupName,
		read: (*client.Client).ServerGroup, list: (*client.Client).ServerGroups,
		describe: func(g lbapi.ServerGroup) string { return describePlaced(g.ID, g.LoadBalancerID) },
		model: func(ctx context.Context, group lbapi.ServerGroup, diags *diag.Diagnostics) serverGroupAttributes {
			model := serverGroupAttributes{Servers: types.MapUnknown(serverType())}
			model.read(ctx, group, diags)
			return model
		},
		attributes: func() map[string]schema.Attribute {
			return shownPlaced("server group", map[string]schema.Attribute{
				"type": shownText("How the group names its servers: `ip` or `instance`."),
				"servers": schema.MapNestedAttribute{
					MarkdownDescription: "The servers of the group by `address:port`, or `address` alone for a server without a port of its own; " +
						"instances by their id in place of the address.",
					Computed: true,
					NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
						"address":       shownText("Address of the server; null for an instance."),
						"instance_id":   shownText("Id of the instance that is the server; null for an address."),
						"instance_type": shownText("`container` for an instance that is one; else null."),
						"port":          shownNumber("Port that the server serves on; null means the backend service's."),
						"weight":        shownNumber("Share of the traffic, in proportion to the weights of the others."),
					}},
				},
			})
		},
	}
}

func describePlaced(id, loadBalancerID string) string {
	return fmt.Sprintf("%s on load balancer %s", id, loadBalancerID)
}

// shown adds the attributes that every kind of object shows.
func shown(word string, attributes map[string]schema.Attribute) map[string]schema.Attribute {
	maps.Copy(attributes, map[string]schema.Attribute{
		"id":          shownText(fmt.Sprintf("Id of the %s.", word)),
		"name":        shownText(fmt.Sprintf("Name of the %s.", word)),
		"description": shownText("Description."),
	})
	return attributes
}

func shownPlaced(word string, attributes map[string]schema.Attribute) map[string]schema.Attribute {
	attributes["load_balancer_id"] = shownText(fmt.Sprintf("Load balancer that the %s is on.", word))
	return shown(word, attributes)
}

func shownText(description string) schema.Attribute {
	return schema.StringAttribute{MarkdownDescription: description, Computed: true}
}

func shownTexts(description string) schema.Attribute {
	return schema.SetAttribute{MarkdownDescription: description, Computed: true, ElementType: types.StringType}
}

func shownNumber(description string) schema.Attribute {
	return schema.Int64Attribute{MarkdownDescription: description, Computed: true}
}

func shownBool(description string) schema.Attribute {
	return schema.BoolAttribute{MarkdownDescription: description, Computed: true}
}

func shownObject(description string, attributes map[string]schema.Attribute) schema.Attribute {
	return schema.SingleNestedAttribute{MarkdownDescription: description, Computed: true, Attributes: attributes}
}
