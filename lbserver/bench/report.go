package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// sample is one run: one proxy, one number of connections, one round.
type sample struct {
	proxy       string
	connections int
	round       int
	load        load
	cpu         time.Duration // that the proxy spent during the run
	memory      int64         // bytes resident at its end
}

// perRequest is the proxy's CPU time per request, in microseconds.
func (s sample) perRequest() float64 {
	return float64(s.cpu.Nanoseconds()) / 1e3 / float64(s.load.Requests)
}

// metric is a column of the report.
type metric struct {
	title string
	unit  string
	of    func(sample) float64
}

func metrics() []metric {
	return []metric{
		{"CPU per request", "µs", sample.perRequest},
		{"requests/s", "", func(s sample) float64 { return s.load.rate() }},
		{"p50", "ms", func(s sample) float64 { return float64(s.load.Median) / 1e3 }},
		{"p99", "ms", func(s sample) float64 { return float64(s.load.P99) / 1e3 }},
		{"memory", "MiB", func(s sample) float64 { return float64(s.memory) / (1 << 20) }},
	}
}

// median of no values is 0.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// results are all the samples of a benchmark.
type results []sample

// pick returns the values of a metric for a proxy by round.
func (r results) pick(proxy string, connections int, of func(sample) float64) map[int]float64 {
	values := map[int]float64{}
	for _, sample := range r {
		if sample.proxy == proxy && sample.connections == connections {
			values[sample.round] = of(sample)
		}
	}
	return values
}

// median is a proxy's, over all rounds.
func (r results) median(proxy string, connections int, of func(sample) float64) float64 {
	var values []float64
	for _, value := range r.pick(proxy, connections, of) {
		values = append(values, value)
	}
	return median(values)
}

// ratio is the median, lowest and highest of a proxy's value divided by a peer's in the same round: what slows the whole
// machine for a while slows both.
func (r results) ratio(proxy, peer string, connections int, of func(sample) float64) (middle, low, high float64) {
	peers := r.pick(peer, connections, of)
	var ratios []float64
	for round, value := range r.pick(proxy, connections, of) {
		if against := peers[round]; against > 0 {
			ratios = append(ratios, value/against)
		}
	}
	if len(ratios) == 0 {
		return 0, 0, 0
	}
	return median(ratios), slices.Min(ratios), slices.Max(ratios)
}

// medians has a row for each proxy and number of connections.
func (r results) medians(proxies []string, connections []int) [][]string {
	rows := [][]string{{"connections", "proxy"}}
	for _, metric := range metrics() {
		rows[0] = append(rows[0], strings.TrimSuffix(metric.title+", "+metric.unit, ", "))
	}
	for _, count := range connections {
		for _, proxy := range proxies {
			row := []string{fmt.Sprint(count), proxy}
			for _, metric := range metrics() {
				row = append(row, number(r.median(proxy, count, metric.of)))
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// ratios has a row for each number of connections and peer of the first proxy.
func (r results) ratios(proxies []string, connections []int) [][]string {
	rows := [][]string{{"connections", proxies[0] + " to"}}
	for _, metric := range metrics() {
		rows[0] = append(rows[0], metric.title)
	}
	for _, count := range connections {
		for _, peer := range proxies[1:] {
			row := []string{fmt.Sprint(count), peer}
			for _, metric := range metrics() {
				middle, low, high := r.ratio(proxies[0], peer, count, metric.of)
				row = append(row, fmt.Sprintf("%.2f (%.2f–%.2f)", middle, low, high))
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// number shows three digits that count, and whole numbers from 100.
func number(value float64) string {
	switch {
	case value >= 100:
		return fmt.Sprintf("%.0f", value)
	case value >= 10:
		return fmt.Sprintf("%.1f", value)
	default:
		return fmt.Sprintf("%.2f", value)
	}
}

// plain lays rows out for a screen.
func plain(rows [][]string) string {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	for _, row := range rows {
		_, _ = fmt.Fprintln(table, strings.Join(row, "\t")) // a strings.Builder takes everything
	}
	_ = table.Flush()
	return text.String()
}

// markdown lays rows out as a table, numbers to the right.
func markdown(rows [][]string) string {
	var text strings.Builder
	for i, row := range rows {
		text.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			text.WriteString("| ---: | --- |" + strings.Repeat(" ---: |", len(row)-2) + "\n")
		}
	}
	return text.String()
}
