package main

import (
	"io"
	"net/http"
	"sync"
)

// stateStore keeps Terraform's states in memory, by path, as its http backend wants it.
type stateStore struct {
	mu     sync.Mutex
	states map[string][]byte
}

// ServeHTTP implements http.Handler.
func (s *stateStore) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch req.Method {
	case http.MethodGet:
		state, ok := s.states[req.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write(state) // whoever has gone away needs no answer
	case http.MethodPost:
		state, err := io.ReadAll(req.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if s.states == nil {
			s.states = map[string][]byte{}
		}
		s.states[req.URL.Path] = state
	default:
		http.Error(w, "only GET and POST", http.StatusMethodNotAllowed)
	}
}
