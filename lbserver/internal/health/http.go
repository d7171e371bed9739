package health

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// What a probe reads at most: one line of a response's head, and lines of interim (1xx) responses before the final one.
const (
	maxLineBytes    = 1024
	maxInterimLines = 64
)

// requestOf builds the request of a check. Path and domain have passed lbapi's rules, so neither can hold a line end or a
// space. HTTP/1.1 demands a Host field (RFC 9112, 3.2); without a domain it is the server's address.
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

// formatError says why bytes are no HTTP/1.x response.
type formatError struct{ text string }

func (e *formatError) Error() string { return e.text }

// readStatus reads a response up to the status line of the final one and returns its status. begun says whether any byte
// came. An error is a *formatError or the connection's.
func readStatus(connection io.Reader) (status int, begun bool, err error) {
	reader := bufio.NewReaderSize(connection, maxLineBytes)
	for range maxInterimLines {
		line, err := reader.ReadSlice('\n')
		begun = begun || len(line) > 0
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) && couldBeStatusLine(line) {
			return 0, begun, err
		}
		status, ok := parseStatusLine(line)
		if !ok {
			return 0, begun, &formatError{fmt.Sprintf("not an HTTP response: it begins with %.40q", line)}
		}
		if status >= 200 || status == 101 {
			return status, begun, nil
		}
		if err := skipFields(reader); err != nil {
			return 0, begun, err
		}
	}
	return 0, begun, &formatError{"too many interim responses"}
}

// skipFields reads to the end of an interim response's head.
func skipFields(reader *bufio.Reader) error {
	for range maxInterimLines {
		line, err := reader.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return &formatError{fmt.Sprintf("a line of an interim response is longer than %d bytes", maxLineBytes)}
		}
		if err != nil {
			return err
		}
		if string(line) == "\r\n" {
			return nil
		}
	}
	return &formatError{fmt.Sprintf("an interim response has more than %d lines", maxInterimLines)}
}

const statusLineStart = "HTTP/1."

// couldBeStatusLine tells whether a line that was cut off may have been going to be a status line.
func couldBeStatusLine(line []byte) bool {
	n := min(len(line), len(statusLineStart))
	return string(line[:n]) == statusLineStart[:n]
}

// parseStatusLine reads a status line (RFC 9112, 4) as strictly as the data plane does: a server that passes here must be
// able to pass there. The space before an empty reason may be missing.
func parseStatusLine(line []byte) (status int, ok bool) {
	const (
		minor = len(statusLineStart)
		code  = minor + len("1 ")
		end   = code + len("200")
	)
	if len(line) < end+len("\r\n") || !couldBeStatusLine(line) || string(line[len(line)-2:]) != "\r\n" {
		return 0, false
	}
	if line[minor] < '0' || line[minor] > '9' || line[minor+1] != ' ' {
		return 0, false
	}
	for _, digit := range line[code:end] {
		if digit < '0' || digit > '9' {
			return 0, false
		}
		status = status*10 + int(digit-'0')
	}
	reason := line[end : len(line)-2]
	if status < 100 || len(reason) > 0 && reason[0] != ' ' {
		return 0, false
	}
	for _, c := range reason {
		if c < ' ' && c != '\t' || c == 0x7f {
			return 0, false
		}
	}
	return status, true
}
