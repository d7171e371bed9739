package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// loadThreads is how many threads wrk uses: an even number, as every second one sends cookies.
const loadThreads = 2

// webLoad is the load that wrk sends.
type webLoad struct {
	connections int
	method      string
	path        string
	bodySize    int  // bytes to upload
	close       bool // a new connection for each request
}

// load is what wrk saw in one run.
type load struct {
	Requests     int64 `json:"requests"`
	Duration     int64 `json:"duration_us"`
	Median       int64 `json:"p50_us"`
	P99          int64 `json:"p99_us"`
	SocketErrors int64 `json:"socket_errors"`
	BadStatuses  int64 `json:"bad_statuses"`
}

// rate returns requests per second.
func (l load) rate() float64 { return float64(l.Requests) / (float64(l.Duration) / 1e6) }

// runLoad makes wrk send requests for the given duration. A run with any error, or with no request, is no measurement.
func (e *environment) runLoad(ctx context.Context, to *proxy, of webLoad, duration time.Duration) (load, error) {
	script, err := e.loadScript()
	if err != nil {
		return load{}, err
	}
	arguments := []string{
		"--threads", strconv.Itoa(loadThreads),
		"--connections", strconv.Itoa(of.connections),
		"--duration", strconv.Itoa(int(duration.Seconds())) + "s",
		"--timeout", "10s",
		"--script", script,
		to.url(), "--",
		of.method, of.path, strconv.Itoa(of.bodySize), strconv.FormatBool(of.close),
	}
	command := exec.CommandContext(ctx, "wrk", append(arguments, to.cookies...)...)
	out, err := command.CombinedOutput()
	if err != nil {
		return load{}, fmt.Errorf("wrk against %s: %w\n%s", to.url(), err, out)
	}
	seen, err := parseLoad(out)
	if err != nil {
		return load{}, fmt.Errorf("wrk against %s: %w", to.url(), err)
	}
	return seen, nil
}

// loadScript writes wrk's script to a file, unless it exists.
func (e *environment) loadScript() (string, error) {
	path := filepath.Join(e.directory, "load.lua")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	script, err := configurations.ReadFile("config/load.lua")
	if err != nil {
		return "", err
	}
	return path, os.WriteFile(path, script, 0o600)
}

// parseLoad finds the line that load.lua wrote.
func parseLoad(out []byte) (load, error) {
	_, line, found := bytes.Cut(out, []byte("\nSUMMARY "))
	if !found {
		return load{}, fmt.Errorf("no summary in its output:\n%s", out)
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	var seen load
	if err := json.Unmarshal(line, &seen); err != nil {
		return load{}, fmt.Errorf("its summary %q: %w", line, err)
	}
	if seen.Requests <= 0 || seen.Duration <= 0 || seen.SocketErrors != 0 || seen.BadStatuses != 0 {
		return load{}, fmt.Errorf("not a clean run: %d requests, %d socket errors, %d responses other than 2xx and 3xx",
			seen.Requests, seen.SocketErrors, seen.BadStatuses)
	}
	return seen, nil
}
