package client

import (
	"context"
	"fmt"
	"net/http"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// LoadBalancers lists the load balancers of the region that pass all filters.
func (c *Client) LoadBalancers(ctx context.Context, filters ...lbapi.Filter) ([]lbapi.LoadBalancer, error) {
	return list(ctx, c, "list load balancers", lbapi.LoadBalancers.Path(c.config.Region), filters,
		func(page lbapi.LoadBalancerList) ([]lbapi.LoadBalancer, int) {
			return page.LoadBalancers, page.TotalCount
		})
}

// CreateLoadBalancer creates a load balancer and returns its id.
func (c *Client) CreateLoadBalancer(ctx context.Context, spec lbapi.CreateLoadBalancer) (string, error) {
	created, err := create[lbapi.LoadBalancerCreated](ctx, c, lbapi.LoadBalancers, "load balancer", spec.Name, spec)
	return created.ID, err
}

// LoadBalancer reads a load balancer.
func (c *Client) LoadBalancer(ctx context.Context, id string) (lbapi.LoadBalancer, error) {
	read, err := object[lbapi.LoadBalancerResult](ctx, c, lbapi.LoadBalancers, "load balancer", id)
	return read.LoadBalancer, err
}

// LoadBalancerQuota returns how many load balancers the region has and may have; nil if the API does not say.
func (c *Client) LoadBalancerQuota(ctx context.Context) (*lbapi.Quota, error) {
	page, err := do[lbapi.LoadBalancerList](ctx, c, request{
		operation: "read the quota of load balancers",
		method:    http.MethodGet,
		path:      lbapi.LoadBalancers.Path(c.config.Region),
	})
	return page.Quota, err
}

// LoadBalancerQuotas returns how many objects a load balancer has and may have; nil if the API does not say.
func (c *Client) LoadBalancerQuotas(ctx context.Context, id string) (*lbapi.LoadBalancerQuotas, error) {
	read, err := object[lbapi.LoadBalancerResult](ctx, c, lbapi.LoadBalancers, "load balancer", id)
	return read.Quotas, err
}

// PatchLoadBalancer changes a load balancer.
func (c *Client) PatchLoadBalancer(ctx context.Context, id string, change lbapi.PatchLoadBalancer) error {
	return patch(ctx, c, lbapi.LoadBalancers, "load balancer", id, change)
}

// DeleteLoadBalancer deletes a load balancer. It fails with a conflict while anything is on it or it is protected.
func (c *Client) DeleteLoadBalancer(ctx context.Context, id string) error {
	return remove(ctx, c, lbapi.LoadBalancers, "load balancer", id)
}

// Listeners lists the listeners of the region that pass all filters.
func (c *Client) Listeners(ctx context.Context, filters ...lbapi.Filter) ([]lbapi.Listener, error) {
	return list(ctx, c, "list listeners", lbapi.Listeners.Path(c.config.Region), filters,
		func(page lbapi.ListenerList) ([]lbapi.Listener, int) { return page.Listeners, page.TotalCount })
}

// CreateListener creates a listener and returns its id.
func (c *Client) CreateListener(ctx context.Context, spec lbapi.CreateListener) (string, error) {
	created, err := create[lbapi.ListenerCreated](ctx, c, lbapi.Listeners, "listener", spec.Name, spec)
	return created.ID, err
}

// Listener reads a listener.
func (c *Client) Listener(ctx context.Context, id string) (lbapi.Listener, error) {
	read, err := object[lbapi.ListenerResult](ctx, c, lbapi.Listeners, "listener", id)
	return read.Listener, err
}

// PatchListener changes a listener.
func (c *Client) PatchListener(ctx context.Context, id string, change lbapi.PatchListener) error {
	return patch(ctx, c, lbapi.Listeners, "listener", id, change)
}

// DeleteListener deletes a listener.
func (c *Client) DeleteListener(ctx context.Context, id string) error {
	return remove(ctx, c, lbapi.Listeners, "listener", id)
}

// BackendServices lists the backend services of the region that pass all filters.
func (c *Client) BackendServices(ctx context.Context, filters ...lbapi.Filter) ([]lbapi.BackendService, error) {
	return list(ctx, c, "list backend services", lbapi.BackendServices.Path(c.config.Region), filters,
		func(page lbapi.BackendServiceList) ([]lbapi.BackendService, int) {
			return page.BackendServices, page.TotalCount
		})
}

// CreateBackendService creates a backend service and returns its id.
func (c *Client) CreateBackendService(ctx context.Context, spec lbapi.CreateBackendService) (string, error) {
	created, err := create[lbapi.BackendServiceCreated](ctx, c, lbapi.BackendServices, "backend service", spec.Name, spec)
	return created.ID, err
}

// BackendService reads a backend service.
func (c *Client) BackendService(ctx context.Context, id string) (lbapi.BackendService, error) {
	read, err := object[lbapi.BackendServiceResult](ctx, c, lbapi.BackendServices, "backend service", id)
	return read.BackendService, err
}

// PatchBackendService changes a backend service.
func (c *Client) PatchBackendService(ctx context.Context, id string, change lbapi.PatchBackendService) error {
	return patch(ctx, c, lbapi.BackendServices, "backend service", id, change)
}

// DeleteBackendService deletes a backend service. It fails with a conflict while a listener uses it.
func (c *Client) DeleteBackendService(ctx context.Context, id string) error {
	return remove(ctx, c, lbapi.BackendServices, "backend service", id)
}

// ServerHealth returns the verdict of a backend service on each server of its group.
func (c *Client) ServerHealth(ctx context.Context, backendServiceID string) ([]lbapi.ServerHealth, error) {
	health, err := do[lbapi.ServerHealthList](ctx, c, request{
		operation: fmt.Sprintf("read server health of backend service %q", backendServiceID),
		method:    http.MethodGet,
		path:      lbapi.HealthPath(c.config.Region, backendServiceID),
	})
	return health.Servers, err
}

// ServerGroups lists the server groups of the region that pass all filters.
func (c *Client) ServerGroups(ctx context.Context, filters ...lbapi.Filter) ([]lbapi.ServerGroup, error) {
	return list(ctx, c, "list server groups", lbapi.ServerGroups.Path(c.config.Region), filters,
		func(page lbapi.ServerGroupList) ([]lbapi.ServerGroup, int) { return page.ServerGroups, page.TotalCount })
}

// CreateServerGroup creates an empty server group and returns its id.
func (c *Client) CreateServerGroup(ctx context.Context, spec lbapi.CreateServerGroup) (string, error) {
	created, err := create[lbapi.ServerGroupCreated](ctx, c, lbapi.ServerGroups, "server group", spec.Name, spec)
	return created.ID, err
}

// ServerGroup reads a server group with its servers.
func (c *Client) ServerGroup(ctx context.Context, id string) (lbapi.ServerGroup, error) {
	read, err := object[lbapi.ServerGroupResult](ctx, c, lbapi.ServerGroups, "server group", id)
	return read.ServerGroup, err
}

// PatchServerGroup changes a server group.
func (c *Client) PatchServerGroup(ctx context.Context, id string, change lbapi.PatchServerGroup) error {
	return patch(ctx, c, lbapi.ServerGroups, "server group", id, change)
}

// DeleteServerGroup deletes a server group. It fails with a conflict while a backend service uses it.
func (c *Client) DeleteServerGroup(ctx context.Context, id string) error {
	return remove(ctx, c, lbapi.ServerGroups, "server group", id)
}

// RegisterServers adds servers to a group, all or none.
func (c *Client) RegisterServers(ctx context.Context, groupID string, servers []lbapi.RegisterServer) error {
	return c.serversVerb(ctx, groupID, lbapi.VerbRegisterServers, "register servers in", lbapi.RegisterServers{Servers: servers})
}

// RegisterServer adds one server to a group and returns its id, or "" if the API does not say: the published answer is
// empty, lbserver's contains the ids.
func (c *Client) RegisterServer(ctx context.Context, groupID string, server lbapi.RegisterServer) (string, error) {
	registered, err := do[lbapi.ServersRegistered](ctx, c, request{
		operation: fmt.Sprintf("register a server in server group %q", groupID),
		method:    http.MethodPost,
		path:      lbapi.ServerGroups.VerbPath(c.config.Region, groupID, lbapi.VerbRegisterServers),
		body:      lbapi.RegisterServers{Servers: []lbapi.RegisterServer{server}},
		creates:   true,
	})
	if err != nil || len(registered.IDs) != 1 {
		return "", err
	}
	return registered.IDs[0], nil
}

// Servers lists the servers of a group that pass all filters.
func (c *Client) Servers(ctx context.Context, groupID string, filters ...lbapi.Filter) ([]lbapi.Server, error) {
	return list(ctx, c, fmt.Sprintf("list servers of server group %q", groupID),
		lbapi.ServerGroups.VerbPath(c.config.Region, groupID, lbapi.VerbDescribeServers), filters,
		func(page lbapi.ServerList) ([]lbapi.Server, int) { return page.Servers, page.TotalCount })
}

// UpdateServers changes port and weight of servers in place, all or none.
func (c *Client) UpdateServers(ctx context.Context, groupID string, servers []lbapi.UpdateServer) error {
	return c.serversVerb(ctx, groupID, lbapi.VerbUpdateServers, "update servers of", lbapi.UpdateServers{Servers: servers})
}

// DeregisterServers removes servers from a group, all or none.
func (c *Client) DeregisterServers(ctx context.Context, groupID string, ids []string) error {
	return c.serversVerb(ctx, groupID, lbapi.VerbDeregisterServers, "deregister servers of", lbapi.DeregisterServers{IDs: ids})
}

func (c *Client) serversVerb(ctx context.Context, groupID, verb, words string, body any) error {
	_, err := do[struct{}](ctx, c, request{
		operation: fmt.Sprintf("%s server group %q", words, groupID),
		method:    http.MethodPost,
		path:      lbapi.ServerGroups.VerbPath(c.config.Region, groupID, verb),
		body:      body,
	})
	return err
}

func create[R any](ctx context.Context, c *Client, in lbapi.Collection, kind string, name *string, spec any) (R, error) {
	operation := "create " + kind
	if name != nil {
		operation = fmt.Sprintf("%s %q", operation, *name)
	}
	return do[R](ctx, c, request{operation: operation, method: http.MethodPost, path: in.Path(c.config.Region), body: spec, creates: true})
}

func object[R any](ctx context.Context, c *Client, in lbapi.Collection, kind, id string) (R, error) {
	return do[R](ctx, c, request{
		operation: fmt.Sprintf("read %s %q", kind, id), method: http.MethodGet, path: in.ObjectPath(c.config.Region, id),
	})
}

func patch(ctx context.Context, c *Client, in lbapi.Collection, kind, id string, change any) error {
	_, err := do[struct{}](ctx, c, request{
		operation: fmt.Sprintf("update %s %q", kind, id), method: http.MethodPatch, path: in.ObjectPath(c.config.Region, id), body: change,
	})
	return err
}

func remove(ctx context.Context, c *Client, in lbapi.Collection, kind, id string) error {
	_, err := do[struct{}](ctx, c, request{
		operation: fmt.Sprintf("delete %s %q", kind, id), method: http.MethodDelete, path: in.ObjectPath(c.config.Region, id),
	})
	return err
}
