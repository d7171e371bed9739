package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// mallocs and allocated are the counters of lbserver's metrics.
const (
	mallocs   = "go_memstats_mallocs_total"
	allocated = "go_memstats_alloc_bytes_total"
)

// allocationsStage counts what lbserver allocates under load. What reading the counters and health checks allocate in the
// same time without load is taken off.
type allocationsStage struct{ webStage }

func (s *allocationsStage) measure(ctx context.Context, entrant, load string) (values, error) {
	proxy, of := s.proxies[entrant], s.loads[load]
	if _, err := s.runLoad(ctx, proxy, of, warmUp); err != nil {
		return nil, err
	}
	quiet, err := s.counted(ctx, proxy, func() error {
		select {
		case <-time.After(s.plan.duration()):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if err != nil {
		return nil, err
	}
	var requests float64
	busy, err := s.counted(ctx, proxy, func() error {
		seen, err := s.runLoad(ctx, proxy, of, s.plan.duration())
		requests = float64(seen.Requests)
		return err
	})
	if err != nil {
		return nil, err
	}
	return values{
		allocationsEach:   max(busy[mallocs]-quiet[mallocs], 0) / requests,
		allocatedBytesPer: max(busy[allocated]-quiet[allocated], 0) / requests,
	}, nil
}

// counted is by how much the counters rise while something is done.
func (s *allocationsStage) counted(ctx context.Context, of *proxy, do func() error) (map[string]float64, error) {
	before, err := scrape(ctx, of.balancer.operations, mallocs, allocated)
	if err != nil {
		return nil, err
	}
	if err := do(); err != nil {
		return nil, err
	}
	after, err := scrape(ctx, of.balancer.operations, mallocs, allocated)
	if err != nil {
		return nil, err
	}
	for name := range after {
		after[name] -= before[name]
	}
	return after, nil
}

// scrape reads some of lbserver's metrics.
func scrape(ctx context.Context, operations string, names ...string) (map[string]float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, operations+"/metrics", http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("read the metrics: %w", err)
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("read the metrics: %w", err)
	}
	defer response.Body.Close()
	all := map[string]float64{}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		name, text, _ := strings.Cut(lines.Text(), " ")
		if value, err := strconv.ParseFloat(text, 64); err == nil {
			all[name] = value
		}
	}
	found := map[string]float64{}
	for _, name := range names {
		value, ok := all[name]
		if !ok {
			return nil, fmt.Errorf("the metrics lack %s", name)
		}
		found[name] = value
	}
	return found, lines.Err()
}

func allocationsRow(chosen *plan) *row {
	names, loads := small(64)
	return &row{
		name:  "allocations",
		title: "Allocations",
		how: "What the Go runtime counts during a run, by lbserver's own metrics, less what it counts in as long a time without load, divided " +
			"by the requests. The Set-Cookie line of each server is made anew once a second, and health checks go on: anything below 0.005 " +
			"is none.",
		entrants: taking(chosen.proxies, "lbserver"),
		loads:    names,
		metrics:  []metric{allocationsEach, allocatedBytesPer},
		bars:     []bar{{metric: allocationsEach, limit: 0.005}},
		begin: func(ctx context.Context, in *environment, entrants []string) (stage, error) {
			arena, err := in.newArena(ctx, entrants...)
			if err != nil {
				return nil, err
			}
			return &allocationsStage{webStage{arena, loads}}, nil
		},
	}
}
