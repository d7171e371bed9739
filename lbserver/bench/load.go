package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"time"
)

// loadThreads is how many threads wrk uses: an even number, as every second one brings cookies.
const loadThreads = 2

// load is what wrk saw in one run.
type load struct {
	Requests     int64 `json:"requests"`
	Duration     int64 `json:"duration_us"`
	Median       int64 `json:"p50_us"`
	P99          int64 `json:"p99_us"`
	SocketErrors int64 `json:"socket_errors"`
	BadStatuses  int64 `json:"bad_statuses"`
}

// rate is in requests per second.
func (l load) rate() float64 { return float64(l.Requests) / (float64(l.Duration) / 1e6) }

// runLoad has wrk send requests for a while. A run with any error or with no request is no measurement.
func runLoad(ctx context.Context, script, url string, connections int, duration time.Duration, cookies []string) (load, error) {
	arguments := []string{
		"--threads", strconv.Itoa(loadThreads),
		"--connections", strconv.Itoa(connections),
		"--duration", strconv.Itoa(int(duration.Seconds())) + "s",
		"--timeout", "10s",
		"--script", script,
		url, "--",
	}
	command := exec.CommandContext(ctx, "wrk", append(arguments, cookies...)...)
	out, err := command.CombinedOutput()
	if err != nil {
		return load{}, fmt.Errorf("wrk against %s: %w\n%s", url, err, out)
	}
	seen, err := parseLoad(out)
	if err != nil {
		return load{}, fmt.Errorf("wrk against %s: %w", url, err)
	}
	return seen, nil
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

// serverHeader is the response header in which the origin says on which port it was asked.
const serverHeader = "X-Server"

// collectCookies visits a proxy until it has met every server, and returns the cookie of each as a client would send it
// back. It makes sure that the cookies do what they are for: each leads back to its server.
func collectCookies(ctx context.Context, url string, servers int) ([]string, error) {
	client := &http.Client{Transport: &http.Transport{}, Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	byServer := map[string]string{}
	for visits := 0; len(byServer) < servers; visits++ {
		if visits == 10*servers {
			return nil, fmt.Errorf("%d visits gave cookies of %d servers only, want %d", visits, len(byServer), servers)
		}
		server, cookie, err := visit(ctx, client, url, "")
		if err != nil {
			return nil, err
		}
		if cookie == "" {
			return nil, errors.New("an answer carries no cookie")
		}
		byServer[server] = cookie
	}
	for want, cookie := range byServer {
		got, _, err := visit(ctx, client, url, cookie)
		if err != nil {
			return nil, err
		}
		if got != want {
			return nil, fmt.Errorf("cookie %q leads to server %s, want %s", cookie, got, want)
		}
	}
	return slices.Sorted(maps.Values(byServer)), nil
}

func visit(ctx context.Context, client *http.Client, url, cookie string) (server, given string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", "", err
	}
	if cookie != "" {
		request.Header.Set("Cookie", cookie)
	}
	response, err := client.Do(request)
	if err != nil {
		return "", "", err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return "", "", fmt.Errorf("visiting %s: %w", url, err)
	}
	server = response.Header.Get(serverHeader)
	if response.StatusCode != http.StatusOK || server == "" {
		return "", "", fmt.Errorf("visiting %s: %s, from server %q", url, response.Status, server)
	}
	for _, set := range response.Cookies() {
		given = set.Name + "=" + set.Value
	}
	return server, given, nil
}
