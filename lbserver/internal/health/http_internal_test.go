package health

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func FuzzReadStatus(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\n", "HTTP/1.0 404\r\n\r\n", "HTTP/1.1 100 \r\nA: b\r\n\r\nHTTP/1.1 204 \r\n", "HTTP/1.1 2", "", "\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, response []byte) {
		status, begun, err := new(heads).get().readStatus(bytes.NewReader(response))
		var malformed *formatError
		switch {
		case begun != (len(response) > 0):
			t.Errorf("begun is %v for %q", begun, response)
		case err == nil && (status < 101 || status > 999 || !bytes.HasPrefix(response, []byte("HTTP/1."))):
			t.Errorf("status %d of %q", status, response)
		case err != nil && !errors.Is(err, io.EOF) && !errors.As(err, &malformed):
			t.Errorf("%q: %v", response, err)
		}
	})
}
