package proxy_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// echoSockets is a WebSocket server that sends each message back, and notes how its client closed.
func echoSockets(t *testing.T, name string, closed chan<- error) string {
	t.Helper()
	return serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		socket, err := websocket.Accept(w, r, nil)
		if err != nil {
			closed <- err
			return
		}
		defer func() { _ = socket.CloseNow() }() // it may be closed already
		socket.SetReadLimit(-1)
		for {
			kind, message, err := socket.Read(r.Context())
			if err != nil {
				closed <- err
				return
			}
			if string(message) == "leave" {
				closed <- socket.Close(4002, "as you wish")
				return
			}
			if string(message) == "name" {
				message = []byte(name)
			}
			if err := socket.Write(r.Context(), kind, message); err != nil {
				closed <- err
				return
			}
		}
	})
}

func openSocket(t *testing.T, b *bed) *websocket.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	socket, response, err := websocket.Dial(ctx, "ws://"+b.address+"/", &websocket.DialOptions{HTTPClient: browserOf(t)})
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %s", response.Status)
	}
	socket.SetReadLimit(-1)
	t.Cleanup(func() { _ = socket.CloseNow() })
	return socket
}

// ask sends a message and returns the answer.
func ask(t *testing.T, socket *websocket.Conn, message string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := socket.Write(ctx, websocket.MessageBinary, []byte(message)); err != nil {
		t.Fatal(err)
	}
	_, answer, err := socket.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func TestWebSocketsEchoAndCloseWithTheirCodes(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		closed := make(chan error, 1)
		b := e.newBed(t, echoSockets(t, "a", closed))
		socket := openSocket(t, b)
		for _, size := range []int{0, 1, 125, 126, 65535, 65536, 3 << 20} {
			message := make([]byte, size)
			_, _ = rand.Read(message) // never fails
			if got := ask(t, socket, "#"+string(message)); got != "#"+string(message) {
				t.Errorf("a message of %d bytes came back as another one of %d", size, len(got))
			}
		}
		if err := socket.Close(4001, "enough"); err != nil {
			t.Errorf("close: %v", err)
		}
		var how websocket.CloseError
		if err := <-closed; !errors.As(err, &how) || how.Code != 4001 || how.Reason != "enough" {
			t.Errorf("the server heard %v", err)
		}
		leaving := openSocket(t, b)
		if err := leaving.Write(t.Context(), websocket.MessageText, []byte("leave")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := leaving.Read(t.Context()); !errors.As(err, &how) || how.Code != 4002 || how.Reason != "as you wish" {
			t.Errorf("the client heard %v", err)
		}
		if err := <-closed; err != nil {
			t.Errorf("the server's close: %v", err)
		}
	})
}

func TestWebSocketsCarryFragmentsAndPings(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		closed := make(chan error, 1)
		socket := openSocket(t, e.newBed(t, echoSockets(t, "a", closed)))
		pieces := make(chan error, 1)
		go func() {
			w, err := socket.Writer(t.Context(), websocket.MessageBinary)
			for i := 0; i < 50 && err == nil; i++ {
				_, err = io.WriteString(w, strings.Repeat(string(rune('a'+i%26)), 10000)) // each is a frame or more
			}
			pieces <- errors.Join(err, w.Close())
		}()
		_, message, err := socket.Read(t.Context())
		if err := errors.Join(err, <-pieces); err != nil || len(message) != 500000 || message[10000] != 'b' {
			t.Fatalf("got %d bytes, %v", len(message), err)
		}
		reading := socket.CloseRead(t.Context())
		if err := socket.Ping(reading); err != nil {
			t.Errorf("ping: %v", err)
		}
		_ = socket.CloseNow() // the server hears of it
		if err := <-closed; err == nil {
			t.Error("the server took a connection that was cut for a close")
		}
	})
}

func TestWebSocketOutlivesAChangeOfItsServers(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		closed := make(chan error, 2)
		first, second := echoSockets(t, "a", closed), echoSockets(t, "b", closed)
		b := e.newBed(t, first)
		old := openSocket(t, b)
		if got := ask(t, old, "name"); got != "a" {
			t.Fatalf("got %q", got)
		}
		next := strictGroup(second)
		next.Servers[0].ID = "target-bbbbbbbbbb"
		b.changeServers(next)
		b.changeListener(func(l *lbapi.Listener) { l.IdleTimeout = 30 })
		if got := ask(t, old, "name"); got != "a" {
			t.Errorf("the socket is at %q after the change", got)
		}
		if got := ask(t, openSocket(t, b), "name"); got != "b" {
			t.Errorf("a new socket is at %q", got)
		}
		if err := old.Close(websocket.StatusNormalClosure, ""); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}

// An hour without messages, at a scale: pings keep a socket open for many idle timeouts, whoever sends them, and silence ends
// it after one.
func TestWebSocketLivesOnPingsAndEndsInSilence(t *testing.T) {
	const (
		idleTimeout = time.Second
		pings       = 16 // over four idle timeouts
	)
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		for name, fromServer := range map[string]bool{"from the client": false, "from the server": true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				closed := make(chan error, 1)
				b := e.newBed(t, serverOf(t, func(w http.ResponseWriter, r *http.Request) {
					socket, err := websocket.Accept(w, r, nil)
					if err != nil {
						closed <- err
						return
					}
					defer func() { _ = socket.CloseNow() }() // it is closed, most times
					if fromServer {
						closed <- pingOften(r.Context(), t, socket, pings, idleTimeout/4)
						return
					}
					_, _, err = socket.Read(r.Context()) // pings are answered in it
					closed <- err
				}))
				b.changeListener(func(l *lbapi.Listener) { l.IdleTimeout = int(idleTimeout / time.Second) })
				socket := openSocket(t, b)
				var err error
				begun := time.Now()
				if !fromServer {
					err = pingOften(t.Context(), t, socket, pings, idleTimeout/4)
				} else {
					_, _, err = socket.Read(t.Context())
				}
				if err == nil || websocket.CloseStatus(err) != -1 {
					t.Errorf("the client's side ended by %v, want a connection that was cut", err)
				}
				expectAround(t, begun, pings*idleTimeout/4+idleTimeout)
				if err := <-closed; err == nil {
					t.Error("the server took a connection that was cut for a close")
				}
			})
		}
	})
}

// pingOften sends pings and wants each answered, then returns how the connection ends.
func pingOften(ctx context.Context, t *testing.T, socket *websocket.Conn, count int, interval time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	ended := make(chan error, 1)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer cancel()
	reading.Go(func() {
		_, _, err := socket.Read(ctx)
		ended <- err
	})
	for range count {
		select {
		case err := <-ended:
			t.Errorf("the socket ended before its last ping: %v", err)
			return err
		case <-time.After(interval):
		}
		if err := socket.Ping(ctx); err != nil {
			t.Errorf("a ping was not answered: %v", err)
			return err
		}
	}
	return <-ended
}
