package proxy_test

import (
	"bufio"
	"io"
	"net"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
)

func TestIdleConnectionsToAServerCloseWhenItIsUnhealthyOrGone(t *testing.T) {
	onEachEngine(t, testIdleConnectionsToAServerCloseWhenItIsUnhealthyOrGone)
}

func testIdleConnectionsToAServerCloseWhenItIsUnhealthyOrGone(t *testing.T, e engine) {
	closed := make(chan int, 10)
	b := e.newBed(t, rawServer(t, func(number int, connection *net.TCPConn, reader *bufio.Reader) {
		for readHead(reader) != "" {
			_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
		closed <- number
	}))
	c := b.dial()
	c.get("/")
	server := b.service().Eligible().Servers[0]
	// The connection is kept before the request counts as ended; on goroutines, that is after the client has its answer.
	eventually(t, "the request has ended", func() bool { return server.InFlight.Load() == 0 })
	server.SetVerdict(service.Verdict{Status: lbapi.Unhealthy})
	if number := <-closed; number != 1 {
		t.Errorf("connection %d closed, want the first", number)
	}
	server.SetVerdict(service.Verdict{Status: lbapi.Healthy})
	c.get("/")
	b.changeServers(groupOf(t, named(t, "another")))
	if number := <-closed; number != 2 {
		t.Errorf("connection %d closed, want the second", number)
	}
}
