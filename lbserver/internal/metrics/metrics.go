// Package metrics shows operators, in Prometheus' format, what the load balancer does.
//
// Nothing happens on the path of requests: the data plane and the health checks count for themselves, and a scrape reads
// their counters. Ids are labels; names, which users change, are in the info metrics, to be joined on the id.
package metrics

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
)

// maxScrapes bounds the scrapes at one time; a further one is answered 503. A scrape of 10,000 servers takes some
// megabytes.
const maxScrapes = 4

// Sources are where a scrape reads. All are required, and are called from several goroutines.
type Sources struct {
	// Listeners lists the listeners of the desired state, as proxy.Proxy does.
	Listeners func() []proxy.Status
	// Services lists the live backend services, as service.Registry does.
	Services func() []*service.Service
	// DroppedLogLines counts the access log lines that were lost, as accesslog.Log does.
	DroppedLogLines func() uint64
	// Now is the clock by which sessions pass out of their window.
	Now func() time.Time
	// Version is lbserver's.
	Version string
	// Log takes what goes wrong in a scrape.
	Log *slog.Logger
}

// Handler serves the metrics of the load balancer, of the Go runtime and of the process, from a registry of its own.
func Handler(sources Sources) (http.Handler, error) {
	registry := prometheus.NewRegistry()
	for _, collector := range []prometheus.Collector{
		newCollector(sources),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := registry.Register(collector); err != nil {
			return nil, fmt.Errorf("register the metrics: %w", err)
		}
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog:            errorLog{sources.Log},
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes,
	}), nil
}

// errorLog passes promhttp's complaints on.
type errorLog struct{ log *slog.Logger }

func (l errorLog) Println(complaint ...any) {
	l.log.Error("a scrape of the metrics is incomplete", "error", fmt.Sprint(complaint...))
}
