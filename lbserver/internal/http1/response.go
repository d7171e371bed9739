package http1

import "bytes"

// Response is the head of a response; see [Request] for how it and its buffer are used.
type Response struct {
	// Status is the status code, 100 to 999.
	Status int
	// Version10 is set if the server speaks HTTP/1.0.
	Version10 bool

	lineEnd   int // of the status line, with its line end
	textStart int // of " 200 OK" in the status line
	length    int // of the head, once it is complete

	head
}

var (
	errStatusLine    = &Error{400, "RFC 9112, 4", "the status line is not HTTP version, three digits and a reason"}
	errStatusInvalid = &Error{400, "RFC 9110, 15", "the status code is below 100"}
	errStatusVersion = &Error{505, "RFC 9112, 2.3", "the server answers in a version other than HTTP/1.0 and HTTP/1.1"}
)

// Reset makes r ready for a new head.
func (r *Response) Reset() {
	r.resetHead()
	r.forgiving = true
	r.Status, r.Version10, r.lineEnd, r.textStart, r.length = 0, false, 0, 0, 0
}

// Parse reads the head at the start of buf and returns its length, or 0 if more bytes are needed, like [Request.Parse].
// It overwrites obsolete line foldings in buf with spaces.
func (r *Response) Parse(buf []byte) (int, error) {
	window := buf[:min(len(buf), MaxHeadBytes)]
	if r.lineEnd == 0 {
		end, next, err := r.line(window)
		if err != nil {
			return 0, err
		}
		if end >= 0 {
			if err := r.readStatusLine(window[:end]); err != nil {
				return 0, err
			}
			r.lineEnd = next
			r.advance(next)
		}
	}
	if r.lineEnd > 0 {
		var err error
		if r.length, err = r.readFields(window); err != nil {
			return 0, err
		}
	}
	if r.length == 0 {
		if len(window) == MaxHeadBytes {
			return 0, errHeadTooLarge
		}
		return 0, nil
	}
	return r.length, r.judgeFraming(r.Version10)
}

// readStatusLine checks the status line. The space before an empty reason may be missing: some servers leave it out,
// and that is not ambiguous.
func (r *Response) readStatusLine(line []byte) error {
	const versionLength = len("HTTP/1.1")
	if len(line) < versionLength+len(" 200") || line[versionLength] != ' ' {
		return errStatusLine
	}
	major, minor, ok := parseVersion(line[:versionLength])
	if !ok {
		return errStatusLine
	}
	if major != 1 {
		return errStatusVersion
	}
	code, ok := parseDecimal(line[versionLength+1 : versionLength+4])
	if !ok || len(line) > versionLength+4 && line[versionLength+4] != ' ' {
		return errStatusLine
	}
	if code < 100 {
		return errStatusInvalid
	}
	r.Status, r.Version10, r.textStart = int(code), minor == 0, versionLength
	return nil
}

// Framing returns how the body of this response to a request with the given method ends (RFC 9112, 6.3).
func (r *Response) Framing(method Method) Framing {
	switch {
	case r.Bodiless(method):
		return FramingNone
	case r.hasCoding:
		return FramingChunked
	case r.hasLength && r.contentLength == 0:
		return FramingNone
	case r.hasLength:
		return FramingLength
	default:
		return FramingUntilClose
	}
}

// Bodiless reports whether the response to a request with a method has no body by rule, whatever its fields say (RFC 9112, 6.3,
// rule 1).
func (r *Response) Bodiless(method Method) bool {
	return r.Status < 200 || r.Status == 204 || r.Status == 304 || method == MethodHead
}

// Interim reports whether this is a 1xx response that another response follows. 101 is final: another protocol follows
// it.
func (r *Response) Interim() bool { return r.Status < 200 && r.Status != 101 }

// KeepAlive reports whether the server keeps the connection open after this response (RFC 9112, 9.3). FramingUntilClose
// rules that out too; KeepAlive does not check it.
func (r *Response) KeepAlive() bool { return r.persistent(r.Version10) }

// ContentLength returns the value of Content-Length, in bytes; 0 if there is none.
func (r *Response) ContentLength() int64 { return r.contentLength }

// Upgrade reports whether this is a 101 response that names the protocol it changes to (RFC 9110, 15.2.2).
func (r *Response) Upgrade() bool { return r.Status == 101 && r.mayUpgrade() }

// Takes reports whether the response changes to protocols that the request, whose head is in asked, offered, and to no
// other (RFC 9110, 7.8).
func (r *Response) Takes(buf []byte, request *Request, asked []byte) bool {
	if !r.Upgrade() || !request.Upgrade() {
		return false
	}
	changes := false
	for taken := range r.protocols(buf) {
		changes = false
		for offered := range request.protocols(asked) {
			changes = changes || bytes.EqualFold(offered, taken)
		}
		if !changes {
			break
		}
	}
	return changes
}

// Length returns the length in bytes of the head that Parse has read.
func (r *Response) Length() int { return r.length }
