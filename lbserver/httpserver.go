package lbserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// apiHeaderTimeout and apiIdleTimeout bound the API's and the operations' connections.
	apiHeaderTimeout = 10 * time.Second
	apiIdleTimeout   = 120 * time.Second
	// apiTimeout bounds one call with its answer. A change takes at most 30 s.
	apiTimeout = 60 * time.Second
	// apiHeaderLimit bounds the head of an API call, in bytes; the longest field that is used, Authorization, has up to 8 KiB.
	apiHeaderLimit = 32 << 10
)

// httpServer is one of the HTTP servers beside the data plane. It counts the calls that its handler is serving, for which
// http.Server's Close does not wait: a change that is being made needs the store and the data plane until it is done.
type httpServer struct {
	*http.Server

	handler http.Handler

	mu      sync.Mutex
	ended   bool           // under mu
	running sync.WaitGroup // added to under mu
}

func newHTTPServer(handler http.Handler, log *slog.Logger) *httpServer {
	made := &httpServer{handler: handler}
	made.Server = &http.Server{
		Handler:           made,
		ReadHeaderTimeout: apiHeaderTimeout,
		ReadTimeout:       apiTimeout,
		WriteTimeout:      apiTimeout,
		IdleTimeout:       apiIdleTimeout,
		MaxHeaderBytes:    apiHeaderLimit,
		// OPTIONS * is for the handler as well: the API gives no answer without a signature.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelDebug),
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

func serve(what string, server *httpServer, listener net.Listener) error {
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the %s address: %w", what, err)
	}
	return nil
}

// ServeHTTP serves a call. A call that comes after the end is cut off.
func (s *httpServer) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if !s.begin() {
		panic(http.ErrAbortHandler)
	}
	defer s.running.Done()
	s.handler.ServeHTTP(w, request)
}

func (s *httpServer) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.running.Add(1)
	return true
}

// wait waits, after Close, for the calls that are still being served. No others begin.
func (s *httpServer) wait() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.running.Wait()
}
