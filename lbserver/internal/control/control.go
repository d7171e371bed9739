// Package control serves the control API (api.md): it authenticates a call, decodes it strictly, judges it by lbapi's
// rules and by the objects that it refers to, hands the change to package desired, and answers once this node serves
// it. It knows the words of the API and nothing of how state is stored or traffic carried.
package control

import (
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi/signature"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/desired"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/ids"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/inventory"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/status"
)

// Config is what a Server stands on. All fields must be set.
type Config struct {
	// State is the desired state, which calls read and change.
	State *desired.State
	// BackendService shows how a backend service runs here, as status.Status does.
	BackendService func(id string) (status.BackendService, bool)
	Region         string
	Verifier       *signature.Verifier
	Quotas         Quotas
	VIP            netip.Addr // of a load balancer that is created without one
	Networks       inventory.Networks
	Inventory      *inventory.Inventory
	Now            func() time.Time
	Random         io.Reader // makes ids; crypto/rand's outside tests
	Log            *slog.Logger
}

// Server is the control API as an http.Handler.
type Server struct {
	config Config
	mux    *http.ServeMux
	// lost answers calls whose path no mux would take as it is.
	lost http.Handler
	ids  ids.Source
}

// New makes the control API of a node.
func New(config Config) *Server {
	s := &Server{config: config, ids: ids.Source{Random: config.Random}}
	s.route()
	return s
}
