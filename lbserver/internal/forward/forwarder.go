package forward

import (
	"log/slog"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/logqueue"
)

// Config is what a Forwarder works with.
type Config struct {
	// MaxWaiting bounds the requests of one backend service that wait for a server to accept connections; 0 lets none wait.
	MaxWaiting int
	// Log takes what operators should know. It is written to on event loops, so it must not block. Required.
	Log *slog.Logger
}

// Forwarder is what all attempts of a data plane share.
type Forwarder struct {
	Config
	lacks, waits, turnedAway logqueue.Limit
}

// New returns a Forwarder.
func New(config Config) *Forwarder { return &Forwarder{Config: config} }
