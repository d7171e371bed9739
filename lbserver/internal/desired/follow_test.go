package desired_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/desired"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/node"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/persistence"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
)

type noInstances struct{}

func (noInstances) Resolve(string) (netip.Addr, bool) { return netip.Addr{}, false }

// pair is two states over one store: changes are made by the first, whose node carries nothing, and the second follows
// with a node that carries traffic.
type pair struct {
	t            *testing.T
	leader       *desired.State
	follower     *desired.State
	node         *node.Node
	store        store.Store
	loadBalancer string
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{t: t}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	p.store = openStore(t)
	first := config(p.store, &fakeNode{})
	first.PersistenceKeys = func() ([]byte, error) { return persistence.GenerateKeys().Encode() }
	var err error
	if p.leader, err = desired.Open(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	for id := range p.leader.Current().LoadBalancers {
		p.loadBalancer = id
	}
	if p.node, err = node.New(node.Config{
		Resolver: noInstances{}, CheckSpeedup: 1, AccessLog: "off", Now: time.Now, Log: log,
	}); err != nil {
		t.Fatal(err)
	}
	second := config(p.store, p.node)
	second.Log = log
	if p.follower, err = desired.Open(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.follower.Follow(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		if err := p.node.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// put makes the leader change listeners.
func (p *pair) put(listeners ...*lbapi.Listener) {
	p.t.Helper()
	if _, err := p.leader.Change(p.t.Context(), desired.Change{
		Judge: func(base *snapshot.Snapshot) (*snapshot.Edit, *store.Reply, error) {
			edit := base.Edit()
			for _, listener := range listeners {
				snapshot.Put(edit, listener)
			}
			return edit, nil, nil
		},
	}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pair) listener(id string, port int) *lbapi.Listener {
	made := lbapi.DefaultListener(lbapi.HTTP)
	made.ID, made.Name, made.LoadBalancerID, made.Port = id, id, p.loadBalancer, port
	return &made
}

func (p *pair) waitForRevision() {
	p.t.Helper()
	want := p.leader.Current().Revision
	waitFor(p.t, fmt.Sprintf("the follower to serve revision %d", want), func() bool { return p.follower.Current().Revision == want })
}

func (p *pair) status(id string) proxy.Status {
	p.t.Helper()
	for _, status := range p.node.Listeners() {
		if status.Object.ID == id {
			return status
		}
	}
	p.t.Fatalf("the follower has no listener %s", id)
	return proxy.Status{}
}

// answers reports whether the follower's node answers on a port; it has no servers.
func answers(t *testing.T, port int) bool {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/", port), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		t.Error(err)
	}
	return response.StatusCode == http.StatusServiceUnavailable
}

// taken holds a port.
func taken(t *testing.T) (port int, release func()) {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() }) // again, maybe
	return int(netip.MustParseAddrPort(listener.Addr().String()).Port()), func() { _ = listener.Close() }
}

func TestASecondStateServesTheChangesOfTheFirst(t *testing.T) {
	p := newPair(t)
	port, release := taken(t)
	release()
	p.put(p.listener("listener-a", port))
	p.waitForRevision()
	if !answers(t, port) {
		t.Error("the follower's node does not take the traffic of a new listener")
	}
	off := p.listener("listener-a", port)
	off.Status = lbapi.Off
	p.put(off)
	p.waitForRevision()
	if answers(t, port) {
		t.Error("the follower's node takes the traffic of a listener that was turned off")
	}
	// The follower is a state like any other: it changes the store too, and follows itself without harm.
	if err := p.follower.RotatePersistenceKeys(t.Context(), func([]byte) ([]byte, error) { return persistence.GenerateKeys().Encode() }); err != nil {
		t.Fatal(err)
	}
	p.put(p.listener("listener-a", port))
	p.waitForRevision()
	if !answers(t, port) {
		t.Error("the follower does not follow any more after a change of its own")
	}
}

func TestAFollowerSurvivesAPortThatItCannotOpen(t *testing.T) {
	p := newPair(t)
	held, release := taken(t)
	free, releaseFree := taken(t)
	releaseFree()
	p.put(p.listener("listener-held", held), p.listener("listener-free", free))
	p.waitForRevision()
	if !answers(t, free) {
		t.Error("a port that is taken keeps another one from being served")
	}
	closed := p.status("listener-held")
	if refused, ok := errors.AsType[*desired.PortError](closed.Err); !ok || closed.Bound || refused.ListenerID != "listener-held" || refused.Address.Port() != uint16(held) {
		t.Errorf("the listener without a port is shown as %+v", closed)
	}
	release()
	p.put(p.listener("listener-free", free), p.listener("listener-more", free+1)) // any change tries the port again
	p.waitForRevision()
	if opened := p.status("listener-held"); !opened.Bound || opened.Err != nil || !answers(t, held) {
		t.Errorf("the port is free, and the listener is shown as %+v", opened)
	}
}

// One bad write does not take down what is served, nor end the following.
func TestAFollowerSurvivesARevisionThatItCannotRead(t *testing.T) {
	p := newPair(t)
	port, release := taken(t)
	release()
	p.put(p.listener("listener-a", port))
	p.waitForRevision()
	bad := store.Record{Kind: store.Listener, ID: "listener-bad", Value: []byte("{")}
	revision, err := p.store.Commit(t.Context(), p.leader.Current().Revision, []store.Record{bad}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := put(p.follower, "listener-b", port); err == nil || !strings.Contains(err.Error(), "listener-bad") {
		t.Errorf("a change on a state that can't be read: %v", err)
	}
	if !answers(t, port) {
		t.Error("the follower serves nothing any more")
	}
	bad.Value = nil
	if _, err := p.store.Commit(t.Context(), revision, []store.Record{bad}, nil); err != nil {
		t.Fatal(err)
	}
	off := p.listener("listener-a", port)
	off.Status = lbapi.Off
	p.put(off)
	p.waitForRevision()
	if answers(t, port) {
		t.Error("the follower does not follow any more")
	}
}
