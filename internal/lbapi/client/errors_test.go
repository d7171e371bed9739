package client

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

func TestARefusalIsTypedAndTellsAll(t *testing.T) {
	detail := lbapi.Detail{Field: "port", Reason: "is taken by listener web (listener-2)"}
	server := newAPI(t, refuse(lbapi.NewError(lbapi.Conflict, "the port is taken", detail)))
	name := "web"
	_, err := newTestClient(t, server.URL).CreateListener(t.Context(), lbapi.CreateListener{Name: &name})
	wantInError(t, err, `create listener "web"`, "POST "+server.URL+"/v1/regions/local/listeners/", "the port is taken",
		"port: is taken by listener web (listener-2)", "HTTP 409", "req-1")
	var refusal *lbapi.Error
	if !errors.As(err, &refusal) || len(refusal.Details) != 1 || refusal.Details[0] != detail || refusal.RequestID != "req-1" {
		t.Errorf("got %+v", refusal)
	}
	if !IsConflict(err) || IsNotFound(err) || IsQuotaExceeded(err) {
		t.Error("not taken for a conflict, or for more than that")
	}
}

func TestOnlyTheAPICanSayThatAnObjectIsGone(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		want   bool
	}{
		{"the API", refuse(lbapi.NewError(lbapi.NotFound, "no such listener")), true},
		{"a web server", web(http.StatusNotFound), false},
		{"JSON of another service", func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, http.StatusNotFound, map[string]any{"error": map[string]any{"status": "NOT_FOUND"}})
		}, false},
		{"a status that contradicts", refuse(&lbapi.Error{Code: 400, Status: lbapi.NotFound, Message: "odd"}), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := newTestClient(t, newAPI(t, test.answer).URL).Listener(t.Context(), "x")
			if IsNotFound(err) != test.want {
				t.Errorf("IsNotFound = %t for %v", !test.want, err)
			}
		})
	}
}

func TestACallWhoseOperationIsOutOfTimeSaysThat(t *testing.T) {
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer slow.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := newTestClient(t, slow.URL).Listener(ctx, "listener-1")
	wantInError(t, err, "the time for the whole operation was over", "A longer timeout of the operation")
	if !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "request timeout") {
		t.Errorf("got %v", err)
	}
}

func TestAWrongSettingGivesOneClearError(t *testing.T) {
	const nobody = "http://127.0.0.1:1" // a port that the kernel never assigns
	overTLS := httptest.NewUnstartedServer(http.NotFoundHandler())
	overTLS.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	overTLS.StartTLS()
	defer overTLS.Close()
	plain := httptest.NewServer(web(http.StatusOK))
	defer plain.Close()
	alert := answerRaw(t, "\x15\x03\x01\x00\x02\x02\x46")
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer slow.Close()
	redirect := httptest.NewServer(http.RedirectHandler("https://example.com/login", http.StatusFound))
	defer redirect.Close()
	unauthenticated := refuse(lbapi.NewError(lbapi.Unauthenticated, "the signature does not match"))
	now := time.Now().Truncate(time.Second)
	asleep := refuse(lbapi.NewError(lbapi.Unauthenticated, "the date is off"), "Date", now.Add(2*time.Hour).UTC().Format(http.TimeFormat))

	for _, test := range []struct {
		name     string
		endpoint string
		want     []string
	}{
		{"nothing listens", nobody, []string{"connection refused", "nothing listens at the endpoint", nobody}},
		{"no such host", "http://no-such-host.invalid", []string{"no-such-host.invalid", "check the host name"}},
		{"plain HTTP against a TLS port", "http://" + overTLS.Listener.Addr().String(), []string{"speaks TLS", `"https://` + overTLS.Listener.Addr().String()}},
		{"plain HTTP against a TLS port that answers with an alert", "http://" + alert, []string{`write the endpoint as "https://` + alert}},
		{"TLS against a plain port", "https://" + plain.Listener.Addr().String(), []string{`write the endpoint as "http://` + plain.Listener.Addr().String()}},
		{"an untrusted certificate", overTLS.URL, []string{"certificate", "trusts"}},
		{"a web page", plain.URL, []string{"not the control API's", "text/html", "is the endpoint"}},
		{"a redirect", redirect.URL, []string{"not the control API's", "HTTP 302"}},
		{"no answer", slow.URL, []string{"no answer within 200ms"}},
		{"a wrong key", newAPI(t, unauthenticated).URL, []string{"the signature does not match", "check the access key, the secret key and the region"}},
		{"a wrong clock", newAPI(t, asleep).URL, []string{"this machine's clock shows", "2h0m0s behind the server's", "set the one that is wrong"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newTestClient(t, test.endpoint, func(config *Config) {
				config.MaxRetries = 1
				config.Now = func() time.Time { return now }
				config.RequestTimeout = 200 * time.Millisecond
				if test.endpoint == overTLS.URL {
					config.RequestTimeout = 5 * time.Second
				}
			})
			_, err := c.Listener(t.Context(), "x")
			wantInError(t, err, append(test.want, `read listener "x"`, "GET "+test.endpoint)...)
		})
	}
}

// answerRaw serves one connection with fixed bytes.
func answerRaw(t *testing.T, bytes string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			buffer := make([]byte, 4096)
			if _, err := conn.Read(buffer); err == nil {
				if _, err := conn.Write([]byte(bytes)); err != nil {
					t.Errorf("write: %v", err)
				}
			}
			if err := conn.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		}
	}()
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		<-done
	})
	return listener.Addr().String()
}

func TestEndpointsAreReadStrictly(t *testing.T) {
	for _, good := range []string{"http://127.0.0.1:9080", "https://lb.example.com/", "http://[::1]:9080"} {
		if _, err := ParseEndpoint(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "127.0.0.1:9080", "localhost:9080", "ftp://lb", "http://", "http://:80", "http://u:hunter2@lb", "http://lb/v1",
		"http://lb?x=1", "http://lb#x", "http://lb:port", "http://u:hunter2@lb:port", "://",
	} {
		_, err := ParseEndpoint(bad)
		wantInError(t, err, "must be a URL")
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error repeats the password: %v", bad, err)
		}
	}
	for _, bare := range []string{"127.0.0.1:9080", "[::1]:9080", "localhost:9080", "localhost", "://"} {
		_, err := ParseEndpoint(bare)
		wantInError(t, err, `does not start with "http://" or "https://"`)
	}
}
