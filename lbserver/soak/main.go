// Command soak runs one lbserver for a long time under mixed clients, while servers die and come back and its
// configuration changes ten times a second. It fails if a request fails without need, or if lbserver does not return to
// the goroutines, descriptors and memory that it started with.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	// changeInterval is the time between two changes of the configuration.
	changeInterval = 100 * time.Millisecond
	// deathInterval is the time between the death of one server and the next.
	deathInterval = 3 * time.Second
	// warmUp is how long the clients run before the first measurement, so that pools and buffers reach their usual
	// size.
	warmUp = 3 * time.Second
	// settle bounds the wait until what the load leaves behind is released; buffers in pools go with the second garbage
	// collection.
	settle = 6 * time.Minute
	// floodFor is how long large bodies flow.
	floodFor = 20 * time.Second
)

func main() {
	lbserver := flag.String("lbserver", "bin/lbserver", "the lbserver to run")
	duration := flag.Duration("for", 10*time.Minute, "how long to run")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *lbserver, plan{
		duration: *duration,
		// Idle connections are closed after 60 s, and an idle process collects garbage every two minutes.
		rest:  130 * time.Second,
		slack: usage{goroutines: 3, descriptors: 3, heap: 1 << 20},
		then:  (*scene).strain,
	})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// plan is what a soak does.
type plan struct {
	duration time.Duration
	rest     time.Duration // before the first measurement
	slack    usage         // the increase allowed in any case, however small the value before
	then     func(*scene, context.Context, plan) error
}

// run is the whole soak, and then p.then.
func run(ctx context.Context, lbserver string, p plan) (err error) {
	scene, err := newScene(ctx, lbserver)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, scene.close()) }()

	// A short run of the same load comes first: the long run must return to the state of a server that has worked, not
	// to that of one that has not.
	if err := newLoad(scene).run(ctx, warmUp); err != nil {
		return err
	}
	before, err := scene.measureQuiet(ctx, p.rest)
	if err != nil {
		return err
	}
	fmt.Printf("before: %s\nrunning for %s: %d clients, a change every %s, a server dies every %s\n",
		before, p.duration, clientCount(), changeInterval, deathInterval)

	load := newLoad(scene)
	if err := load.run(ctx, p.duration); err != nil {
		return err
	}
	fmt.Println(load.report())
	after, err := scene.waitQuiet(ctx, before, p)
	fmt.Printf("after:  %s\n", after)
	if failed := load.failures(); failed > 0 {
		err = errors.Join(err, fmt.Errorf("%d requests failed although no server that they could be on had died", failed))
	}
	return errors.Join(err, p.then(scene, ctx, p))
}

// strain puts more load on lbserver than it can take: as many bodies as it can carry, and clients that never finish. It
// measures good clients at the same time, but no latency is a failure, since this machine runs all the other parts too.
func (s *scene) strain(ctx context.Context, p plan) error {
	before, err := s.least(ctx, p.rest)
	if err != nil {
		return err
	}
	if err := errors.Join(s.flood(ctx, floodFor), s.crowd(ctx, slowClients)); err != nil {
		return err
	}
	p.slack.heap += slowClients * bytesOfGone
	after, err := s.waitQuiet(ctx, before, p)
	fmt.Printf("after:  %s\n", after)
	return err
}
