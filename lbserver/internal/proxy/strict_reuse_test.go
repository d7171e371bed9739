package proxy_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
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
			if err != nil || !response.Close {
				t.Fatalf("%+v, %v; want one that closes", response, err)
			}
			c.send("hello")
			if body, err := io.ReadAll(response.Body); string(body) != "here" || err != nil {
				t.Fatalf("got %q, %v", body, err)
			}
			if number := <-numbers; number != i+1 {
				t.Errorf("request %d came on connection %d", i+1, number)
			}
		}
	})
}
