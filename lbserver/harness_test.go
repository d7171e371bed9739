package lbserver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
	"github.com/alb-project/terraform-provider-alb/internal/sampleserver"
	"github.com/alb-project/terraform-provider-alb/lbserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen; nothing is timed against it.
const patience = 20 * time.Second

// balancer is a running lbserver with a client of its API.
type balancer struct {
	*client.Client
	t              testing.TB
	server         *lbserver.Server
	config         lbserver.Config
	loadBalancerID string
	stop           func() error // drains; a second call does nothing
}

func testConfig(tb testing.TB) lbserver.Config {
	tb.Helper()
	config := lbserver.DefaultConfig()
	config.APIAddress, config.OpsAddress = "127.0.0.1:0", "127.0.0.1:0"
	config.DataDir = filepath.Join(tb.TempDir(), "data")
	config.CheckSpeedup = 50 // 5 s become 100 ms
	config.DrainTimeout = 5 * time.Second
	config.Log = slog.New(slog.DiscardHandler)
	return config
}

func start(tb testing.TB, config lbserver.Config) *balancer {
	tb.Helper()
	b := serve(tb, config)
	b.connect()
	return b
}

// serve runs an lbserver until the test ends, and makes no client.
func serve(tb testing.TB, config lbserver.Config) *balancer {
	tb.Helper()
	server, err := lbserver.New(config)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	b := &balancer{t: tb, server: server, config: config}
	b.stop = func() error {
		cancel()
		err := <-done
		done <- nil
		return err
	}
	tb.Cleanup(func() {
		if err := b.stop(); err != nil {
			tb.Errorf("stop lbserver: %v", err)
		}
	})
	return b
}

func (b *balancer) connect() {
	b.t.Helper()
	accessKey, secretKey := b.server.Credentials()
	b.Client = newClient(b.t, "http://"+b.server.APIAddress(), b.config.Region, accessKey, secretKey)
	loadBalancers, err := b.LoadBalancers(b.t.Context())
	if err != nil || len(loadBalancers) != 1 {
		b.t.Fatalf("want the one load balancer of a new lbserver, got %v, %v", loadBalancers, err)
	}
	b.loadBalancerID = loadBalancers[0].ID
}

func newClient(tb testing.TB, endpoint, region, accessKey, secretKey string) *client.Client {
	tb.Helper()
	made, err := client.New(client.Config{
		Endpoint: endpoint, Region: region, AccessKey: accessKey, SecretKey: secretKey, RequestTimeout: patience,
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(made.Close)
	return made
}

// must is for calls that have to succeed.
func must[T any](value T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return value
	}
}

// webServers starts sample servers called a, b, c ….
func webServers(tb testing.TB, count int) []*sampleserver.Server {
	tb.Helper()
	servers := make([]*sampleserver.Server, count)
	for i := range servers {
		servers[i] = webServer(tb, string(rune('a'+i)), "127.0.0.1:0")
	}
	return servers
}

func webServer(tb testing.TB, name, address string) *sampleserver.Server {
	tb.Helper()
	server, err := sampleserver.Start(context.Background(), name, address)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = server.Close() })
	return server
}

// spec is the registration of a sample server.
func spec(tb testing.TB, server *sampleserver.Server, weight int) lbapi.RegisterServer {
	tb.Helper()
	host, portText, err := net.SplitHostPort(server.Address())
	if err != nil {
		tb.Fatal(err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		tb.Fatal(err)
	}
	return lbapi.RegisterServer{Type: new(lbapi.ServerAddress), Address: &host, Port: &port, Weight: &weight}
}

// site is a whole chain: a listener, its backend service, its server group.
type site struct {
	*balancer
	listenerID, backendServiceID, serverGroupID string
	url                                         string
}

// site builds a chain over servers; change may change the backend service before it is created.
func (b *balancer) site(servers []lbapi.RegisterServer, change func(*lbapi.CreateBackendService)) *site {
	b.t.Helper()
	ctx := b.t.Context()
	s := &site{balancer: b}
	s.serverGroupID = must(b.CreateServerGroup(ctx, lbapi.CreateServerGroup{
		Name: new("servers"), LoadBalancerID: &b.loadBalancerID, Type: new(lbapi.GroupOfAddresses),
	}))(b.t)
	if len(servers) > 0 {
		if err := b.RegisterServers(ctx, s.serverGroupID, servers); err != nil {
			b.t.Fatal(err)
		}
	}
	create := lbapi.CreateBackendService{
		Name: new("web"), LoadBalancerID: &b.loadBalancerID, Protocol: new(lbapi.HTTP), Port: new(80),
		ServerGroupIDs: &[]string{s.serverGroupID},
		HealthCheck: &lbapi.HealthCheckSpec{
			Protocol: new(lbapi.HTTP), Path: new("/health"), UnhealthyThreshold: new(2), HealthyThreshold: new(2),
		},
	}
	if change != nil {
		change(&create)
	}
	s.backendServiceID = must(b.CreateBackendService(ctx, create))(b.t)
	port := freePort(b.t)
	s.listenerID = must(b.CreateListener(ctx, lbapi.CreateListener{
		Name: new("http"), LoadBalancerID: &b.loadBalancerID, Protocol: new(lbapi.HTTP), Port: &port,
		BackendServiceID: &s.backendServiceID,
	}))(b.t)
	s.url = fmt.Sprintf("http://127.0.0.1:%d", port)
	return s
}

func sticky(timeout int) func(*lbapi.CreateBackendService) {
	return func(create *lbapi.CreateBackendService) {
		create.SessionPersistence, create.PersistenceTimeout = new(true), &timeout
	}
}

func freePort(tb testing.TB) int {
	tb.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(tb.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer listener.Close()
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		tb.Fatalf("%v is no TCP address", listener.Addr())
	}
	return address.Port
}

// visitor is an HTTP client of a site; with a jar it keeps cookies as a browser does.
type visitor struct {
	t    testing.TB
	http *http.Client
}

func newVisitor(tb testing.TB, keepsCookies bool) *visitor {
	tb.Helper()
	transport := &http.Transport{DisableCompression: true}
	tb.Cleanup(transport.CloseIdleConnections)
	v := &visitor{t: tb, http: &http.Client{Transport: transport, Timeout: patience}}
	if keepsCookies {
		v.http.Jar = must(cookiejar.New(nil))(tb)
	}
	return v
}

// reply is what a visitor got.
type reply struct {
	*http.Response
	body   []byte
	server string // the sample server that answered
}

func (v *visitor) try(ctx context.Context, url string) (reply, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return reply{}, err
	}
	response, err := v.http.Do(request)
	if err != nil {
		return reply{}, err
	}
	body, err := io.ReadAll(response.Body)
	return reply{response, body, response.Header.Get(sampleserver.NameHeader)}, errors.Join(err, response.Body.Close())
}

func (v *visitor) get(url string) reply {
	v.t.Helper()
	got, err := v.try(v.t.Context(), url)
	if err != nil {
		v.t.Fatal(err)
	}
	return got
}

// waitFor polls until done says yes; what names it.
func waitFor(tb testing.TB, what string, done func() bool) {
	tb.Helper()
	deadline := time.Now().Add(patience)
	for !done() {
		if time.Now().After(deadline) {
			tb.Fatalf("waited %s without success for %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// waitForHealth waits until as many servers as given have a verdict, and no others.
func (s *site) waitForHealth(status lbapi.HealthStatus, count int) {
	s.t.Helper()
	waitFor(s.t, fmt.Sprintf("%d servers to be %s", count, status), func() bool {
		found := 0
		for _, health := range must(s.ServerHealth(s.t.Context(), s.backendServiceID))(s.t) {
			if health.Status == status {
				found++
			}
		}
		return found == count
	})
}
