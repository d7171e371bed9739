package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Counters of lbserver's metrics.
const (
	mallocs   = "go_memstats_mallocs_total"
	allocated = "go_memstats_alloc_bytes_total"
	requests  = "alb_requests_total"
)

// allocationsStage counts what lbserver allocates while a load runs, once its connections are open. It subtracts what
// reading the counters and the health checks allocate in the same time without load.
type allocationsStage struct{ webStage }

func (s *allocationsStage) measure(ctx context.Context, entrant, load string) (values, error) {
	proxy, of := s.proxies[entrant], s.loads[load]
	quiet, err := s.counted(ctx, proxy)
	if err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	running, cancel := context.WithCancel(ctx)
	go func() {
		_, err := s.runLoad(running, proxy, of, warmUp+s.plan.duration()+coolDown)
		ended <- err
	}()
	busy, err := s.countedLater(ctx, proxy)
	if err != nil {
		cancel()
	}
	err = errors.Join(err, <-ended)
	cancel()
	if err != nil {
		return nil, err
	}
	answered := busy[requests] - quiet[requests]
	return values{
		allocationsEach:   max(busy[mallocs]-quiet[mallocs], 0) / answered,
		allocatedBytesPer: max(busy[allocated]-quiet[allocated], 0) / answered,
	}, nil
}

// coolDown is how much longer the load runs than it is measured, so that it does not end during the measurement.
const coolDown = time.Second

// countedLater is counted after the load has run for warmUp.
func (s *allocationsStage) countedLater(ctx context.Context, of *proxy) (map[string]float64, error) {
	if err := pause(ctx, warmUp); err != nil {
		return nil, err
	}
	return s.counted(ctx, of)
}

// counted returns by how much the counters rise during a measurement.
func (s *allocationsStage) counted(ctx context.Context, of *proxy) (map[string]float64, error) {
	before, err := scrape(ctx, of.balancer.operations, mallocs, allocated, requests)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, s.plan.duration()); err != nil {
		return nil, err
	}
	after, err := scrape(ctx, of.balancer.operations, mallocs, allocated, requests)
	if err != nil {
		return nil, err
	}
	for name := range after {
		after[name] -= before[name]
	}
	return after, nil
}

// scrape reads some of lbserver's metrics, each summed over its labels.
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
		series, text, _ := strings.Cut(lines.Text(), " ")
		name, _, _ := strings.Cut(series, "{")
		if value, err := strconv.ParseFloat(text, 64); err == nil {
			all[name] += value
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
		how: "What the Go runtime counts, by lbserver's own metrics, while the load runs on open connections, minus what it counts in the " +
			"same time without load, divided by the requests. The Set-Cookie line of each server is made again each second, and health " +
			"checks continue: anything below 0.005 counts as none.",
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
