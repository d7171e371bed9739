package control

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/signature"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/desired"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/inventory"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/status"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store/bolt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testRegion = "local"
	secretKey  = "a secret that no log may show"
	base       = "/v1/regions/local/"
	instances  = `{"vm-1":{"type":"vm","ipAddress":"10.0.0.5"},"vm-2":{"type":"vm","ipAddress":"10.0.0.6"},"c-1":{"type":"container","ipAddress":"10.0.0.7"}}`
)

// fakeNode stands in for the data plane: it keeps what it serves, and refuses what a test tells it to.
type fakeNode struct {
	mu       sync.Mutex
	serving  *snapshot.Snapshot
	prepared int // neither applied nor aborted yet
	refuse   func(next *snapshot.Snapshot) error
	closed   func(next *snapshot.Snapshot) []*desired.PortError
	servers  []status.Server // of any backend service
}

type fakePrepared struct {
	node   *fakeNode
	next   *snapshot.Snapshot
	closed []*desired.PortError
}

func (n *fakeNode) Prepare(_ context.Context, next *snapshot.Snapshot, _ snapshot.Difference) (desired.Prepared, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.refuse != nil {
		if err := n.refuse(next); err != nil {
			return nil, err
		}
	}
	prepared := &fakePrepared{node: n, next: next}
	if n.closed != nil {
		prepared.closed = n.closed(next)
	}
	n.prepared++
	return prepared, nil
}

func (n *fakeNode) backendService(string) (status.BackendService, bool) {
	return status.BackendService{Servers: n.servers}, true
}

func (p *fakePrepared) Closed() []*desired.PortError { return p.closed }

func (p *fakePrepared) Apply() { p.end(p.next) }
func (p *fakePrepared) Abort() { p.end(nil) }

func (p *fakePrepared) end(next *snapshot.Snapshot) {
	p.node.mu.Lock()
	defer p.node.mu.Unlock()
	p.node.prepared--
	if next != nil {
		p.node.serving = next
	}
}

// faultyStore fails when a test tells it to, before or after the write.
type faultyStore struct {
	store.Store
	before, after error
	stale         int // that many commits find that another process was quicker
}

func (f *faultyStore) Commit(ctx context.Context, base uint64, records []store.Record, reply *store.Reply) (uint64, error) {
	if f.before != nil {
		return 0, f.before
	}
	if f.stale > 0 {
		f.stale--
		return 0, store.ErrStale
	}
	revision, err := f.Store.Commit(ctx, base, records, reply)
	if err == nil && f.after != nil {
		return 0, f.after
	}
	return revision, err
}

// api is a control plane on a real store, with the client of a test.
type api struct {
	t      testing.TB
	server *Server
	state  *desired.State
	node   *fakeNode
	store  *faultyStore
	web    *httptest.Server
	log    *bytes.Buffer
	now    time.Time
	// alb is the id of the load balancer that a new store has.
	alb string
}

func newAPI(tb testing.TB, options ...func(*Config)) *api {
	tb.Helper()
	a := &api{t: tb, node: &fakeNode{}, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	directory := tb.TempDir()
	clock := func() time.Time { return a.now }
	opened, err := bolt.Open(filepath.Join(directory, "store.db"), clock)
	if err != nil {
		tb.Fatal(err)
	}
	a.store = &faultyStore{Store: opened}
	vip := netip.MustParseAddr("127.0.0.1")
	a.log = &bytes.Buffer{}
	log := slog.New(slog.NewJSONHandler(&lockedWriter{to: a.log}, nil))
	a.state, err = desired.Open(tb.Context(), desired.Config{
		Store: a.store, Node: a.node, Log: log, Now: clock,
		VIP: vip, PersistenceKeys: func() ([]byte, error) { return []byte(`"keys"`), nil }, Random: rand.Reader,
	})
	if err != nil {
		tb.Fatal(err)
	}
	for id := range a.state.Current().LoadBalancers {
		a.alb = id
	}
	networks := inventory.Networks{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	file := filepath.Join(directory, "instances.json")
	if err := os.WriteFile(file, []byte(instances), 0o600); err != nil {
		tb.Fatal(err)
	}
	known, err := inventory.Open(file, networks, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	config := Config{
		State: a.state, BackendService: a.node.backendService, Region: testRegion,
		Verifier: signature.NewVerifier(clock, credentials()),
		Quotas:   Quotas{LoadBalancers: 5, Listeners: 20, BackendServices: 20, ServerGroups: 20, Servers: 100},
		VIP:      vip, Networks: networks, Inventory: known, Now: clock, Random: rand.Reader,
		Log: log,
	}
	for _, option := range options {
		option(&config)
	}
	a.server = New(config)
	a.web = httptest.NewServer(a.server)
	tb.Cleanup(func() {
		a.web.Close()
		if err := opened.Close(); err != nil {
			tb.Errorf("close the store: %v", err)
		}
		if a.node.prepared != 0 {
			tb.Errorf("%d preparations were neither applied nor aborted", a.node.prepared)
		}
	})
	return a
}

type lockedWriter struct {
	mu sync.Mutex
	to io.Writer
}

func (w *lockedWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(line)
}

func credentials() signature.Credentials {
	return signature.Credentials{AccessKey: "AK", SecretKey: secretKey}
}

// response is an answer as it came over the wire.
type response struct {
	status int
	header http.Header
	lbapi.Envelope[json.RawMessage]
}

// request is a call that a test may still change before it is sent.
func (a *api) request(method, path, body string) *http.Request {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.web.URL+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return req
}

func (a *api) sign(req *http.Request, body, nonce string) {
	scope := signature.Scope{Region: testRegion, Service: lbapi.ServiceLoadBalancer}
	signature.Sign(req, []byte(body), credentials(), scope, a.now, nonce)
}

func (a *api) send(req *http.Request) response {
	a.t.Helper()
	answer, err := a.web.Client().Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer answer.Body.Close()
	got := response{status: answer.StatusCode, header: answer.Header}
	if err := json.NewDecoder(answer.Body).Decode(&got.Envelope); err != nil {
		a.t.Fatalf("%s %s: HTTP %d is not an envelope: %v", req.Method, req.URL.Path, got.status, err)
	}
	if got.RequestID == "" || got.header.Get("x-jdcloud-request-id") != got.RequestID {
		a.t.Errorf("request id %q in the body, %q in the header", got.RequestID, got.header.Get("x-jdcloud-request-id"))
	}
	if (got.Error == nil) != (got.status == http.StatusOK) || got.Error != nil && got.Error.Code != got.status {
		a.t.Errorf("HTTP %d with error %v", got.status, got.Error)
	}
	return got
}

// call signs and sends; $ALB in path or body is the first load balancer's id.
func (a *api) call(method, path, body string) response {
	a.t.Helper()
	return a.callWithNonce(method, path, body, uuid.NewString())
}

func (a *api) callWithNonce(method, path, body, nonce string) response {
	a.t.Helper()
	path, body = strings.ReplaceAll(path, "$ALB", a.alb), strings.ReplaceAll(body, "$ALB", a.alb)
	req := a.request(method, path, body)
	a.sign(req, body, nonce)
	return a.send(req)
}

// must is call for a call that succeeds; it returns the fields of the result.
func (a *api) must(method, path, body string) map[string]any {
	a.t.Helper()
	got := a.call(method, path, body)
	if got.Error != nil {
		a.t.Fatalf("%s %s %s: %v", method, path, body, got.Error)
	}
	var fields map[string]any
	if err := json.Unmarshal(got.Result, &fields); err != nil {
		a.t.Fatal(err)
	}
	return fields
}

// create makes an object and returns its id.
func (a *api) create(collection, body string) string {
	a.t.Helper()
	for name, value := range a.must("POST", base+collection+"/", body) {
		if id, ok := value.(string); ok && strings.HasSuffix(name, "Id") {
			return id
		}
	}
	a.t.Fatalf("no id in the answer to %s %s", collection, body)
	return ""
}

// fixture makes a group, a backend service and a listener on port 80.
func (a *api) fixture() (group, service, listener string) {
	a.t.Helper()
	group = a.create("targetGroups", `{"targetGroupName":"web","loadBalancerId":"$ALB","type":"ip"}`)
	service = a.create("backends", `{"backendName":"web","loadBalancerId":"$ALB","protocol":"Http","port":8080,
		"targetGroupIds":["`+group+`"],"healthCheckSpec":{"protocol":"Http"}}`)
	listener = a.create("listeners", `{"listenerName":"web","loadBalancerId":"$ALB","protocol":"Http","port":80,"backendId":"`+service+`"}`)
	return group, service, listener
}

// expect fails unless an answer is a refusal with one detail on field, whose reason has the given text.
func (r response) expect(t *testing.T, want lbapi.ErrorStatus, field, reason string) {
	t.Helper()
	if r.Error == nil {
		t.Fatalf("succeeded with %s, want %s", r.Result, want)
	}
	if r.Error.Status != want || r.status != want.HTTPStatus() {
		t.Errorf("HTTP %d %s, want %d %s: %v", r.status, r.Error.Status, want.HTTPStatus(), want, r.Error)
	}
	if len(r.Error.Details) != 1 || r.Error.Details[0].Field != field || !strings.Contains(r.Error.Details[0].Reason, reason) {
		t.Errorf("details %q, want %s: …%s…", r.Error.Details, field, reason)
	}
	if r.Error.Message == "" {
		t.Error("no message")
	}
}

// expectFields compares some fields of an object.
func expectFields(t *testing.T, object any, want map[string]any) {
	t.Helper()
	fields, ok := object.(map[string]any)
	if !ok {
		t.Fatalf("got %v, want an object", object)
	}
	got := maps.Clone(fields)
	maps.DeleteFunc(got, func(name string, _ any) bool { _, wanted := want[name]; return !wanted })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// expectStored fails unless a restart would find what the node serves.
func (a *api) expectStored() {
	a.t.Helper()
	state, err := a.store.Load(a.t.Context())
	if err != nil {
		a.t.Fatal(err)
	}
	stored, err := snapshot.New(state)
	if err != nil {
		a.t.Fatal(err)
	}
	if diff := cmp.Diff(stored, a.state.Current(), cmpopts.IgnoreUnexported(snapshot.Snapshot{})); diff != "" {
		a.t.Errorf("what is stored and what is served differ (-stored +served):\n%s", diff)
	}
	if a.node.serving != a.state.Current() {
		a.t.Errorf("the node serves revision %d, the API answers from %d", a.node.serving.Revision, a.state.Current().Revision)
	}
}
