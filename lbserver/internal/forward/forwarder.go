package forward

import (
	"log/slog"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/logqueue"
)

// Forwarder is what all attempts of a data plane share.
type Forwarder struct {
	log   *slog.Logger
	lacks logqueue.Limit
}

// New returns a Forwarder. Attempts log on event loops, so the log must not block.
func New(log *slog.Logger) *Forwarder { return &Forwarder{log: log} }
