package lbserver_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

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
