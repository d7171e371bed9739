package lbserver_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver"
)

// The body of a call that names no key is not read: a stranger's bodies must not take the memory that the traffic needs.
func TestAStrangersBodyIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	config := testConfig(t)
	server, err := lbserver.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	connection, err := net.Dial("tcp", server.APIAddress())
	if err != nil {
		t.Fatal(err)
	}
	if err := connection.SetDeadline(time.Now().Add(20 * time.Second)); err != nil { // a body has a minute
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(connection, "POST /v1/regions/local/loadBalancers/ HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n{", 1<<20); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("answered with %s", response.Status)
	}
	if err := connection.Close(); err != nil {
		t.Error(err)
	}
	_ = response.Body.Close() // of no use any more
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// OPTIONS * is a call like any other: net/http would answer it by itself.
func TestAStrangersOptionsAreRefused(t *testing.T) {
	t.Parallel()
	b := start(t, testConfig(t))
	connection, err := net.Dial("tcp", b.server.APIAddress())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := fmt.Fprint(connection, "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var envelope lbapi.Envelope[json.RawMessage]
	if err := json.NewDecoder(response.Body).Decode(&envelope); err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusUnauthorized || envelope.RequestID == "" || envelope.Error.Status != lbapi.Unauthenticated {
		t.Errorf("answered with %s, %+v", response.Status, envelope)
	}
}
