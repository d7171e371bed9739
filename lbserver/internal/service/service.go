// Package service holds the live backend services: the configuration of each, the state of its servers, and the set of servers
// that are eligible now. A request loads that set once, by Service.Eligible, and uses the immutable value until its end. The
// registry, on a new snapshot, and the health checks, on a verdict, publish a new one.
package service

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/balance"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/engine"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/persistence"
)

// Service is the live state of one backend service.
type Service struct {
	ID          string
	Persistence PersistenceCounters
	// Waiting are the requests that wait for a server to accept connections.
	Waiting Waiting

	eligible atomic.Pointer[Eligible]

	mu sync.Mutex // serialises changes: configure and verdictsChanged

	changes atomic.Uint64 // eligibility changes by verdicts, counted after the verdicts are stored
	gather  sync.Mutex    // held by the goroutine that puts eligibility changes in force: its own and those of waiting ones
	known   atomic.Uint64 // stored under mu; how many of the changes are in the set in force
	next    time.Time     // under gather; before it, no eligibility change is put in force
}

// gatherTime is the shortest pause between two sets of eligible servers that verdicts ask for; after a set that takes longer to
// make, the pause is as long as that took. If a network breaks, many servers change their eligibility within seconds, and a set
// for each would take a core from the traffic for that time: a set of 10,000 servers of mixed weights takes 30 ms.
const gatherTime = 5 * time.Millisecond

// PersistenceCounters count what became of the cookies of a backend service since the start of the process.
type PersistenceCounters struct {
	Hits    atomic.Uint64 // the cookie named an eligible server, which got the request
	New     atomic.Uint64 // no cookie came
	Expired atomic.Uint64 // the cookie was older than the timeout
	Invalid atomic.Uint64 // the cookie could not be read
	Moved   atomic.Uint64 // its server is gone, drained or unhealthy
}

// Config is a backend service at one revision. Immutable.
type Config struct {
	Object *lbapi.BackendService
	// CookieName is the name of the persistence cookie, on or off: browsers keep theirs when persistence is turned off, and
	// the servers must not see it even then.
	CookieName string
	// Cookie reads the persistence cookie; nil while persistence is off.
	Cookie    *persistence.Cookie
	Endpoints []*Endpoint // every server of the group whose address is known, by server id

	// What the configuration was made from; equal again means that nothing changed.
	group     *lbapi.ServerGroup
	addresses []netip.AddrPort // of the servers of group, in its order; zero where the inventory has none
}

// Eligible is the configuration with the servers that may take a new request: weight above 0 and not unhealthy. Immutable.
type Eligible struct {
	*Config
	Servers []*Endpoint
	Picker  balance.Picker // its indices are those of Servers
	byID    map[string]int
}

// Eligible returns the current configuration and eligible servers; nil only before the registry has configured the service.
func (s *Service) Eligible() *Eligible { return s.eligible.Load() }

// Find returns the index in Servers of the server with an id, or -1 if it takes no new request.
func (e *Eligible) Find(serverID []byte) int {
	if index, ok := e.byID[string(serverID)]; ok {
		return index
	}
	return -1
}

// verdictsChanged puts a changed verdict on servers in force, together with others that come meanwhile.
func (s *Service) verdictsChanged(servers []*Server, verdict Verdict) {
	s.putInForce(s.changes.Add(1))
	if verdict.Status != lbapi.Unhealthy {
		return
	}
	for _, endpoint := range s.eligible.Load().Endpoints {
		if slices.Contains(servers, endpoint.Server) {
			endpoint.Pool.CloseIdle()
		}
	}
}

// putInForce returns when an eligibility change is in force, and those before it; they are counted from 1.
func (s *Service) putInForce(change uint64) {
	s.gather.Lock()
	defer s.gather.Unlock()
	if s.known.Load() >= change {
		return // it is in the set of another goroutine
	}
	time.Sleep(time.Until(s.next))
	began := time.Now()
	s.mu.Lock()
	s.publish(s.eligible.Load().Config)
	s.mu.Unlock()
	done := time.Now()
	s.next = done.Add(max(gatherTime, done.Sub(began)))
}

// publish makes the set of eligible servers of a configuration and puts it in force; the caller holds mu.
func (s *Service) publish(config *Config) {
	changes := s.changes.Load() // before the verdicts are read, which may have more
	next := &Eligible{Config: config, byID: make(map[string]int, len(config.Endpoints))}
	candidates := make([]balance.Server, 0, len(config.Endpoints))
	keys := make(map[string]bool, len(config.Endpoints))
	for _, endpoint := range config.Endpoints {
		if !endpoint.eligible() {
			continue
		}
		next.byID[endpoint.ID] = len(next.Servers)
		next.Servers = append(next.Servers, endpoint)
		candidates = append(candidates, balance.Server{
			Key:      uniqueKey(endpoint, keys),
			Weight:   endpoint.Weight,
			InFlight: &endpoint.InFlight,
		})
	}
	var previous balance.Picker
	if current := s.eligible.Load(); current != nil {
		previous = current.Picker
	}
	next.Picker = balance.New(config.Object.Scheduler, candidates, previous)
	s.eligible.Store(next)
	s.known.Store(changes)
	s.Waiting.WakeAll()
}

// uniqueKey is the identity of a server for the scheduler: its address, so that a server that is registered again gets its
// clients back. Two servers of a group can have one address (two instances in the inventory, or a port of 0 beside the
// backend service's port); the second gets its id in addition.
func uniqueKey(endpoint *Endpoint, taken map[string]bool) string {
	key := endpoint.Address.String()
	if taken[key] {
		key += "/" + endpoint.ID
	}
	taken[key] = true
	return key
}

// configure puts a configuration in force and returns the endpoints whose pools it leaves behind.
func (s *Service) configure(config *Config) (left []*Endpoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if current := s.eligible.Load(); current != nil {
		left = leftBehind(current.Endpoints, config.Endpoints)
	}
	s.publish(config)
	return left
}

// leftBehind lists the endpoints of before whose pool no endpoint of after uses.
func leftBehind(before, after []*Endpoint) []*Endpoint {
	kept := make(map[*engine.Pool]bool, len(after))
	for _, endpoint := range after {
		kept[endpoint.Pool] = true
	}
	var left []*Endpoint
	for _, endpoint := range before {
		if !kept[endpoint.Pool] {
			left = append(left, endpoint)
		}
	}
	return left
}
