package lbserver

import (
	"net/http"
	"sync"
)

// httpServer is one of the HTTP servers beside the data plane. It counts the calls that its handler has under way, for which
// http.Server's Close does not wait: a change that is being made needs the store and the data plane to its end.
type httpServer struct {
	*http.Server

	handler http.Handler

	mu      sync.Mutex
	ended   bool           // under mu
	running sync.WaitGroup // added to under mu
}

// ServeHTTP implements http.Handler. A call that comes after the end is cut off.
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

// wait waits for the calls that are under way after Close. There are no others afterwards.
func (s *httpServer) wait() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.running.Wait()
}
