// Package control serves the control API (api.md): it authenticates a call,
// decodes it strictly, judges it by lbapi's rules and by the objects it refers
// to, commits it in one transaction, and answers once this node serves it.
package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/signature"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/inventory"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
)

// Node is the part of this process that carries the traffic.
type Node interface {
	// Prepare does what can fail of a change to the snapshot next, such as
	// opening ports, and changes nothing that traffic sees. A port that can't
	// be opened is a *PortError. next gets its revision before Apply.
	Prepare(ctx context.Context, next *snapshot.Snapshot) (Prepared, error)
	// Verdicts are the verdicts on the servers of a backend service, by the
	// id of the server. A server that takes no traffic because its address is
	// not known has none.
	Verdicts(backendServiceID string) map[string]Verdict
	// Sessions counts the sessions that persistence keeps on the servers of
	// a backend service, by the id of the server; nil while it is off.
	Sessions(backendServiceID string) map[string]lbapi.SessionCount
}

// Prepared is a change that can no longer fail. Exactly one of its methods is
// called, once.
type Prepared interface {
	// Apply returns when the node serves the change.
	Apply()
	// Abort undoes the preparation.
	Abort()
}

// Verdict is what health checks say of a server.
type Verdict struct {
	Status lbapi.HealthStatus
	Reason lbapi.UnhealthyReason // set when Status is lbapi.Unhealthy
}

// PortError says that the port of a listener can't be opened.
type PortError struct {
	ListenerID string
	Address    netip.AddrPort
	Err        error // what the system says
}

func (e *PortError) Error() string {
	return fmt.Sprintf("open %s for listener %s: %v", e.Address, e.ListenerID, e.Err)
}

func (e *PortError) Unwrap() error { return e.Err }

// reason is what the system says, with what the reader can do.
func (e *PortError) reason() string {
	number, ok := errors.AsType[syscall.Errno](e.Err)
	if !ok {
		return e.Err.Error()
	}
	var advice string
	switch number {
	case syscall.EADDRINUSE:
		advice = "another process, or lbserver's own API or operations address, holds the port; free it or choose another port"
	case syscall.EADDRNOTAVAIL:
		advice = "the address of the load balancer is not one of this machine's"
	case syscall.EACCES:
		advice = "lbserver lacks the right to open a port this low"
	default:
		return number.Error()
	}
	return number.Error() + " (" + advice + ")"
}

// Quotas bound what one server holds. Source: api.md, "Load balancers".
type Quotas struct {
	LoadBalancers   int
	Listeners       int // on each load balancer
	BackendServices int // on each load balancer
	ServerGroups    int // on each load balancer
	Servers         int // in each server group
}

// Config is what a Server stands on. All fields must be set.
type Config struct {
	Store store.Store
	Node  Node
	// Snapshot is the state of Store, which Node serves already.
	Snapshot  *snapshot.Snapshot
	Region    string
	Verifier  *signature.Verifier
	Quotas    Quotas
	VIP       netip.Addr // of a load balancer that is created without one
	Networks  inventory.Networks
	Inventory *inventory.Inventory
	Now       func() time.Time
	Random    io.Reader // makes ids; crypto/rand's outside tests
	Log       *slog.Logger
}

// Server is the control API as an http.Handler.
type Server struct {
	config Config
	mux    *http.ServeMux
	// lost answers calls whose path no mux would take as it is.
	lost http.Handler
	ids  ids

	// current is what the node serves. Stored under mu, loaded by anybody.
	current atomic.Pointer[snapshot.Snapshot]

	// mu makes the judging, committing and applying of a change one step.
	mu sync.Mutex
	// unstored is why the last write to the store failed, nil when it did not.
	// Stored under mu, loaded by anybody.
	unstored atomic.Pointer[storeFailure]
	// behind is set when the store may have moved on without current: after a
	// commit whose end is not known, or one by another process. Under mu.
	behind bool
}

// New makes the control API of a node.
func New(config Config) *Server {
	s := &Server{config: config, ids: ids{random: config.Random}}
	s.current.Store(config.Snapshot)
	s.route()
	return s
}

// Snapshot is the desired state that this node serves.
func (s *Server) Snapshot() *snapshot.Snapshot { return s.current.Load() }

// Reapply gives the node the current state once more, for when the addresses
// of instances have changed.
func (s *Server) Reapply(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	prepared, err := s.config.Node.Prepare(ctx, s.current.Load())
	if err != nil {
		return fmt.Errorf("apply the current state again: %w", err)
	}
	prepared.Apply()
	return nil
}
