// Command micro runs the micro-benchmarks of a request's parts (codec, cookie, schedulers and others), makes benchstat
// summarize them and compare them with the last record, and compares the schedulers with their bars. `make bench-micro`
// runs it.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"text/template"
	"time"
)

//go:embed micro.md.tmpl
var resultsTemplate string

// packages returns the packages with micro-benchmarks. Benchmarks that need a whole server, as in health and lbserver,
// are left out.
func packages() []string {
	const internal = "./lbserver/internal/"
	return []string{internal + "http1", internal + "persistence", internal + "balance", internal + "sessions", internal + "accesslog"}
}

// plan says what to run and where its results are.
type plan struct {
	benchstat string
	only      string // pattern of benchmarks
	count     int
	time      string
	raw       string // the output of `go test -bench`
	output    string
	load      string // average before the start
}

func main() {
	var chosen plan
	flag.StringVar(&chosen.benchstat, "benchstat", "bin/benchstat", "path of benchstat")
	flag.StringVar(&chosen.only, "bench", ".", "pattern of the benchmarks to run")
	flag.IntVar(&chosen.count, "count", 6, "how often each benchmark runs; benchstat wants 6 for an interval of 95 %")
	flag.StringVar(&chosen.time, "benchtime", "100ms", "how long each runs each time")
	flag.StringVar(&chosen.raw, "raw", "lbserver/bench/micro.txt", "file of the raw results, read as those of the last time and then replaced")
	flag.StringVar(&chosen.output, "output", "lbserver/bench/MICRO.md", "file that takes the summary; empty for neither file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, &chosen)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "micro:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, chosen *plan) (err error) {
	busy, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return fmt.Errorf("how busy the machine is: %w", err)
	}
	chosen.load, _, _ = strings.Cut(string(busy), " ")
	directory, err := os.MkdirTemp("", "lbserver-micro-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	raw, err := measure(ctx, chosen)
	if err != nil {
		return err
	}
	latest := directory + "/now"
	if err := os.WriteFile(latest, raw, 0o600); err != nil {
		return err
	}
	summary, err := benchstat(ctx, chosen, "now="+latest)
	if err != nil {
		return err
	}
	verdicts := judge(parse(raw))
	fmt.Print(summary, "\n", strings.Join(verdicts, "\n"), "\n\n")
	if _, err := os.Stat(chosen.raw); !errors.Is(err, fs.ErrNotExist) {
		compared, err := benchstat(ctx, chosen, "before="+chosen.raw, "now="+latest)
		if err != nil {
			return err
		}
		fmt.Print("Beside the last time:\n\n", compared)
	}
	if chosen.output == "" {
		return nil
	}
	if err := os.WriteFile(chosen.raw, raw, 0o644); err != nil { //nolint:gosec // for everyone
		return err
	}
	return publish(chosen, summary, verdicts)
}

// measure runs the benchmarks one package after another, each benchmark count times.
func measure(ctx context.Context, chosen *plan) ([]byte, error) {
	arguments := []string{
		"test", "-p", "1", "-run", "^$", "-bench", chosen.only, "-benchmem", "-benchtime", chosen.time, "-count", fmt.Sprint(chosen.count),
	}
	command := exec.CommandContext(ctx, "go", append(arguments, packages()...)...)
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, os.Stderr
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out.Bytes())
	}
	return out.Bytes(), nil
}

func benchstat(ctx context.Context, chosen *plan, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, chosen.benchstat, arguments...)
	var complaint bytes.Buffer
	command.Stderr = &complaint
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", chosen.benchstat, strings.Join(arguments, " "), err, complaint.Bytes())
	}
	return string(out), nil
}

func publish(chosen *plan, summary string, verdicts []string) error {
	parsed, err := template.New("results").Parse(resultsTemplate)
	if err != nil {
		return err
	}
	var text strings.Builder
	err = parsed.Execute(&text, map[string]any{
		"Date": time.Now().UTC().Format(time.DateOnly), "Count": chosen.count, "Time": chosen.time, "Load": chosen.load, "Summary": summary, "Verdicts": verdicts,
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(chosen.output, []byte(text.String()), 0o644); err != nil { //nolint:gosec // a document for everyone
		return err
	}
	fmt.Printf("Written to %s and %s\n", chosen.output, chosen.raw)
	return nil
}
