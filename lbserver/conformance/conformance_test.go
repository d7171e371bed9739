// Package conformance_test tests lbserver with clients that people use: curl, Go, Node.js, Python, Java and Chromium. Each
// test runs an lbserver through the public package, in front of sample servers.
package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
	"github.com/alb-project/terraform-provider-alb/internal/sampleserver"
	"github.com/alb-project/terraform-provider-alb/lbserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long anything may take that should take seconds at most.
const patience = 60 * time.Second

// packages maps client programs to the Debian packages that contain them.
var packages = map[string]string{
	"curl": "curl", "node": "nodejs", "python3": "python3", "java": "openjdk-17-jdk-headless", "chromium": "chromium",
}

// program finds a client. If it is missing, the test fails in CI and is skipped elsewhere.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return path
	case os.Getenv("CI") == "true":
		t.Fatalf("%s is missing, so it was not tried: apt-get install %s", name, packages[name])
	default:
		t.Skipf("NOT RUN: %s is missing, so it was not tried: apt-get install %s", name, packages[name])
	}
	return ""
}

// run runs a client and returns what it printed.
func run(t *testing.T, path string, arguments ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, path, arguments...)
	var output, complaints bytes.Buffer
	command.Stdout, command.Stderr = &output, &complaints
	if err := command.Run(); err != nil {
		t.Fatalf("%s: %v\nit printed %s\nand %s", filepath.Base(path), err, &output, &complaints)
	}
	return output.String()
}

// script runs one of testdata's programs in an interpreter, and fails with its output unless that is "ok".
func script(t *testing.T, path, file string, arguments ...string) {
	t.Helper()
	if got := run(t, path, append([]string{filepath.Join("testdata", file)}, arguments...)...); strings.TrimSpace(got) != "ok" {
		t.Errorf("%s says:\n%s", file, got)
	}
}

// site is an lbserver in front of sample servers called a and b, with session persistence.
type site struct {
	url, metrics, group string
	got                 <-chan int64 // of an earlySite
}

func newSite(t *testing.T, persistenceTimeout int) site {
	t.Helper()
	api, metrics := start(t)
	s := build(t, api, persistenceTimeout, sample(t, "a"), sample(t, "b"))
	s.metrics = metrics
	return s
}

// start runs an lbserver until the test ends, and returns a client of its API and the address of its metrics.
func start(t *testing.T) (api *client.Client, metrics string) {
	t.Helper()
	config := lbserver.DefaultConfig()
	config.APIAddress, config.OpsAddress = "127.0.0.1:0", "127.0.0.1:0"
	config.DataDir = filepath.Join(t.TempDir(), "data")
	config.CheckSpeedup = 50
	config.DrainTimeout = 5 * time.Second
	config.Log = slog.New(slog.DiscardHandler)
	server, err := lbserver.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("stop lbserver: %v", err)
		}
	})
	accessKey, secretKey := server.Credentials()
	api, err = client.New(client.Config{
		Endpoint: "http://" + server.APIAddress(), Region: "local", AccessKey: accessKey, SecretKey: secretKey, RequestTimeout: patience,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	return api, "http://" + server.OpsAddress() + "/metrics"
}

// build creates the chain from a listener to servers with the API.
func build(t *testing.T, api *client.Client, persistenceTimeout int, servers ...lbapi.RegisterServer) site {
	t.Helper()
	ctx := t.Context()
	balancers, err := api.LoadBalancers(ctx)
	if err != nil || len(balancers) == 0 {
		t.Fatalf("want a load balancer, got %v, %v", balancers, err)
	}
	id := balancers[0].ID
	groupID, groupErr := api.CreateServerGroup(ctx, lbapi.CreateServerGroup{
		Name: new("servers"), LoadBalancerID: &id, Type: new(lbapi.GroupOfAddresses),
	})
	serviceID, serviceErr := api.CreateBackendService(ctx, lbapi.CreateBackendService{
		Name: new("web"), LoadBalancerID: &id, Protocol: new(lbapi.HTTP), Port: new(80), ServerGroupIDs: &[]string{groupID},
		SessionPersistence: new(true), PersistenceTimeout: &persistenceTimeout, ForwardedProto: new(true),
		HealthCheck: &lbapi.HealthCheckSpec{Protocol: new(lbapi.HTTP), Path: new("/health")},
	})
	port := freePort(t)
	_, listenerErr := api.CreateListener(ctx, lbapi.CreateListener{
		Name: new("http"), LoadBalancerID: &id, Protocol: new(lbapi.HTTP), Port: &port, BackendServiceID: &serviceID,
	})
	err = errors.Join(groupErr, serviceErr, listenerErr)
	if err == nil && len(servers) > 0 {
		err = api.RegisterServers(ctx, groupID, servers)
	}
	if err != nil {
		t.Fatal(err)
	}
	return site{group: groupID, url: "http://" + netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port)).String()}
}

func sample(t *testing.T, name string) lbapi.RegisterServer {
	t.Helper()
	server, err := sampleserver.Start(context.Background(), name, "127.0.0.1:0") // closed below, after the proxy
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() }) // the proxy has ended
	return registration(server.Address())
}

// registration registers a server at an address.
func registration(at string) lbapi.RegisterServer {
	address := netip.MustParseAddrPort(at)
	return lbapi.RegisterServer{
		Type: new(lbapi.ServerAddress), Address: new(address.Addr().String()), Port: new(int(address.Port())), Weight: new(10),
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return int(netip.MustParseAddrPort(listener.Addr().String()).Port())
}

func TestCurl(t *testing.T) {
	curl := program(t, "curl")
	s := newSite(t, 0)
	jar := filepath.Join(t.TempDir(), "jar")
	common := []string{"--silent", "--show-error", "--fail", "--max-time", "30", "--noproxy", "*", "--cookie", jar, "--cookie-jar", jar}
	get := func(arguments ...string) string { t.Helper(); return run(t, curl, append(common, arguments...)...) }

	first := get(s.url + "/")
	for range 3 {
		if got := get(s.url + "/"); got != first {
			t.Errorf("the cookie led to %q, then to %q", first, got)
		}
	}
	upload := filepath.Join(t.TempDir(), "upload")
	if err := os.WriteFile(upload, bytes.Repeat([]byte("x"), 500_000), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, arguments := range map[string][]string{
		"a body":                       {"--data-binary", "@" + upload},
		"a body after 100":             {"--header", "Expect: 100-continue", "--data-binary", "@" + upload},
		"a chunked body":               {"--header", "Transfer-Encoding: chunked", "--data-binary", "@" + upload},
		"a PUT":                        {"--upload-file", upload},
		"HTTP/1.0":                     {"--http1.0", "--data-binary", "@" + upload},
		"an offer of HTTP/2":           {"--http2", "--data-binary", "@" + upload},
		"a form":                       {"--form", "file=@" + upload},
		"two requests on a connection": {s.url + "/", "--data-binary", "@" + upload},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, curl, slices.Concat(common, arguments, []string{s.url + "/echo"})...)
			if strings.Count(got, "x") < 500_000 || !strings.Contains(got, `"X-Forwarded-Proto":["http"]`) {
				t.Errorf("the server echoed %d bytes: %.600s", len(got), got)
			}
		})
	}
	if head := get("--head", s.url+"/"); !strings.HasPrefix(head, "HTTP/1.1 200 OK") {
		t.Errorf("HEAD: %s", head)
	}
}

func TestNode(t *testing.T) { script(t, program(t, "node"), "client.mjs", newSite(t, 0).url) }

func TestPython(t *testing.T) { script(t, program(t, "python3"), "client.py", newSite(t, 0).url) }

func TestJava(t *testing.T) { script(t, program(t, "java"), "Client.java", newSite(t, 0).url) }

// chromium opens a page with a profile, as a browser that was just started. The page must contain a text.
func chromium(t *testing.T, path, profile, url, text string) string {
	t.Helper()
	page := run(t, path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--no-proxy-server",
		"--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--user-data-dir="+profile, "--timeout=20000", "--dump-dom", url)
	if !strings.Contains(page, text) {
		t.Fatalf("the page is %.600s", page)
	}
	return page
}

// TestChromiumKeepsTheCookieAsLongAsItShould starts a browser twice with the same profile: then a session cookie is
// gone, one with Max-Age is not. Whether a request carried our cookie shows in whether the same server answers it:
// without a cookie the servers take turns, so many restarts on one server mean a cookie.
func TestChromiumKeepsTheCookieAsLongAsItShould(t *testing.T) {
	path := program(t, "chromium")
	const starts = 4
	servers := func(t *testing.T, timeout int) map[string]bool {
		t.Helper()
		s, profile, seen := newSite(t, timeout), t.TempDir(), map[string]bool{}
		for range starts {
			page := chromium(t, path, profile, s.url+"/echo", "remote_address")
			_, behind, _ := strings.Cut(page, `"server":"`)
			name, _, _ := strings.Cut(behind, `"`)
			seen[name] = true
		}
		return seen
	}
	t.Run("until the browser ends", func(t *testing.T) {
		if seen := servers(t, 0); len(seen) != 2 {
			t.Errorf("the servers after restarts are %v: the session cookie outlived the browser", seen)
		}
	})
	t.Run("for an hour", func(t *testing.T) {
		if seen := servers(t, 3600); len(seen) != 1 {
			t.Errorf("the servers after restarts are %v: the cookie with Max-Age was lost", seen)
		}
	})
	t.Run("for a second", func(t *testing.T) {
		s, profile := newSite(t, 1), t.TempDir()
		for range 2 {
			chromium(t, path, profile, s.url+"/echo", "remote_address")
			time.Sleep(1500 * time.Millisecond)
		}
		if metrics := run(t, program(t, "curl"), "--silent", "--noproxy", "*", s.metrics); !strings.Contains(metrics, `result="expired"} 0`) {
			t.Error("the browser sent the cookie after its Max-Age")
		}
	})
}
