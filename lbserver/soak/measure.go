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

// usage is what lbserver holds while nobody wants anything of it.
type usage struct {
	goroutines, descriptors, heap float64
}

func (u usage) String() string {
	return fmt.Sprintf("%.0f goroutines, %.0f descriptors, %.1f MiB of heap in use", u.goroutines, u.descriptors, u.heap/(1<<20))
}

// tolerance is how much more than before counts as the same: 5 %, and for the small numbers the few that come and go with
// a health check, a scrape or a pooled buffer.
const (
	tolerance        = 1.05
	smallNumbers     = 8
	smallHeap        = 2 << 20
	measureInterval  = time.Second
	quietBeforeFirst = 2 * time.Second
)

// above says what is more than it was before.
func (u usage) above(before usage) error {
	var failures []error
	for _, each := range []struct {
		name            string
		now, was, small float64
	}{
		{"goroutines", u.goroutines, before.goroutines, smallNumbers},
		{"descriptors", u.descriptors, before.descriptors, smallNumbers},
		{"heap", u.heap, before.heap, smallHeap},
	} {
		if each.now > max(each.was*tolerance, each.was+each.small) {
			failures = append(failures, fmt.Errorf("%s: %.0f, and before %.0f", each.name, each.now, each.was))
		}
	}
	return errors.Join(failures...)
}

// measureQuiet measures when the connections of the warm-up have been closed by their clients.
func (s *scene) measureQuiet(ctx context.Context) (usage, error) {
	select {
	case <-time.After(quietBeforeFirst):
	case <-ctx.Done():
		return usage{}, ctx.Err()
	}
	return s.measure(ctx)
}

// waitQuiet measures until lbserver is back at what it was before.
func (s *scene) waitQuiet(ctx context.Context, before usage) (usage, error) {
	deadline := time.Now().Add(settle)
	for {
		now, err := s.measure(ctx)
		if err != nil {
			return now, err
		}
		above := now.above(before)
		if above == nil || time.Now().After(deadline) {
			return now, above
		}
		select {
		case <-time.After(measureInterval):
		case <-ctx.Done():
			return now, ctx.Err()
		}
	}
}

// measure reads lbserver's metrics.
func (s *scene) measure(ctx context.Context) (usage, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.operations+"/metrics", http.NoBody)
	if err != nil {
		return usage{}, fmt.Errorf("read the metrics: %w", err)
	}
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
