package main

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/faultfs"
)

// dataDirectory is one that lbserver makes, with its parent.
func dataDirectory(mount *faultfs.Mount) string {
	return filepath.Join(mount.Directory, "lib", "lbserver")
}

// cutPower ends an lbserver with a power cut, and returns one that starts on what is left of the disk.
func (p *process) cutPower(disk *faultfs.Disk, mount *faultfs.Mount) *process {
	p.t.Helper()
	disk.Cut()
	if err := p.Kill(); err != nil {
		p.t.Fatal(err)
	}
	mount.Unmount()
	mount = disk.Mount(p.t)
	p.t.Cleanup(mount.Unmount)
	return mustLaunch(p.t, dataDirectory(mount))
}

func TestAFailingDiskRefusesChangesAndLosesNothing(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]faultfs.Fault{
		"sync fails":                    {Sync: syscall.EIO},
		"sync fails, pages are dropped": {Sync: syscall.EIO, Evict: true},
		"write fails":                   {Write: syscall.EIO},
		"disk is full":                  {Write: syscall.ENOSPC},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk := faultfs.New(1)
			mount := disk.Mount(t)
			p := mustLaunch(t, dataDirectory(mount))
			stop := p.keepAsking(p.chain(webServer(t)))
			describe := func(number int) error {
				return p.PatchServerGroup(t.Context(), p.groups()[0].ID, lbapi.PatchServerGroup{Description: new(strconv.Itoa(number))})
			}
			if err := describe(1); err != nil {
				t.Fatal(err)
			}
			before := p.groups()

			disk.Fail(fault)
			for range 3 {
				refusal, ok := errors.AsType[*lbapi.Error](describe(2))
				if !ok || refusal.Status != lbapi.Unavailable || !strings.Contains(refusal.Message, "store cannot be read or written") {
					t.Errorf("a change was answered with %v", refusal)
				}
			}
			if status, body, err := get(t, p.operations+"/readyz"); status != http.StatusServiceUnavailable || err != nil || !strings.Contains(body, "check that its disk works") {
				t.Errorf("/readyz: %d %q %v", status, body, err)
			}
			disk.Fail(faultfs.Fault{})
			waitFor(t, "lbserver to be ready again", func() bool {
				status, _, err := get(t, p.operations+"/readyz")
				return status == http.StatusOK && err == nil
			})
			if err := describe(3); err != nil {
				t.Error(err)
			}
			stop()
			before[0].Description = "3"
			after := p.cutPower(disk, mount)
			if diff := cmp.Diff(before, after.groups()); diff != "" {
				t.Errorf("after a power cut (-want +got):\n%s", diff)
			}
		})
	}
}

// keepAsking sends requests until stop is called, and fails the test if one is not answered.
func (p *process) keepAsking(url string) (stop func()) {
	p.t.Helper()
	waitFor(p.t, "the first answer", func() bool {
		status, _, err := get(p.t, url)
		return status == http.StatusOK && err == nil
	})
	var (
		client  sync.WaitGroup
		stopped atomic.Bool
		asked   int
	)
	client.Go(func() {
		for !stopped.Load() {
			asked++
			if status, body, err := get(p.t, url); status != http.StatusOK || err != nil {
				p.t.Errorf("request %d: %d %q %v", asked, status, body, err)
				return
			}
		}
	})
	stop = sync.OnceFunc(func() {
		stopped.Store(true)
		client.Wait()
		if asked < 2 {
			p.t.Errorf("only %d requests were made", asked)
		}
	})
	p.t.Cleanup(stop)
	return stop
}

// What the first start has told its clients is on the disk: the keys, the load balancer, and the directories of both.
func TestTheFirstStartSurvivesAPowerCut(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		disk := faultfs.New(seed)
		mount := disk.Mount(t)
		first := mustLaunch(t, dataDirectory(mount))
		keys := first.keys()
		before, err := first.LoadBalancers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		second := first.cutPower(disk, mount)
		after, err := second.LoadBalancers(t.Context())
		if diff := cmp.Diff(before, after); diff != "" || err != nil {
			t.Errorf("seed %d: %v; load balancers (-before +after):\n%s", seed, err, diff)
		}
		if second.keys() != keys {
			t.Errorf("seed %d: the API keys are others", seed)
		}
		if err := second.Kill(); err != nil {
			t.Fatal(err)
		}
	}
}

// keys is the file of the API keys.
func (p *process) keys() string {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.directory, "credentials.json"))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}
