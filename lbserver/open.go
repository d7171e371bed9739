package lbserver

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi/signature"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/control"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/desired"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/durable"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/inventory"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/metrics"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/node"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/persistence"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/status"
)

// open opens everything that New opens. The caller closes it after an error.
func (s *Server) open() (err error) {
	if err := durable.MakeDirectory(s.config.DataDir); err != nil {
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
func (s *Server) restore(networks inventory.Networks) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), apiTimeout)
	defer cancel()
	if s.node, err = node.New(node.Config{
		Resolver:       s.inventory,
		DrainTimeout:   s.config.DrainTimeout,
		TrustedProxies: s.config.TrustedProxies,
		MaxLingering:   s.config.MaxLingering,
		MaxWaiting:     s.config.MaxWaiting,
		CheckSpeedup:   s.config.CheckSpeedup,
		AccessLog:      s.config.AccessLog,
		AccessLogJSON:  s.config.AccessLogJSON,
		Now:            s.config.Now,
		Log:            s.log,
	}); err != nil {
		return err
	}
	if s.state, err = desired.Open(ctx, desired.Config{
		Store:           s.store,
		Node:            s.node,
		Log:             s.log,
		Now:             s.config.Now,
		VIP:             s.config.VIP,
		PersistenceKeys: func() ([]byte, error) { return persistence.GenerateKeys().Encode() },
		Random:          rand.Reader,
	}); err != nil {
		return err
	}
	s.status = status.New(s.node, s.state.CheckStore, time.Now, s.config.Version)
	keys := signature.Credentials{AccessKey: s.credentials.AccessKey, SecretKey: s.credentials.SecretKey}
	s.control = control.New(control.Config{
		State:          s.state,
		BackendService: s.status.BackendService,
		Region:         s.config.Region,
		Verifier:       signature.NewVerifier(s.config.Now, keys),
		Quotas:         control.Quotas(s.config.Quotas),
		VIP:            s.config.VIP,
		Networks:       networks,
		Inventory:      s.inventory,
		Now:            s.config.Now,
		Random:         rand.Reader,
		Log:            s.log,
	})
	return nil
}

// serveHTTP prepares the two HTTP servers beside the data plane.
func (s *Server) serveHTTP() error {
	metricsHandler, err := metrics.Handler(s.status, s.log)
	if err != nil {
		return err
	}
	s.api = newHTTPServer(s.control, s.log)
	s.operations = newHTTPServer(operationsHandler(metricsHandler, s.status.Ready), s.log)
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
