// Command benchterraform measures how long Terraform takes with the provider and a real lbserver, compared with as many
// of Terraform's own terraform_data resources: what the provider adds to the floor that Terraform sets. `make
// bench-terraform` runs it, on Linux.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// plan says what to measure.
type plan struct {
	terraform string
	provider  string
	lbserver  string
	samples   string
	output    string
	resources int
	rounds    int
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
		fmt.Fprintln(os.Stderr, "benchterraform:", err)
		os.Exit(1)
	}
}

func readFlags(arguments []string) (plan, error) {
	var chosen plan
	flags := flag.NewFlagSet("benchterraform", flag.ContinueOnError)
	flags.StringVar(&chosen.terraform, "terraform", "terraform", "Terraform or OpenTofu to run")
	flags.StringVar(&chosen.provider, "provider", "bin/terraform-provider-alb", "path of the provider")
	flags.StringVar(&chosen.lbserver, "lbserver", "bin/lbserver", "path of lbserver")
	flags.StringVar(&chosen.samples, "samples", "", "file to which the samples are added, those of earlier runs count too; empty for none")
	flags.StringVar(&chosen.output, "output", "internal/provider/BENCH.md", "file that takes the results; empty for none")
	flags.IntVar(&chosen.resources, "resources", 1000, "number of resources, 1 more than a multiple of 3")
	flags.IntVar(&chosen.rounds, "rounds", 3, "number of rounds")
	if err := flags.Parse(arguments); err != nil {
		return plan{}, err
	}
	if chosen.resources < 4 || chosen.resources%3 != 1 {
		return plan{}, errors.New("-resources: want one load balancer and three resources for each of its listeners, such as 1000")
	}
	if chosen.rounds < 1 {
		return plan{}, errors.New("-rounds: want 1 or more")
	}
	return chosen, nil
}

func run(ctx context.Context, chosen plan) (err error) {
	measured, err := readSamples(chosen.samples)
	if err != nil {
		return err
	}
	host := machine()
	built, err := newScene(ctx, chosen)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, built.close()) }()
	first := measured.rounds()
	for round := first; round < first+chosen.rounds; round++ {
		for turn := range built.entrants {
			// Each round starts with another entrant, so that neither always follows the other.
			found, err := built.measure(ctx, built.entrants[(turn+round)%len(built.entrants)], round)
			if err != nil {
				return fmt.Errorf("round %d: %w", round+1, err)
			}
			measured = append(measured, found...)
		}
		if err := measured.write(chosen.samples); err != nil {
			return err
		}
	}
	return publish(ctx, chosen, measured, host)
}
