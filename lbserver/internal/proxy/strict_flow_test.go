package proxy_test

import (
	"bufio"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// browserOf is a client of the standard library.
func browserOf(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{DisableCompression: true, ExpectContinueTimeout: patience}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
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

// bulk is how much goes through in each direction: as many GiB as LBSERVER_BULK_GIB says, which is 10 in a step of CI's own.
func bulk(t *testing.T) int64 {
	t.Helper()
	text := os.Getenv("LBSERVER_BULK_GIB")
	if text == "" {
		return 128 << 20
	}
	count, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		t.Fatalf("LBSERVER_BULK_GIB=%s: want a number of GiB", text)
	}
	return int64(count) << 30
}

// TestLargeBodiesNeedFlatMemory is not parallel: it measures the process.
func TestLargeBodiesNeedFlatMemory(t *testing.T) { onEachEngine(t, testLargeBodiesNeedFlatMemory) }

func testLargeBodiesNeedFlatMemory(t *testing.T, e engine) {
	total := bulk(t)
	const most = 16 << 20 // client, server and proxy together; buffers are 64 KiB each
	sums := make(chan uint32, 1)
	server := serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		sum := crc32.NewIEEE()
		if r.Method == http.MethodPost {
			_, _ = io.CopyBuffer(sum, struct{ io.Reader }{r.Body}, make([]byte, 64<<10)) // a failure shows in the sum
		} else {
			w.Header().Set("Content-Length", fmt.Sprint(total))
			_, _ = io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(w, sum)}, &pattern{total}, make([]byte, 64<<10)) // as above
		}
		sums <- sum.Sum32()
	})
	b, _ := newStrictBed(t, e, options{}, server)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		t.Run(method, func(t *testing.T) {
			var ours uint32
			grew := heapPeak(func() {
				sum := crc32.NewIEEE()
				var body io.Reader = http.NoBody
				if method == http.MethodPost {
					body = io.TeeReader(&pattern{total}, sum)
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
			t.Logf("%d MiB went through and took %d KiB of heap", total>>20, grew>>10)
			if theirs := <-sums; ours != theirs {
				t.Errorf("the body changed on its way: %x became %x", ours, theirs)
			}
			if grew > most {
				t.Errorf("%d MiB went through and took %d KiB of heap, want at most %d", total>>20, grew>>10, most>>10)
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
		// each may hold a large buffer of what it does not read, and small ones, beside its server's goroutine
		most = clients * (64 + 64) << 10
	)
	server := serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/big" {
			_, _ = io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{&pattern{64 << 20}}, make([]byte, 4<<10)) // the client leaves
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // the client leaves
		io.WriteString(w, "ok")
	})
	b, _ := newStrictBed(t, e, options{HeadTimeout: time.Minute}, server) // a busy machine takes long to open all
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
		eventually(t, "all slow clients are served", func() bool {
			counters := b.counters() // a head that never ends makes no request
			return counters.ActiveConnections.Load() == clients && counters.InFlight.Load() == clients-clients/int64(len(raws))
		})
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
