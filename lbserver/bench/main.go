// Command bench measures lbserver against HAProxy and nginx on loopback, in alternating rounds, and compares the
// figures with their bars. `make bench` runs it; it needs Linux, wrk, haproxy and nginx.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	debianPackages = "wrk haproxy nginx-light"
	warmUp         = time.Second
)

// plan says what to measure.
type plan struct {
	lbserver    string
	output      string
	rows        []string
	proxies     []string
	connections []int
	rounds      int
	seconds     int
	threads     int
}

func (p *plan) duration() time.Duration { return time.Duration(p.seconds) * time.Second }

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

func readFlags(arguments []string) (*plan, error) {
	chosen := new(plan)
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	known := rowNames()
	flags.StringVar(&chosen.lbserver, "lbserver", "bin/lbserver", "path of lbserver")
	flags.StringVar(&chosen.output, "output", "lbserver/bench/RESULTS.md", "file that takes the results; empty for none")
	flags.IntVar(&chosen.rounds, "rounds", 5, "number of rounds")
	flags.IntVar(&chosen.seconds, "seconds", 4, "length of one measurement")
	flags.IntVar(&chosen.threads, "threads", 2, "threads or worker processes of each proxy")
	rows := flags.String("rows", strings.Join(known, ","), "what to measure")
	proxies := flags.String("proxies", strings.Join(knownProxies(), ","),
		"what to compare; the others are the first one's peers. A path, one with a slash, is another build of lbserver")
	connections := flags.String("connections", "64,256", "numbers of connections of the rows that vary them, even")
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	chosen.rows, chosen.proxies = strings.Split(*rows, ","), strings.Split(*proxies, ",")
	for _, name := range chosen.rows {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("-rows: there is no row %q; known are %s", name, strings.Join(known, ", "))
		}
	}
	for _, name := range chosen.proxies {
		if !slices.Contains(knownProxies(), name) && !isPath(name) {
			return nil, fmt.Errorf("-proxies: there is no proxy %q; known are %s, and paths of lbserver", name, strings.Join(knownProxies(), ", "))
		}
	}
	for text := range strings.SplitSeq(*connections, ",") {
		count, err := strconv.Atoi(text)
		if err != nil || count < loadThreads || count%loadThreads != 0 {
			return nil, fmt.Errorf("-connections: %q is not an even number", text)
		}
		chosen.connections = append(chosen.connections, count)
	}
	if chosen.rounds < 1 || chosen.seconds < 1 || chosen.threads < 1 {
		return nil, errors.New("-rounds, -seconds and -threads must be 1 or more")
	}
	return chosen, nil
}

func isPath(name string) bool { return strings.Contains(name, "/") }

func run(ctx context.Context, chosen *plan) (err error) {
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
	environment := &environment{plan: chosen, directory: directory}
	done := report{plan: chosen, machine: machine(), programs: programs(ctx, chosen)}
	for _, row := range allRows(chosen) {
		if !slices.Contains(chosen.rows, row.name) {
			continue
		}
		measured, err := environment.measure(ctx, row)
		if err != nil {
			return fmt.Errorf("%s: %w", row.name, err)
		}
		section := section{row, measured}
		fmt.Print(section.plain())
		done.sections = append(done.sections, section)
	}
	return done.publish()
}
