package service

import (
	"cmp"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/engine"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/persistence"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/sessions"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
)

// Resolver finds the address of an instance; the inventory file is one.
type Resolver interface {
	Resolve(instanceID string) (netip.Addr, bool)
}

// Registry keeps the live backend services in step with the desired state.
type Registry struct {
	resolver Resolver
	now      func() time.Time
	log      *slog.Logger

	mu       sync.RWMutex
	services map[string]*Service // under mu
	keys     persistence.Keys    // under mu; those of the state in force
}

// NewRegistry makes an empty registry.
func NewRegistry(resolver Resolver, now func() time.Time, log *slog.Logger) *Registry {
	return &Registry{resolver: resolver, now: now, log: log, services: map[string]*Service{}}
}

// Service returns a live backend service.
func (r *Registry) Service(id string) (*Service, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	found, ok := r.services[id]
	return found, ok
}

// Services lists the live backend services, in no order.
func (r *Registry) Services() []*Service {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([]*Service, 0, len(r.services))
	for _, each := range r.services {
		all = append(all, each)
	}
	return all
}

// Change is a change of the live backend services that can no longer fail. It is applied or dropped before the next one is
// prepared.
type Change struct {
	registry *Registry
	keys     persistence.Keys
	configs  map[*Service]*Config
	gone     []*Service
}

// Prepare works out what brings the live backend services to a snapshot, and changes nothing. It looks only at backend
// services that may differ; changed names what differs from the snapshot in force. It fails only if the persistence keys of
// the snapshot can't be used.
func (r *Registry) Prepare(next *snapshot.Snapshot, changed snapshot.Difference) (*Change, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	change := &Change{registry: r, keys: r.keys, configs: map[*Service]*Config{}}
	if changed.PersistenceKeys {
		keys, err := persistence.ParseKeys(next.PersistenceKeys)
		if err != nil {
			return nil, err
		}
		change.keys = keys
	}
	keysChanged := !change.keys.Equal(r.keys)
	for _, id := range concerned(next, changed, keysChanged) {
		live, object := r.services[id], next.BackendServices[id]
		if object == nil {
			if live != nil {
				change.gone = append(change.gone, live)
			}
			continue
		}
		config := r.outline(object, next)
		if live != nil && !keysChanged && live.Eligible().sameAs(config) {
			continue
		}
		if live == nil {
			live = &Service{ID: id}
		}
		if err := change.complete(config, live); err != nil {
			return nil, err
		}
		change.configs[live] = config
	}
	return change, nil
}

// concerned lists the ids of the backend services that may have to change.
func concerned(next *snapshot.Snapshot, changed snapshot.Difference, keysChanged bool) []string {
	ids := slices.Clone(changed.BackendServices)
	if keysChanged {
		ids = slices.AppendSeq(ids, maps.Keys(next.BackendServices))
	} else if len(changed.ServerGroups) > 0 {
		for id, object := range next.BackendServices {
			if slices.ContainsFunc(object.ServerGroupIDs, func(group string) bool { return slices.Contains(changed.ServerGroups, group) }) {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Apply puts the change in force. It leaves unchanged backend services alone; requests in flight go on with the configuration
// that they began with.
func (c *Change) Apply() {
	r := c.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = c.keys
	for live, config := range c.configs {
		closePools(live.configure(config))
		r.services[live.ID] = live
	}
	for _, live := range c.gone {
		delete(r.services, live.ID)
		closePools(live.Eligible().Endpoints)
	}
}

// Changed lists the backend services that the change has configured, in no order.
func (c *Change) Changed() []*Service { return slices.Collect(maps.Keys(c.configs)) }

// Gone lists the backend services that the change has ended.
func (c *Change) Gone() []*Service { return c.gone }

// Close closes the idle connections to servers, and those that requests in flight give back later. The registry can't be used
// afterwards.
func (r *Registry) Close() {
	for _, live := range r.Services() {
		closePools(live.Eligible().Endpoints)
	}
}

func closePools(endpoints []*Endpoint) {
	for _, endpoint := range endpoints {
		endpoint.Pool.Close()
	}
}

// outline gathers what the configuration of a backend service is made from.
func (r *Registry) outline(object *lbapi.BackendService, next *snapshot.Snapshot) *Config {
	config := &Config{
		Object: object, CookieName: lbapi.CookieName(object.ID),
		group: next.ServerGroupOf(object),
	}
	if config.group != nil {
		config.addresses = make([]netip.AddrPort, len(config.group.Servers))
		for i := range config.group.Servers {
			config.addresses[i] = r.address(&config.group.Servers[i], object)
		}
	}
	return config
}

// sameAs reports whether an outline leads to the same configuration. Objects of a snapshot that did not change are the same
// pointers; the addresses of instances may change although they are.
func (c *Config) sameAs(outline *Config) bool {
	return c.Object == outline.Object && c.group == outline.group && slices.Equal(c.addresses, outline.addresses)
}

// complete adds cookies and endpoints to an outline. Endpoints keep live servers and pools if they can.
func (c *Change) complete(config *Config, live *Service) error {
	if config.Object.SessionPersistence {
		cookie, err := persistence.New(c.keys, config.Object.ID, persistence.Attributes{
			Timeout:  time.Duration(config.Object.PersistenceTimeout) * time.Second,
			SameSite: config.Object.CookieSameSite,
		})
		if err != nil {
			return err
		}
		config.Cookie = cookie
	}
	known := map[string]*Endpoint{}
	if current := live.Eligible(); current != nil {
		for _, endpoint := range current.Endpoints {
			known[endpoint.ID] = endpoint
		}
	}
	for i, address := range config.addresses {
		server := &config.group.Servers[i]
		if !address.IsValid() {
			c.registry.log.Error("a server takes no traffic: the inventory does not have its instance any more",
				"server", server.ID, "instance", server.InstanceID, "server_group", config.group.ID)
			continue
		}
		config.Endpoints = append(config.Endpoints, c.registry.endpoint(live, config, known[server.ID], server, address))
	}
	slices.SortFunc(config.Endpoints, func(a, b *Endpoint) int { return cmp.Compare(a.ID, b.ID) })
	return nil
}

// endpoint makes the endpoint of a server. It keeps the state of the endpoint before it, and its pool if the address is the same.
func (r *Registry) endpoint(
	live *Service, config *Config, before *Endpoint, server *lbapi.Server, address netip.AddrPort,
) *Endpoint {
	next := &Endpoint{Object: server, Address: address, Weight: server.Weight}
	if before != nil {
		next.Server = before.Server
	} else {
		next.Server = &Server{ID: server.ID, service: live, Sessions: sessions.New(r.now())}
		next.verdict.Store(&Verdict{Status: initialStatus(config.Object), Since: r.now()})
	}
	if before != nil && before.Address == address {
		next.Pool = before.Pool
	} else {
		next.Pool = engine.NewPool(address)
	}
	if config.Cookie != nil {
		next.CookieLine = config.Cookie.ForServer(server.ID)
	}
	return next
}

// initialStatus is the verdict on a server that no check has seen.
func initialStatus(object *lbapi.BackendService) lbapi.HealthStatus {
	if object.HealthCheck.Enabled() {
		return lbapi.HealthUnknown
	}
	return lbapi.HealthOff
}

// address is where a server takes traffic for a backend service; zero if its instance is unknown.
func (r *Registry) address(server *lbapi.Server, object *lbapi.BackendService) netip.AddrPort {
	port := server.Port
	if port == 0 {
		port = object.Port
	}
	if server.Type != lbapi.ServerAddress {
		if address, ok := r.resolver.Resolve(server.InstanceID); ok {
			return netip.AddrPortFrom(address, uint16(port))
		}
		return netip.AddrPort{}
	}
	address, err := lbapi.ParseAddress(server.Address)
	if err != nil {
		return netip.AddrPort{} // the control API refuses it
	}
	return netip.AddrPortFrom(address, uint16(port))
}
