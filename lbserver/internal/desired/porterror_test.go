package desired

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestAPortErrorSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for number, advice := range map[syscall.Errno]string{
		syscall.EADDRINUSE:    "another process, or lbserver's own API or operations address, holds the port",
		syscall.EADDRNOTAVAIL: "is not one of this machine's",
		syscall.EACCES:        "lacks the right to open a port this low",
		syscall.EMFILE:        "",
	} {
		err := &PortError{
			ListenerID: "listener-a", Name: "web", Address: netip.MustParseAddrPort("127.0.0.1:80"),
			Err: &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", number)},
		}
		want := `open 127.0.0.1:80 for listener "web" (listener-a): listen: bind: ` + number.Error()
		if text := err.Error(); !strings.HasPrefix(text, want) || !strings.Contains(text, advice) || strings.Contains(text, ";") != (advice != "") {
			t.Errorf("%v: %s", number, text)
		}
		if text := err.Reason(); !strings.HasPrefix(text, number.Error()) || !strings.Contains(text, advice) || strings.Contains(text, "listen:") {
			t.Errorf("%v, the reason alone: %s", number, text)
		}
		if !errors.Is(err, number) {
			t.Errorf("%v is lost", number)
		}
	}
	other := &PortError{Err: errors.New("its load balancer does not exist")}
	if got := other.Reason(); got != "its load balancer does not exist" {
		t.Errorf("got %q", got)
	}
}
