// Package sampleserver is a small web server to put behind a load balancer: its answers say which server answered and
// what it received. The demo and the acceptance tests use it.
package sampleserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// NameHeader is the response header with the name of the server that answered.
const NameHeader = "X-Served-By"

// maxEchoedBody is how many bytes of a request's body /echo reads at most.
const maxEchoedBody = 1 << 20

// Echo is the answer of /echo: the request as it arrived.
type Echo struct {
	Server        string      `json:"server"`
	RemoteAddress string      `json:"remote_address"`
	Method        string      `json:"method"`
	Target        string      `json:"target"` // the request line's, as sent
	Protocol      string      `json:"protocol"`
	Host          string      `json:"host"`
	Headers       http.Header `json:"headers"`
	Body          string      `json:"body,omitempty"` // at most 1 MiB
}

// Server is a running sample server. Its methods may be called from any goroutine.
type Server struct {
	name     string
	address  string
	http     *http.Server
	served   chan error
	closing  sync.Once
	requests atomic.Int64
	checks   atomic.Int64
	health   atomic.Int64 // the status of /health's answers
}

// Start runs a server called name on address; with "127.0.0.1:0" the kernel chooses the port. The caller closes it.
//
//	/               the server's name
//	/echo           the request as it arrived, as JSON (see Echo)
//	/health         200, or the status set by SetHealth or POST /health?status=503
//	/slow?for=2s    the name, after a while
//
// Every answer names the server in NameHeader.
func Start(ctx context.Context, name, address string) (*Server, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("starting sample server %q: %w", name, err)
	}
	server := &Server{name: name, address: listener.Addr().String(), served: make(chan error, 1)}
	server.health.Store(http.StatusOK)
	server.http = &http.Server{Handler: server.routes(), ReadHeaderTimeout: 10 * time.Second}
	go func() { server.served <- server.http.Serve(listener) }()
	return server, nil
}

// Address returns the host and port that the server listens on.
func (s *Server) Address() string { return s.address }

// Name returns the server's name.
func (s *Server) Name() string { return s.name }

// Requests returns the number of requests so far, without health checks.
func (s *Server) Requests() int64 { return s.requests.Load() }

// Checks returns the number of requests for /health so far.
func (s *Server) Checks() int64 { return s.checks.Load() }

// SetHealth sets the status, 200 to 599, with which /health answers from now on.
func (s *Server) SetHealth(status int) { s.health.Store(int64(status)) }

// Close ends the server like a crash: it closes the port and cuts all connections. It waits until the port is free, so
// that another server can be started on the same address. A second Close does nothing.
func (s *Server) Close() error {
	var err error
	s.closing.Do(func() {
		err = s.http.Close()
		if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
	})
	if err != nil {
		return fmt.Errorf("closing sample server %q: %w", s.name, err)
	}
	return nil
}

// Wait returns when ctx ends, after closing the server, or when serving fails.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return s.Close()
	case err := <-s.served:
		return fmt.Errorf("sample server %q stopped serving: %w", s.name, err)
	}
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", s.check)
	mux.HandleFunc("POST /health", s.decideHealth)
	mux.HandleFunc("/echo", s.counted(s.echo))
	mux.HandleFunc("/slow", s.counted(s.slow))
	mux.HandleFunc("/", s.counted(s.greet))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(NameHeader, s.name)
		mux.ServeHTTP(w, r)
	})
}

func (s *Server) counted(handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		handle(w, r)
	}
}

func (s *Server) greet(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintln(w, s.name) // the client may have left
}

func (s *Server) check(w http.ResponseWriter, _ *http.Request) {
	s.checks.Add(1)
	w.WriteHeader(int(s.health.Load()))
}

func (s *Server) decideHealth(w http.ResponseWriter, r *http.Request) {
	status, err := strconv.Atoi(r.URL.Query().Get("status"))
	if err != nil || status < 200 || status > 599 {
		http.Error(w, "status must be a number from 200 to 599: POST /health?status=503", http.StatusBadRequest)
		return
	}
	s.SetHealth(status)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) slow(w http.ResponseWriter, r *http.Request) {
	pause, err := time.ParseDuration(r.URL.Query().Get("for"))
	if err != nil || pause < 0 || pause > time.Minute {
		http.Error(w, "for must be a duration up to a minute: /slow?for=2s", http.StatusBadRequest)
		return
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		s.greet(w, r)
	case <-r.Context().Done():
	}
}

func (s *Server) echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEchoedBody))
	if err != nil {
		http.Error(w, "reading the body: "+err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(Echo{ // the client may have left
		Server: s.name, RemoteAddress: r.RemoteAddr, Method: r.Method, Target: r.RequestURI, Protocol: r.Proto,
		Host: r.Host, Headers: r.Header, Body: string(body),
	})
}
