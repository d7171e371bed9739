package service

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/balance"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/engine"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/persistence"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/sessions"
)

// Server is the live state of one server as one backend service sees it. It outlives snapshots and is found again by the
// server's id, so that counters, verdict and requests in flight survive a change of configuration.
type Server struct {
	ID      string
	service *Service

	// InFlight counts the requests that the server has now; least connections reads it.
	InFlight balance.InFlight
	Counters Counters
	// Sessions counts the sessions that persistence keeps on the server.
	Sessions *sessions.Counter

	verdict atomic.Pointer[Verdict]
}

// Counters count from the start of the process. Durations are summed in nanoseconds.
type Counters struct {
	Requests       atomic.Uint64
	ConnectErrors  atomic.Uint64 // connections that could not be opened
	LocalErrors    atomic.Uint64 // connections that could not be opened for lack of a local port, descriptor or memory
	ResponseErrors atomic.Uint64 // connections that broke or answered wrongly before a response was passed on
	ChecksPassed   atomic.Uint64
	ChecksFailed   atomic.Uint64
	CheckDuration  atomic.Int64
}

// Verdict is what health checks say of a server.
type Verdict struct {
	Status lbapi.HealthStatus
	Reason lbapi.UnhealthyReason // set when Status is Unhealthy
	Since  time.Time             // when Status became what it is
}

// Verdict returns the current verdict.
func (s *Server) Verdict() Verdict { return *s.verdict.Load() }

// SetVerdict publishes a verdict. If the verdict changes eligibility, the set of eligible servers has changed when SetVerdict
// returns, and idle connections to a server that became unhealthy are closed. It is for the owner of the health checks. Calls
// for one server come from one goroutine at a time; calls for different servers may come together, and are then put in force
// together.
func (s *Server) SetVerdict(verdict Verdict) { SetVerdicts([]*Server{s}, verdict) }

// SetVerdicts publishes one verdict on several servers, as SetVerdict does for one.
func SetVerdicts(servers []*Server, verdict Verdict) {
	changed := map[*Service][]*Server{}
	for _, server := range servers {
		was := server.verdict.Swap(&verdict)
		if (was.Status == lbapi.Unhealthy) != (verdict.Status == lbapi.Unhealthy) {
			changed[server.service] = append(changed[server.service], server)
		}
	}
	for live, servers := range changed {
		live.verdictsChanged(servers, verdict)
	}
}

// ObserveCheck counts one finished health check.
func (s *Server) ObserveCheck(passed bool, took time.Duration) {
	if passed {
		s.Counters.ChecksPassed.Add(1)
	} else {
		s.Counters.ChecksFailed.Add(1)
	}
	s.Counters.CheckDuration.Add(int64(took))
}

func (s *Server) unhealthy() bool { return s.verdict.Load().Status == lbapi.Unhealthy }

// Endpoint is a server at one revision of the configuration: where it is and how much it takes. Immutable.
type Endpoint struct {
	*Server
	Object  *lbapi.Server
	Address netip.AddrPort
	Weight  int // 0–100
	// Pool keeps the idle connections to Address; it is shared by endpoints of the same server and address.
	Pool *engine.Pool
	// CookieLine is the Set-Cookie line that keeps a client on this server; nil while persistence is off.
	CookieLine *persistence.ServerLine
}

// eligible reports whether the endpoint takes new requests.
func (e *Endpoint) eligible() bool { return e.Weight > 0 && !e.unhealthy() }
