package proxy_test

import (
	"bufio"
	"cmp"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/networks"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/persistence"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	listenerID = "listener-aaaaaaaaaa"
	serviceID  = "backend-aaaaaaaaaa"
	groupID    = "tg-aaaaaaaaaa"
	patience   = 10 * time.Second // for what should take milliseconds
)

// engine is a way to carry connections. Both must do the same; outside Linux there is one.
type engine struct {
	name       string
	goroutines bool
}

func onEachEngine(t *testing.T, test func(*testing.T, engine)) {
	t.Helper()
	for _, e := range []engine{{"loops", false}, {"goroutines", true}} {
		t.Run(e.name, func(t *testing.T) { test(t, e) })
	}
}

// options are a proxy's configuration and what only tests change of it.
type options struct {
	Services       func(id string) (*service.Service, bool)
	DrainTimeout   time.Duration
	TrustedProxies networks.Set
	AccessLog      proxy.AccessLog
	Log            *slog.Logger
	HeadTimeout    time.Duration
	IdleTimeout    int // of the listener, in seconds; 0 for the default
	MaxLingering   int
	MaxWaiting     int
	Goroutines     bool
	DialOverride   func(netip.AddrPort) (netip.AddrPort, error)
	Now            func() time.Time
}

func (o *options) start() *proxy.Proxy {
	return proxy.NewTuned(
		proxy.Config{
			Services: o.Services, DrainTimeout: o.DrainTimeout, TrustedProxies: o.TrustedProxies,
			MaxLingering: cmp.Or(o.MaxLingering, 1000), MaxWaiting: o.MaxWaiting, AccessLog: o.AccessLog, Log: o.Log,
		},
		proxy.Tuning{HeadTimeout: o.HeadTimeout, Goroutines: o.Goroutines, DialOverride: o.DialOverride, Now: o.Now},
	)
}

// bed is a proxy with one listener, one backend service and its servers.
type bed struct {
	t        *testing.T
	proxy    *proxy.Proxy
	registry *service.Registry
	log      *recorder
	state    snapshot.Snapshot
	applied  *snapshot.Snapshot // nil before the first
	address  string             // of the listener
}

type noInstances struct{}

func (noInstances) Resolve(string) (netip.Addr, bool) { return netip.Addr{}, false }

// newBed starts a proxy in front of servers at these addresses.
func (e engine) newBed(t *testing.T, servers ...string) *bed {
	t.Helper()
	return e.newBedWith(t, options{DrainTimeout: patience}, servers...)
}

func (e engine) newBedWith(t *testing.T, config options, servers ...string) *bed {
	t.Helper()
	log := &recorder{}
	config.AccessLog = log
	b := e.newQuietBed(t, config, servers...)
	b.log = log
	return b
}

// newQuietBed is a bed without an access log of its own.
func (e engine) newQuietBed(t *testing.T, config options, servers ...string) *bed {
	t.Helper()
	b := &bed{t: t}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	b.registry = service.NewRegistry(noInstances{}, time.Now, log)
	config.Services, config.Log, config.Goroutines = b.registry.Service, log, e.goroutines
	b.proxy = config.start()
	keys, err := persistence.GenerateKeys().Encode()
	if err != nil {
		t.Fatal(err)
	}
	b.state = snapshot.Snapshot{
		LoadBalancers: map[string]*lbapi.LoadBalancer{"alb": {ID: "alb", PrivateIP: lbapi.PrivateIP{Address: "127.0.0.1"}}},
		Listeners: map[string]*lbapi.Listener{listenerID: {
			ID: listenerID, Name: "web", LoadBalancerID: "alb", Protocol: lbapi.HTTP, Port: freePort(t),
			BackendServiceID: serviceID, Status: lbapi.On, IdleTimeout: cmp.Or(config.IdleTimeout, 60),
		}},
		BackendServices: map[string]*lbapi.BackendService{serviceID: {
			ID: serviceID, LoadBalancerID: "alb", Protocol: lbapi.HTTP, Port: 80, Scheduler: lbapi.WeightedRoundRobin,
			ServerGroupIDs: []string{groupID},
		}},
		ServerGroups:    map[string]*lbapi.ServerGroup{groupID: groupOf(t, servers...)},
		PersistenceKeys: keys,
	}
	b.apply()
	b.address = b.proxy.Listeners()[0].Address.String()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := b.proxy.Shutdown(ctx); err != nil {
			t.Errorf("requests were still in flight after the test: %v", err)
		}
		b.closePools()
	})
	return b
}

func (b *bed) closePools() {
	for _, each := range b.registry.Services() {
		for _, endpoint := range each.Eligible().Endpoints {
			endpoint.Pool.Close()
		}
	}
}

// freePort is freePortOn for the address that tests have in common.
func freePort(t *testing.T) int {
	t.Helper()
	return freePortOn(t, "127.0.0.1")
}

// freePortOn asks the kernel for a port. Another process could take it before the proxy does, which then fails loudly.
func freePortOn(t *testing.T, address string) int {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return int(netip.MustParseAddrPort(listener.Addr().String()).Port())
}

func groupOf(t *testing.T, servers ...string) *lbapi.ServerGroup {
	t.Helper()
	group := &lbapi.ServerGroup{ID: groupID}
	for i, each := range servers {
		address := netip.MustParseAddrPort(each)
		group.Servers = append(group.Servers, lbapi.Server{
			ID: "target-aaaaaaaaa" + string(rune('a'+i)), Type: lbapi.ServerAddress,
			Address: address.Addr().String(), Port: int(address.Port()), Weight: 10,
		})
	}
	return group
}

// apply puts the state in force.
func (b *bed) apply() {
	b.t.Helper()
	next := b.state
	listeners, failures, err := b.proxy.Prepare(b.t.Context(), &next, next.Since(b.applied))
	if err != nil || len(failures) > 0 {
		b.t.Fatal(err, failures)
	}
	services, err := b.registry.Prepare(&next, next.Since(b.applied))
	if err != nil {
		b.t.Fatal(err)
	}
	services.Apply()
	listeners.Apply()
	b.applied = &next
}

// changeService puts a changed backend service in force.
func (b *bed) changeService(change func(*lbapi.BackendService)) {
	b.t.Helper()
	next := *b.state.BackendServices[serviceID]
	change(&next)
	b.state.BackendServices = map[string]*lbapi.BackendService{serviceID: &next}
	b.apply()
}

// changeListener puts a changed listener in force.
func (b *bed) changeListener(change func(*lbapi.Listener)) {
	b.t.Helper()
	next := *b.state.Listeners[listenerID]
	change(&next)
	b.state.Listeners = map[string]*lbapi.Listener{listenerID: &next}
	b.apply()
}

// changeVIP makes the load balancer listen on another address, on a new port.
func (b *bed) changeVIP(address string) {
	b.t.Helper()
	b.state.LoadBalancers = map[string]*lbapi.LoadBalancer{"alb": {ID: "alb", PrivateIP: lbapi.PrivateIP{Address: address}}}
	b.changeListener(func(l *lbapi.Listener) { l.Port = freePortOn(b.t, address) })
	b.address = b.proxy.Listeners()[0].Address.String()
}

// changeServers puts another server group in force.
func (b *bed) changeServers(group *lbapi.ServerGroup) {
	b.t.Helper()
	b.state.ServerGroups = map[string]*lbapi.ServerGroup{groupID: group}
	b.apply()
}

func (b *bed) service() *service.Service {
	b.t.Helper()
	live, ok := b.registry.Service(serviceID)
	if !ok {
		b.t.Fatal("the backend service is gone")
	}
	return live
}

func (b *bed) counters() *proxy.Counters { return b.proxy.Listeners()[0].Counters }

// recorder is an access log that keeps its entries.
type recorder struct {
	mu      sync.Mutex
	entries []proxy.Entry
}

func (r *recorder) Log(entry *proxy.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := *entry
	for _, text := range []*[]byte{&kept.Method, &kept.Target, &kept.Host, &kept.UserAgent} {
		*text = append([]byte(nil), *text...)
	}
	r.entries = append(r.entries, kept)
}

func (r *recorder) all() []proxy.Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]proxy.Entry(nil), r.entries...)
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not come true", what)
		}
	}
}

// client is a raw connection to the listener.
type client struct {
	t *testing.T
	*net.TCPConn
	reader *bufio.Reader
}

func (b *bed) dial() *client {
	b.t.Helper()
	connection, err := net.Dial("tcp", b.address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { connection.Close() })
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		b.t.Fatal(err)
	}
	return &client{b.t, connection.(*net.TCPConn), bufio.NewReader(connection)}
}

func (c *client) send(raw string) {
	c.t.Helper()
	if _, err := io.WriteString(c, raw); err != nil {
		c.t.Fatalf("send %.60q: %v", raw, err)
	}
}

// receive reads one response with its body.
func (c *client) receive(method string) (*http.Response, string) {
	c.t.Helper()
	response, err := http.ReadResponse(c.reader, &http.Request{Method: method})
	if err != nil {
		c.t.Fatalf("read a response: %v", err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatalf("read the body of a %d after %d bytes: %v", response.StatusCode, len(body), err)
	}
	return response, string(body)
}

// get sends a GET and reads its response.
func (c *client) get(path string, fields ...string) (*http.Response, string) {
	c.t.Helper()
	c.send("GET " + path + " HTTP/1.1\r\nHost: example.com\r\n" + strings.Join(append(fields, ""), "\r\n") + "\r\n")
	return c.receive(http.MethodGet)
}

// rest reads to the end of the connection.
func (c *client) rest() string {
	c.t.Helper()
	all, err := io.ReadAll(c.reader)
	if err != nil {
		c.t.Fatalf("read to the end: %v, after %.200q", err, all)
	}
	return string(all)
}

// expectClosed fails unless the connection has ended.
func (c *client) expectClosed() {
	c.t.Helper()
	if b, err := c.reader.ReadByte(); err == nil {
		c.t.Fatalf("the connection is open; it brings %q", b)
	} else if os.IsTimeout(err) {
		c.t.Fatal("the connection is open")
	}
}

// serverOf starts a net/http server.
func serverOf(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// named starts a server that answers with its name.
func named(t *testing.T, name string) string {
	t.Helper()
	return serverOf(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, name) })
}

// rawServer starts a server that hands each connection, with its number from 1, to a function.
func rawServer(t *testing.T, handle func(number int, connection *net.TCPConn, reader *bufio.Reader)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var connections sync.WaitGroup
	t.Cleanup(func() { listener.Close(); connections.Wait() })
	connections.Go(func() {
		for number := 1; ; number++ {
			accepted, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Go(func() {
				defer accepted.Close()
				accepted.SetDeadline(time.Now().Add(patience))
				handle(number, accepted.(*net.TCPConn), bufio.NewReader(accepted))
			})
		}
	})
	return listener.Addr().String()
}

// readHead reads a request head, lines and all; "" at the end of the connection.
func readHead(reader *bufio.Reader) string {
	var head strings.Builder
	for {
		line, err := reader.ReadString('\n')
		head.WriteString(line)
		if err != nil {
			return ""
		}
		if line == "\r\n" {
			return head.String()
		}
	}
}
