package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

const (
	strangers  = 100 // requests without a cookie
	returns    = 20  // requests of the client that stays
	cookieShow = 24  // columns of a cookie's value that are shown
)

// story is what the demo shows, in order. Every claim is checked before it is printed; one that is wrong is an error.
type story struct {
	screen  *screen
	stage   *stage
	visitor *visitor // the client that stays
	home    *sample  // the server it stays on
}

func (s *story) tell(ctx context.Context) error {
	for _, part := range []func(context.Context) error{
		s.start, s.apply, s.balance, s.stay, s.lose, s.recover, s.refuse, s.planAgain,
	} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) start(ctx context.Context) error {
	s.screen.chapter("Three web servers and a load balancer")
	for _, sample := range s.stage.samples {
		if err := s.stage.startSample(ctx, sample); err != nil {
			return err
		}
		s.screen.done("%-8s http://%s  weight %d", sample.name, sample.address(), sample.weight)
	}
	if err := s.stage.startBalancer(ctx); err != nil {
		return err
	}
	s.screen.done("%-8s %s  control API, nothing configured yet", "lbserver", s.stage.endpoint())
	return nil
}

func (s *story) apply(ctx context.Context) error {
	s.screen.chapter("terraform apply, examples/sticky-web")
	err := s.screen.during("applying", func() error { return s.stage.terraform.apply(ctx, s.showObject) })
	if err != nil {
		return err
	}
	if _, err := spread(ctx, s.stage.url(), s.cycle()); err != nil {
		return err
	}
	s.screen.done("%s answers", s.stage.url())
	return nil
}

func (s *story) showObject(object message) {
	s.screen.done("%s", strings.TrimRight(fmt.Sprintf("%-24s %s", object.Hook.Resource.Address, object.Hook.ID), " "))
}

// cycle returns after how many requests the order of the servers repeats.
func (s *story) cycle() int {
	total := 0
	for _, sample := range s.stage.samples {
		total += sample.weight
	}
	return total
}

func (s *story) balance(ctx context.Context) error {
	s.screen.chapter(fmt.Sprintf("%d requests without a cookie, weights 5 : 3 : 2", strangers))
	answered, err := spread(ctx, s.stage.url(), strangers)
	if err != nil {
		return err
	}
	s.chart(answered)
	for _, sample := range s.stage.samples {
		if want := strangers * sample.weight / s.cycle(); answered[sample.name] != want {
			return fmt.Errorf("%s answered %d of %d requests, want exactly %d", sample.name, answered[sample.name], strangers, want)
		}
	}
	s.screen.done("exactly by weight")
	return nil
}

func (s *story) chart(answered map[string]int) {
	shares := make([]share, 0, len(s.stage.samples))
	for _, sample := range s.stage.samples {
		shares = append(shares, share{name: sample.name, count: answered[sample.name], note: fmt.Sprintf("weight %d", sample.weight)})
	}
	s.screen.chart(shares)
}

func (s *story) stay(ctx context.Context) error {
	s.screen.chapter("One client that brings its cookie back")
	first, err := s.visitor.stay(ctx)
	if err != nil {
		return err
	}
	if first.cookie == nil {
		return errors.New("the first answer sets no persistence cookie")
	}
	s.screen.note("Set-Cookie: %s", shown(first.cookie))
	answered := map[string]int{first.server: 1}
	for range returns - 1 {
		given, err := s.visitor.stay(ctx)
		if err != nil {
			return err
		}
		if given.cookie != nil {
			return errors.New("an answer sets the persistence cookie again, although a tenth of its timeout has not passed")
		}
		answered[given.server]++
	}
	s.chart(answered)
	if answered[first.server] != returns {
		return fmt.Errorf("the client met %d servers, want only %s", len(answered), first.server)
	}
	s.home = s.sample(first.server)
	if s.home == nil {
		return fmt.Errorf("server %q answered, which the demo did not start", first.server)
	}
	s.screen.done("%d requests, one server, the cookie set by the first answer alone", returns)
	return nil
}

func (s *story) sample(name string) *sample {
	for _, sample := range s.stage.samples {
		if sample.name == name {
			return sample
		}
	}
	return nil
}

// shown formats a cookie like its header, with a long value cut.
func shown(cookie *http.Cookie) string {
	short := *cookie
	if len(short.Value) > cookieShow {
		short.Value = short.Value[:cookieShow]
		return strings.Replace(short.String(), short.Value, short.Value+"…", 1)
	}
	return short.String()
}

func (s *story) lose(ctx context.Context) error {
	s.screen.chapter("kill -9 " + s.home.name + ", the server it stays on")
	if err := s.home.process.Kill(); err != nil {
		return err
	}
	moved, err := s.visitor.stay(ctx)
	if err != nil {
		return err
	}
	if moved.server == s.home.name || moved.cookie == nil {
		return fmt.Errorf("the client was answered by %s; want another server and a new cookie", moved.server)
	}
	s.screen.done("its next request: answered by %s, no error seen", moved.server)
	s.screen.note("Set-Cookie: %s", shown(moved.cookie))
	health, took, err := s.waitForVerdict(ctx, lbapi.Unhealthy)
	if err != nil {
		return err
	}
	s.screen.done("health check after %.1f s: %s, %s", took.Seconds(), health.Reason.Reason, health.Reason.Detail)
	answered, err := spread(ctx, s.stage.url(), strangers)
	if err != nil {
		return err
	}
	s.chart(answered)
	if answered[s.home.name] != 0 {
		return fmt.Errorf("%s is dead and yet answered", s.home.name)
	}
	s.screen.done("%d requests without a cookie, no error, none to %s", strangers, s.home.name)
	return nil
}

func (s *story) recover(ctx context.Context) error {
	s.screen.chapter(s.home.name + " comes back")
	if err := s.stage.startSample(ctx, s.home); err != nil {
		return err
	}
	_, took, err := s.waitForVerdict(ctx, lbapi.Healthy)
	if err != nil {
		return err
	}
	given, err := s.visitor.stay(ctx)
	if err != nil {
		return err
	}
	s.screen.done("healthy again after %.1f s; our client stays on %s", took.Seconds(), given.server)
	answered, err := spread(ctx, s.stage.url(), strangers)
	if err != nil {
		return err
	}
	s.chart(answered)
	if answered[s.home.name] == 0 {
		return fmt.Errorf("%s is healthy and yet got none of %d requests", s.home.name, strangers)
	}
	return nil
}
