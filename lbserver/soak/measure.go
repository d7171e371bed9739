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

// usage is what lbserver holds while it is idle.
type usage struct {
	goroutines, descriptors, heap float64
}

func (u usage) String() string {
	return fmt.Sprintf("%.0f goroutines, %.0f descriptors, %.1f MiB of heap in use", u.goroutines, u.descriptors, u.heap/(1<<20))
}

// tolerance is how much more than before counts as equal.
const (
	tolerance       = 1.05
	measureInterval = time.Second
)

// above returns an error for each value that is higher than before, by more than 5 % and by more than slack.
func (u usage) above(before, slack usage) error {
	var failures []error
	for _, each := range []struct {
		name            string
		now, was, slack float64
	}{
		{"goroutines", u.goroutines, before.goroutines, slack.goroutines},
		{"descriptors", u.descriptors, before.descriptors, slack.descriptors},
		{"heap", u.heap, before.heap, slack.heap},
	} {
		if each.now > max(each.was*tolerance, each.was+each.slack) {
			failures = append(failures, fmt.Errorf("%s: %.0f, and before %.0f", each.name, each.now, each.was))
		}
	}
	return errors.Join(failures...)
}

// measureQuiet measures after a rest.
func (s *scene) measureQuiet(ctx context.Context, rest time.Duration) (usage, error) {
	select {
	case <-time.After(rest):
	case <-ctx.Done():
		return usage{}, ctx.Err()
	}
	return s.least(ctx, rest)
}

// least measures repeatedly, for 10 s at most, and returns the lowest of each value: health checks and the metrics
// themselves make garbage, open connections and start goroutines, which come and go.
func (s *scene) least(ctx context.Context, while time.Duration) (least usage, err error) {
	least, err = s.measure(ctx)
	for deadline := time.Now().Add(min(while, 10*measureInterval)); err == nil && time.Now().Before(deadline); {
		select {
		case <-time.After(measureInterval / 4):
		case <-ctx.Done():
			return least, ctx.Err()
		}
		var now usage
		now, err = s.measure(ctx)
		least.goroutines = min(least.goroutines, now.goroutines)
		least.descriptors = min(least.descriptors, now.descriptors)
		least.heap = min(least.heap, now.heap)
	}
	return least, err
}

// waitQuiet measures until lbserver has returned to what it was before.
func (s *scene) waitQuiet(ctx context.Context, before usage, p plan) (usage, error) {
	deadline := time.Now().Add(settle)
	for {
		now, err := s.least(ctx, p.rest)
		if err != nil {
			return now, err
		}
		above := now.above(before, p.slack)
		if above == nil || time.Now().After(deadline) {
			return now, above
		}
	}
}

// measure reads lbserver's metrics.
func (s *scene) measure(ctx context.Context) (usage, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.operations+"/metrics", http.NoBody)
	if err != nil {
		return usage{}, fmt.Errorf("read the metrics: %w", err)
	}
	request.Header.Set("Accept-Encoding", "identity") // a compressor is a megabyte that would count
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return usage{}, fmt.Errorf("read the metrics: %w", err)
	}
	defer response.Body.Close()
	values := map[string]float64{}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		name, text, _ := strings.Cut(lines.Text(), " ")
		if value, err := strconv.ParseFloat(text, 64); err == nil {
			values[name] = value
		}
	}
	found := usage{values["go_goroutines"], values["process_open_fds"], values["go_memstats_heap_inuse_bytes"]}
	if found.goroutines == 0 || found.descriptors == 0 || found.heap == 0 {
		return found, errors.New("the metrics lack goroutines, descriptors or heap")
	}
	return found, lines.Err()
}
