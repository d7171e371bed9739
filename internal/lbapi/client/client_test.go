package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/signature"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testSecret = "a secret that no message may hold"

// api is a server that checks signatures as the real one does and then answers from a script, one step for each
// attempt.
type api struct {
	*httptest.Server
	t *testing.T

	mu     sync.Mutex
	nonces []string
	dates  []string
	bodies []string
	urls   []string
	script []http.HandlerFunc
}

func newAPI(t *testing.T, script ...http.HandlerFunc) *api {
	t.Helper()
	a := &api{t: t, script: script}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		a.t.Errorf("read the request: %v", err)
	}
	verifier := signature.NewVerifier(time.Now, signature.Credentials{AccessKey: "AK", SecretKey: testSecret})
	signed, err := verifier.Verify(r, body, signature.Scope{Region: "local", Service: "lb"})
	if err != nil {
		a.t.Errorf("signature of %s %s: %v", r.Method, r.URL, err)
	}
	a.mu.Lock()
	a.nonces = append(a.nonces, signed.Nonce)
	a.dates = append(a.dates, r.Header.Get(signature.HeaderDate))
	a.bodies = append(a.bodies, string(body))
	a.urls = append(a.urls, r.Method+" "+r.URL.String())
	step := a.script[min(len(a.nonces), len(a.script))-1]
	a.mu.Unlock()
	step(w, r)
}

func (a *api) attempts() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.nonces)
}

func newTestClient(t *testing.T, endpoint string, change ...func(*Config)) *Client {
	t.Helper()
	config := Config{
		Endpoint: endpoint, Region: "local", AccessKey: "AK", SecretKey: testSecret, RequestTimeout: 5 * time.Second,
		MaxRetries: 3, FirstWait: time.Millisecond, LastWait: 5 * time.Millisecond, UserAgent: "test",
	}
	for _, c := range change {
		c(&config)
	}
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func answer(result any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"requestId": "req-1", "result": result})
	}
}

func refuse(refusal *lbapi.Error, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		writeJSON(w, refusal.Code, map[string]any{"requestId": "req-1", "error": refusal})
	}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(lbapi.HeaderRequestID, "req-1")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// loseReply does what a broken network does: the request arrives, the answer does not.
func loseReply(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// cutShort announces more bytes than it sends.
func cutShort(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	if _, err := w.Write([]byte(`{"requestId":"req-1","result":{`)); err != nil {
		panic(http.ErrAbortHandler)
	}
}

func web(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		fmt.Fprint(w, "<html>hello</html>")
	}
}

func TestCallsSayWhatTheyMean(t *testing.T) {
	name, weight, id := "web", 0, "target-1"
	for _, test := range []struct {
		call string
		do   func(context.Context, *Client) error
		url  string
		body string
	}{
		{"create", func(ctx context.Context, c *Client) error {
			_, err := c.CreateServerGroup(ctx, lbapi.CreateServerGroup{Name: &name})
			return err
		}, "POST /v1/regions/local/targetGroups/", `{"targetGroupName":"web"}`},
		{"read", func(ctx context.Context, c *Client) error {
			_, err := c.Listener(ctx, "listener-1")
			return err
		}, "GET /v1/regions/local/listeners/listener-1", ""},
		{"read with an id that no server makes", func(ctx context.Context, c *Client) error {
			_, err := c.Listener(ctx, "../backends/x?y")
			return err
		}, "GET /v1/regions/local/listeners/..%2Fbackends%2Fx%3Fy", ""},
		{"patch", func(ctx context.Context, c *Client) error {
			return c.PatchListener(ctx, "listener-1", lbapi.PatchListener{Name: &name})
		}, "PATCH /v1/regions/local/listeners/listener-1", `{"listenerName":"web"}`},
		{"delete", func(ctx context.Context, c *Client) error { return c.DeleteBackendService(ctx, "backend-1") }, "DELETE /v1/regions/local/backends/backend-1", ""},
		{"weight zero is sent", func(ctx context.Context, c *Client) error {
			return c.UpdateServers(ctx, "tg-1", []lbapi.UpdateServer{{ID: &id, Weight: &weight}})
		}, "POST /v1/regions/local/targetGroups/tg-1:updateTargets", `{"targetUpdateSpecs":[{"targetId":"target-1","weight":0}]}`},
	} {
		t.Run(test.call, func(t *testing.T) {
			server := newAPI(t, answer(map[string]any{}))
			if err := test.do(t.Context(), newTestClient(t, server.URL)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{test.url}, server.urls); diff != "" {
				t.Errorf("URL (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{test.body}, server.bodies); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAResendKeepsItsNonceAndTakesANewDate(t *testing.T) {
	server := newAPI(t, loseReply, cutShort, web(http.StatusBadGateway), answer(map[string]any{"listenerId": "listener-1"}))
	var clock sync.Mutex
	now := time.Now().Add(-time.Minute)
	c := newTestClient(t, server.URL, func(config *Config) {
		config.Now = func() time.Time {
			clock.Lock()
			defer clock.Unlock()
			now = now.Add(time.Second)
			return now
		}
	})
	name := "web"
	id, err := c.CreateListener(t.Context(), lbapi.CreateListener{Name: &name})
	if err != nil || id != "listener-1" {
		t.Fatalf("got %q, %v", id, err)
	}
	if len(server.nonces) != 4 {
		t.Fatalf("%d attempts, want 4", len(server.nonces))
	}
	for i := 1; i < 4; i++ {
		if server.nonces[i] != server.nonces[0] || server.bodies[i] != server.bodies[0] {
			t.Errorf("attempt %d has another nonce or body than the first", i+1)
		}
		if server.dates[i] == server.dates[i-1] {
			t.Errorf("attempt %d has the date of the one before", i+1)
		}
	}
	if _, err := c.CreateListener(t.Context(), lbapi.CreateListener{Name: &name}); err != nil {
		t.Fatal(err)
	}
	if server.nonces[4] == server.nonces[0] {
		t.Error("another call has the nonce of the first")
	}
}

func TestWhatIsTriedAgainAndWhatIsNot(t *testing.T) {
	for _, test := range []struct {
		name     string
		first    http.HandlerFunc
		attempts int
	}{
		{"too many requests", refuse(lbapi.NewError(lbapi.TooManyRequests, "slow down"), "Retry-After", "0"), 2},
		{"too many requests, from a proxy", web(http.StatusTooManyRequests), 2},
		{"unavailable", refuse(lbapi.NewError(lbapi.Unavailable, "the store is away")), 2},
		{"bad gateway", web(http.StatusBadGateway), 2},
		{"gateway timeout", web(http.StatusGatewayTimeout), 2},
		{"quota", refuse(lbapi.NewError(lbapi.QuotaExceeded, "20 of 20 listeners"), "Retry-After", "0"), 1},
		{"not found", refuse(lbapi.NewError(lbapi.NotFound, "no such listener")), 1},
		{"conflict", refuse(lbapi.NewError(lbapi.Conflict, "in use")), 1},
		{"internal", refuse(lbapi.NewError(lbapi.Internal, "a fault")), 1},
		{"a web page", web(http.StatusOK), 1},
		{"a web page not found", web(http.StatusNotFound), 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := newAPI(t, test.first, answer(map[string]any{"listener": map[string]any{"listenerId": "listener-1"}}))
			listener, err := newTestClient(t, server.URL).Listener(t.Context(), "listener-1")
			if server.attempts() != test.attempts {
				t.Errorf("%d attempts, want %d", server.attempts(), test.attempts)
			}
			if retried := test.attempts > 1; retried != (err == nil) || retried != (listener.ID == "listener-1") {
				t.Errorf("got %+v, %v", listener, err)
			}
		})
	}
}

func TestRetryAfterIsWaitedFor(t *testing.T) {
	server := newAPI(t, refuse(lbapi.NewError(lbapi.TooManyRequests, "slow down"), "Retry-After", "1"), answer(map[string]any{}))
	began := time.Now()
	if _, err := newTestClient(t, server.URL).Listener(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	if waited := time.Since(began); waited < time.Second {
		t.Errorf("waited %s, told to wait 1 s", waited)
	}
}

func TestARetryAfterThatIsTooLongEndsTheCallAtOnce(t *testing.T) {
	for _, test := range []struct {
		retryAfter, want string
		timeout          time.Duration
	}{
		{"3600", "left alone for 1h0m0s", time.Hour},
		{"99999999999999", "left alone for", time.Hour},
		{time.Now().Add(48 * time.Hour).UTC().Format(http.TimeFormat), "left alone for 4", time.Hour},
		{"30", "slow down", 10 * time.Second},
	} {
		server := newAPI(t, refuse(lbapi.NewError(lbapi.TooManyRequests, "slow down"), "Retry-After", test.retryAfter))
		ctx, cancel := context.WithTimeout(t.Context(), test.timeout)
		began := time.Now()
		_, err := newTestClient(t, server.URL).Listener(ctx, "x")
		cancel()
		wantInError(t, err, "slow down", test.want)
		if waited := time.Since(began); waited > 5*time.Second || server.attempts() != 1 {
			t.Errorf("Retry-After %s: ended after %s and %d attempts", test.retryAfter, waited, server.attempts())
		}
	}
}

func TestReadsAreNotPatientOnceTheAPIIsKnownToBeAway(t *testing.T) {
	away, good := refuse(lbapi.NewError(lbapi.Unavailable, "the store is away")), answer(map[string]any{})
	script := []http.HandlerFunc{away, away, away, away, away, away, good, good, away, good}
	server := newAPI(t, script...)
	c := newTestClient(t, server.URL)
	for _, step := range []struct {
		call     func() error
		attempts int
		fails    bool
	}{
		{func() error { _, err := c.Listener(t.Context(), "x"); return err }, 4, true},
		{func() error { _, err := c.Listener(t.Context(), "x"); return err }, 5, true}, // no retry
		{func() error { return c.DeleteListener(t.Context(), "x") }, 7, false},         // a change is retried all the same
		{func() error { _, err := c.Listener(t.Context(), "x"); return err }, 8, false},
		{func() error { _, err := c.Listener(t.Context(), "x"); return err }, 10, false}, // and reads are retried again
	} {
		if err := step.call(); (err != nil) != step.fails || server.attempts() != step.attempts {
			t.Errorf("%d attempts, want %d; error %v", server.attempts(), step.attempts, err)
		}
	}
}

func TestRetriesAreBoundedByTheirNumber(t *testing.T) {
	server := newAPI(t, refuse(lbapi.NewError(lbapi.Unavailable, "the store is away")))
	_, err := newTestClient(t, server.URL, func(c *Config) { c.MaxRetries = 2 }).Listener(t.Context(), "x")
	if server.attempts() != 3 {
		t.Errorf("%d attempts, want 3", server.attempts())
	}
	wantInError(t, err, "the store is away", "3 attempts", "HTTP 503", "req-1")
}

func TestRetriesEndWithTheContextAndTellWhyTheyWaited(t *testing.T) {
	server := newAPI(t, refuse(lbapi.NewError(lbapi.TooManyRequests, "slow down"), "Retry-After", "60"))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := newTestClient(t, server.URL).Listener(ctx, "x")
	wantInError(t, err, "slow down")
}

func TestACallEndsWhenItsContextIsCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := newAPI(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, err := newTestClient(t, server.URL).Listener(ctx, "x")
	if err == nil || server.attempts() != 1 {
		t.Errorf("got %v after %d attempts", err, server.attempts())
	}
	wantInError(t, err, "context canceled")
}

func TestListsReadAllPages(t *testing.T) {
	const total = 250
	server := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		page, errPage := strconv.Atoi(r.URL.Query().Get("pageNumber"))
		size, errSize := strconv.Atoi(r.URL.Query().Get("pageSize"))
		if errPage != nil || errSize != nil {
			t.Errorf("query %q", r.URL.RawQuery)
			return
		}
		var balancers []map[string]any
		for i := (page - 1) * size; i < min(page*size, total); i++ {
			balancers = append(balancers, map[string]any{"loadBalancerId": fmt.Sprint("alb-", i)})
		}
		answer(map[string]any{"loadBalancers": balancers, "totalCount": total})(w, r)
	})
	balancers, err := newTestClient(t, server.URL).LoadBalancers(t.Context())
	if err != nil || len(balancers) != total || server.attempts() != 3 {
		t.Fatalf("%d load balancers from %d pages, %v", len(balancers), server.attempts(), err)
	}
	for i, balancer := range balancers {
		if balancer.ID != fmt.Sprint("alb-", i) {
			t.Fatalf("number %d is %s", i, balancer.ID)
		}
	}
}

func TestAnAnswerWithoutEndIsNotRead(t *testing.T) {
	server := newAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		block := []byte(strings.Repeat(" ", 1<<20))
		for range 2 * maxResponseBytes / len(block) {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	_, err := newTestClient(t, server.URL).Listener(t.Context(), "x")
	wantInError(t, err, "more than 8 MiB")
}

func TestTheLogShowsEveryAttemptAndNoSecret(t *testing.T) {
	server := newAPI(t, web(http.StatusBadGateway), answer(map[string]any{}))
	var log []Attempt
	c := newTestClient(t, server.URL, func(config *Config) {
		config.Log = func(_ context.Context, attempt Attempt) { log = append(log, attempt) }
	})
	if _, err := c.Listener(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	if len(log) != 2 || log[0].Status != 502 || log[0].Err == nil || log[0].Number != 1 ||
		log[1].Status != 200 || log[1].Err != nil || log[1].Number != 2 || log[1].RequestID != "req-1" {
		t.Errorf("logged %+v", log)
	}
	if text := fmt.Sprintf("%+v", log); strings.Contains(text, testSecret) || strings.Contains(text, "Signature") {
		t.Errorf("the log holds a secret: %s", text)
	}
}

func wantInError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}
	if strings.Contains(err.Error(), testSecret) {
		t.Errorf("the error holds the secret key: %v", err)
	}
}
