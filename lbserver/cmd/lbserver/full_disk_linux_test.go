package main

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
)

// fill makes the disk look full to the process: it can't write any file beyond this many bytes, not even the first
// pages of its store. free lifts the limit.
func (p *process) fill(bytes uint64) {
	p.t.Helper()
	limit := unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}
	if err := unix.Prlimit(p.PID(), unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) free() { p.fill(unix.RLIM_INFINITY) }

func TestAFullDiskRefusesChangesAndLosesNothing(t *testing.T) {
	t.Parallel()
	server, directory := webServer(t), t.TempDir()
	p := mustLaunch(t, directory)
	url := p.chain(server)
	before := p.groups()
	group := before[0]
	ready := func(status int, says string) {
		t.Helper()
		if got, body, err := get(t, p.operations+"/readyz"); got != status || err != nil || !strings.Contains(body, says) {
			t.Errorf("/readyz: %d %q %v, want %d with %q", got, body, err, status, says)
		}
	}
	ready(http.StatusOK, "ready")

	p.fill(16 << 10)
	for name, change := range map[string]func() error{
		"create": func() error {
			_, err := p.CreateServerGroup(t.Context(), lbapi.CreateServerGroup{Name: new("more"), LoadBalancerID: &group.LoadBalancerID})
			return err
		},
		"update": func() error {
			return p.PatchServerGroup(t.Context(), group.ID, lbapi.PatchServerGroup{Description: new(strings.Repeat("x", 256))})
		},
		"register": func() error {
			return p.RegisterServers(t.Context(), group.ID, []lbapi.RegisterServer{{Type: new(lbapi.ServerAddress), Address: new("10.0.0.1")}})
		},
		"delete": func() error { return p.DeleteServerGroup(t.Context(), group.ID) }, // also refused for another reason: it is in use
	} {
		err := change()
		refusal, ok := errors.AsType[*lbapi.Error](err)
		if !ok || refusal.Status != lbapi.Unavailable || !strings.Contains(refusal.Message, "store cannot be read or written") {
			t.Errorf("%s with a full disk: %v", name, err)
		}
	}
	ready(http.StatusServiceUnavailable, "changes cannot be stored: commit revision")
	if diff := cmp.Diff(before, p.groups()); diff != "" {
		t.Errorf("what is there has changed (-before +full):\n%s", diff)
	}
	if status, _, err := get(t, url); status != http.StatusOK || err != nil {
		t.Errorf("traffic with a full disk: %d, %v", status, err)
	}

	p.free()
	ready(http.StatusOK, "ready")
	if err := p.PatchServerGroup(t.Context(), group.ID, lbapi.PatchServerGroup{Description: new("room again")}); err != nil {
		t.Error(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	before[0].Description = "room again"
	if diff := cmp.Diff(before, mustLaunch(t, directory).groups()); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
}

// A disk that fills up again and again during many changes leaves a store that opens and contains exactly the
// acknowledged changes.
func TestADiskThatFillsUpAgainAndAgainKeepsWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	p := mustLaunch(t, directory, "--quota-server-groups", "1000")
	loadBalancers, err := p.LoadBalancers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var acknowledged []string
	refused := 0
	for round := range 12 {
		for range 30 {
			id, err := p.CreateServerGroup(t.Context(), lbapi.CreateServerGroup{
				Name: new("flood"), LoadBalancerID: &loadBalancers[0].ID, Description: new(strings.Repeat("d", 200)),
			})
			switch {
			case err == nil:
				acknowledged = append(acknowledged, id)
			case client.IsUnusable(err):
				refused++
				if status, body, err := get(t, p.operations+"/readyz"); status != http.StatusServiceUnavailable || err != nil {
					t.Errorf("/readyz after a refused change: %d %q %v", status, body, err)
				}
			default:
				t.Fatal(err)
			}
		}
		info, err := os.Stat(filepath.Join(directory, "lbserver.db"))
		if err != nil {
			t.Fatal(err)
		}
		if round%2 == 0 { // from just below its size, where some pages still fit, down to nothing
			p.fill(uint64(info.Size()) >> (round / 2))
		} else {
			p.free()
		}
	}
	p.free()
	if refused == 0 || len(acknowledged) == 0 {
		t.Errorf("%d changes refused, %d acknowledged: nothing was tested", refused, len(acknowledged))
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	var there []string
	for _, group := range mustLaunch(t, directory).groups() {
		there = append(there, group.ID)
	}
	sorted := cmp.Transformer("set", func(ids []string) map[string]bool {
		set := map[string]bool{}
		for _, id := range ids {
			set[id] = true
		}
		return set
	})
	if diff := cmp.Diff(acknowledged, there, sorted); diff != "" {
		t.Errorf("server groups after the restart (-acknowledged +there):\n%s", diff)
	}
}

func (p *process) groups() []lbapi.ServerGroup {
	p.t.Helper()
	groups, err := p.ServerGroups(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return groups
}
