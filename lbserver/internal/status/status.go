// Package status is the read model of what runs: listeners, backend services and their servers, the access log and the
// store, as values that nobody changes. Whatever shows the state of this process reads it here and nothing else of the
// data plane: metrics, the API's health answers, /readyz. Nothing is counted here; each value is read when it is asked
// for.
package status

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
)

// Node is the data plane that a Status reads.
type Node interface {
	Listeners() []proxy.Status
	BackendServices() []*service.Service
	BackendService(id string) (*service.Service, bool)
	DroppedLogLines() uint64
}

// Status reads what runs in this process. Its methods may be called from several goroutines.
type Status struct {
	node       Node
	checkStore func(context.Context) error
	now        func() time.Time
	version    string
}

// New makes a Status of a node. checkStore returns why the store can't be read or written, now is the clock by which
// sessions pass out of their window, and version is lbserver's.
func New(node Node, checkStore func(context.Context) error, now func() time.Time, version string) *Status {
	return &Status{node: node, checkStore: checkStore, now: now, version: version}
}

// Version is lbserver's.
func (s *Status) Version() string { return s.version }

// DroppedLogLines counts the lines of the access log that were lost.
func (s *Status) DroppedLogLines() uint64 { return s.node.DroppedLogLines() }

// Store returns why the store can't be read, or why changes can't be stored.
func (s *Status) Store(ctx context.Context) error { return s.checkStore(ctx) }

// Ready returns what keeps the process from serving all that it should: the store, and each enabled listener whose port
// is not open.
func (s *Status) Ready(ctx context.Context) error {
	failures := []error{s.Store(ctx)}
	for _, listener := range s.Listeners() {
		if listener.Object.Status != lbapi.On || listener.Bound {
			continue
		}
		err := listener.Err
		if err == nil {
			err = fmt.Errorf("listener %q (%s) is closed: lbserver is stopping", listener.Object.Name, listener.Object.ID)
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// Listener is a listener of the state in force.
type Listener struct {
	Object  *lbapi.Listener
	Address netip.AddrPort
	Bound   bool  // the port is open
	Err     error // why it is not, if the listener is enabled

	Connections       uint64 // accepted
	ActiveConnections int64
	Requests          uint64 // with a complete head, or refused for it
	InFlight          int64
	Responses         [5]uint64 // by class of status code: 1xx to 5xx
	Aborted           uint64    // requests that ended without a complete response
	Retries           uint64
	BytesReceived     uint64
	BytesSent         uint64
}

// Listeners lists the listeners of the state in force, by id.
func (s *Status) Listeners() []Listener {
	found := s.node.Listeners()
	all := make([]Listener, len(found))
	for i := range found {
		all[i] = listener(&found[i])
	}
	return all
}

func listener(live *proxy.Status) Listener {
	counters := live.Counters
	shown := Listener{
		Object: live.Object, Address: live.Address, Bound: live.Bound, Err: live.Err,
		Connections:       counters.Connections.Load(),
		ActiveConnections: counters.ActiveConnections.Load(),
		Requests:          counters.Requests.Load(),
		InFlight:          counters.InFlight.Load(),
		Aborted:           counters.Aborted.Load(),
		Retries:           counters.Retries.Load(),
		BytesReceived:     counters.BytesReceived.Load(),
		BytesSent:         counters.BytesSent.Load(),
	}
	for class := range shown.Responses {
		shown.Responses[class] = counters.Responses[class].Load()
	}
	return shown
}

// BackendService is a backend service of the state in force.
type BackendService struct {
	Object          *lbapi.BackendService
	EligibleServers int   // those that take new requests: weight above 0 and not unhealthy
	Waiting         int64 // requests that wait for a server to accept connections
	Persistence     Persistence
	Servers         []Server // every server of its group whose address is known, by id
}

// Persistence counts what became of the cookies of a backend service since the start of the process.
type Persistence struct {
	Hits    uint64 // the cookie named an eligible server, which got the request
	New     uint64 // no cookie came
	Expired uint64 // the cookie was older than the timeout
	Invalid uint64 // the cookie could not be read
	Moved   uint64 // its server is gone, drained or unhealthy
}

// Server is a server as one backend service sees it. Counters count since the start of the process.
type Server struct {
	Object  *lbapi.Server
	Address netip.AddrPort
	Weight  int

	Status lbapi.HealthStatus
	Reason lbapi.UnhealthyReason // set if Status is lbapi.Unhealthy
	Since  time.Time             // when Status became what it is

	// Sessions estimates the sessions that persistence kept on the server within sessions.Window; nil while persistence
	// is off.
	Sessions *int

	InFlight       int64
	Requests       uint64
	ConnectErrors  uint64
	LocalErrors    uint64 // connections that lbserver lacked a local port, a descriptor or memory for
	ResponseErrors uint64
	ChecksPassed   uint64
	ChecksFailed   uint64
	CheckDuration  time.Duration // of all finished checks
}

// BackendServices lists the backend services of the state in force, by id.
func (s *Status) BackendServices() []BackendService {
	found := s.node.BackendServices()
	slices.SortFunc(found, func(a, b *service.Service) int { return cmp.Compare(a.ID, b.ID) })
	all := make([]BackendService, 0, len(found))
	now := s.now()
	for _, live := range found {
		all = append(all, backendService(live, now))
	}
	return all
}

// BackendService returns a backend service of the state in force.
func (s *Status) BackendService(id string) (_ BackendService, found bool) {
	live, found := s.node.BackendService(id)
	if !found {
		return BackendService{}, false
	}
	return backendService(live, s.now()), true
}

func backendService(live *service.Service, now time.Time) BackendService {
	eligible, cookies := live.Eligible(), &live.Persistence
	shown := BackendService{
		Object:          eligible.Object,
		EligibleServers: len(eligible.Servers),
		Waiting:         live.Waiting.Count(),
		Persistence: Persistence{
			Hits: cookies.Hits.Load(), New: cookies.New.Load(), Expired: cookies.Expired.Load(),
			Invalid: cookies.Invalid.Load(), Moved: cookies.Moved.Load(),
		},
		Servers: make([]Server, len(eligible.Endpoints)),
	}
	for i, endpoint := range eligible.Endpoints {
		shown.Servers[i] = server(endpoint)
		if eligible.Cookie != nil {
			shown.Servers[i].Sessions = new(endpoint.Sessions.Count(now))
		}
	}
	return shown
}

func server(endpoint *service.Endpoint) Server {
	counters, verdict := &endpoint.Counters, endpoint.Verdict()
	shown := Server{
		Object: endpoint.Object, Address: endpoint.Address, Weight: endpoint.Weight,
		Status: verdict.Status, Since: verdict.Since,
		InFlight:       endpoint.InFlight.Load(),
		Requests:       counters.Requests.Load(),
		ConnectErrors:  counters.ConnectErrors.Load(),
		LocalErrors:    counters.LocalErrors.Load(),
		ResponseErrors: counters.ResponseErrors.Load(),
		ChecksPassed:   counters.ChecksPassed.Load(),
		ChecksFailed:   counters.ChecksFailed.Load(),
		CheckDuration:  time.Duration(counters.CheckDuration.Load()),
	}
	if verdict.Status == lbapi.Unhealthy {
		shown.Reason = verdict.Reason
	}
	return shown
}
