// Package metrics shows operators what the load balancer does, in the format of Prometheus. A scrape reads package
// status; nothing happens on the path of requests. Ids are labels; names, which users change, are in the info metrics,
// to be joined on the id.
package metrics

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/status"
)

// maxScrapes bounds the scrapes at one time; another one is answered with 503. A scrape of 10,000 servers takes some
// megabytes.
const maxScrapes = 4

// Handler serves the metrics of the load balancer, of the Go runtime and of the process, from a registry of its own.
// The log takes what goes wrong in a scrape.
func Handler(from *status.Status, log *slog.Logger) (http.Handler, error) {
	registry := prometheus.NewRegistry()
	for _, collector := range []prometheus.Collector{
		newCollector(from),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := registry.Register(collector); err != nil {
			return nil, fmt.Errorf("register the metrics: %w", err)
		}
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog:            errorLog{log},
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes,
	}), nil
}

// errorLog passes promhttp's complaints on.
type errorLog struct{ log *slog.Logger }

func (l errorLog) Println(complaint ...any) {
	l.log.Error("a scrape of the metrics is incomplete", "error", fmt.Sprint(complaint...))
}
