package lbserver_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi/signature"
	"github.com/alb-project/terraform-provider-alb/lbserver"
)

// A change that is under way when the server begins to stop is made: the data plane, which takes part in it, ends after the API.
func TestAChangeThatIsUnderWayAtAStopIsMade(t *testing.T) {
	t.Parallel()
	config := testConfig(t)
	server, err := lbserver.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()

	const body = `{"loadBalancerName":"during-drain"}`
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+server.APIAddress()+"/v1/regions/local/loadBalancers/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	accessKey, secretKey := server.Credentials()
	signature.Sign(request, []byte(body), signature.Credentials{AccessKey: accessKey, SecretKey: secretKey},
		signature.Scope{Region: "local", Service: "lb"}, time.Now(), uuid.NewString())
	connection, err := net.Dial("tcp", server.APIAddress())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	var head strings.Builder
	fmt.Fprintf(&head, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", request.URL.Path, server.APIAddress(), len(body))
	for name, values := range request.Header {
		fmt.Fprintf(&head, "%s: %s\r\n", name, values[0])
	}
	write := func(text string) {
		t.Helper()
		if _, err := connection.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	write(head.String() + "\r\n" + body[:10])
	time.Sleep(200 * time.Millisecond) // the call is under way, and then the stop
	stop()
	time.Sleep(200 * time.Millisecond)
	write(body[10:])
	response, err := http.ReadResponse(bufio.NewReader(connection), request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("the change was answered with %s", response.Status)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A copy of the data directory that was put back may be readable by all.
func TestTheKeysAreNobodyElses(t *testing.T) {
	t.Parallel()
	config := testConfig(t)
	keys := filepath.Join(config.DataDir, "credentials.json")
	for range 2 {
		server, err := lbserver.New(config)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(keys)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", keys, info.Mode())
		}
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(keys, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// heldClock is a clock that stops the call that reads it first once it is armed.
type heldClock struct {
	armed                atomic.Bool
	held, release, ended chan struct{} // each is closed when that comes
}

func (c *heldClock) now() time.Time {
	if c.armed.CompareAndSwap(true, false) {
		close(c.held)
		<-c.release
		close(c.ended)
	}
	return time.Now()
}

// A call that is under way when the server ends must not find the store closed, nor go on when Close has returned.
func TestCloseWaitsForTheCallsThatAreUnderWay(t *testing.T) {
	t.Parallel()
	clock := &heldClock{held: make(chan struct{}), release: make(chan struct{}), ended: make(chan struct{})}
	config := testConfig(t)
	config.Now = clock.now
	server, err := lbserver.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run(t.Context()) }()
	connection, err := net.Dial("tcp", server.APIAddress())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	clock.armed.Store(true)
	if _, err := fmt.Fprint(connection, "GET /v1/regions/local/loadBalancers/ HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-clock.held // the call is under way
	var stopped sync.WaitGroup
	var early atomic.Bool
	for _, end := range []func() error{server.Close, func() error { return <-ended }} {
		stopped.Go(func() {
			if err := end(); err != nil {
				t.Error(err)
			}
			select {
			case <-clock.ended:
			default:
				early.Store(true)
			}
		})
	}
	time.Sleep(300 * time.Millisecond) // time to return too early
	close(clock.release)
	stopped.Wait()
	if early.Load() {
		t.Error("Close or Run returned before the call had ended")
	}
}
