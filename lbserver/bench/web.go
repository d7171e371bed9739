package main

import (
	"context"
	"fmt"
	"net/http"
)

// webStage makes wrk send loads to the proxies of an arena.
type webStage struct {
	*arena
	loads map[string]webLoad
}

func (s *webStage) measure(ctx context.Context, entrant, load string) (values, error) {
	proxy, of := s.proxies[entrant], s.loads[load]
	if _, err := s.runLoad(ctx, proxy, of, warmUp); err != nil {
		return nil, err
	}
	before, err := proxy.usage()
	if err != nil {
		return nil, err
	}
	seen, err := s.runLoad(ctx, proxy, of, s.plan.duration())
	if err != nil {
		return nil, err
	}
	after, err := proxy.usage()
	if err != nil {
		return nil, err
	}
	perRequest := float64((after.cpu - before.cpu).Nanoseconds()) / 1e3 / float64(seen.Requests)
	return values{
		cpuPerRequest: perRequest,
		cpuPerMiB:     perRequest, // for rows whose requests carry 1 MiB
		requestRate:   seen.rate(),
		latencyMedian: float64(seen.Median) / 1e3,
		latencyP99:    float64(seen.P99) / 1e3,
		memory:        mebibytes(after.memory),
	}, nil
}

// onNginx returns a function that begins a row with nginx as origin.
func onNginx(loads map[string]webLoad) func(context.Context, *environment, []string) (stage, error) {
	return func(ctx context.Context, in *environment, entrants []string) (stage, error) {
		arena, err := in.newArena(ctx, entrants...)
		if err != nil {
			return nil, err
		}
		return &webStage{arena, loads}, nil
	}
}

// small returns the loads of small bodies over kept connections, with their names in order.
func small(connections ...int) (names []string, loads map[string]webLoad) {
	loads = map[string]webLoad{}
	for _, count := range connections {
		name := fmt.Sprintf("%d connections", count)
		names = append(names, name)
		loads[name] = webLoad{connections: count, method: http.MethodGet, path: "/"}
	}
	return names, loads
}

func cpuRow(chosen *plan) *row {
	names, loads := small(chosen.connections...)
	bars := []bar{
		{metric: cpuPerRequest, peer: "haproxy", limit: 0.75},
		{metric: cpuPerRequest, peer: "nginx", limit: 0.75},
		{metric: cpuPerRequest, peer: "haproxy-tcp", limit: 1.15},
		{metric: latencyP99, peer: "haproxy", limit: 1, load: "256 connections"},
	}
	return &row{
		name:     "cpu",
		title:    "Small requests",
		how:      "`GET /`, 128-byte responses, as fast as possible: one second to warm up, then the measurement.",
		entrants: taking(chosen.proxies, knownProxies()...),
		loads:    names,
		metrics:  []metric{cpuPerRequest, requestRate, latencyMedian, latencyP99, memory},
		bars:     bars,
		begin:    onNginx(loads),
	}
}

const bulkConnections = "16 connections"

func downloadRow(chosen *plan) *row {
	return &row{
		name:     "download",
		title:    "Responses of 1 MiB",
		how:      "nginx sends a file; 16 connections ask for it again and again.",
		entrants: taking(chosen.proxies, "lbserver", "haproxy"),
		loads:    []string{bulkConnections},
		metrics:  []metric{cpuPerMiB, requestRate, latencyP99, memory},
		bars:     []bar{{metric: cpuPerMiB, peer: "haproxy", limit: 1}},
		begin:    onNginx(map[string]webLoad{bulkConnections: {connections: 16, method: http.MethodGet, path: "/large"}}),
	}
}

func uploadRow(chosen *plan) *row {
	loads := map[string]webLoad{bulkConnections: {connections: 16, method: http.MethodPost, path: "/", bodySize: largeBody}}
	return &row{
		name:  "upload",
		title: "Uploads of 1 MiB",
		how: "The servers are Go's net/http, which reads every body to its end before it answers; nginx would answer first, or write the " +
			"body to a file. 16 connections.",
		entrants: taking(chosen.proxies, "lbserver", "haproxy"),
		loads:    []string{bulkConnections},
		metrics:  []metric{cpuPerMiB, requestRate, latencyP99, memory},
		bars:     []bar{{metric: cpuPerMiB, peer: "haproxy", limit: 1}},
		begin: func(ctx context.Context, in *environment, entrants []string) (stage, error) {
			directory, err := in.subdirectory()
			if err != nil {
				return nil, err
			}
			servers, err := startDrainingServers(ctx)
			if err != nil {
				return nil, err
			}
			arena, err := in.newArenaOf(ctx, directory, servers, entrants...)
			if err != nil {
				return nil, err
			}
			return &webStage{arena, loads}, nil
		},
	}
}

func connectRow(chosen *plan) *row {
	const load = "64 at a time"
	return &row{
		name:  "connect",
		title: "A new connection for each request",
		how: "64 clients, each of which connects, sends a request with `Connection: close`, reads the answer and starts again. The proxies " +
			"keep their connections to the servers.",
		entrants: taking(chosen.proxies, "lbserver", "haproxy"),
		loads:    []string{load},
		metrics:  []metric{cpuPerRequest, requestRate, latencyMedian, latencyP99, memory},
		bars:     []bar{{metric: cpuPerRequest, peer: "haproxy", limit: 1}},
		begin:    onNginx(map[string]webLoad{load: {connections: 64, method: http.MethodGet, path: "/", close: true}}),
	}
}

func accessLogRow() *row {
	names, loads := small(64)
	return &row{
		name:     "accesslog",
		title:    "Access log on",
		how:      "The same lbserver twice: with an access log of JSON lines to a file on disk, and without one.",
		entrants: []string{lbserverLogging, "lbserver"},
		loads:    names,
		metrics:  []metric{cpuPerRequest, requestRate, latencyMedian, latencyP99, memory},
		bars:     []bar{{metric: cpuPerRequest, peer: "lbserver", limit: 1.1}},
		begin:    onNginx(loads),
	}
}
