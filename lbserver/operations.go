package lbserver

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// readinessTimeout bounds what /readyz does, so that a probe of it never piles up behind a slow disk.
const readinessTimeout = 2 * time.Second

// operationsHandler serves the paths that operators and their tools read. They need no key and change nothing, and have an
// address of their own, which is loopback by default.
func operationsHandler(metrics http.Handler, ready func(context.Context) error) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, request *http.Request) {
		ctx, cancel := context.WithTimeout(request.Context(), readinessTimeout)
		defer cancel()
		if err := ready(ctx); err != nil {
			answer(w, http.StatusServiceUnavailable, "not ready: "+err.Error())
			return
		}
		answer(w, http.StatusOK, "ready")
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, "lbserver\n\n/healthz  the process is up\n/readyz   every enabled listener takes traffic, and changes can be stored\n"+
			"/metrics  Prometheus metrics")
	})
	return mux
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text) // a prober that has gone away needs no answer
}
