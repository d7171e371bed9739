package http1

import "slices"

// ResponseRewrite says what changes in a response's head between the server and the client.
type ResponseRewrite struct {
	// CookieName is the name of the cookie that a server may not set; "" lets it set all.
	CookieName string
	// SetCookie is a complete Set-Cookie field line (with CR LF) to add, or nil. A response with one is kept out of
	// shared caches; one without keeps its Cache-Control.
	SetCookie []byte
	// Method is the method of the request.
	Method Method
	// Version10 is set if the client speaks HTTP/1.0: it gets no transfer coding.
	Version10 bool
	// KeepAlive is set if the connection to the client stays open after this response.
	KeepAlive bool
}

// AppendTo appends to dst the head in buf as it is sent to the client: in HTTP/1.1, without hop-by-hop fields, with the
// changes of rewrite, and with Content-Length in its plainest form. All other fields keep their order and their bytes.
func (r *Response) AppendTo(dst, buf []byte, rewrite *ResponseRewrite) []byte {
	start := len(dst)
	dst = append(dst, "HTTP/1.1"...)
	private := rewrite.SetCookie != nil && !r.forbidsSharedCaching(buf) // Cache-Control changes
	kept := r.textStart                                                 // start of a run of bytes that are copied as they are
	for i := range r.count {
		f := &r.fields[i]
		if r.passes(f, buf, rewrite, private) {
			continue
		}
		dst = append(dst, buf[kept:f.start]...)
		kept = int(f.end)
		switch {
		case f.kind == kindCacheControl:
			dst = appendWithoutInvitations(dst, buf[f.start:f.end], f.value(buf))
		case f.kind == kindOther && !f.removed: // passes found that it invites a shared cache
			dst = appendNoStore(dst, f.name(buf), f.value(buf))
		case f.kind == kindContentLength && !f.removed && !r.forbidsFraming():
			dst = r.appendLength(dst)
		}
	}
	dst = append(dst, buf[kept:r.fieldsEnd()]...)
	if r.bareLF {
		dst = withCRs(dst, start)
	}
	if private {
		dst = append(dst, "Cache-Control: private\r\n"...)
	}
	dst = append(dst, rewrite.SetCookie...)
	if r.hasCoding && !rewrite.Version10 && !r.forbidsFraming() {
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	switch {
	case r.Interim():
	case r.Upgrade():
		dst = append(dst, "Connection: upgrade\r\n"...)
	case r.upgradeRequired() && rewrite.KeepAlive && rewrite.Version10:
		dst = append(dst, "Connection: upgrade, keep-alive\r\n"...)
	case r.upgradeRequired() && rewrite.KeepAlive:
		dst = append(dst, "Connection: upgrade\r\n"...)
	case r.upgradeRequired():
		dst = append(dst, "Connection: upgrade, close\r\n"...)
	case !rewrite.KeepAlive:
		dst = append(dst, "Connection: close\r\n"...)
	case rewrite.Version10:
		dst = append(dst, "Connection: keep-alive\r\n"...)
	}
	return append(dst, "\r\n"...)
}

// withCRs puts a CR before each LF in dst[start:] that has none.
func withCRs(dst []byte, start int) []byte {
	missing := 0
	for i := start; i < len(dst); i++ {
		if dst[i] == '\n' && dst[i-1] != '\r' {
			missing++
		}
	}
	from := len(dst)
	dst = slices.Grow(dst, missing)[:from+missing]
	for to := len(dst); from < to; {
		from--
		to--
		dst[to] = dst[from]
		if dst[from] == '\n' && dst[from-1] != '\r' {
			to--
			dst[to] = '\r'
		}
	}
	return dst
}

// passes reports whether a field line is copied unchanged.
func (r *Response) passes(f *field, buf []byte, rewrite *ResponseRewrite, private bool) bool {
	switch f.kind {
	case kindOther:
		return !f.removed && (rewrite.SetCookie == nil || !targetsSharedCache(f.name(buf)))
	case kindConnection, kindHopByHop, kindTE, kindTransferEncoding:
		return false
	case kindContentLength:
		return !f.removed && !r.forbidsFraming() && f.plainLength(buf)
	case kindUpgrade:
		return r.Upgrade() || r.upgradeRequired()
	case kindTrailer:
		return !rewrite.Version10
	case kindSetCookie:
		return rewrite.CookieName == "" || !setsCookie(f.value(buf), rewrite.CookieName)
	case kindCacheControl:
		return !private
	default:
		return true
	}
}

// forbidsFraming reports whether a response with this status must not carry Content-Length or Transfer-Encoding (RFC
// 9110, 8.6; RFC 9112, 6.1).
func (r *Response) forbidsFraming() bool { return r.Status < 200 || r.Status == 204 }

// upgradeRequired reports whether this is a 426 response that names the protocol it requires. The client must learn it
// (RFC 9110, 15.5.22), even if the server forgot to name Upgrade in Connection, and whether we pass that protocol on or
// not. On other responses Upgrade only advertises what the next hop could do (7.8), and goes.
func (r *Response) upgradeRequired() bool { return r.Status == 426 && r.hasUpgrade }

func (r *Response) forbidsSharedCaching(buf []byte) bool {
	for i := range r.count {
		if f := &r.fields[i]; f.kind == kindCacheControl && forbidsSharedCaching(f.value(buf)) {
			return true
		}
	}
	return false
}
