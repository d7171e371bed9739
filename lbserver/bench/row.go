package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// metric names a figure that a run gives, as "title, unit".
type metric string

const (
	cpuPerRequest     metric = "CPU per request, µs"
	cpuPerMiB         metric = "CPU per MiB, µs"
	requestRate       metric = "requests/s"
	latencyMedian     metric = "p50, ms"
	latencyP99        metric = "p99, ms"
	latencyMost       metric = "longest, ms"
	memory            metric = "memory, MiB"
	memoryOwn         metric = "of it own, MiB"
	memoryPerIdle     metric = "memory per connection, KiB"
	changeMedian      metric = "change live p50, ms"
	changeMost        metric = "change live at most, ms"
	cores             metric = "cores"
	checksPerSecond   metric = "checks/s"
	allocationsEach   metric = "allocations per request"
	allocatedBytesPer metric = "allocated bytes per request"
)

func (m metric) title() string {
	title, _, _ := strings.Cut(string(m), ",")
	return title
}

// values are the figures of one run.
type values map[metric]float64

// row is one row of the table of bars: what is measured, for which programs, and which bars it must meet.
type row struct {
	name     string // for -rows
	title    string
	how      string   // for the report: how the figures are made, and what limits them
	entrants []string // the bars apply to the first
	loads    []string
	metrics  []metric
	bars     []bar
	rounds   int // 0: the plan's number
	begin    func(ctx context.Context, in *environment, entrants []string) (stage, error)
}

// bar is a limit: of the metric itself, or, with a peer, of the metric divided by the peer's in the same round.
type bar struct {
	metric metric
	peer   string
	limit  float64
	load   string // empty: every load of the row
}

// stage is what runs while a row is measured.
type stage interface {
	// measure makes one run. It leaves out values that the run does not have.
	measure(ctx context.Context, entrant, load string) (values, error)
	close() error
}

// environment is what all rows share.
type environment struct {
	plan      *plan
	directory string
}

// subdirectory makes a new directory for a stage.
func (e *environment) subdirectory() (string, error) { return os.MkdirTemp(e.directory, "stage-") }

// measure runs a row's rounds. Each round starts with another entrant, so that no entrant always follows the same one.
func (e *environment) measure(ctx context.Context, row *row) (measured results, err error) {
	started := time.Now()
	stage, err := row.begin(ctx, e, row.entrants)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stage.close()) }()
	rounds := e.plan.rounds
	if row.rounds > 0 {
		rounds = min(row.rounds, rounds)
	}
	for round := range rounds {
		for _, load := range row.loads {
			for turn := range row.entrants {
				entrant := row.entrants[(turn+round)%len(row.entrants)]
				run, err := stage.measure(ctx, entrant, load)
				if err != nil {
					return nil, fmt.Errorf("round %d, %s, %s: %w", round+1, entrant, load, err)
				}
				measured = append(measured, sample{entrant: entrant, load: load, round: round, values: run})
				fmt.Printf("%s  round %d/%d  %s  %s%s\n", row.name, round+1, rounds, load, entrant, line(row.metrics, run))
			}
		}
	}
	fmt.Printf("%s took %.0f s\n", row.name, time.Since(started).Seconds())
	return measured, nil
}

// line formats a run as one line.
func line(metrics []metric, run values) string {
	var text strings.Builder
	for _, metric := range metrics {
		if value, ok := run[metric]; ok {
			_, _ = fmt.Fprintf(&text, "  %s %s", metric, number(value))
		}
	}
	return text.String()
}

// taking returns those of the planned proxies that a row can compare, including other builds of lbserver.
func taking(planned []string, able ...string) []string {
	return slices.DeleteFunc(slices.Clone(planned), func(name string) bool {
		return !slices.Contains(able, name) && !isPath(name)
	})
}

// allRows returns the rows in the order of the report. A row with no entrant left is left out.
func allRows(chosen *plan) []*row {
	rows := []*row{
		cpuRow(chosen), pacedRow(chosen), downloadRow(chosen), uploadRow(chosen), connectRow(chosen), accessLogRow(),
		idleRow(chosen), changeRow(), healthRow(chosen), allocationsRow(chosen),
	}
	return slices.DeleteFunc(rows, func(row *row) bool { return len(row.entrants) == 0 })
}

func rowNames() []string {
	everybody := &plan{proxies: knownProxies(), connections: []int{loadThreads}}
	var names []string
	for _, row := range allRows(everybody) {
		names = append(names, row.name)
	}
	return names
}
