package forward_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/engine"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/forward"
)

func TestWhatLbserverLacksIsNoFaultOfTheServer(t *testing.T) {
	for name, test := range map[string]struct {
		failure syscall.Errno
		want    error
	}{
		"local ports":               {syscall.EADDRNOTAVAIL, forward.ErrNoPort},
		"descriptors":               {syscall.EMFILE, forward.ErrNoDescriptor},
		"descriptors of the system": {syscall.ENFILE, forward.ErrNoDescriptor},
		"buffers":                   {syscall.ENOBUFS, forward.ErrNoMemory},
		"memory":                    {syscall.ENOMEM, forward.ErrNoMemory},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, newService(t, 1, false))
			b.network.refuse[1] = os.NewSyscallError("connect", test.failure)
			if err := b.Reach(); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			counters := &b.endpoint(1).Counters
			if local, own := counters.LocalErrors.Load(), counters.ConnectErrors.Load(); local != 1 || own != 0 {
				t.Errorf("%d local errors, %d of the server; want 1 and none", local, own)
			}
			if b.inFlight() != 0 {
				t.Error("the server has the request")
			}
		})
	}
}

func TestForLackOfPortsAnotherServerIsTried(t *testing.T) {
	b := newBed(t, newService(t, 2, false))
	b.network.refuse[1] = syscall.EADDRNOTAVAIL
	for range 2 {
		if err := b.Reach(); err != nil || b.Endpoint != b.endpoint(2) {
			t.Fatalf("reached %v, %v; want the server to which there are ports", b.Endpoint, err)
		}
		b.Drop()
	}
}

// A kept connection needs no port, so a request that would rather have a new one takes it.
func TestForLackOfPortsAKeptConnectionWillDo(t *testing.T) {
	b := newBed(t, newService(t, 1, false))
	b.Repeatable, b.network.kept = true, true
	if err := b.Reach(); err != nil {
		t.Fatal(err)
	}
	b.Resend()
	b.network.refuseNew = syscall.EADDRNOTAVAIL
	if err := b.Reach(); err != nil || !b.Backend.Reused() {
		t.Fatalf("got %v; want a kept connection", err)
	}
	if last := b.network.dials[len(b.network.dials)-1]; last.freshness != engine.FreshChecked {
		t.Errorf("the connection was taken with freshness %d, want it checked", last.freshness)
	}
	b.Drop()
}

func TestALackIsLoggedOnceASecond(t *testing.T) {
	var log bytes.Buffer
	b := newBed(t, newService(t, 1, false))
	forwarder := forward.New(forward.Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	b.network.refuse[1] = syscall.EADDRNOTAVAIL
	for range 2 {
		for range 5 {
			b.Begin(forwarder, b.network, nil)
			b.SetService(b.service, b.client)
			_ = b.Reach()
		}
		b.network.now = b.network.now.Add(time.Second)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines, want 2:\n%s", len(lines), log.String())
	}
	for i, leftOut := range []string{"left_out=0", "left_out=4"} {
		for _, part := range []string{"no free local port", "cannot assign requested address", "address=127.0.0.1:1", "level=ERROR", leftOut} {
			if !strings.Contains(lines[i], part) {
				t.Errorf("%q is not in %s", part, lines[i])
			}
		}
	}
}
