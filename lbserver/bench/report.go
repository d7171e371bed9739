package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
)

// sample is one run: one entrant, one load, one round.
type sample struct {
	entrant string
	load    string
	round   int
	values  values
}

// median returns the median of values, 0 if there are none.
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

// results are all the samples of a row.
type results []sample

// pick returns the values of a metric for an entrant by round.
func (r results) pick(entrant, load string, of metric) map[int]float64 {
	found := map[int]float64{}
	for _, sample := range r {
		if value, ok := sample.values[of]; ok && sample.entrant == entrant && sample.load == load {
			found[sample.round] = value
		}
	}
	return found
}

// spread is a median with the lowest and the highest value. known is false if there are no values.
type spread struct {
	middle, low, high float64
	known             bool
}

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	return spread{median(values), slices.Min(values), slices.Max(values), true}
}

func (s spread) String() string {
	if !s.known {
		return "–"
	}
	return fmt.Sprintf("%s (%s–%s)", number(s.middle), number(s.low), number(s.high))
}

// of returns an entrant's metric over all rounds.
func (r results) of(entrant, load string, of metric) spread {
	var all []float64
	for _, value := range r.pick(entrant, load, of) {
		all = append(all, value)
	}
	return spreadOf(all)
}

// ratio returns an entrant's value divided by a peer's in the same round: what slows the whole machine for a while
// slows both.
func (r results) ratio(entrant, peer, load string, of metric) spread {
	peers := r.pick(peer, load, of)
	var ratios []float64
	for round, value := range r.pick(entrant, load, of) {
		if against := peers[round]; against > 0 {
			ratios = append(ratios, value/against)
		}
	}
	return spreadOf(ratios)
}

// section is a row with its results.
type section struct {
	row      *row
	measured results
}

// medians returns a line for each load and entrant.
func (s section) medians() [][]string {
	lines := [][]string{{"load", "of"}}
	for _, metric := range s.row.metrics {
		lines[0] = append(lines[0], string(metric))
	}
	for _, load := range s.row.loads {
		for _, entrant := range s.row.entrants {
			cells := []string{load, entrant}
			for _, metric := range s.row.metrics {
				cell := "–"
				if found := s.measured.of(entrant, load, metric); found.known {
					cell = number(found.middle)
				}
				cells = append(cells, cell)
			}
			lines = append(lines, cells)
		}
	}
	return lines
}

// ratios returns a line for each load and peer of the first entrant, or nil if there are no peers.
func (s section) ratios() [][]string {
	if len(s.row.entrants) < 2 {
		return nil
	}
	first, peers := s.row.entrants[0], s.row.entrants[1:]
	lines := [][]string{{"load", first + " to"}}
	for _, metric := range s.row.metrics {
		lines[0] = append(lines[0], metric.title())
	}
	for _, load := range s.row.loads {
		for _, peer := range peers {
			cells := []string{load, peer}
			for _, metric := range s.row.metrics {
				cells = append(cells, s.measured.ratio(first, peer, load, metric).String())
			}
			lines = append(lines, cells)
		}
	}
	return lines
}

// verdicts returns a line for each bar and load: what was measured, and whether it meets the bar.
func (s section) verdicts() [][]string {
	var lines [][]string
	for _, bar := range s.row.bars {
		for _, load := range s.row.loads {
			if bar.load != "" && bar.load != load {
				continue
			}
			first := s.row.entrants[0]
			found, limit := s.measured.of(first, load, bar.metric), fmt.Sprintf("≤ %s", number(bar.limit))
			if bar.peer != "" {
				found, limit = s.measured.ratio(first, bar.peer, load, bar.metric), fmt.Sprintf("≤ %s × %s", number(bar.limit), bar.peer)
			}
			if !found.known {
				continue // the peer does not take part
			}
			met := "met"
			if found.middle > bar.limit {
				met = "**not met**"
			}
			lines = append(lines, []string{s.row.title + ", " + load, string(bar.metric), found.String(), limit, met})
		}
	}
	return lines
}

// number formats a value with three significant digits, or as a whole number from 100.
func number(value float64) string {
	switch {
	case value >= 100:
		return fmt.Sprintf("%.0f", value)
	case value >= 10:
		return fmt.Sprintf("%.1f", value)
	case value >= 0.1 || value == 0:
		return fmt.Sprintf("%.2f", value)
	default:
		return fmt.Sprintf("%.4f", value)
	}
}

// plain formats lines as a table for a terminal.
func plain(lines [][]string) string {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	for _, cells := range lines {
		_, _ = fmt.Fprintln(table, strings.Join(cells, "\t")) // a strings.Builder takes everything
	}
	_ = table.Flush()
	return text.String()
}

// markdown formats lines as a Markdown table. The first left columns are aligned to the left, the rest to the right.
func markdown(lines [][]string, left int) string {
	var text strings.Builder
	for i, cells := range lines {
		text.WriteString("| " + strings.Join(cells, " | ") + " |\n")
		if i == 0 {
			text.WriteString("|" + strings.Repeat(" --- |", left) + strings.Repeat(" ---: |", len(cells)-left) + "\n")
		}
	}
	return text.String()
}
