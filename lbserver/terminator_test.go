package lbserver_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// httpsOnly is an application that sends whoever did not come by https there.
func httpsOnly(t *testing.T) lbapi.RegisterServer {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Forwarded-Proto") != "https" {
			http.Redirect(w, r, "https://"+r.Host+r.URL.Path, http.StatusMovedPermanently)
			return
		}
		_, _ = fmt.Fprintf(w, "%s for %s", r.URL.Path, r.Header.Get("X-Forwarded-For")) // the client checks what comes
	}))
	t.Cleanup(server.Close)
	address := must(netip.ParseAddrPort(server.Listener.Addr().String()))(t)
	return lbapi.RegisterServer{
		Type: new(lbapi.ServerAddress), Address: new(address.Addr().String()), Port: new(int(address.Port())), Weight: new(1),
	}
}

// terminator takes TLS off, and says so.
func terminator(t *testing.T, to string) *httptest.Server {
	t.Helper()
	target := must(url.Parse(to))(t)
	transport := &http.Transport{}
	server := httptest.NewTLSServer(&httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			r.SetXForwarded()
		},
	})
	t.Cleanup(func() {
		server.Close()
		transport.CloseIdleConnections()
	})
	return server
}

func TestAnHTTPSOnlyApplicationWorksBehindATLSTerminator(t *testing.T) {
	t.Parallel()
	for _, proto := range []bool{false, true} {
		t.Run("with httpForwardedProtocol "+strconv.FormatBool(proto), func(t *testing.T) {
			t.Parallel()
			config := testConfig(t)
			config.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			config.AccessLog = filepath.Join(t.TempDir(), "access.log")
			b := start(t, config)
			s := b.site([]lbapi.RegisterServer{httpsOnly(t)}, func(create *lbapi.CreateBackendService) {
				create.ForwardedProto, create.HealthCheck = &proto, &lbapi.HealthCheckSpec{Protocol: new(lbapi.TCP)}
			})
			s.waitForHealth(lbapi.Healthy, 1)
			front := terminator(t, s.url)
			response := must(front.Client().Get(front.URL + "/page"))(t)
			body := must(io.ReadAll(response.Body))(t)
			if err := response.Body.Close(); err != nil {
				t.Fatal(err)
			}
			if want := "/page for 127.0.0.1, 127.0.0.1"; response.StatusCode != http.StatusOK || string(body) != want {
				t.Errorf("got %s, %q; want %q", response.Status, body, want)
			}
			waitFor(t, "the client in the access log", func() bool {
				text, err := os.ReadFile(config.AccessLog)
				return err == nil && strings.HasPrefix(string(text), "127.0.0.1 [") // no port: the terminator does not tell it
			})
		})
	}
}

// Without the terminator among the trusted proxies its word is a stranger's.
func TestAStrangersWordOnTheSchemeDoesNotCount(t *testing.T) {
	t.Parallel()
	config := testConfig(t)
	config.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	s := start(t, config).site([]lbapi.RegisterServer{httpsOnly(t)}, func(create *lbapi.CreateBackendService) {
		create.HealthCheck = &lbapi.HealthCheckSpec{Protocol: new(lbapi.TCP)}
	})
	s.waitForHealth(lbapi.Healthy, 1)
	front := terminator(t, s.url)
	response, err := front.Client().Get(front.URL)
	if err == nil {
		_ = response.Body.Close()
		t.Fatalf("answered with %s", response.Status)
	}
	if failure, ok := errors.AsType[*url.Error](err); !ok || !strings.Contains(failure.Err.Error(), "redirects") {
		t.Errorf("want a loop of redirects, got %v", err)
	}
}

// A stranger's forged fields reach neither the server nor the access log.
func TestAStrangerForgesNoAddress(t *testing.T) {
	t.Parallel()
	config := testConfig(t)
	config.AccessLog = filepath.Join(t.TempDir(), "access.log")
	b := start(t, config)
	s := b.site([]lbapi.RegisterServer{spec(t, webServers(t, 1)[0], 1)}, nil)
	s.waitForHealth(lbapi.Healthy, 1)
	request := must(http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/echo", http.NoBody))(t)
	for _, name := range []string{"X-Forwarded-For", "X-Real-IP", "X-Forwarded-Host"} {
		request.Header.Set(name, "6.6.6.6")
	}
	response := must(newVisitor(t, false).http.Do(request))(t)
	body := must(io.ReadAll(response.Body))(t)
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(body), "6.6.6.6") != 1 || !strings.Contains(string(body), `6.6.6.6, 127.0.0.1`) {
		t.Errorf("the server saw %s; want the forged address as the first of X-Forwarded-For alone", body)
	}
	waitFor(t, "the request in the access log", func() bool {
		text, err := os.ReadFile(config.AccessLog)
		if err != nil || len(text) == 0 {
			return false
		}
		client, _, _ := strings.Cut(string(text), " ")
		if host, _, err := net.SplitHostPort(client); err != nil || host != "127.0.0.1" {
			t.Errorf("logged as %s", client)
		}
		return true
	})
}
