package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/sampleserver"
)

// kind is a type of client.
type kind struct {
	name    string
	count   int
	cookies bool                                                                 // keeps cookies as a browser does
	close   bool                                                                 // opens a new connection for each request
	request func(ctx context.Context, url string) (*http.Request, string, error) // and the body that /echo must have received
}

// kinds are the clients of the load.
func kinds() []kind {
	get := func(ctx context.Context, url string) (*http.Request, string, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		return request, "", err
	}
	post := func(size int, chunked bool) func(context.Context, string) (*http.Request, string, error) {
		text := strings.Repeat("soak ", size/5)
		return func(ctx context.Context, url string) (*http.Request, string, error) {
			var body io.Reader = strings.NewReader(text)
			if chunked {
				body = io.MultiReader(body) // of unknown length
			}
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/echo", body)
			return request, text, err
		}
	}
	return []kind{
		{name: "GET", count: 4, request: get},
		{name: "GET with cookies", count: 4, cookies: true, request: get},
		{name: "GET, a connection each", count: 2, close: true, request: get},
		{name: "POST 2 kB", count: 2, cookies: true, request: post(2_000, false)},
		{name: "POST 300 kB chunked", count: 1, request: post(300_000, true)},
	}
}

func clientCount() int {
	count := 0
	for _, kind := range kinds() {
		count += kind.count
	}
	return count
}

// load is one run of all clients, changes and deaths.
type load struct {
	scene    *scene
	requests atomic.Int64
	excused  atomic.Int64 // failed while a server died that may have had them
	failed   atomic.Int64
	changes  atomic.Int64
	deaths   atomic.Int64
}

func newLoad(s *scene) *load { return &load{scene: s} }

func (l *load) failures() int64 { return l.failed.Load() }

func (l *load) report() string {
	return fmt.Sprintf("%d requests, %d changes, %d deaths of a server; %d requests were lost with their server, %d failed otherwise",
		l.requests.Load(), l.changes.Load(), l.deaths.Load(), l.excused.Load(), l.failed.Load())
}

// run makes all clients, changes and deaths happen for a time. It fails if the scene fails; failed requests are only
// counted.
func (l *load) run(ctx context.Context, duration time.Duration) error {
	running, stop := context.WithTimeout(ctx, duration)
	defer stop()
	var group sync.WaitGroup
	failures := make(chan error, 2)
	group.Go(func() { failures <- every(running, changeInterval, &l.changes, l.scene.change) })
	group.Go(func() { failures <- every(running, deathInterval, &l.deaths, l.scene.killAndRevive) })
	for _, kind := range kinds() {
		for range kind.count {
			group.Go(func() { l.visit(running, kind) })
		}
	}
	group.Wait()
	return errors.Join(<-failures, <-failures, ctx.Err())
}

// every calls act again and again until the context ends.
func every(ctx context.Context, pause time.Duration, done *atomic.Int64, act func(context.Context, int) error) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for number := 0; ; number++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		// An act that has begun is completed, so that the next run finds the scene whole.
		if err := act(context.WithoutCancel(ctx), number); err != nil {
			return err
		}
		done.Add(1)
	}
}

// visit is the life of one client.
func (l *load) visit(ctx context.Context, kind kind) {
	transport := &http.Transport{DisableCompression: true, DisableKeepAlives: kind.close}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: patience}
	if kind.cookies {
		client.Jar, _ = cookiejar.New(nil) // it can't fail without options
	}
	for ctx.Err() == nil {
		began := time.Now()
		err := l.visitOnce(ctx, client, kind)
		if ctx.Err() != nil {
			return
		}
		l.requests.Add(1)
		switch {
		case err == nil:
		case l.scene.diedSince(began):
			l.excused.Add(1)
		default:
			l.failed.Add(1)
			fmt.Fprintf(os.Stderr, "%s: %v\n", kind.name, err)
		}
	}
}

func (l *load) visitOnce(ctx context.Context, client *http.Client, kind kind) error {
	request, sent, err := kind.request(ctx, l.scene.url)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d: %s", response.StatusCode, bytes.TrimSpace(body))
	}
	if sent == "" {
		return nil
	}
	var echo sampleserver.Echo
	if err := json.Unmarshal(body, &echo); err != nil {
		return fmt.Errorf("read the echo: %w", err)
	}
	if echo.Body != sent {
		return fmt.Errorf("of a body of %d bytes the server got %d", len(sent), len(echo.Body))
	}
	return nil
}
