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
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi/signature"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/control"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/inventory"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/metrics"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/persistence"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store/bolt"
)

const (
	// inventoryInterval is how often the inventory file is looked at.
	inventoryInterval = time.Second
	// listenerRetryInterval is how often the ports that another process held are tried again.
	listenerRetryInterval = time.Second
	// apiHeaderTimeout and apiIdleTimeout bound the API's and the operations' connections.
	apiHeaderTimeout = 10 * time.Second
	apiIdleTimeout   = 120 * time.Second
	// apiTimeout bounds one call with its answer. A change takes at most 30 s.
	apiTimeout = 60 * time.Second
	// apiHeaderLimit bounds the head of an API call, in bytes; the longest field that is used, Authorization, has up to 8 KiB.
	apiHeaderLimit = 32 << 10
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
	node      *node
	control   *control.Server

	api, operations                 *httpServer
	apiListener, operationsListener net.Listener

	closing  sync.Once
	closed   chan struct{} // closed by Close
	closeErr error
}

// New opens the store, binds the API's and the operations' address, and puts the stored configuration in force: its
// listeners take connections from then on. It fails, with everything closed again, when an address is taken, the store is
// in use or damaged, or the configuration can't be right.
func New(config Config) (*Server, error) {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.Now == nil {
		config.Now = time.Now
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

func (s *Server) open() (err error) {
	if err := os.MkdirAll(s.config.DataDir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	if err := s.openStore(); err != nil {
		return err
	}
	if err := s.findCredentials(); err != nil {
		return err
	}
	networks := inventory.Networks(s.config.AllowedNetworks)
	if s.inventory, err = inventory.Open(s.config.Inventory, networks, s.log); err != nil {
		return err
	}
	if s.apiListener, err = listen("API", s.config.APIAddress, "--api-address"); err != nil {
		return err
	}
	if s.operationsListener, err = listen("operations", s.config.OpsAddress, "--ops-address"); err != nil {
		return err
	}
	if err := s.restore(networks); err != nil {
		return err
	}
	return s.serveHTTP()
}

// findCredentials takes the keys of the configuration, or those of the data directory.
func (s *Server) findCredentials() error {
	s.credentials = credentials{s.config.AccessKey, s.config.SecretKey}
	if s.credentials.AccessKey != "" {
		return nil
	}
	pair, path, err := loadCredentials(s.config.DataDir)
	if err != nil {
		return err
	}
	s.credentials = pair
	s.log.Info("the API keys are in a file", "path", path)
	return nil
}

// restore puts the stored state in force and makes the control API over it.
func (s *Server) restore(networks inventory.Networks) error {
	ctx, cancel := context.WithTimeout(context.Background(), apiTimeout)
	defer cancel()
	state, err := control.Load(ctx, s.store, control.First{
		VIP:             s.config.VIP,
		PersistenceKeys: func() ([]byte, error) { return persistence.GenerateKeys().Encode() },
		Now:             s.config.Now,
		Random:          rand.Reader,
	})
	if err != nil {
		return err
	}
	if s.node, err = newNode(s.config, s.inventory); err != nil {
		return err
	}
	if err := s.node.restore(ctx, state); err != nil {
		return err
	}
	keys := signature.Credentials{AccessKey: s.credentials.AccessKey, SecretKey: s.credentials.SecretKey}
	s.control = control.New(control.Config{
		Store:     s.store,
		Node:      s.node,
		Snapshot:  state,
		Region:    s.config.Region,
		Verifier:  signature.NewVerifier(s.config.Now, keys),
		Quotas:    control.Quotas(s.config.Quotas),
		VIP:       s.config.VIP,
		Networks:  networks,
		Inventory: s.inventory,
		Now:       s.config.Now,
		Random:    rand.Reader,
		Log:       s.log,
	})
	return nil
}

// serveHTTP prepares the two HTTP servers beside the data plane.
func (s *Server) serveHTTP() error {
	metricsHandler, err := metrics.Handler(metrics.Sources{
		Listeners:       s.node.proxy.Listeners,
		Services:        s.node.services.Services,
		DroppedLogLines: s.node.accessLog.Dropped,
		Now:             time.Now,
		Version:         s.config.Version,
		Log:             s.log,
	})
	if err != nil {
		return err
	}
	s.api = s.newHTTPServer(s.control)
	s.operations = s.newHTTPServer(operationsHandler(metricsHandler, s.ready))
	if s.config.APITLSCert == "" {
		return nil
	}
	certificate, err := tls.LoadX509KeyPair(s.config.APITLSCert, s.config.APITLSKey)
	if err != nil {
		return fmt.Errorf("read the API's TLS certificate %s and key %s: %w", s.config.APITLSCert, s.config.APITLSKey, err)
	}
	s.apiListener = tls.NewListener(s.apiListener, &tls.Config{
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"http/1.1"},
	})
	return nil
}

func (s *Server) newHTTPServer(handler http.Handler) *httpServer {
	made := &httpServer{handler: handler}
	made.Server = &http.Server{
		Handler:           made,
		ReadHeaderTimeout: apiHeaderTimeout,
		ReadTimeout:       apiTimeout,
		WriteTimeout:      apiTimeout,
		IdleTimeout:       apiIdleTimeout,
		MaxHeaderBytes:    apiHeaderLimit,
		// OPTIONS * is for the handler as well: the API answers no one without a signature.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	return made
}

// listen binds one of the server's own addresses.
func listen(what, address, flag string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("open the %s address: %w; choose another with %s", what, err, flag)
	}
	return listener, nil
}

// APIAddress is where the control API listens, as host:port.
func (s *Server) APIAddress() string { return s.apiListener.Addr().String() }

// OpsAddress is where /healthz, /readyz and /metrics are served, as host:port.
func (s *Server) OpsAddress() string { return s.operationsListener.Addr().String() }

// Credentials are the keys that API calls must be signed with.
func (s *Server) Credentials() (accessKey, secretKey string) {
	return s.credentials.AccessKey, s.credentials.SecretKey
}

// ReopenLogs opens the access log's file again, for whoever rotates it.
func (s *Server) ReopenLogs() {
	if err := s.node.reopenAccessLog(); err != nil {
		s.log.Error("the access log could not be opened again", "error", err)
	}
}

// RotatePersistenceKey has a new key seal persistence cookies. Those that clients have, sealed by the one before, hold until the
// next rotation and are renewed with each response: rotations that lie further apart than the longest persistence timeout
// in use, a day at the most, end no session.
func (s *Server) RotatePersistenceKey(ctx context.Context) error {
	err := s.control.RotatePersistenceKeys(ctx, func(current []byte) ([]byte, error) {
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

// ready says what keeps the server from serving all that it should.
func (s *Server) ready(ctx context.Context) error {
	if _, err := s.store.Load(ctx); err != nil {
		return err
	}
	return errors.Join(s.control.Storable(ctx), s.node.ready())
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
	watching.Go(func() { s.retryListeners(background) })

	var err error
	inOrder := false
	select {
	case <-ctx.Done():
		inOrder = true
	case <-s.closed:
	case err = <-failed:
	}
	stopBackground()
	watching.Wait() // what they may be changing needs the data plane
	if inOrder {
		s.drain() //nolint:contextcheck // ctx has ended; draining has its own time
	}
	err = errors.Join(err, s.Close()) //nolint:contextcheck // ctx has ended; closing has its own time
	serving.Wait()
	s.log.Info("lbserver has stopped")
	return err
}

func serve(what string, server *httpServer, listener net.Listener) error {
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the %s address: %w", what, err)
	}
	return nil
}

// drain ends the API, whose calls under way get a moment, and then the traffic, whose requests in flight get the drain timeout:
// a change takes part in both, and would fail on a data plane that has been stopped.
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
	if err := s.node.proxy.Shutdown(requests); err != nil {
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

// instancesChanged gives the node the state once more, with the new addresses.
func (s *Server) instancesChanged() {
	ctx, cancel := context.WithTimeout(context.Background(), apiTimeout)
	defer cancel()
	if err := s.control.Reapply(ctx); err != nil {
		s.log.Error("new addresses of instances are not in force", "error", err)
	}
}

// retryListeners tries to open the ports that were taken, until ctx ends.
func (s *Server) retryListeners(ctx context.Context) {
	tick := time.NewTicker(listenerRetryInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if !s.node.anyFailing() {
				continue
			}
			if err := s.control.Reapply(ctx); err != nil {
				s.log.Error("listeners without a port could not be tried again", "error", err)
			}
		}
	}
}

// Close stops at once: connections are cut where they are. A change that is being made is made first: what was acknowledged is
// in the store. Further calls wait for the first and return its result.
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
			failures = append(failures, s.node.close())
		}
		if s.store != nil {
			failures = append(failures, s.store.Close())
		}
		s.closeErr = errors.Join(failures...)
	})
	return s.closeErr
}
