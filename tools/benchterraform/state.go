package main

import (
	"io"
	"net/http"
	"sync"
)

// stateStore keeps Terraform's states in memory, by path, for its http backend.
type stateStore struct {
	mu     sync.Mutex
	states map[string][]byte
}

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
		_, _ = w.Write(state) // the client may have left
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
