// Command bench measures lbserver against HAProxy and nginx on loopback: CPU per request, throughput, latency and memory,
// in alternating rounds. `make bench` runs it; it needs Linux, wrk, haproxy and nginx.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"text/template"
	"time"
)

//go:embed results.md.tmpl
var resultsTemplate string

const (
	debianPackages = "wrk haproxy nginx-light"
	warmUp         = time.Second
)

// plan says what to measure.
type plan struct {
	lbserver    string
	output      string
	proxies     []string
	connections []int
	rounds      int
	seconds     int
	threads     int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	chosen, err := readFlags(os.Args[1:])
	if err == nil {
		err = run(ctx, chosen)
	}
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func readFlags(arguments []string) (plan, error) {
	var chosen plan
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&chosen.lbserver, "lbserver", "bin/lbserver", "path of lbserver")
	flags.StringVar(&chosen.output, "output", "lbserver/bench/RESULTS.md", "file that takes the results; empty for none")
	flags.IntVar(&chosen.rounds, "rounds", 5, "number of rounds")
	flags.IntVar(&chosen.seconds, "seconds", 6, "length of one measurement")
	flags.IntVar(&chosen.threads, "threads", 2, "threads or worker processes of each proxy")
	proxies := flags.String("proxies", "lbserver,haproxy,nginx", "what to measure; the others are the first one's peers")
	connections := flags.String("connections", "64,256", "numbers of connections, even")
	if err := flags.Parse(arguments); err != nil {
		return plan{}, err
	}
	chosen.proxies = strings.Split(*proxies, ",")
	for text := range strings.SplitSeq(*connections, ",") {
		count, err := strconv.Atoi(text)
		if err != nil || count < loadThreads || count%loadThreads != 0 {
			return plan{}, fmt.Errorf("-connections: %q is no even number", text)
		}
		chosen.connections = append(chosen.connections, count)
	}
	if chosen.rounds < 1 || chosen.seconds < 1 || chosen.threads < 1 {
		return plan{}, errors.New("-rounds, -seconds and -threads must be 1 or more")
	}
	return chosen, nil
}

func run(ctx context.Context, chosen plan) (err error) {
	for _, program := range []string{"wrk", "haproxy", "nginx"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w; on Debian: apt-get install %s", err, debianPackages)
		}
	}
	directory, err := os.MkdirTemp("", "lbserver-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	script, err := configurations.ReadFile("config/load.lua")
	if err != nil {
		return err
	}
	scriptPath := filepath.Join(directory, "load.lua")
	if err := os.WriteFile(scriptPath, script, 0o600); err != nil {
		return err
	}
	host := machine()
	built, err := newArena(ctx, directory, chosen.lbserver, chosen.threads, chosen.proxies)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, built.close()) }()
	measured, err := measureAll(ctx, chosen, built, scriptPath)
	if err != nil {
		return err
	}
	return publish(ctx, chosen, built, measured, host)
}

// measureAll runs the rounds. Each starts with another proxy, so that none always runs on a machine that the same
// neighbour has warmed.
func measureAll(ctx context.Context, chosen plan, built *arena, script string) (results, error) {
	var measured results
	for round := range chosen.rounds {
		for _, connections := range chosen.connections {
			for turn := range built.proxies {
				entrant := built.proxies[(turn+round)%len(built.proxies)]
				one, err := measure(ctx, chosen, entrant, script, connections)
				if err != nil {
					return nil, fmt.Errorf("round %d, %s, %d connections: %w", round+1, entrant.name, connections, err)
				}
				one.round = round
				measured = append(measured, one)
				fmt.Printf("round %d/%d  %3d connections  %-8s  %6.2f µs/request  %7.0f requests/s  p99 %6.2f ms  %5.1f MiB\n",
					round+1, chosen.rounds, connections, entrant.name, one.perRequest(), one.load.rate(),
					float64(one.load.P99)/1e3, float64(one.memory)/(1<<20))
			}
		}
	}
	return measured, nil
}

func measure(ctx context.Context, chosen plan, entrant *proxy, script string, connections int) (sample, error) {
	if _, err := runLoad(ctx, script, entrant.url(), connections, warmUp, entrant.cookies); err != nil {
		return sample{}, err
	}
	group := entrant.process.PID()
	before, err := groupUsage("/proc", group)
	if err != nil {
		return sample{}, err
	}
	seen, err := runLoad(ctx, script, entrant.url(), connections, time.Duration(chosen.seconds)*time.Second, entrant.cookies)
	if err != nil {
		return sample{}, err
	}
	after, err := groupUsage("/proc", group)
	if err != nil {
		return sample{}, err
	}
	return sample{
		proxy: entrant.name, connections: connections, load: seen, cpu: after.cpu - before.cpu, memory: after.memory,
	}, nil
}

// publish prints the tables and writes the results file.
func publish(ctx context.Context, chosen plan, built *arena, measured results, host string) error {
	medians := measured.medians(chosen.proxies, chosen.connections)
	fmt.Printf("\nMedians of %d rounds\n\n%s", chosen.rounds, plain(medians))
	facts := map[string]any{
		"Date": time.Now().UTC().Format(time.DateOnly), "First": chosen.proxies[0], "Medians": markdown(medians), "Ratios": "",
		"Rounds": chosen.rounds, "Seconds": chosen.seconds, "Threads": chosen.threads, "LoadThreads": loadThreads,
		"BodySize": bodySize, "ServerCount": serverCount, "Connections": strings.ReplaceAll(strings.Trim(fmt.Sprint(chosen.connections), "[]"), " ", " and "),
		"Machine": host, "Programs": programs(ctx, built),
	}
	if len(chosen.proxies) > 1 {
		ratios := measured.ratios(chosen.proxies, chosen.connections)
		fmt.Printf("\n%s divided by its peer of the same round: median (lowest–highest)\n\n%s", chosen.proxies[0], plain(ratios))
		facts["Ratios"] = markdown(ratios)
	}
	if chosen.output == "" {
		return nil
	}
	parsed, err := template.New("results").Parse(resultsTemplate)
	if err != nil {
		return err
	}
	var text strings.Builder
	if err := parsed.Execute(&text, facts); err != nil {
		return err
	}
	if err := os.WriteFile(chosen.output, []byte(text.String()), 0o644); err != nil { //nolint:gosec // a document for everyone
		return err
	}
	fmt.Printf("\nWritten to %s\n", chosen.output)
	return nil
}

func programs(ctx context.Context, built *arena) string {
	versions := make([]string, 0, len(built.proxies)+1)
	for _, entrant := range built.proxies {
		versions = append(versions, entrant.version)
	}
	return strings.Join(append(versions, versionOf(ctx, "wrk", "-v"), "Go "+strings.TrimPrefix(runtime.Version(), "go")), "; ")
}

// machine says on what the figures are made, and how busy it is before: a benchmark needs a quiet one.
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

// read is a file's text, or "unknown": what it is for is worth no failure.
func read(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	return string(text)
}
