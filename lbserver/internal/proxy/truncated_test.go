package proxy_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// A body that ends with its connection must not seem whole to a client that was cut off for reading nothing (RFC 9112, 8).
func TestAResponseUntilCloseThatIsCutOffIsNoWholeOne(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		const size = 64 << 20
		b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
			readHead(reader)
			_, err := io.WriteString(connection, "HTTP/1.1 200 OK\r\n\r\n")
			piece := bytes.Repeat([]byte("x"), 64<<10)
			for sent := 0; sent < size && err == nil; sent += len(piece) {
				_, err = connection.Write(piece)
			}
		}))
		b.changeListener(func(l *lbapi.Listener) { l.IdleTimeout = 1 })
		c := b.dial()
		c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		eventually(t, "the cut in the log", func() bool { return len(b.log.all()) == 1 })
		if n, err := io.Copy(io.Discard, c.reader); err == nil {
			t.Errorf("%d of %d bytes came, and then an end as after the whole", n, size)
		}
	})
}

func TestAResponseUntilCloseThatTheDrainTimeoutEndsIsNoWholeOne(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		stop := make(chan struct{})
		defer close(stop)
		b := e.newBedWith(t, options{DrainTimeout: 300 * time.Millisecond}, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
			readHead(reader)
			if _, err := io.WriteString(connection, "HTTP/1.1 200 OK\r\n\r\nfirst half"); err != nil {
				t.Error(err)
			}
			<-stop
		}))
		c := b.dial()
		c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		readHead(c.reader)
		b.changeListener(func(l *lbapi.Listener) { l.Status = lbapi.Off })
		if all, err := io.ReadAll(c.reader); err == nil {
			t.Errorf("%q came, and then an end as after the whole", all)
		}
	})
}
