package provider_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
)

// copyExample makes a workspace of a configuration in examples/.
func copyExample(t *testing.T, name string, lb *acctest.LoadBalancer, variables ...string) *acctest.Workspace {
	t.Helper()
	return acctest.CopyWorkspace(t, filepath.Join("../../examples", name), append(lb.Server.Environment(), variables...)...).WithBuiltProvider(t)
}

// load is clients who visit a URL one request after another until they are stopped, half of them with a cookie jar.
type load struct {
	stop     context.CancelFunc
	clients  sync.WaitGroup
	requests atomic.Int64
	mu       sync.Mutex
	failures []string // under mu
}

func startLoad(t *testing.T, url string) *load {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &load{stop: stop}
	for i := range 4 {
		transport := &http.Transport{}
		client := &http.Client{Transport: transport}
		if i%2 == 0 {
			jar, err := cookiejar.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			client.Jar = jar
		}
		l.clients.Go(func() {
			defer transport.CloseIdleConnections()
			for ctx.Err() == nil {
				l.visit(ctx, client, url)
			}
		})
	}
	t.Cleanup(l.end)
	return l
}

func (l *load) visit(ctx context.Context, client *http.Client, url string) {
	// A request that has begun is let end: to break it off would be a failure of this test's own.
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, url, http.NoBody)
	if err != nil {
		l.fail(err.Error())
		return
	}
	resp, err := client.Do(req)
	if err != nil {
		l.fail(err.Error())
		return
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if closeErr := resp.Body.Close(); err != nil || closeErr != nil || resp.StatusCode != http.StatusOK {
		l.fail(fmt.Sprintf("%s, %v, %v", resp.Status, err, closeErr))
	}
	l.requests.Add(1)
}

func (l *load) fail(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures = append(l.failures, what)
}

func (l *load) end() {
	l.stop()
	l.clients.Wait()
}

func TestBlueGoesToGreenAndBackWithoutAFailedRequest(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	ports := map[string]string{}
	for _, release := range []string{"blue", "green"} {
		server, _ := acctest.SampleServer(t, release)
		_, ports[release], _ = strings.Cut(server.Address(), ":")
	}
	listener := lb.FreePort()
	w := copyExample(t, "blue-green", lb, `TF_VAR_machines={ a = "127.0.0.1" }`, fmt.Sprintf("TF_VAR_listener_port=%d", listener),
		fmt.Sprintf("TF_VAR_ports={ blue = %s, green = %s }", ports["blue"], ports["green"]))
	w.Run(t, "apply", "-auto-approve")
	visitors := startLoad(t, lb.URL(listener))
	regular := acctest.Visitor(t)
	if visit := regular(lb.URL(listener)); visit.Server != "blue" {
		t.Fatalf("before green has a share, %q answers", visit.Server)
	}
	for _, share := range []int{10, 50, 90, 100, 0} {
		before := visitors.requests.Load()
		w.Run(t, "apply", "-auto-approve", fmt.Sprintf("-var=green_share=%d", share))
		counts := acctest.Count(acctest.Stranger(t), lb.URL(listener), 200)
		// The visitors take their turns in between, so the counts are not the weights exactly.
		if green := counts["green"] / 2; green < share-20 || green > share+20 || share == 0 && green > 0 || share == 100 && green < 100 {
			t.Errorf("with a share of %d %%, green answers %d of 200 requests", share, counts["green"])
		}
		want := "blue"
		if share == 100 {
			want = "green"
		}
		if visit := regular(lb.URL(listener)); visit.Server != want {
			t.Errorf("with a share of %d %%, a client that knows blue is answered by %s", share, visit.Server)
		}
		if visitors.requests.Load() == before {
			t.Errorf("no traffic while the share became %d %%", share)
		}
	}
	visitors.end()
	if requests := visitors.requests.Load(); len(visitors.failures) > 0 {
		t.Errorf("%d of %d requests failed: %q", len(visitors.failures), requests, visitors.failures[:min(5, len(visitors.failures))])
	}
	w.Run(t, "destroy", "-auto-approve")
}

func TestTheCompleteExampleServesAndPlansNothingMore(t *testing.T) {
	t.Parallel()
	acctest.Needs(t, "1.8.0", "1.8.0") // as its required_version says
	lb := acctest.Start(t)
	_, first := acctest.SampleServer(t, "first")
	_, second := acctest.SampleServer(t, "second")
	ports := []any{lb.FreePort(), first(", weight = 50"), second(", weight = 25"), lb.FreePort(), first(""), second("")}
	worker := lb.FreePort()
	w := copyExample(t, "complete", lb, "TF_VAR_address="+lb.Server.VIP.String(), "TF_VAR_deletion_protection=false",
		fmt.Sprintf("TF_VAR_workers_port=%d", worker), fmt.Sprintf("TF_VAR_workers={ one = %s }", first("")),
		fmt.Sprintf(`TF_VAR_applications={
			shop = { port = %d, persistence_timeout = 3600, servers = { large = %s, small = %s } }
			api  = { port = %d, scheduler = "source_ip", servers = { a = %s, b = %s } }
		}`, ports...))
	w.Run(t, "apply", "-auto-approve")
	// The data source of a check is read anew by every plan, so none is empty.
	if plan := w.Run(t, "plan"); !strings.Contains(plan, "Plan: 0 to add, 0 to change, 0 to destroy.") {
		t.Errorf("the second plan changes something:\n%s", plan)
	}
	var urls, cookies map[string]string
	for name, into := range map[string]*map[string]string{"urls": &urls, "cookies": &cookies} {
		if err := json.Unmarshal([]byte(w.Run(t, "output", "-json", name)), into); err != nil {
			t.Fatal(err)
		}
	}
	visit := acctest.Stranger(t)(urls["shop"])
	if len(visit.Cookies) != 1 || visit.Cookies[0].Name != cookies["shop"] {
		t.Errorf("the shop sets %v; the output says %q", visit.Cookies, cookies["shop"])
	}
	if _, ok := cookies["api"]; ok || len(acctest.Count(acctest.Stranger(t), urls["api"], 10)) != 1 {
		t.Error("the api, by source address, has a cookie or sends one client to several servers")
	}
	acctest.Eventually(t, func() error { // nobody waits for the workers' health
		if visit := acctest.Stranger(t)(lb.URL(worker)); visit.Server != "first" {
			return fmt.Errorf("status %d from %q", visit.Status, visit.Server)
		}
		return nil
	})
	w.Run(t, "destroy", "-auto-approve")
}
