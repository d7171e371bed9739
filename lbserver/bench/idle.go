package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	idleConnections = 5000
	// idleOpeners is how many connections are opened at a time, so that no backlog overflows.
	idleOpeners = 64
	// idleSettle is the time a proxy gets to release memory before its memory is read.
	idleSettle = 2 * time.Second
)

// idleStage starts a new proxy for each run: memory that was used once may never be given back.
type idleStage struct{ *environment }

func (s idleStage) close() error { return nil }

func (s idleStage) measure(ctx context.Context, entrant, _ string) (_ values, err error) {
	arena, err := s.newArena(ctx, entrant)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, arena.close()) }()
	proxy := arena.proxies[entrant]
	before, err := proxy.usage()
	if err != nil {
		return nil, err
	}
	connections, err := openIdle(ctx, proxy.address.String())
	defer func() {
		for _, connection := range connections {
			err = errors.Join(err, connection.Close())
		}
	}()
	if err != nil {
		return nil, err
	}
	select {
	case <-time.After(idleSettle):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	after, err := proxy.usage()
	if err != nil {
		return nil, err
	}
	return values{
		memory:        mebibytes(after.memory),
		memoryOwn:     mebibytes(after.own),
		memoryPerIdle: mebibytes(after.memory-before.memory) * 1024 / idleConnections,
	}, nil
}

// openIdle opens connections and makes one request on each. It returns the connections it has opened even with an
// error.
func openIdle(ctx context.Context, address string) ([]net.Conn, error) {
	var (
		mu       sync.Mutex
		opened   []net.Conn // under mu
		problems error      // under mu
		group    sync.WaitGroup
	)
	for opener := range idleOpeners {
		group.Go(func() {
			for range (idleConnections + opener) / idleOpeners {
				connection, err := askOnce(ctx, address)
				mu.Lock()
				if connection != nil {
					opened = append(opened, connection)
				}
				problems = errors.Join(problems, err)
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	group.Wait()
	return opened, problems
}

// askOnce opens a connection and makes one request on it.
func askOnce(ctx context.Context, address string) (net.Conn, error) {
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", http.NoBody)
	if err != nil {
		return connection, err
	}
	if err := request.Write(connection); err != nil {
		return connection, err
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), request)
	if err != nil {
		return connection, fmt.Errorf("an answer to be idle after: %w", err)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return connection, errors.Join(err, response.Body.Close())
}

func idleRow(chosen *plan) *row {
	return &row{
		name:  "idle",
		title: "Idle connections",
		how: fmt.Sprintf("Each run starts a new proxy and opens %d connections to it, %d at a time, each with one request; the resident memory "+
			"is read %s after the last answer. \"own\" leaves out pages of the program's file, which the machine needs only once, and shared "+
			"pages. The last figure is the growth of all memory since before the connections, divided by their number.",
			idleConnections, idleOpeners, idleSettle),
		entrants: taking(chosen.proxies, "lbserver", "haproxy"),
		loads:    []string{fmt.Sprintf("%d idle", idleConnections)},
		metrics:  []metric{memory, memoryOwn, memoryPerIdle},
		bars:     []bar{{metric: memory, peer: "haproxy", limit: 0.5}},
		begin: func(_ context.Context, in *environment, _ []string) (stage, error) {
			return idleStage{in}, nil
		},
	}
}
