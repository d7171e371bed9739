package health

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/http1"
)

// headBuffer holds most response heads in one piece.
const headBuffer = 2 << 10

// maxAnswer bounds how many bytes of an answer's body a check reads.
const maxAnswer = 64 << 10

// requestOf builds the request of a check. Path and domain have passed lbapi's rules, so neither can contain a line end
// or a space. HTTP/1.1 requires a Host field (RFC 9112, 3.2); without a domain it is the server's address.
func requestOf(target *target) []byte {
	version, host := "HTTP/1.0", target.domain
	if target.version == lbapi.HTTP11 {
		version = "HTTP/1.1"
		if host == "" {
			host = target.address
		}
	}
	request := append(make([]byte, 0, len(target.path)+len(host)+128), "GET "+target.path+" "+version+"\r\n"...)
	if host != "" {
		request = append(request, "Host: "+host+"\r\n"...)
	}
	return append(request, "User-Agent: lbserver-health-check\r\nAccept: */*\r\nConnection: close\r\n\r\n"...)
}

// formatError says why the bytes received are not an HTTP/1.x response.
type formatError struct{ text string }

func (e *formatError) Error() string { return e.text }

// head is the state for reading a response's head. It is pooled because it is too large for the stacks of thousands of
// checks.
type head struct {
	response http1.Response
	buffer   []byte
}

// heads is a free list of heads.
type heads struct{ pool sync.Pool }

func (h *heads) get() *head {
	if free, ok := h.pool.Get().(*head); ok {
		return free
	}
	return &head{buffer: make([]byte, headBuffer)}
}

func (h *heads) put(used *head) { h.pool.Put(used) }

// readStatus reads to the end of the final response's head, as strictly as the data plane does: a server that passes
// its check must be able to answer there. begun reports whether any byte arrived. An error is a *formatError or the
// connection's.
func (h *head) readStatus(connection io.Reader) (status int, begun bool, err error) {
	response, read := &h.response, 0
	response.Reset()
	for interim := 0; ; {
		n, err := response.Parse(h.buffer[:read])
		switch {
		case err != nil:
			return 0, true, notHTTP(err.Error(), h.buffer[:read])
		case n > 0 && !response.Interim():
			return response.Status, true, nil
		case n > 0:
			if interim++; interim > http1.MaxInterim {
				return 0, true, &formatError{"too many interim responses"}
			}
			read = copy(h.buffer, h.buffer[n:read])
			response.Reset()
			continue
		case read == len(h.buffer):
			h.buffer = append(h.buffer, make([]byte, len(h.buffer))...) // Parse limits this growth
		}
		count, err := connection.Read(h.buffer[read:])
		read += count
		begun = begun || count > 0
		switch {
		case count > 0 || err == nil:
		case !couldBeStatusLine(h.buffer[:read]):
			return 0, begun, notHTTP("there is no status line", h.buffer[:read])
		default:
			return 0, begun, err
		}
	}
}

// readToEnd reads the rest of an answer up to the end of the connection, which the request has asked the server for, and
// reports whether it came to that within maxAnswer bytes and the connection's deadline.
func (h *head) readToEnd(connection io.Reader) bool {
	for read := 0; read < maxAnswer; {
		n, err := connection.Read(h.buffer)
		if err != nil {
			return errors.Is(err, io.EOF)
		}
		read += n
	}
	return false
}

func notHTTP(why string, begins []byte) error {
	return &formatError{fmt.Sprintf("not an HTTP response: %s; it begins with %.40q", why, begins)}
}

// couldBeStatusLine reports whether a response that was cut off may have been the start of a status line.
func couldBeStatusLine(begins []byte) bool {
	const start = "HTTP/1."
	n := min(len(begins), len(start))
	return string(begins[:n]) == start[:n]
}
