// Package lbserver is an application load balancer in one value: New opens it, Run serves until its context ends. The
// command lbserver is a thin shell around it; tests of other programs may embed it:
//
//	config := lbserver.DefaultConfig()
//	config.APIAddress, config.OpsAddress, config.DataDir = "127.0.0.1:0", "127.0.0.1:0", t.TempDir()
//	server, err := lbserver.New(config)
//	…
//	go server.Run(ctx)
package lbserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/control"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/desired"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/inventory"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/node"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/persistence"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/status"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store/bolt"
)

const (
	// inventoryInterval is the time between two looks at the inventory file.
	inventoryInterval = time.Second
	// apiStopTimeout bounds the wait for API calls that are under way when the server stops.
	apiStopTimeout = 5 * time.Second
)

// Server is a load balancer.
type Server struct {
	config      Config
	log         *slog.Logger
	credentials credentials

	store     *bolt.Store
	inventory *inventory.Inventory
	node      *node.Node
	state     *desired.State
	status    *status.Status
	control   *control.Server

	api, operations                 *httpServer
	apiListener, operationsListener net.Listener

	closing  sync.Once
	closed   chan struct{} // closed by Close
	closeErr error
}

// New opens the store, binds the API's and the operations' address, and puts the stored configuration in force: its
// listeners take connections from then on. It fails, with everything closed again, if an address is taken, the store is
// in use or damaged, or the configuration can't be right.
func New(config Config) (*Server, error) {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if err := config.plain(); err != nil {
		return nil, err
	}
	if err := config.check(); err != nil {
		return nil, err
	}
	s := &Server{config: config, log: config.Log, closed: make(chan struct{})}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// APIAddress is where the control API listens, as host:port.
func (s *Server) APIAddress() string { return s.apiListener.Addr().String() }

// OpsAddress is where /healthz, /readyz and /metrics are served, as host:port.
func (s *Server) OpsAddress() string { return s.operationsListener.Addr().String() }

// Credentials are the keys that API calls must be signed with.
func (s *Server) Credentials() (accessKey, secretKey string) {
	return s.credentials.AccessKey, s.credentials.SecretKey
}

// ReopenLogs opens the file of the access log again, after it was rotated.
func (s *Server) ReopenLogs() {
	if err := s.node.ReopenAccessLog(); err != nil {
		s.log.Error("the access log could not be opened again", "error", err)
	}
}

// RotatePersistenceKey makes a new key for persistence cookies. Cookies that clients have, sealed by the key before, are valid
// until the next rotation and are replaced with the next response: no session ends if rotations lie further apart than the
// longest persistence timeout in use, which is at most a day.
func (s *Server) RotatePersistenceKey(ctx context.Context) error {
	err := s.state.RotatePersistenceKeys(ctx, func(current []byte) ([]byte, error) {
		keys, err := persistence.ParseKeys(current)
		if err != nil {
			return nil, err
		}
		return keys.Rotate().Encode()
	})
	if err != nil {
		return fmt.Errorf("rotate the key of the persistence cookies: %w", err)
	}
	s.log.Info("a new key seals persistence cookies; those sealed by the one before hold until the next rotation")
	return nil
}

// Run serves until ctx ends; then it drains: no new connections, requests in flight get the drain timeout to finish. It
// returns nil after that, or the error that ended it early. It is called once.
func (s *Server) Run(ctx context.Context) error {
	s.log.Info("lbserver is up", "version", s.config.Version, "api", s.APIAddress(), "operations", s.OpsAddress(),
		"region", s.config.Region, "data_dir", s.config.DataDir)
	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBackground()
	failed := make(chan error, 2)
	var serving, watching sync.WaitGroup
	serving.Go(func() { failed <- serve("API", s.api, s.apiListener) })
	serving.Go(func() { failed <- serve("operations", s.operations, s.operationsListener) })
	watching.Go(func() { s.inventory.Run(background, inventoryInterval, s.instancesChanged) })
	watching.Go(func() { s.state.RetryPorts(background) })

	var err error
	inOrder := false
	select {
	case <-ctx.Done():
		inOrder = true
	case <-s.closed:
	case err = <-failed:
	}
	stopBackground()
	watching.Wait() // a change that one of them makes needs the data plane
	if inOrder {
		s.drain() //nolint:contextcheck // ctx has ended; draining has its own time
	}
	err = errors.Join(err, s.Close()) //nolint:contextcheck // ctx has ended; closing has its own time
	serving.Wait()
	s.log.Info("lbserver has stopped")
	return err
}

// drain first ends the API, whose calls have apiStopTimeout to end, and then the traffic, whose requests have the drain timeout.
// A change takes part in both, and would fail on a data plane that has been stopped.
func (s *Server) drain() {
	calls, cancelCalls := s.closeableContext(apiStopTimeout)
	defer cancelCalls()
	if err := s.api.Shutdown(calls); err != nil {
		s.log.Warn("API calls were cut off", "error", err)
		_ = s.api.Close() // its listener is closed already
		s.api.wait()
	}
	requests, cancelRequests := s.closeableContext(s.config.DrainTimeout)
	defer cancelRequests()
	if err := s.node.Shutdown(requests); err != nil {
		s.log.Warn("requests in flight were cut off", "drain_timeout", s.config.DrainTimeout, "error", err)
	}
}

// closeableContext ends after a time, or when the server is closed.
func (s *Server) closeableContext(timeout time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	go func() {
		select {
		case <-s.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// instancesChanged applies the state again, with the new addresses of instances.
func (s *Server) instancesChanged() {
	ctx, cancel := context.WithTimeout(context.Background(), apiTimeout)
	defer cancel()
	if err := s.state.Reapply(ctx); err != nil {
		s.log.Error("new addresses of instances are not in force", "error", err)
	}
}

// Close stops at once and cuts all connections. A change that is being made is finished first: what was acknowledged is in the
// store. Further calls wait for the first and return its result.
func (s *Server) Close() error {
	s.closing.Do(func() {
		close(s.closed)
		var failures []error
		for _, server := range []*httpServer{s.api, s.operations} {
			if server != nil {
				failures = append(failures, server.Close())
			}
		}
		for _, listener := range []net.Listener{s.apiListener, s.operationsListener} {
			if listener != nil {
				// The HTTP server has closed it already, if it ever served.
				if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
					failures = append(failures, err)
				}
			}
		}
		for _, server := range []*httpServer{s.api, s.operations} {
			if server != nil {
				server.wait()
			}
		}
		if s.node != nil {
			failures = append(failures, s.node.Close())
		}
		if s.store != nil {
			failures = append(failures, s.store.Close())
		}
		s.closeErr = errors.Join(failures...)
	})
	return s.closeErr
}
