package inventory

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func private() Networks {
	return Networks{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fc00::/7")}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func write(t *testing.T, path, text string) {
	t.Helper()
	temporary := path + ".new"
	if err := errors.Join(os.WriteFile(temporary, []byte(text), 0o600), os.Rename(temporary, path)); err != nil {
		t.Fatal(err)
	}
}

func TestInstancesResolve(t *testing.T) {
	path := filepath.Join(t.TempDir(), "instances.json")
	write(t, path, `{"vm-1":{"type":"vm","ipAddress":"10.0.0.5"},"c-1":{"type":"container","ipAddress":"::ffff:10.0.0.6"}}`)
	inventory, err := Open(path, private(), discard())
	if err != nil {
		t.Fatal(err)
	}
	want := Instance{Type: lbapi.ServerContainer, Address: netip.MustParseAddr("10.0.0.6")}
	if got, ok := inventory.Lookup("c-1"); !ok || got != want {
		t.Errorf("c-1: got %v, %v; want %v", got, ok, want)
	}
	if address, ok := inventory.Resolve("vm-1"); !ok || address.String() != "10.0.0.5" {
		t.Errorf("vm-1: got %v, %v", address, ok)
	}
	if _, ok := inventory.Lookup("vm-2"); ok {
		t.Error("an instance that is not in the file was found")
	}
}

func TestWithoutAFileThereAreNoInstances(t *testing.T) {
	inventory, err := Open("", private(), discard())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := inventory.Lookup("vm-1"); ok {
		t.Error("found one")
	}
	inventory.Run(t.Context(), time.Hour, func() { t.Error("changed") }) // returns
}

func TestFaultyFilesAreRefusedByField(t *testing.T) {
	for _, test := range []struct{ name, text, field string }{
		{"not JSON", `{`, "body"},
		{"an instance twice", `{"vm-1":{"type":"vm","ipAddress":"10.0.0.5"},"vm-1":{"type":"vm","ipAddress":"10.0.0.6"}}`, "vm-1"},
		{"an unknown field", `{"vm-1":{"type":"vm","ipAddress":"10.0.0.5","port":1}}`, "vm-1.port"},
		{"no type", `{"vm-1":{"ipAddress":"10.0.0.5"}}`, "vm-1.type"},
		{"type ip", `{"vm-1":{"type":"ip","ipAddress":"10.0.0.5"}}`, "vm-1.type"},
		{"a host name", `{"vm-1":{"type":"vm","ipAddress":"example.com"}}`, "vm-1.ipAddress"},
		{"link-local", `{"vm-1":{"type":"vm","ipAddress":"169.254.169.254"}}`, "vm-1.ipAddress"},
		{"another network", `{"vm-1":{"type":"vm","ipAddress":"8.8.8.8"}}`, "vm-1.ipAddress"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "instances.json")
			write(t, path, test.text)
			_, err := Open(path, private(), discard())
			var fileErr *FileError
			if !errors.As(err, &fileErr) {
				t.Fatalf("got %v", err)
			}
			want := &FileError{Path: path, Field: test.field}
			if diff := cmp.Diff(want, fileErr, cmpopts.IgnoreFields(FileError{}, "Reason")); diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestMissingFileIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "instances.json")
	if _, err := Open(path, private(), discard()); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}

func TestChangesTakeEffectAndFaultyOnesDoNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "instances.json")
	write(t, path, `{"vm-1":{"type":"vm","ipAddress":"10.0.0.5"}}`)
	log := &lines{}
	inventory, err := Open(path, private(), slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	changes := make(chan struct{}, 10)
	var running sync.WaitGroup
	running.Go(func() { inventory.Run(ctx, time.Millisecond, func() { changes <- struct{}{} }) })
	defer running.Wait()
	defer stop()

	write(t, path, `{"vm-1":{"type":"vm","ipAddress":"10.0.0.6"}}`)
	<-changes
	expectAddress(t, inventory, "10.0.0.6")

	write(t, path, `{"vm-1":{"type":"vm","ipAddress":"169.254.169.254"}}`)
	log.await(t, "vm-1.ipAddress must not be link-local")
	expectAddress(t, inventory, "10.0.0.6")

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	log.await(t, "no such file")
	expectAddress(t, inventory, "10.0.0.6")

	write(t, path, `{"vm-1":{"type":"vm","ipAddress":"10.0.0.7"}}`)
	<-changes
	expectAddress(t, inventory, "10.0.0.7")
	if got := strings.Count(log.String(), "level=ERROR"); got != 2 {
		t.Errorf("%d errors logged, want one for each kind of trouble:\n%s", got, log)
	}
}

func expectAddress(t *testing.T, inventory *Inventory, want string) {
	t.Helper()
	if got, _ := inventory.Resolve("vm-1"); got.String() != want {
		t.Errorf("vm-1 is at %s, want %s", got, want)
	}
}

// lines is a log that a test can wait for.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) await(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(l.String(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never logged: %s\n%s", text, l)
		}
	}
}

func TestNetworksRefuse(t *testing.T) {
	everywhere := Networks{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	for _, test := range []struct {
		address  string
		networks Networks
		refused  bool
	}{
		{"10.1.2.3", private(), false},
		{"::ffff:10.1.2.3", private(), false},
		{"fd00::1", private(), false},
		{"11.1.2.3", private(), true},
		{"10.1.2.3", nil, true},
		{"8.8.8.8", everywhere, false},
		{"169.254.169.254", everywhere, true},
		{"::ffff:169.254.169.254", everywhere, true},
		{"fe80::1", everywhere, true},
		{"0.0.0.0", everywhere, true},
		{"::", everywhere, true},
		{"224.0.0.1", everywhere, true},
		{"ff02::1", everywhere, true},
	} {
		if reason := test.networks.Refuses(netip.MustParseAddr(test.address)); (reason != "") != test.refused {
			t.Errorf("%s in %v: %q", test.address, test.networks, reason)
		}
	}
}
