package http1

import "bytes"

// Method is a request method. Only the methods that matter here are distinguished.
type Method uint8

// The methods of RFC 9110, 9.3, and MethodOther for the rest.
const (
	MethodOther Method = iota
	MethodGet
	MethodHead
	MethodPost
	MethodPut
	MethodDelete
	MethodOptions
	MethodTrace
	MethodConnect
)

// Idempotent reports whether a request with this method may be sent again if it is unknown whether the server acted on
// it (RFC 9110, 9.2.2).
func (m Method) Idempotent() bool {
	switch m {
	case MethodGet, MethodHead, MethodPut, MethodDelete, MethodOptions, MethodTrace:
		return true
	default:
		return false
	}
}

// ContentUndefined reports whether content has no generally defined meaning in requests with this method (RFC 9110,
// 9.3.1, 9.3.2 and 9.3.5; 9.3.7 defines no use of any): a server may leave it unread.
func (m Method) ContentUndefined() bool {
	switch m {
	case MethodGet, MethodHead, MethodDelete, MethodOptions:
		return true
	default:
		return false
	}
}

// Request is the head of a request. It holds offsets into the buffer that Parse was given: methods that take buf need
// that same buffer, or a longer or moved one that begins with the same bytes. Reset makes it ready for the next
// request.
type Request struct {
	// Method is the request's method.
	Method Method
	// Version10 is set for an HTTP/1.0 request. Minor versions above 1 are treated as 1 (RFC 9110, 2.5).
	Version10 bool
	// Framing is FramingNone, FramingLength or FramingChunked.
	Framing Framing
	// ExpectContinue is set if the client waits for 100 before it sends its body. It is false if there is no body, and
	// for HTTP/1.0 (RFC 9110, 10.1.1).
	ExpectContinue bool
	// Expects is set if a request with a body has an Expect field of any kind: its server may answer without reading
	// the body.
	Expects bool

	start                  int // of the request line, after an empty line
	methodEnd              int
	targetStart, targetEnd int
	lineEnd                int // of the request line, with its CR LF
	// authorityEnd is the end of the authority of a target in absolute form; 0 for the other forms.
	authorityStart, authorityEnd int
	defaultPort                  string // of the target's scheme
	hostField                    int    // index in fields, -1 if there is none
	maxForwards                  int64  // of OPTIONS and TRACE, -1 if there is none
	trailersWanted               bool

	head
}

var (
	errMethodInvalid    = &Error{400, "RFC 9112, 3", "the request line does not start with a method"}
	errMethodTooLong    = &Error{501, "RFC 9112, 3", "the method is longer than 64 bytes"}
	errMethodConnect    = &Error{501, "RFC 9110, 9.3.6", "CONNECT is not offered: this is no tunnel"}
	errRequestLine      = &Error{400, "RFC 9112, 3", "the request line is not method, target and version with one space between"}
	errTargetInvalid    = &Error{400, "RFC 9112, 3.2", "the request target contains a byte that no URI may contain"}
	errTargetForm       = &Error{400, "RFC 9112, 3.2", "the request target is neither a path nor an absolute http URI"}
	errTargetAsterisk   = &Error{400, "RFC 9112, 3.2.4", "the request target * is for OPTIONS only"}
	errVersionInvalid   = &Error{400, "RFC 9112, 2.3", "the HTTP version is malformed"}
	errVersionUnknown   = &Error{505, "RFC 9110, 15.6.6", "only HTTP/1.0 and HTTP/1.1 are spoken here"}
	errHostMissing      = &Error{400, "RFC 9112, 3.2", "an HTTP/1.1 request has no Host"}
	errHostTwice        = &Error{400, "RFC 9112, 3.2", "Host is given more than once"}
	errHostInvalid      = &Error{400, "RFC 9112, 3.2", "Host is not a host name or address with an optional port"}
	errHostDiffers      = &Error{400, "RFC 9112, 3.2.2", "Host differs from the authority of the request target"}
	errFramingTwin      = &Error{400, "RFC 9112, 6.3", "a field is named like one that frames the body, with another byte for -"}
	errMaxForwards      = &Error{400, "RFC 9110, 7.6.2", "Max-Forwards is not one decimal number"}
	errTraceContent     = &Error{400, "RFC 9110, 9.3.8", "a TRACE has content"}
	errAuthorityInvalid = &Error{400, "RFC 9110, 4.2", "the authority of the request target is not a host with an optional port"}
)

// Reset makes r ready for a new head.
func (r *Request) Reset() {
	r.resetHead()
	r.Method, r.Version10, r.Framing, r.ExpectContinue, r.Expects = MethodOther, false, FramingNone, false, false
	r.start, r.methodEnd, r.targetStart, r.targetEnd, r.lineEnd = 0, 0, 0, 0, 0
	r.authorityStart, r.authorityEnd, r.defaultPort = 0, 0, ""
	r.hostField, r.maxForwards, r.trailersWanted = -1, -1, false
}

// Parse reads the head at the start of buf and returns the head's length. 0 without an error means that more bytes are
// needed: call Parse again with the same bytes followed by more. It then reads only the new bytes. An error is always
// an [*Error] with the status to answer; the connection must then be closed.
func (r *Request) Parse(buf []byte) (int, error) {
	window := buf[:min(len(buf), MaxHeadBytes)]
	if r.lineEnd == 0 {
		if ok, err := r.readRequestLine(window); !ok {
			return 0, err
		}
	}
	length, err := r.readFields(window)
	if err != nil {
		return 0, err
	}
	if length == 0 {
		if len(window) == MaxHeadBytes {
			return 0, errHeadTooLarge
		}
		return 0, nil
	}
	return length, r.judge(window)
}

// readRequestLine reads up to the end of the request line. It skips one empty line before it (RFC 9112, 2.2).
func (r *Request) readRequestLine(buf []byte) (bool, error) {
	end, next, err := r.line(buf)
	if end == 0 && r.start == 0 {
		r.advance(next)
		r.start = r.position
		end, next, err = r.line(buf)
	}
	if err != nil {
		return false, err
	}
	if end < 0 {
		return false, r.judgePartialLine(buf[r.start:])
	}
	if err := r.readMethod(buf, end); err != nil {
		return false, err
	}
	r.targetStart = r.methodEnd + 1
	length := bytes.IndexByte(buf[r.targetStart:end], ' ')
	if length < 0 {
		return false, errRequestLine
	}
	r.targetEnd = r.targetStart + length
	if err := r.readVersion(buf[r.targetEnd+1 : end]); err != nil {
		return false, err
	}
	if err := r.readTarget(buf); err != nil {
		return false, err
	}
	r.lineEnd = next
	r.advance(next)
	return true, nil
}

// judgePartialLine refuses early a line that can't become a request line within the limits.
func (r *Request) judgePartialLine(line []byte) error {
	method := bytes.IndexByte(line[:min(len(line), MaxMethodBytes+1)], ' ')
	switch {
	case method < 0 && len(line) > MaxMethodBytes:
		return errMethodTooLong
	case len(line) > method+1+MaxTargetBytes+len(" HTTP/1.1\r"):
		return errTargetTooLong
	}
	return nil
}

func (r *Request) readMethod(buf []byte, end int) error {
	i := r.start
	for i < end && classes[buf[i]]&classToken != 0 {
		i++
	}
	if i == r.start || i == end || buf[i] != ' ' {
		return errMethodInvalid
	}
	if i-r.start > MaxMethodBytes {
		return errMethodTooLong
	}
	r.methodEnd = i
	switch string(buf[r.start:i]) {
	case "GET":
		r.Method = MethodGet
	case "HEAD":
		r.Method = MethodHead
	case "POST":
		r.Method = MethodPost
	case "PUT":
		r.Method = MethodPut
	case "DELETE":
		r.Method = MethodDelete
	case "OPTIONS":
		r.Method = MethodOptions
	case "TRACE":
		r.Method = MethodTrace
	case "CONNECT":
		return errMethodConnect
	}
	return nil
}

// readVersion checks HTTP-version (RFC 9112, 2.3).
func (r *Request) readVersion(version []byte) error {
	if bytes.IndexByte(version, ' ') >= 0 {
		return errRequestLine
	}
	major, minor, ok := parseVersion(version)
	if !ok {
		return errVersionInvalid
	}
	if major != 1 {
		return errVersionUnknown
	}
	r.Version10 = minor == 0
	return nil
}

func parseVersion(b []byte) (major, minor byte, ok bool) {
	if len(b) != len("HTTP/1.1") || string(b[:5]) != "HTTP/" || b[6] != '.' {
		return 0, 0, false
	}
	major, minor = b[5]-'0', b[7]-'0'
	return major, minor, major <= 9 && minor <= 9
}

// readTarget checks the request target (RFC 9112, 3.2).
func (r *Request) readTarget(buf []byte) error {
	target := buf[r.targetStart:r.targetEnd]
	switch {
	case len(target) > MaxTargetBytes:
		return errTargetTooLong
	case len(target) == 0:
		return errRequestLine
	case !allOf(target, classTarget):
		return errTargetInvalid
	case target[0] == '/':
		return nil
	case len(target) == 1 && target[0] == '*':
		if r.Method != MethodOptions {
			return errTargetAsterisk
		}
		return nil
	}
	var scheme int
	switch {
	case len(target) > 7 && equalFold(target[:7], "http://"):
		scheme, r.defaultPort = 7, "80" // RFC 9110, 4.2.1
	case len(target) > 8 && equalFold(target[:8], "https://"):
		scheme, r.defaultPort = 8, "443" // RFC 9110, 4.2.2
	default:
		return errTargetForm
	}
	authority := target[scheme:]
	if end := bytes.IndexAny(authority, "/?"); end >= 0 {
		authority = authority[:end]
	}
	if !validHost(authority) || len(withoutPort(authority, r.defaultPort)) == 0 {
		return errAuthorityInvalid
	}
	r.authorityStart = r.targetStart + scheme
	r.authorityEnd = r.authorityStart + len(authority)
	return nil
}

// judge applies the rules that need the whole head.
func (r *Request) judge(buf []byte) error {
	if err := r.judgeFraming(r.Version10); err != nil {
		return err
	}
	switch {
	case r.hasCoding:
		r.Framing = FramingChunked
	case r.hasLength && r.contentLength > 0:
		r.Framing = FramingLength
	}
	for i := range r.count {
		switch f := &r.fields[i]; f.kind {
		case kindHost:
			if r.hostField >= 0 {
				return errHostTwice
			}
			r.hostField = i
		case kindFramingTwin:
			return errFramingTwin
		case kindMaxForwards:
			if err := r.readMaxForwards(f.value(buf)); err != nil {
				return err
			}
		case kindExpect:
			r.Expects = r.Framing != FramingNone
			r.ExpectContinue = r.ExpectContinue || equalFold(f.value(buf), "100-continue")
		case kindTE:
			r.trailersWanted = r.trailersWanted || listsTrailers(f.value(buf))
		}
	}
	if r.Version10 || r.Framing == FramingNone {
		r.ExpectContinue = false
	}
	if r.Method == MethodTrace && r.Framing != FramingNone {
		return errTraceContent
	}
	return r.judgeHost(buf)
}

func (r *Request) readMaxForwards(value []byte) error {
	if r.Method != MethodOptions && r.Method != MethodTrace {
		return nil
	}
	count, ok := parseDecimal(value)
	if !ok || r.maxForwards >= 0 {
		return errMaxForwards
	}
	r.maxForwards = count
	return nil
}

func (r *Request) judgeHost(buf []byte) error {
	if r.hostField < 0 {
		if !r.Version10 {
			return errHostMissing
		}
		return nil
	}
	host := r.fields[r.hostField].value(buf)
	if !validHost(host) {
		return errHostInvalid
	}
	if r.authorityEnd > 0 {
		authority := buf[r.authorityStart:r.authorityEnd]
		if !equalFoldBytes(withoutPort(host, r.defaultPort), withoutPort(authority, r.defaultPort)) {
			return errHostDiffers
		}
	}
	return nil
}

// withoutPort cuts an empty port, or the default one, off a valid host: either means the same as none (RFC 9110, 4.2.3).
func withoutPort(host []byte, defaultPort string) []byte {
	colon := bytes.LastIndexByte(host, ':')
	if colon >= 0 && (colon == len(host)-1 || string(host[colon+1:]) == defaultPort) {
		return host[:colon]
	}
	return host
}

// validHost reports whether host is uri-host [ ":" port ] (RFC 9110, 7.2). An empty one is valid.
func validHost(host []byte) bool {
	if !allOf(host, classHost) {
		return false
	}
	name := host
	if len(host) > 0 && host[0] == '[' {
		end := bytes.IndexByte(host, ']')
		if end < 0 || bytes.IndexByte(host[1:end], '[') >= 0 {
			return false
		}
		name = host[end+1:]
		if len(name) > 0 && name[0] != ':' {
			return false
		}
	}
	if bytes.ContainsAny(name, "[]") {
		return false
	}
	colon := bytes.IndexByte(name, ':')
	if colon < 0 {
		return true
	}
	for _, c := range name[colon+1:] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// listsTrailers reports whether a TE list contains "trailers" (RFC 9110, 10.1.4).
func listsTrailers(list []byte) bool {
	for len(list) > 0 {
		var element []byte
		if element, list = nextElement(list); equalFold(element, "trailers") {
			return true
		}
	}
	return false
}

// KeepAlive reports whether the client keeps the connection open after this request (RFC 9112, 9.3).
func (r *Request) KeepAlive() bool { return r.persistent(r.Version10) }

// ContentLength returns the length in bytes of a body with FramingLength, otherwise 0.
func (r *Request) ContentLength() int64 { return r.contentLength }

// Upgrade reports whether the request asks for another protocol that may be passed through (RFC 9110, 7.8; never for
// 1.0).
func (r *Request) Upgrade() bool { return !r.Version10 && r.mayUpgrade() }

// ForwardsExhausted reports whether this is an OPTIONS or TRACE request that must not be forwarded further (RFC 9110,
// 7.6.2).
func (r *Request) ForwardsExhausted() bool { return r.maxForwards == 0 }

// MethodText returns the method as sent.
func (r *Request) MethodText(buf []byte) []byte { return buf[r.start:r.methodEnd] }

// Target returns the request target as sent.
func (r *Request) Target(buf []byte) []byte { return buf[r.targetStart:r.targetEnd] }

// Host returns the value of Host. If an HTTP/1.0 request has none, it returns the authority of the target, or nil.
func (r *Request) Host(buf []byte) []byte {
	switch {
	case r.hostField >= 0:
		return r.fields[r.hostField].value(buf)
	case r.authorityEnd > 0:
		return buf[r.authorityStart:r.authorityEnd]
	default:
		return nil
	}
}

// Field returns the value of the first field with this lower-case name, or nil. It is for access logs and routing.
func (r *Request) Field(buf []byte, name string) []byte {
	for i := range r.count {
		if f := &r.fields[i]; equalFold(f.name(buf), name) {
			return f.value(buf)
		}
	}
	return nil
}
