//go:build !race

// The race detector makes sync.Pool forget at random, so that counting allocations means nothing under it.

package proxy_test

import (
	"bufio"
	"bytes"
	"net"
	"strings"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// quickServer answers every request head with a small response, and allocates nothing for it.
func quickServer(t *testing.T) string {
	t.Helper()
	response := []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello")
	return rawServer(t, func(_ int, connection *net.TCPConn, _ *bufio.Reader) {
		buf := make([]byte, 4096)
		for {
			n, err := connection.Read(buf)
			if err != nil || !bytes.HasSuffix(buf[:n], []byte("\r\n\r\n")) {
				return
			}
			if _, err := connection.Write(response); err != nil {
				return
			}
		}
	})
}

func TestSteadyStateAllocatesNothing(t *testing.T) { onEachEngine(t, testSteadyStateAllocatesNothing) }

func testSteadyStateAllocatesNothing(t *testing.T, e engine) {
	proxied := "X-Forwarded-For: 192.0.2.1, [2001:db8::1%eth0]:443\r\nX-Forwarded-For: 10.0.0.1:80\r\nX-Forwarded-Proto: https\r\n" +
		"X-Forwarded-Port: 443\r\n"
	for name, test := range map[string]struct {
		options           options
		vip               string
		persistent, keeps bool
		fields            string
	}{
		"plain":                       {options: options{DrainTimeout: patience}},
		"with a cookie to set":        {options: options{DrainTimeout: patience}, persistent: true},
		"with a cookie that is valid": {options: options{DrainTimeout: patience}, persistent: true, keeps: true},
		"on a wildcard address":       {options: options{DrainTimeout: patience}, vip: "::"},
		"behind a trusted proxy":      {options: trusting(), persistent: true, keeps: true, fields: proxied},
	} {
		t.Run(name, func(t *testing.T) {
			b := e.newQuietBed(t, test.options, quickServer(t), quickServer(t))
			if test.vip != "" {
				b.changeVIP(test.vip)
			}
			b.changeService(func(s *lbapi.BackendService) {
				s.SessionPersistence, s.ForwardedProto, s.ForwardedHost, s.ForwardedLBIP = test.persistent, true, true, true
			})
			c := b.dial()
			fields := test.fields
			if test.keeps {
				response, _ := c.get("/")
				fields += "Cookie: a=b; " + strings.SplitN(response.Header.Get("Set-Cookie"), ";", 2)[0] + "\r\n"
			}
			request := []byte("GET / HTTP/1.1\r\nHost: example.com\r\nUser-Agent: test\r\n" + fields + "\r\n")
			buf := make([]byte, 4096)
			exchange := func() {
				if _, err := c.Write(request); err != nil {
					t.Fatal(err)
				}
				n, err := c.TCPConn.Read(buf)
				if err != nil || !bytes.HasSuffix(buf[:n], []byte("hello")) {
					t.Fatalf("%q, %v", buf[:n], err)
				}
			}
			for range 100 {
				exchange()
			}
			// The Set-Cookie line is made again each second, and a collection empties the pools of buffers: both are less than one
			// in a thousand requests, and AllocsPerRun rounds down.
			if allocations := testing.AllocsPerRun(2000, exchange); allocations > 0 {
				t.Errorf("%v allocations a request, want none", allocations)
			}
		})
	}
}
