package proxy_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy"
)

// browserOf is a client of the standard library.
func browserOf(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{DisableCompression: true, ExpectContinueTimeout: patience}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

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

func TestEventsArriveUnbuffered(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		seen := make(chan struct{})
		b := e.newBed(t, serverOf(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range 20 {
				fmt.Fprintf(w, "data: %d\n\n", i)
				_ = http.NewResponseController(w).Flush() // a failure shows as an event that does not come
				select {
				case <-seen:
				case <-r.Context().Done():
					return
				}
			}
		}))
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.address+"/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := browserOf(t).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		events := bufio.NewReader(response.Body)
		for i := range 20 {
			line, err := events.ReadString('\n')
			if err != nil || line != fmt.Sprintf("data: %d\n", i) {
				t.Fatalf("event %d: %q, %v", i, line, err)
			}
			_, _ = events.ReadString('\n') // the empty line that ends the event
			seen <- struct{}{}
		}
	})
}

// A client that waits for 100 must get it however long the server takes, and send nothing before.
func TestContinueOfASlowServer(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
			head := readHead(reader)
			if !strings.Contains(head, "Expect: 100-continue\r\n") {
				io.WriteString(connection, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
				return
			}
			time.Sleep(short)
			if reader.Buffered() > 0 {
				io.WriteString(connection, "HTTP/1.1 500 Early\r\nContent-Length: 0\r\n\r\n")
				return
			}
			io.WriteString(connection, "HTTP/1.1 100 Continue\r\n\r\n")
			body := make([]byte, 5)
			io.ReadFull(reader, body)
			fmt.Fprintf(connection, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n%s", body)
		}))
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+b.address+"/", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Expect", "100-continue")
		response, err := browserOf(t).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if body, err := io.ReadAll(response.Body); err != nil || string(body) != "hello" || response.StatusCode != 200 {
			t.Errorf("got %s, %q, %v", response.Status, body, err)
		}
	})
}

func TestTrailersGoBothWays(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		b := e.newBed(t, serverOf(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Trailer", "Back")
			_, _ = io.Copy(w, r.Body) // a failure shows as a body that differs
			w.Header().Set("Back", "got "+r.Trailer.Get("There"))
		}))
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+b.address+"/",
			io.MultiReader(strings.NewReader("a"), strings.NewReader("b")))
		if err != nil {
			t.Fatal(err)
		}
		request.Trailer = http.Header{"There": {"here"}}
		response, err := browserOf(t).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil || string(body) != "ab" || response.Trailer.Get("Back") != "got here" {
			t.Errorf("got %q with trailer %v, %v", body, response.Trailer, err)
		}
	})
}

// TestInterimResponsesSetNoCookieOfOurName has a server try to steer clients by a 103.
func TestInterimResponsesSetNoCookieOfOurName(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		var name string
		named := make(chan struct{})
		b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
			<-named
			for readHead(reader) != "" {
				fmt.Fprintf(connection, "HTTP/1.1 103 Hints\r\nSet-Cookie: %s=theirs\r\nSet-Cookie: a=b\r\n\r\n%s", name, defaultAnswer)
			}
		}))
		b.changeService(func(s *lbapi.BackendService) { s.SessionPersistence = true })
		name = b.service().Eligible().CookieName
		close(named)
		c := b.dial()
		response, _ := c.get("/")
		if got := response.Header["Set-Cookie"]; response.StatusCode != 103 || len(got) != 1 || got[0] != "a=b" {
			t.Errorf("got %s with %q", response.Status, got)
		}
	})
}

// pattern is an endless body whose checksum can be known.
type pattern struct{ left int64 }

func (p *pattern) Read(buf []byte) (int, error) {
	n := int(min(int64(len(buf)), p.left))
	if p.left -= int64(n); n == 0 {
		return 0, io.EOF
	}
	for i := range min(n, 64) {
		buf[i] = byte(p.left>>8) + byte(i)
	}
	return n, nil
}

// heapPeak measures how far the heap in use rises while something runs.
func heapPeak(run func()) uint64 {
	inUse := func() uint64 {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapInuse
	}
	runtime.GC() //nolint:revive // what earlier tests left must not be measured
	before, peak := inUse(), uint64(0)
	stop := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			peak = max(peak, inUse())
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	run()
	close(stop)
	watching.Wait()
	return peak - min(peak, before)
}

// bulk is how much goes through in each direction: enough in CI that what grows with it would be seen.
func bulk() int64 {
	if os.Getenv("CI") == "true" {
		return 1 << 30
	}
	return 128 << 20
}

// TestLargeBodiesNeedFlatMemory is not parallel: it measures the process.
func TestLargeBodiesNeedFlatMemory(t *testing.T) {
	const most = 16 << 20 // client, server and proxy together; buffers are 64 KiB each
	sums := make(chan uint32, 1)
	server := serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		sum := crc32.NewIEEE()
		if r.Method == http.MethodPost {
			_, _ = io.CopyBuffer(sum, struct{ io.Reader }{r.Body}, make([]byte, 64<<10)) // a failure shows in the sum
		} else {
			w.Header().Set("Content-Length", fmt.Sprint(bulk()))
			_, _ = io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(w, sum)}, &pattern{bulk()}, make([]byte, 64<<10)) // as above
		}
		sums <- sum.Sum32()
	})
	b, _ := newStrictBed(t, engine{}, proxy.Config{}, server)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		t.Run(method, func(t *testing.T) {
			var ours uint32
			grew := heapPeak(func() {
				sum := crc32.NewIEEE()
				var body io.Reader = http.NoBody
				if method == http.MethodPost {
					body = io.TeeReader(&pattern{bulk()}, sum)
				}
				request, err := http.NewRequestWithContext(t.Context(), method, "http://"+b.address+"/", body)
				if err != nil {
					t.Fatal(err)
				}
				response, err := browserOf(t).Do(request)
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				if _, err := io.CopyBuffer(struct{ io.Writer }{sum}, struct{ io.Reader }{response.Body}, make([]byte, 64<<10)); err != nil {
					t.Fatal(err)
				}
				ours = sum.Sum32()
			})
			if theirs := <-sums; ours != theirs {
				t.Errorf("the body changed on its way: %x became %x", ours, theirs)
			}
			if grew > most {
				t.Errorf("%d MiB went through and took %d KiB of heap, want at most %d", bulk()>>20, grew>>10, most>>10)
			}
		})
	}
}

// TestSlowClientsCostBoundedMemoryAndNobodyElse is not parallel: it measures the process.
func TestSlowClientsCostBoundedMemoryAndNobodyElse(t *testing.T) {
	onEachEngine(t, testSlowClientsCostBoundedMemoryAndNobodyElse)
}

func testSlowClientsCostBoundedMemoryAndNobodyElse(t *testing.T, e engine) {
	const (
		clients = 300
		// each may hold its head, and the large buffers of a body both ways, beside its servers' goroutine
		most = clients * (3*64 + 16) << 10
	)
	server := serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/big" {
			_, _ = io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{&pattern{64 << 20}}, make([]byte, 4<<10)) // the client leaves
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // the client leaves
		io.WriteString(w, "ok")
	})
	b, _ := newStrictBed(t, e, proxy.Config{}, server)
	raws := []string{
		"GET / HTTP/1.1\r\nHost: a\r\nA: b",                                 // never ends its head
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nsome",    // never ends its body
		"GET /big HTTP/1.1\r\nHost: a\r\n\r\n",                              // never reads
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5", // stops in a size
	}
	good := browserOf(t)
	var worst time.Duration
	grew := heapPeak(func() {
		for i := range clients {
			c := b.dial()
			_ = c.SetReadBuffer(4 << 10) // or the kernel reads for the client
			c.send(raws[i%len(raws)])
		}
		eventually(t, "all slow clients are served", func() bool { return b.counters().InFlight.Load() == clients })
		for range 500 {
			begun := time.Now()
			response, err := good.Get("http://" + b.address + "/")
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, response.Body) // the status is what counts
			response.Body.Close()
			if response.StatusCode != 200 {
				t.Fatalf("a good client got %s", response.Status)
			}
			worst = max(worst, time.Since(begun))
		}
	})
	t.Logf("%d slow clients took %d KiB of heap with their servers; the slowest good request took %s", clients, grew>>10, worst)
	if grew > most {
		t.Errorf("%d slow clients took %d KiB of heap, want at most %d", clients, grew>>10, most>>10)
	}
	if worst > soon {
		t.Errorf("a good client waited %s", worst)
	}
}
