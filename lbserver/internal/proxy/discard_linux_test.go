package proxy_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// endOf reads a connection to its end and says how that came.
func endOf(reader *bufio.Reader) string {
	switch _, err := io.Copy(io.Discard, reader); {
	case err == nil:
		return "closed"
	case errors.Is(err, syscall.ECONNRESET):
		return "reset"
	default:
		return err.Error()
	}
}

// A connection that lbserver closes first holds its local port for a minute, one that it resets holds none.
func TestAServerConnectionThatTakesNoOtherRequestHoldsNoPort(t *testing.T) {
	const body = "Content-Length: 5\r\n\r\nhello"
	onEachEngine(t, func(t *testing.T, e engine) {
		for name, request := range map[string]string{
			"GET with a body":               "GET / HTTP/1.1\r\nHost: a\r\n" + body,
			"GET with a chunked body":       "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
			"DELETE with a body":            "DELETE / HTTP/1.1\r\nHost: a\r\n" + body,
			"OPTIONS with a body":           "OPTIONS / HTTP/1.1\r\nHost: a\r\n" + body,
			"POST without a 100":            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n" + body,
			"a server that says it is over": "GET /close HTTP/1.1\r\nHost: a\r\n\r\n",
			"a client that closes":          "DELETE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + body,
		} {
			t.Run(name, func(t *testing.T) {
				ends := make(chan string, 1)
				b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
					head := readHead(reader)
					answer := defaultAnswer
					if strings.Contains(head, "/close") {
						answer = strings.Replace(answer, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)
					}
					io.WriteString(connection, answer)
					ends <- endOf(reader)
				}))
				c := b.dial()
				method, _, _ := strings.Cut(request, " ")
				c.send(request)
				if response, body := c.receive(method); response.StatusCode != 200 || body != "ok" {
					t.Fatalf("got %s, %q", response.Status, body)
				}
				if end := <-ends; end != "reset" {
					t.Errorf("the server's connection was %s, want it reset", end)
				}
			})
		}
	})
}

// A server that answers before it has been sent the whole body may read that body later: a reset could take it away.
func TestAServerThatAnsweredEarlyKeepsTheBodyItHasNotRead(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		ends, read := make(chan string, 1), make(chan struct{})
		b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
			readHead(reader)
			io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhe")
			<-read
			io.WriteString(connection, "re")
			ends <- endOf(reader)
		}))
		c := b.dial()
		c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
		response, err := http.ReadResponse(c.reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		c.send("hello")
		close(read)
		if body, err := io.ReadAll(response.Body); string(body) != "here" || err != nil {
			t.Fatalf("got %q, %v", body, err)
		}
		c.Close()
		if end := <-ends; end != "closed" {
			t.Errorf("the server's connection was %s, want it closed", end)
		}
	})
}
