package proxy_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy"
)

// TestServerThatAnsweredEarlyGetsNoOtherRequestOnTheConnection has the server answer before the body has come, and the body
// come before the answer ends. A server that answers without a look at the body may take it for the next request.
func TestServerThatAnsweredEarlyGetsNoOtherRequestOnTheConnection(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		numbers := make(chan int, 10)
		b := e.newBed(t, rawServer(t, func(number int, connection *net.TCPConn, reader *bufio.Reader) {
			for readHead(reader) != "" {
				numbers <- number
				io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhe")
				if _, err := io.ReadFull(reader, make([]byte, 5)); err != nil {
					return
				}
				io.WriteString(connection, "re")
			}
		}))
		for i := range 6 {
			c := b.dial()
			c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
			response, err := http.ReadResponse(c.reader, nil)
			if err != nil {
				t.Fatal(err)
			}
			c.send("hello")
			if body, err := io.ReadAll(response.Body); string(body) != "here" || err != nil {
				t.Fatalf("got %q, %v", body, err)
			}
			c.expectClosed()
			if number := <-numbers; number != i+1 {
				t.Errorf("request %d came on connection %d", i+1, number)
			}
		}
	})
}

// TestAnAnswerSaidBeforeTheBodyIsEarlyWhateverComesMeanwhile has the client send the body while what the server said before
// that is passed on, which takes a while.
func TestAnAnswerSaidBeforeTheBodyIsEarlyWhateverComesMeanwhile(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		says := "HTTP/1.1 100 Continue\r\n\r\n" + strings.Repeat("HTTP/1.1 103 Hints\r\nA: b\r\n\r\n", 30) + defaultAnswer
		b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
			for readHead(reader) != "" {
				io.WriteString(connection, says)
			}
		}))
		for range 50 {
			c := b.dial()
			c.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 29\r\n\r\n")
			if response, _ := c.receive(http.MethodPost); response.StatusCode != 100 {
				t.Fatalf("got %s", response.Status)
			}
			c.send("GET / HTTP/1.1\r\nHost: evil\r\n\r\n")
			response, _ := c.receive(http.MethodPost)
			for response.StatusCode == 103 {
				response, _ = c.receive(http.MethodPost)
			}
			if response.StatusCode != 200 {
				t.Fatalf("got %s", response.Status)
			}
			c.expectClosed()
		}
	})
}

// TestLateBytesBehindAResponseReachNobody has a server say a second response, which nobody has asked for, while its connection
// is kept. A client that asks afterwards must not get it.
func TestLateBytesBehindAResponseReachNobody(t *testing.T) {
	const evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
	onEachEngine(t, func(t *testing.T, e engine) {
		for name, test := range map[string]struct{ method, first string }{
			"a 200":  {http.MethodGet, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
			"a 204":  {http.MethodGet, "HTTP/1.1 204 None\r\n\r\n"},
			"a 304":  {http.MethodGet, "HTTP/1.1 304 Same\r\nContent-Length: 41\r\n\r\n"},
			"a HEAD": {http.MethodHead, "HTTP/1.1 200 OK\r\nContent-Length: 41\r\n\r\n"},
		} {
			t.Run(name, func(t *testing.T) {
				answered, said := make(chan struct{}), make(chan struct{})
				b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
					for head := readHead(reader); head != ""; head = readHead(reader) {
						if strings.Contains(head, " /next ") {
							io.WriteString(connection, defaultAnswer)
							continue
						}
						io.WriteString(connection, test.first)
						<-answered
						io.WriteString(connection, evil)
						said <- struct{}{}
					}
				}))
				c := b.dial()
				for range 10 {
					c.send(test.method + " / HTTP/1.1\r\nHost: a\r\n\r\n")
					c.receive(test.method)
					answered <- struct{}{}
					<-said
					if _, body := c.get("/next"); body != "ok" {
						t.Errorf("the next request got %q", body)
					}
				}
			})
		}
	})
}

// heldLog is an access log that holds up whoever logs first, until it is let go.
type heldLog struct {
	once          sync.Once
	held, release chan struct{}
}

func (h *heldLog) Log(*proxy.Entry) {
	h.once.Do(func() {
		close(h.held)
		<-h.release
	})
}

// TestBytesBeforeARequestAreNotItsAnswer has the next request and what the server says unasked on its kept connection come
// while whoever carries both is busy, so that both are found at once, the request first.
func TestBytesBeforeARequestAreNotItsAnswer(t *testing.T) {
	const evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
	onEachEngine(t, func(t *testing.T, e engine) {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(method, func(t *testing.T) {
				speak, spoken := make(chan struct{}), make(chan struct{})
				var heads atomic.Int32 // that came to any connection
				log := &heldLog{held: make(chan struct{}), release: make(chan struct{})}
				b := e.newQuietBed(t, options{DrainTimeout: patience, AccessLog: log},
					rawServer(t, func(number int, connection *net.TCPConn, reader *bufio.Reader) {
						for served := 0; readHead(reader) != ""; served++ {
							heads.Add(1)
							io.WriteString(connection, defaultAnswer)
							if number == 1 && served == 0 {
								<-speak
								io.WriteString(connection, evil)
								close(spoken)
							}
						}
					}))
				c := b.dial()
				c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				<-log.held
				c.send(method + " /next HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
				close(speak)
				<-spoken
				close(log.release)
				c.receive(http.MethodGet)
				if response, body := c.receive(method); body != "ok" {
					t.Errorf("the next request got %s, %q", response.Status, body)
				}
				if heads.Load() != 2 {
					t.Errorf("%d requests came, want 2", heads.Load())
				}
			})
		}
	})
}

// bodiless are requests, and answers to them that have no body by rule.
var bodiless = map[string]struct{ method, answer string }{
	"a 204":  {http.MethodGet, "HTTP/1.1 204 None\r\n\r\n"},
	"a 304":  {http.MethodGet, "HTTP/1.1 304 Same\r\nContent-Length: 41\r\n\r\n"},
	"a HEAD": {http.MethodHead, "HTTP/1.1 200 OK\r\nContent-Length: 41\r\n\r\n"},
}

// TestAStrayBodyReachesNoOtherClient has a server send a body after an answer that has none by rule, as late as it can: when the
// next request has come. A client that got a stray response for its own is answered with the next one, so that its connection
// must not pass to others after that either. The clock stands still: no connection has been quiet for long enough.
func TestAStrayBodyReachesNoOtherClient(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		for name, test := range bodiless {
			t.Run(name, func(t *testing.T) {
				now := time.Now()
				b := e.newBedWith(t, options{DrainTimeout: patience, Now: func() time.Time { return now }}, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
					stray := ""
					for head := readHead(reader); head != ""; head = readHead(reader) {
						switch {
						case strings.Contains(head, " /broken "):
							io.WriteString(connection, test.answer)
							stray = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
						case stray != "":
							io.WriteString(connection, stray)
							stray = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret"
						default:
							io.WriteString(connection, defaultAnswer)
						}
					}
				}))
				first, second := b.dial(), b.dial()
				for range 5 {
					first.send(test.method + " /broken HTTP/1.1\r\nHost: a\r\n\r\n")
					first.receive(test.method)
					if _, body := second.get("/"); body != "ok" {
						t.Errorf("another client got %q", body)
					}
					first.get("/")
					if _, body := second.get("/"); body != "ok" {
						t.Errorf("after a request of the first client another got %q", body)
					}
				}
			})
		}
	})
}

// TestAClientThatRevalidatesKeepsItsServerConnections has two clients get answers without a body from two servers in turn.
func TestAClientThatRevalidatesKeepsItsServerConnections(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		for name, test := range bodiless {
			t.Run(name, func(t *testing.T) {
				var opened atomic.Int32
				server := func() string {
					return rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
						opened.Add(1)
						for readHead(reader) != "" {
							io.WriteString(connection, test.answer)
						}
					})
				}
				b := e.newBed(t, server(), server())
				first, second := b.dial(), b.dial()
				for range 20 {
					for _, c := range []*client{first, second, second} {
						c.send(test.method + " / HTTP/1.1\r\nHost: a\r\n\r\n")
						c.receive(test.method)
					}
				}
				if got := opened.Load(); got > 4 {
					t.Errorf("%d connections for two clients and two servers, want 4", got)
				}
			})
		}
	})
}
