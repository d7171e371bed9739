package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// verdictPoll is the pause between two reads of a server's health.
const verdictPoll = 50 * time.Millisecond

// waitForVerdict waits until the server that was killed has this verdict of the health check.
func (s *story) waitForVerdict(ctx context.Context, verdict lbapi.HealthStatus) (health lbapi.ServerHealth, took time.Duration, err error) {
	started := time.Now()
	backendService, err := s.stage.terraform.output(ctx, "backend_service_id")
	if err != nil {
		return health, 0, err
	}
	api, err := s.stage.client()
	if err != nil {
		return health, 0, fmt.Errorf("asking for the servers' health: %w", err)
	}
	defer api.Close()
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	err = s.screen.during(fmt.Sprintf("until the health check finds %s %s", s.home.name, verdict), func() error {
		for {
			servers, err := api.ServerHealth(ctx, backendService)
			if err != nil {
				return err
			}
			for _, server := range servers {
				if server.Port == s.home.port && server.Status == verdict {
					health = server
					return nil
				}
			}
			select {
			case <-time.After(verdictPoll):
			case <-ctx.Done():
				return fmt.Errorf("waiting for %s to be %s: %w; last seen: %+v", s.home.name, verdict, ctx.Err(), servers)
			}
		}
	})
	return health, time.Since(started), err
}

func (s *story) refuse(ctx context.Context) error {
	s.screen.chapter(`A mistake: scheduler = "source_ip" with session persistence`)
	var refusal string
	err := s.screen.during("terraform plan", func() (err error) {
		refusal, err = s.stage.terraform.refuses(ctx, "scheduler=source_ip")
		return err
	})
	if err != nil {
		return err
	}
	s.screen.quote(red, refusal)
	for _, word := range []string{"session_persistence", "scheduler", "source_ip"} {
		if !strings.Contains(refusal, word) {
			return fmt.Errorf("the plan failed, but its message does not name %q", word)
		}
	}
	s.screen.done("refused at plan time, nothing was touched")
	return nil
}

func (s *story) planAgain(ctx context.Context) error {
	s.screen.chapter("terraform plan, a second time")
	err := s.screen.during("planning", func() error { return s.stage.terraform.changesNothing(ctx) })
	if err != nil {
		return err
	}
	s.screen.done("no changes: what runs is what is written")
	return nil
}

// destroy removes what apply made, and then stops the programs.
func (s *story) destroy(ctx context.Context) error {
	s.screen.chapter("terraform destroy")
	err := s.screen.during("destroying", func() error { return s.stage.terraform.destroy(ctx, s.showObject) })
	if err != nil {
		return err
	}
	var dialer net.Dialer
	address := fmt.Sprintf("127.0.0.1:%d", s.stage.web)
	if connection, err := dialer.DialContext(ctx, "tcp", address); err == nil {
		return fmt.Errorf("the listener is destroyed, but %s still takes connections (%w)", address, connection.Close())
	}
	s.screen.done("%s is closed", s.stage.url())
	if err := s.stage.stop(); err != nil {
		return err
	}
	s.screen.done("lbserver and the web servers stopped")
	return nil
}

// keep says how to reach what is left running.
func (s *story) keep() error {
	if err := s.stage.keep(); err != nil {
		return err
	}
	s.screen.chapter("Left running")
	configuration, directory := relative(s.stage.terraform.directory), relative(s.stage.directory)
	for _, hint := range [][2]string{
		{"the web site", "curl -i " + s.stage.url()},
		{"what a server is sent", "curl " + s.stage.url() + "echo"},
		{"metrics", fmt.Sprintf("curl http://127.0.0.1:%d/metrics", s.stage.operations)},
		{"change it: edit, then", fmt.Sprintf(". %s/env && terraform -chdir=%s apply", directory, configuration)},
		{"logs", filepath.Join(directory, "*.log")},
		{"the end", "make demo-stop"},
	} {
		s.screen.printf("   %-22s %s\n", hint[0], s.screen.paint(cyan, hint[1]))
	}
	return nil
}
