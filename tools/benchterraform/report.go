package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"text/template"
	"time"
)

//go:embed bench.md.tmpl
var resultsTemplate string

// peakBar is the most memory, in MiB, that the provider may take. Source: the project's goals.
const peakBar = 150

// sample is one run of Terraform.
type sample struct {
	Entrant, Step string
	Round         int
	Wall          time.Duration
	CPU           time.Duration // of Terraform and the provider
	Provider      time.Duration // CPU of the provider alone
	Balancer      time.Duration // CPU of lbserver
	Peak          int64         // bytes of the provider
}

type samples []sample

// readSamples reads the samples of earlier runs, or none if there is no file.
func readSamples(file string) (samples, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found samples
	if err := json.Unmarshal(text, &found); err != nil {
		return nil, fmt.Errorf("read the samples in %s: %w", file, err)
	}
	return found, nil
}

func (s samples) write(file string) error {
	if file == "" {
		return nil
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

// rounds returns the number of rounds.
func (s samples) rounds() int {
	count := 0
	for _, one := range s {
		count = max(count, one.Round+1)
	}
	return count
}

// pick returns the values of a step by round.
func (s samples) pick(entrant, step string, of func(sample) float64) map[int]float64 {
	values := map[int]float64{}
	for _, one := range s {
		if one.Entrant == entrant && one.Step == step {
			values[one.Round] = of(one)
		}
	}
	return values
}

func (s samples) median(entrant, step string, of func(sample) float64) float64 {
	var values []float64
	for _, value := range s.pick(entrant, step, of) {
		values = append(values, value)
	}
	return median(values)
}

// ratio returns the median, lowest and highest of the provider's value divided by the floor's in the same round: what
// slows the whole machine for a while slows both.
func (s samples) ratio(step string, of func(sample) float64) (middle, low, high float64) {
	floor := s.pick("floor", step, of)
	var ratios []float64
	for round, value := range s.pick("alb", step, of) {
		if against := floor[round]; against > 0 {
			ratios = append(ratios, value/against)
		}
	}
	if len(ratios) == 0 {
		return 0, 0, 0
	}
	return median(ratios), slices.Min(ratios), slices.Max(ratios)
}

// peak returns the highest of all runs, in MiB.
func (s samples) peak() float64 {
	var highest int64
	for _, one := range s {
		highest = max(highest, one.Peak)
	}
	return mebibytes(highest)
}

// row is one step in the report.
type row struct {
	Step               string
	Ratio, Low, High   float64
	Bar                float64
	Wall, Floor        float64 // seconds
	CPU, FloorCPU      float64
	Provider, Balancer float64
}

func (r row) Met() bool { return r.Ratio <= r.Bar }

func (s samples) rows() []row {
	wall := func(one sample) float64 { return one.Wall.Seconds() }
	cpu := func(one sample) float64 { return one.CPU.Seconds() }
	var rows []row
	for _, step := range steps() {
		made := row{
			Step: step.Name, Bar: step.Bar, Wall: s.median("alb", step.Name, wall), Floor: s.median("floor", step.Name, wall),
			CPU: s.median("alb", step.Name, cpu), FloorCPU: s.median("floor", step.Name, cpu),
			Provider: s.median("alb", step.Name, func(one sample) float64 { return one.Provider.Seconds() }),
			Balancer: s.median("alb", step.Name, func(one sample) float64 { return one.Balancer.Seconds() }),
		}
		made.Ratio, made.Low, made.High = s.ratio(step.Name, wall)
		rows = append(rows, made)
	}
	return rows
}

// publish prints the results, writes the results file, and fails if a bar is not met.
func publish(ctx context.Context, chosen plan, measured samples, host string) error {
	parsed, err := template.New("results").Parse(resultsTemplate)
	if err != nil {
		return err
	}
	rows := measured.rows()
	var text strings.Builder
	err = parsed.Execute(&text, map[string]any{
		"Date": time.Now().UTC().Format(time.DateOnly), "Machine": host, "Rounds": measured.rounds(), "Resources": chosen.resources,
		"Chains": (chosen.resources - 1) / 3, "Rows": rows, "Peak": measured.peak(), "PeakBar": float64(peakBar), "Programs": programs(ctx, chosen),
	})
	if err != nil {
		return err
	}
	fmt.Printf("\n%s", text.String())
	if chosen.output != "" {
		if err := os.WriteFile(chosen.output, []byte(text.String()), 0o644); err != nil { //nolint:gosec // a document for everyone
			return err
		}
		fmt.Printf("\nWritten to %s\n", chosen.output)
	}
	return judge(rows, measured.peak())
}

func judge(rows []row, peak float64) error {
	var missed []error
	for _, row := range rows {
		if !row.Met() {
			missed = append(missed, fmt.Errorf("%s takes %.2f × the floor, more than %g ×", row.Step, row.Ratio, row.Bar))
		}
	}
	if peak > peakBar {
		missed = append(missed, fmt.Errorf("the provider takes %.0f MiB, more than %d MiB", peak, peakBar))
	}
	return errors.Join(missed...)
}

func programs(ctx context.Context, chosen plan) string {
	output, err := exec.CommandContext(ctx, chosen.terraform, "version").Output()
	version, _, _ := strings.Cut(string(output), "\n")
	if err != nil {
		version = "Terraform of unknown version"
	}
	return version + "; Go " + strings.TrimPrefix(runtime.Version(), "go")
}

// machine describes the machine and how busy it is before the benchmark, which needs a quiet one.
func machine() string {
	model := "processor unknown"
	for line := range strings.Lines(read("/proc/cpuinfo")) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	busy, _, _ := strings.Cut(read("/proc/loadavg"), " ")
	kernel, _, _ := strings.Cut(strings.TrimSpace(read("/proc/sys/kernel/osrelease")), "-")
	return fmt.Sprintf("%d × %s, Linux %s, load average %s before the start", runtime.NumCPU(), model, kernel, busy)
}

// read returns a file's text, or "unknown": what it is used for is not worth failing.
func read(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	return string(text)
}

func mebibytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }

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
