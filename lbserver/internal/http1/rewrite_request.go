package http1

import (
	"net/netip"
	"strconv"
)

// RequestRewrite says what changes in a request's head between the client and the server.
type RequestRewrite struct {
	// CookieName is the name of the cookies that are removed from Cookie; "" removes nothing.
	CookieName string
	// ClientAddress, the address that the connection came from, is appended to X-Forwarded-For; the zero Addr leaves that
	// field as it came.
	ClientAddress netip.Addr
	// KeepForwarded keeps the fields of ForwardedFields that came with a value, as those of a trusted proxy. All other
	// fields that only a load balancer may set go even so: such a proxy may pass on what its client says in them.
	KeepForwarded bool
	// Forwarded is complete field lines (name, colon, value, CR LF) to add: the X-Forwarded-Proto and similar fields
	// that are configured.
	Forwarded []byte
	// ForwardedHost adds X-Forwarded-Host with the value of Host.
	ForwardedHost bool
	// DefaultHost is the Host for an HTTP/1.0 request without one (RFC 9112, 3.3).
	DefaultHost netip.AddrPort
}

// AppendTo appends to dst the head in buf as it is sent to the server: in HTTP/1.1 and origin form, without hop-by-hop
// fields, with the changes of rewrite, and with Host and Content-Length in their plainest form. All other fields keep
// their order and their bytes.
func (r *Request) AppendTo(dst, buf []byte, rewrite *RequestRewrite) []byte {
	dst = r.appendRequestLine(dst, buf)
	if r.hostField < 0 {
		dst = r.appendHost(append(dst, "Host: "...), buf, rewrite)
	}
	kept := r.lineEnd // start of a run of bytes that are copied as they are
	for i := range r.count {
		f := &r.fields[i]
		if r.passes(f, buf, rewrite) {
			continue
		}
		dst = append(dst, buf[kept:f.start]...)
		kept = int(f.end)
		switch f.kind {
		case kindCookie:
			dst = appendCookieField(dst, buf[f.start:f.end], f.value(buf), rewrite.CookieName)
		case kindMaxForwards:
			dst = append(dst, "Max-Forwards: "...)
			dst = strconv.AppendInt(dst, r.maxForwards-1, 10)
			dst = append(dst, "\r\n"...)
		case kindContentLength:
			dst = r.appendLength(dst)
		case kindHost:
			dst = append(dst, "Host: "...)
			dst = append(dst, f.value(buf)...)
			dst = append(dst, "\r\n"...)
		}
	}
	dst = append(dst, buf[kept:r.fieldsEnd()]...)
	return r.appendOwnFields(dst, buf, rewrite)
}

// passes reports whether a field line is copied unchanged.
func (r *Request) passes(f *field, buf []byte, rewrite *RequestRewrite) bool {
	switch f.kind {
	case kindOther:
		return !f.removed
	case kindConnection, kindHopByHop, kindTE, kindTransferEncoding, kindForwarded, kindProxy:
		return false
	case kindMaxForwards:
		return r.maxForwards < 0
	case kindContentLength:
		return f.plainLength(buf)
	case kindHost:
		return f.plain(buf)
	case kindUpgrade:
		return r.Upgrade()
	case kindExpect:
		return r.ExpectContinue || !equalFold(f.value(buf), "100-continue")
	case kindForwardedProto, kindForwardedPort, kindForwardedHost:
		return rewrite.KeepForwarded && f.valueEnd > f.valueStart
	case kindForwardedFor:
		return !rewrite.ClientAddress.IsValid()
	case kindCookie:
		if rewrite.CookieName == "" {
			return true
		}
		_, ours := findCookie(f.value(buf), 0, rewrite.CookieName)
		return !ours
	default:
		return true
	}
}

// appendRequestLine appends the request line in HTTP/1.1, with an absolute target turned into its path (RFC 9112,
// 3.2.1).
func (r *Request) appendRequestLine(dst, buf []byte) []byte {
	if r.authorityEnd == 0 && !r.Version10 && buf[r.lineEnd-3] == '1' {
		return append(dst, buf[r.start:r.lineEnd]...)
	}
	dst = append(dst, buf[r.start:r.methodEnd+1]...)
	target := buf[r.targetStart:r.targetEnd]
	if r.authorityEnd > 0 {
		target = buf[r.authorityEnd:r.targetEnd]
		switch {
		case len(target) == 0 && r.Method == MethodOptions:
			dst = append(dst, '*') // RFC 9112, 3.2.4
		case len(target) == 0 || target[0] != '/':
			dst = append(dst, '/')
		}
	}
	dst = append(dst, target...)
	return append(dst, " HTTP/1.1\r\n"...)
}

// appendOwnFields appends the fields that this load balancer adds, and the empty line.
func (r *Request) appendOwnFields(dst, buf []byte, rewrite *RequestRewrite) []byte {
	if rewrite.ClientAddress.IsValid() {
		dst = append(dst, "X-Forwarded-For: "...)
		for i := range r.count {
			if f := &r.fields[i]; f.kind == kindForwardedFor && f.valueEnd > f.valueStart {
				dst = append(dst, f.value(buf)...)
				dst = append(dst, ", "...)
			}
		}
		dst = rewrite.ClientAddress.AppendTo(dst)
		dst = append(dst, "\r\n"...)
	}
	dst = append(dst, rewrite.Forwarded...)
	if rewrite.ForwardedHost {
		dst = r.appendHost(append(dst, "X-Forwarded-Host: "...), buf, rewrite)
	}
	if r.Framing == FramingChunked {
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	switch trailers := r.trailersWanted; {
	case r.Upgrade() && trailers:
		dst = append(dst, "TE: trailers\r\nConnection: upgrade, te\r\n"...)
	case r.Upgrade():
		dst = append(dst, "Connection: upgrade\r\n"...)
	case trailers:
		dst = append(dst, "TE: trailers\r\nConnection: te\r\n"...)
	}
	return append(dst, "\r\n"...)
}

// appendLength appends Content-Length as it was read.
func (h *head) appendLength(dst []byte) []byte {
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, h.contentLength, 10)
	return append(dst, "\r\n"...)
}

// fieldsEnd returns where the empty line that ends the head starts.
func (h *head) fieldsEnd() int { return h.position }

// appendHost appends the host that the client asked for, or DefaultHost if it named none, and ends the line.
func (r *Request) appendHost(dst, buf []byte, rewrite *RequestRewrite) []byte {
	if host := r.Host(buf); host != nil {
		dst = append(dst, host...)
	} else {
		dst = rewrite.DefaultHost.AppendTo(dst)
	}
	return append(dst, "\r\n"...)
}
