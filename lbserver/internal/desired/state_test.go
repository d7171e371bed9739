package desired_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/desired"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store/bolt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeNode stands in for the data plane: it keeps what it serves, and fails if a test says so.
type fakeNode struct {
	mu       sync.Mutex
	serving  *snapshot.Snapshot
	changed  snapshot.Difference // of the last change that was applied
	prepared int                 // neither applied nor aborted yet
	fail     error
	closed   map[string]bool // ids of listeners whose ports can't be opened
}

type fakePrepared struct {
	node    *fakeNode
	next    *snapshot.Snapshot
	changed snapshot.Difference
	closed  []*desired.PortError
}

func (n *fakeNode) Prepare(_ context.Context, next *snapshot.Snapshot, changed snapshot.Difference) (desired.Prepared, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fail != nil {
		return nil, n.fail
	}
	n.prepared++
	prepared := &fakePrepared{node: n, next: next, changed: changed}
	for id, listener := range next.Listeners {
		if n.closed[id] {
			prepared.closed = append(prepared.closed, &desired.PortError{ListenerID: id, Name: listener.Name, Err: syscall.EADDRINUSE})
		}
	}
	return prepared, nil
}

func (p *fakePrepared) Closed() []*desired.PortError { return p.closed }

func (p *fakePrepared) Abort() {
	p.node.mu.Lock()
	defer p.node.mu.Unlock()
	p.node.prepared--
}

func (p *fakePrepared) Apply() {
	p.Abort()
	p.node.mu.Lock()
	defer p.node.mu.Unlock()
	p.node.serving, p.node.changed = p.next, p.changed
}

// faultyStore fails when a test tells it to, before or after the write.
type faultyStore struct {
	store.Store
	before, after error
	stale         int // that many commits find that another process was quicker
	room          int // if above 0, a commit that brings more bytes finds the disk full
}

func (f *faultyStore) Commit(ctx context.Context, base uint64, records []store.Record, reply *store.Reply) (uint64, error) {
	brings := 0
	for _, record := range records {
		brings += len(record.Value)
	}
	if reply != nil {
		brings += len(reply.Body)
	}
	switch {
	case f.before != nil:
		return 0, f.before
	case f.room > 0 && brings > f.room:
		return 0, syscall.ENOSPC
	case f.stale > 0:
		f.stale--
		return 0, store.ErrStale
	}
	revision, err := f.Store.Commit(ctx, base, records, reply)
	if err == nil && f.after != nil {
		return 0, f.after
	}
	return revision, err
}

// bench is a state over a store that may fail.
type bench struct {
	*desired.State
	t     *testing.T
	store *faultyStore
	node  *fakeNode
	log   bytes.Buffer
}

func openStore(t *testing.T) store.Store {
	t.Helper()
	opened, err := bolt.Open(filepath.Join(t.TempDir(), "store.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return opened
}

func config(from store.Store, node desired.Node) desired.Config {
	return desired.Config{
		Store: from, Node: node, Log: slog.New(slog.DiscardHandler), Now: time.Now, VIP: netip.MustParseAddr("127.0.0.1"),
		PersistenceKeys: func() ([]byte, error) { return []byte(`"first"`), nil }, Random: rand.Reader,
	}
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, store: &faultyStore{Store: openStore(t)}, node: &fakeNode{closed: map[string]bool{}}}
	b.reopen()
	return b
}

// reopen is a restart.
func (b *bench) reopen() {
	b.t.Helper()
	config := config(b.store, b.node)
	config.Log = slog.New(slog.NewTextHandler(&b.log, nil))
	state, err := desired.Open(b.t.Context(), config)
	if err != nil {
		b.t.Fatal(err)
	}
	b.State = state
}

// put changes the state by one listener.
func put(state *desired.State, id string, port int) error {
	_, err := state.Change(context.Background(), desired.Change{Judge: putting(id, port)})
	return err
}

func putting(id string, port int) func(*snapshot.Snapshot) (*snapshot.Edit, *store.Reply, error) {
	return func(base *snapshot.Snapshot) (*snapshot.Edit, *store.Reply, error) {
		edit := base.Edit()
		snapshot.Put(edit, &lbapi.Listener{ID: id, Name: id, Port: port})
		return edit, nil, nil
	}
}

// expectStored fails unless a restart would find what the node serves.
func (b *bench) expectStored() {
	b.t.Helper()
	state, err := b.store.Load(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	stored, err := snapshot.New(state)
	if err != nil {
		b.t.Fatal(err)
	}
	if diff := cmp.Diff(stored, b.Current(), cmpopts.IgnoreUnexported(snapshot.Snapshot{})); diff != "" {
		b.t.Errorf("what is stored and what is in force differ (-stored +in force):\n%s", diff)
	}
	if b.node.serving != b.Current() {
		b.t.Errorf("the node serves revision %d, the state is %d", b.node.serving.Revision, b.Current().Revision)
	}
	if b.node.prepared != 0 {
		b.t.Errorf("%d preparations were neither applied nor aborted", b.node.prepared)
	}
}

func TestAChangeIsStoredAndInForceWhenItReturns(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, id := range []string{"listener-a", "listener-b"} {
		if err := put(b.State, id, 80); err != nil {
			t.Fatal(err)
		}
		b.expectStored()
		if diff := cmp.Diff(snapshot.Difference{Listeners: []string{id}}, b.node.changed); diff != "" {
			t.Errorf("what the node is told (-want +got):\n%s", diff)
		}
	}
}

func TestANewStoreGetsItsFirstObjectsOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.expectStored()
	first := b.Current()
	if len(first.LoadBalancers) != 1 || string(first.PersistenceKeys) != `"first"` {
		t.Fatalf("got %v, %s", first.LoadBalancers, first.PersistenceKeys)
	}
	_, err := b.Change(t.Context(), desired.Change{Judge: func(base *snapshot.Snapshot) (*snapshot.Edit, *store.Reply, error) {
		edit := base.Edit()
		for id, object := range base.LoadBalancers {
			if object.Name != lbapi.DefaultLoadBalancerName || object.PrivateIP.Address != "127.0.0.1" {
				t.Errorf("the first load balancer is %+v", object)
			}
			snapshot.Delete[lbapi.LoadBalancer](edit, id)
		}
		return edit, nil, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	b.reopen()
	if len(b.Current().LoadBalancers) != 0 {
		t.Error("a load balancer that was deleted is back after a restart")
	}
}

func TestAnUnreadableStoreStopsTheStart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	record := store.Record{Kind: store.Listener, ID: "listener-x", Value: []byte("{")}
	if _, err := b.store.Commit(t.Context(), b.Current().Revision, []store.Record{record}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := desired.Open(t.Context(), config(b.store, b.node)); err == nil || !strings.Contains(err.Error(), "listener-x") {
		t.Errorf("got %v", err)
	}
}

func TestReapplyNamesEverything(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if err := put(b.State, "listener-a", 80); err != nil {
		t.Fatal(err)
	}
	if err := b.Reapply(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.expectStored()
	if diff := cmp.Diff(b.Current().Since(nil), b.node.changed); diff != "" {
		t.Errorf("what the node is told (-want +got):\n%s", diff)
	}
	b.node.fail = errors.New("no")
	if err := b.Reapply(t.Context()); err == nil {
		t.Error("a failure of the node was lost")
	}
}

func TestAChangeIsJudgedAgainAfterAnotherProcessWrote(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.store.stale = 2
	judged := 0
	_, err := b.Change(t.Context(), desired.Change{Judge: func(base *snapshot.Snapshot) (*snapshot.Edit, *store.Reply, error) {
		judged++
		return putting("listener-a", 80)(base)
	}})
	if err != nil || judged != 3 {
		t.Errorf("judged %d times: %v", judged, err)
	}
	b.expectStored()
	b.store.stale = 100
	if err := put(b.State, "listener-b", 80); !errors.Is(err, store.ErrStale) {
		t.Errorf("after endless competition: %v", err)
	}
}

// A rotation competes with changes of other processes like any change.
func TestARotationIsTriedAgainAfterAnotherProcessWrote(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	other, err := desired.Open(t.Context(), config(b.store, &fakeNode{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := put(other, "listener-a", 80); err != nil {
		t.Fatal(err)
	}
	rotate := func(keys []byte) ([]byte, error) {
		return []byte(strings.Replace(string(keys), "first", "second", 1)), nil
	}
	if err := b.RotatePersistenceKeys(t.Context(), rotate); err != nil {
		t.Fatal(err)
	}
	b.expectStored()
	if got := b.Current(); string(got.PersistenceKeys) != `"second"` || got.Listeners["listener-a"] == nil {
		t.Errorf("keys %s, listeners %v", got.PersistenceKeys, got.Listeners)
	}
	want := errors.New("no keys today")
	if err := b.RotatePersistenceKeys(t.Context(), func([]byte) ([]byte, error) { return nil, want }); !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
	b.expectStored()
}

func TestANonceMakesAChangeOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	reply := &store.Reply{Nonce: "n", Body: []byte("done"), Expires: time.Now().Add(time.Hour)}
	change := desired.Change{Nonce: "n", Judge: func(base *snapshot.Snapshot) (*snapshot.Edit, *store.Reply, error) {
		edit, _, err := putting("listener-a", 80+len(base.Listeners))(base)
		return edit, reply, err
	}}
	b.store.after = syscall.EIO // stored, but nobody knows
	if _, err := b.Change(t.Context(), change); !errors.Is(err, syscall.EIO) {
		t.Fatalf("got %v", err)
	}
	b.store.after = nil
	for range 2 {
		earlier, err := b.Change(t.Context(), change)
		if err != nil || earlier == nil || string(earlier.Body) != "done" {
			t.Fatalf("got %v, %v", earlier, err)
		}
		b.expectStored()
	}
	if got := b.Current().Listeners["listener-a"]; got == nil || got.Port != 80 {
		t.Errorf("got %v", got)
	}
}

func TestAPortThatCannotBeOpenedRefusesAChange(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.node.closed["listener-a"] = true
	before := b.Current()
	err := put(b.State, "listener-a", 80)
	if closed, ok := errors.AsType[*desired.PortError](err); !ok || closed.ListenerID != "listener-a" {
		t.Errorf("got %v", err)
	}
	change := desired.Change{
		Nonce: "n",
		Judge: putting("listener-a", 80),
		Refuse: func(reason error) (*store.Reply, error) {
			return &store.Reply{Nonce: "n", Body: []byte(reason.Error()), Expires: time.Now().Add(time.Hour)}, nil
		},
	}
	if _, err := b.Change(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	b.node.closed = nil
	if earlier, err := b.Change(t.Context(), change); err != nil || earlier == nil || !strings.Contains(string(earlier.Body), "listener-a") {
		t.Errorf("the refusal was not kept: %v, %v", earlier, err)
	}
	if b.Current() != before {
		t.Error("something changed")
	}
	b.expectStored()
}

// A restart finds a port taken that was free before: that is no reason against other changes, nor for a log line each
// time.
func TestAPortThatWasClosedBeforeDoesNotStandInTheWay(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if err := put(b.State, "listener-a", 80); err != nil {
		t.Fatal(err)
	}
	b.node.closed["listener-a"] = true
	b.reopen()
	for _, id := range []string{"listener-b", "listener-c"} {
		if err := put(b.State, id, 81); err != nil {
			t.Fatal(err)
		}
	}
	b.expectStored()
	if lines := strings.Count(b.log.String(), "a listener takes no traffic"); lines != 1 {
		t.Errorf("%d log lines about one port:\n%s", lines, b.log.String())
	}
	b.node.closed["listener-d"] = true
	if err := put(b.State, "listener-d", 82); err == nil {
		t.Error("a port that can't be opened was accepted beside one that could not be opened before")
	}
}

func TestPortsAreTriedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if err := put(b.State, "listener-a", 80); err != nil {
		t.Fatal(err)
	}
	b.node.closed["listener-a"] = true
	b.reopen()
	b.node.mu.Lock()
	b.node.closed, b.node.changed = nil, snapshot.Difference{}
	b.node.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.RetryPorts(ctx)
	}()
	waitFor(t, "the port to be tried again", func() bool {
		b.node.mu.Lock()
		defer b.node.mu.Unlock()
		return len(b.node.changed.Listeners) > 0
	})
	cancel()
	<-ended
	b.expectStored()
}

// waitFor polls until done says yes; what names it.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("waited 20 s without success for %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}
