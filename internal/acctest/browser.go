package acctest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/sampleserver"
)

// Visit is the outcome of one request.
type Visit struct {
	Status int
	Server string // the name of the sample server that answered, empty if none did
	// Cookies are the cookies that the answer sets.
	Cookies []*http.Cookie
}

// Visitor returns a client that keeps cookies, as a browser does. Each call makes one request.
func Visitor(t *testing.T) func(url string) Visit {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return visitor(t, jar)
}

// Stranger returns a client that keeps no cookies.
func Stranger(t *testing.T) func(url string) Visit {
	t.Helper()
	return visitor(t, nil)
}

func visitor(t *testing.T, jar http.CookieJar) func(url string) Visit {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	browser := &http.Client{Transport: transport, Timeout: patience}
	if jar != nil {
		browser.Jar = jar
	}
	return func(url string) Visit {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := browser.Do(req)
		if err != nil {
			t.Fatalf("visit %s: %v", url, err)
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatalf("visit %s: %v", url, err)
		}
		return Visit{Status: resp.StatusCode, Server: resp.Header.Get(sampleserver.NameHeader), Cookies: resp.Cookies()}
	}
}

// Echo returns what a sample server's /echo says it received.
func Echo(t *testing.T, url string) sampleserver.Echo {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatalf("visit %s: %v", url, err)
	}
	defer resp.Body.Close()
	var echo sampleserver.Echo
	if err := json.NewDecoder(resp.Body).Decode(&echo); err != nil {
		t.Fatalf("read the echo of %s: %v", url, err)
	}
	return echo
}

// Count makes requests and returns the number of answers by server.
func Count(visit func(url string) Visit, url string, requests int) map[string]int {
	counts := map[string]int{}
	for range requests {
		counts[visit(url).Server]++
	}
	return counts
}

// Eventually waits until a check succeeds; if that takes longer than patience, it fails the test with the check's last
// error.
func Eventually(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %s still: %v", patience, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Healthy returns a check that a backend service has this number of servers and all are healthy.
func (l *LoadBalancer) Healthy(backendServiceID string, number int) func() error {
	return func() error {
		servers, err := l.ServerHealth(l.t.Context(), backendServiceID)
		if err != nil {
			return err
		}
		if len(servers) != number {
			return fmt.Errorf("%d servers, want %d", len(servers), number)
		}
		for _, server := range servers {
			if server.Status != "healthy" {
				return fmt.Errorf("server %s:%d is %s: %s", server.Address, server.Port, server.Status, server.Reason.Detail)
			}
		}
		return nil
	}
}
