package proxy_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/networks"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy"
)

// trustedProxy and stranger are where tests connect from; the first, and 10.0.0.0/8, are trusted.
const (
	trustedProxy = "127.0.0.1"
	stranger     = "127.0.0.2"
)

func trusting() options {
	return options{DrainTimeout: patience, TrustedProxies: networks.Set{
		netip.MustParsePrefix(trustedProxy + "/32"), netip.MustParsePrefix("10.0.0.0/8"),
	}}
}

// dialFrom is dial from another address.
func (b *bed) dialFrom(address string) *client {
	b.t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	connection, err := dialer.Dial("tcp", b.address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { connection.Close() })
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		b.t.Fatal(err)
	}
	return &client{b.t, connection.(*net.TCPConn), bufio.NewReader(connection)}
}

// forwardedIn are the fields of a request that say where it came from, in any spelling.
func forwardedIn(header http.Header) map[string]string {
	found := map[string]string{}
	for name, values := range header {
		plain := strings.ToLower(strings.ReplaceAll(name, "_", "-"))
		if strings.HasPrefix(plain, "x-forwarded") || plain == "forwarded" || plain == "x-real-ip" || plain == "front-end-https" {
			found[name] = strings.Join(values, " | ")
		}
	}
	return found
}

func TestATrustedProxysWordOnItsClientIsKept(t *testing.T) {
	onEachEngine(t, testATrustedProxysWordOnItsClientIsKept)
}

func testATrustedProxysWordOnItsClientIsKept(t *testing.T, e engine) {
	heads := make(chan http.Header, 1)
	b := e.newBedWith(t, trusting(), serverOf(t, func(_ http.ResponseWriter, r *http.Request) { heads <- r.Header }))
	_, port, _ := net.SplitHostPort(b.address)
	said := []string{
		"X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "x-forwarded-port: 443", "X-Forwarded-Host: www.example.com",
	}
	never := []string{
		"X-Forwarded-LBIP: 6.6.6.6", "X-Forwarded-Client-Port: 6", "X_Forwarded_Proto: gopher", "X-Forwarded_Host: evil", "Forwarded: for=6.6.6.6",
		"X-Real-IP: 6.6.6.6", "X-Forwarded-Ssl: on", "X-Forwarded-Scheme: https", "Front-End-Https: on",
	}
	all := append(append([]string{}, never...), said...)
	for _, test := range []struct {
		name    string
		from    string
		on      bool // all options
		fields  []string
		want    map[string]string
		hasPort bool // the server gets the connection's port
	}{
		{"kept with the options off", trustedProxy, false, all, map[string]string{
			"X-Forwarded-For": "192.0.2.1, 127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "443",
			"X-Forwarded-Host": "www.example.com",
		}, false},
		{"kept with the options on", trustedProxy, true, all, map[string]string{
			"X-Forwarded-For": "192.0.2.1, 127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "443",
			"X-Forwarded-Host": "www.example.com", "X-Forwarded-Lbip": "127.0.0.1",
		}, false},
		{"several lines and values", trustedProxy, true, []string{"X-Forwarded-Proto: https", "X-Forwarded-Proto: http, https"}, map[string]string{
			"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https | http, https", "X-Forwarded-Port": port,
			"X-Forwarded-Host": "example.com", "X-Forwarded-Lbip": "127.0.0.1",
		}, true},
		{"ours for what is absent or empty", trustedProxy, true, []string{"X-Forwarded-Proto:", "X-Forwarded-Host: \t"}, map[string]string{
			"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Port": port, "X-Forwarded-Host": "example.com",
			"X-Forwarded-Lbip": "127.0.0.1",
		}, true},
		{"nothing is empty with the options off", trustedProxy, false, []string{"X-Forwarded-Proto:", "X-Forwarded-For:"}, map[string]string{
			"X-Forwarded-For": "127.0.0.1",
		}, false},
		{"an address that can't be read", trustedProxy, true, []string{"X-Forwarded-For: unknown"}, map[string]string{
			"X-Forwarded-For": "unknown, 127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Port": port,
			"X-Forwarded-Host": "example.com", "X-Forwarded-Lbip": "127.0.0.1",
		}, true},
		{"a stranger with the options off", stranger, false, all, map[string]string{"X-Forwarded-For": "192.0.2.1, 127.0.0.2"}, false},
		{"a stranger with the options on", stranger, true, all, map[string]string{
			"X-Forwarded-For": "192.0.2.1, 127.0.0.2", "X-Forwarded-Proto": "http", "X-Forwarded-Port": port,
			"X-Forwarded-Host": "example.com", "X-Forwarded-Lbip": "127.0.0.1",
		}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			b.changeService(func(s *lbapi.BackendService) {
				s.ForwardedProto, s.ForwardedPort, s.ForwardedHost, s.ForwardedLBIP, s.ForwardedClientPort = test.on, test.on, test.on, test.on, test.on
			})
			c := b.dialFrom(test.from)
			c.get("/", test.fields...)
			if test.hasPort {
				_, test.want["X-Forwarded-Client-Port"], _ = net.SplitHostPort(c.LocalAddr().String())
			}
			if diff := cmp.Diff(test.want, forwardedIn(<-heads)); diff != "" {
				t.Errorf("the server got (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheClientBehindATrustedProxyIsLogged(t *testing.T) {
	onEachEngine(t, testTheClientBehindATrustedProxyIsLogged)
}

func testTheClientBehindATrustedProxyIsLogged(t *testing.T, e engine) {
	b := e.newBedWith(t, trusting(), named(t, "a"))
	requests := 0
	logged := func(from string, fields ...string) (client, connection netip.AddrPort) {
		c := b.dialFrom(from)
		c.get("/", fields...)
		requests++
		eventually(t, "the request in the log", func() bool { return len(b.log.all()) == requests })
		return b.log.all()[requests-1].Client, netip.MustParseAddrPort(c.LocalAddr().String())
	}
	for _, test := range []struct{ forwardedFor, want string }{
		{"192.0.2.1", "192.0.2.1"},
		{"6.6.6.6, 192.0.2.1:4711, 10.0.0.1", "192.0.2.1"},
		{"[2001:db8::1%eth0]:80", "2001:db8::1"},
		{"::ffff:192.0.2.1", "192.0.2.1"},
		{"10.0.0.2, 10.0.0.1", "10.0.0.2"},
		{"192.0.2.1, garbage, 10.0.0.1", "10.0.0.1"},
	} {
		got, _ := logged(trustedProxy, "X-Forwarded-For: "+test.forwardedFor)
		if want := netip.AddrPortFrom(netip.MustParseAddr(test.want), 0); got != want {
			t.Errorf("X-Forwarded-For %q from a trusted proxy: the client is %v, want %v", test.forwardedFor, got, want)
		}
		if got, connection := logged(stranger, "X-Forwarded-For: "+test.forwardedFor); got != connection {
			t.Errorf("X-Forwarded-For %q from a stranger: the client is %v, want %v", test.forwardedFor, got, connection)
		}
	}
	for _, fields := range [][]string{nil, {"X-Forwarded-For: "}, {"X-Forwarded-For: 192.0.2.1, garbage"}} {
		if got, connection := logged(trustedProxy, fields...); got != connection {
			t.Errorf("%q from a trusted proxy: the client is %v, want the proxy, %v", fields, got, connection)
		}
	}
}

// What one request on a connection says holds for that request alone, even if the next can't be read.
func TestEachRequestOfATrustedProxyHasItsOwnClient(t *testing.T) {
	onEachEngine(t, testEachRequestOfATrustedProxyHasItsOwnClient)
}

func testEachRequestOfATrustedProxyHasItsOwnClient(t *testing.T, e engine) {
	b := e.newBedWith(t, trusting(), named(t, "a"))
	c := b.dial()
	c.get("/", "X-Forwarded-For: 192.0.2.1")
	c.get("/", "X-Forwarded-For: 192.0.2.2")
	c.get("/")
	c.send("GET / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.3\r\nHost: a\r\nHost: b\r\n\r\n")
	c.receive(http.MethodGet)
	eventually(t, "four requests in the log", func() bool { return len(b.log.all()) == 4 })
	connection := c.LocalAddr().String()
	var got []string
	for _, each := range b.log.all() {
		got = append(got, each.Client.String())
	}
	if diff := cmp.Diff([]string{"192.0.2.1:0", "192.0.2.2:0", connection, connection}, got); diff != "" {
		t.Errorf("clients (-want +got):\n%s", diff)
	}
}

func TestSourceIPFollowsTheClientBehindATrustedProxy(t *testing.T) {
	onEachEngine(t, testSourceIPFollowsTheClientBehindATrustedProxy)
}

func testSourceIPFollowsTheClientBehindATrustedProxy(t *testing.T, e engine) {
	b := e.newBedWith(t, trusting(), named(t, "a"), named(t, "b"), named(t, "c"))
	b.changeService(func(s *lbapi.BackendService) { s.Scheduler = lbapi.SourceIP })
	byProxy, byStranger := map[string]bool{}, map[string]bool{}
	for i := range 40 {
		client := "192.0.2." + strconv.Itoa(i)
		_, server := b.dialFrom(trustedProxy).get("/", "X-Forwarded-For: "+client)
		byProxy[server] = true
		for _, spelling := range []string{"6.6.6.6, ::ffff:" + client + ", 10.0.0.1", client + ":" + strconv.Itoa(1000+i)} {
			if _, again := b.dialFrom(trustedProxy).get("/", "X-Forwarded-For: "+spelling); again != server {
				t.Errorf("%s went to %s, %s to %s", client, server, spelling, again)
			}
		}
		_, server = b.dialFrom(stranger).get("/", "X-Forwarded-For: "+client)
		byStranger[server] = true
	}
	if len(byProxy) != 3 || len(byStranger) != 1 {
		t.Errorf("40 clients of a trusted proxy went to %v, one stranger to %v", byProxy, byStranger)
	}
}

func TestSessionsOfATrustedProxysClientsAreToldApart(t *testing.T) {
	onEachEngine(t, testSessionsOfATrustedProxysClientsAreToldApart)
}

func testSessionsOfATrustedProxysClientsAreToldApart(t *testing.T, e engine) {
	b := e.newBedWith(t, trusting(), named(t, "a"))
	b.changeService(func(s *lbapi.BackendService) { s.SessionPersistence = true })
	shared := b.dial()
	for i := range 40 {
		// The first line is the same for all.
		shared.get("/", "X-Forwarded-For: 6.6.6.6", fmt.Sprintf("X-Forwarded-For: 192.0.2.%d", i))
	}
	aboutSessions(t, "40 clients on one connection", b.counted(time.Now()), map[string]int{"a": 40})
}

func TestTheClientsSchemeIsTheTrustedProxysWord(t *testing.T) {
	onEachEngine(t, testTheClientsSchemeIsTheTrustedProxysWord)
}

func testTheClientsSchemeIsTheTrustedProxysWord(t *testing.T, e engine) {
	var tested atomic.Pointer[proxy.Proxy]
	var https atomic.Bool
	config := trusting()
	config.DialOverride = func(address netip.AddrPort) (netip.AddrPort, error) {
		https.Store(tested.Load().ClientUsesHTTPS())
		return address, nil
	}
	b := e.newBedWith(t, config, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
		readHead(reader)
		fmt.Fprint(connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n") // so each request dials
	}))
	tested.Store(b.proxy)
	for _, test := range []struct {
		from   string
		fields []string
		want   bool
	}{
		{trustedProxy, []string{"X-Forwarded-Proto: https"}, true},
		{trustedProxy, []string{"X-Forwarded-Proto: http", "X-Forwarded-Proto: http, HTTPS"}, true},
		{trustedProxy, []string{"X-Forwarded-Proto: https, http"}, false},
		{trustedProxy, []string{"X-Forwarded-Proto: http"}, false},
		{trustedProxy, nil, false},
		{trustedProxy, []string{"X-Forwarded-Ssl: on", "Front-End-Https: on", "X_Forwarded_Proto: https"}, false},
		{stranger, []string{"X-Forwarded-Proto: https"}, false},
	} {
		c := b.dialFrom(test.from)
		c.get("/", test.fields...)
		c.Close()
		eventually(t, "the end of the connection", func() bool { return b.counters().ActiveConnections.Load() == 0 })
		if got := https.Load(); got != test.want {
			t.Errorf("%q from %s: https is %t, want %t", test.fields, test.from, got, test.want)
		}
	}
}
