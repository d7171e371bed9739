package http1

import "bytes"

// kind is how this package treats a field.
type kind uint8

const (
	kindOther kind = iota
	// kindEndToEnd are fields that no Connection option may remove: whoever could strip them from another client's
	// request, or from the requests to a server that relies on them, would change their meaning. RFC 9110, 7.6.1
	// forbids senders to list them.
	//
	// Via is one of them and is sent on unchanged. RFC 9110, 7.6.3 asks a gateway to add one; we don't: HAProxy and
	// nginx add none either, and servers treat a request with Via as one from a forward proxy (nginx's gzip_proxied: no
	// compression).
	kindEndToEnd
	kindHost
	kindConnection
	kindContentLength
	kindTransferEncoding
	kindExpect
	kindUpgrade
	kindHopByHop // Keep-Alive, Proxy-Connection: RFC 9110, 7.6.1
	// kindProxy is Proxy, which no specification defines. CGI servers turn it into the variable HTTP_PROXY (RFC 3875,
	// 4.1.18), which many programs use to choose the proxy of their own requests. So a client's is removed.
	kindProxy
	// kindMaxForwards limits how far OPTIONS and TRACE are forwarded (RFC 9110, 7.6.2); other requests ignore it.
	kindMaxForwards
	kindTE // only "trailers" is sent on: RFC 9110, 10.1.4
	kindTrailer
	kindCookie
	kindSetCookie
	kindCacheControl
	kindForwardedFor
	// kindForwardedProto, kindForwardedPort and kindForwardedHost are like kindForwarded for clients, and kept from a
	// trusted proxy.
	kindForwardedProto
	kindForwardedPort
	kindForwardedHost
	// kindForwarded are the fields that only a load balancer may set. A client's are always removed, and so are all
	// spellings with another byte in place of "-": CGI servers can't distinguish "_" from "-", and some turn every byte
	// except letters and digits into "_" (lighttpd). Some of them this load balancer never sets (Forwarded, RFC 7239;
	// X-Real-IP; X-Forwarded-Ssl, X-Forwarded-Scheme and Front-End-Https, which frameworks read as X-Forwarded-Proto).
	kindForwarded
	// kindFramingTwin is a field whose name becomes that of a framing field if "_", or another byte, is taken for "-".
	// CGI servers do that (RFC 3875, 4.1.18; see kindForwarded). A request with one is refused: it could have another
	// length for the server than for us, and nobody sends one in good faith.
	kindFramingTwin
)

// field is one field line, as offsets in the caller's buffer, which is at most MaxHeadBytes long.
type field struct {
	start      uint32 // of the line and of the name
	end        uint32 // of the line with its CR LF, or bare LF
	valueStart uint32
	valueEnd   uint32
	nameLength uint16
	kind       kind
	removed    bool // named by a Connection option, or a Content-Length that has been given before
}

func (f *field) name(buf []byte) []byte  { return buf[f.start : f.start+uint32(f.nameLength)] }
func (f *field) value(buf []byte) []byte { return buf[f.valueStart:f.valueEnd] }

// plain reports whether the line consists of the name, a colon, at most one space and the value: no other white space
// (RFC 9112, 5), which a careless reader could take for a part of the value.
func (f *field) plain(buf []byte) bool {
	spaces := f.valueStart - f.start - uint32(f.nameLength) - uint32(len(":"))
	return f.valueEnd == f.end-uint32(len("\r\n")) && buf[f.valueEnd] == '\r' &&
		(spaces == 0 || spaces == 1 && buf[f.valueStart-1] == ' ')
}

// plainLength is plain for a Content-Length, which must also be one number, without leading zeros: some readers take
// those for octal.
func (f *field) plainLength(buf []byte) bool {
	value := f.value(buf)
	return f.plain(buf) && (value[0] != '0' || len(value) == 1) && bytes.IndexByte(value, ',') < 0
}

// kindOf returns the kind of the field with this name.
func kindOf(name []byte) kind {
	switch lower[name[0]] {
	case 'h':
		if equalFold(name, "host") {
			return kindHost
		}
	case 'c':
		return kindOfC(name)
	case 't':
		switch {
		case equalFold(name, "transfer-encoding"):
			return kindTransferEncoding
		case equalDashed(name, "transfer-encoding"):
			return kindFramingTwin
		case equalFold(name, "te"):
			return kindTE
		case equalFold(name, "trailer"):
			return kindTrailer
		}
	case 'x':
		return kindOfX(name)
	case 'e':
		if equalFold(name, "expect") {
			return kindExpect
		}
	case 'u':
		if equalFold(name, "upgrade") {
			return kindUpgrade
		}
	case 's':
		if equalFold(name, "set-cookie") {
			return kindSetCookie
		}
	case 'k':
		if equalFold(name, "keep-alive") {
			return kindHopByHop
		}
	case 'p':
		switch {
		case equalFold(name, "proxy-connection"):
			return kindHopByHop
		case equalFold(name, "proxy"):
			return kindProxy
		}
	case 'm':
		if equalFold(name, "max-forwards") {
			return kindMaxForwards
		}
	case 'f':
		if equalFold(name, "forwarded") || equalDashed(name, "front-end-https") {
			return kindForwarded
		}
	case 'a', 'd', 'l', 'o', 'r', 'v':
		return kindOfEndToEnd(name)
	}
	return kindOther
}

func kindOfC(name []byte) kind {
	switch {
	case equalFold(name, "connection"):
		return kindConnection
	case equalFold(name, "content-length"):
		return kindContentLength
	case equalDashed(name, "content-length"):
		return kindFramingTwin
	case equalFold(name, "cookie"):
		return kindCookie
	case equalFold(name, "cache-control"):
		return kindCacheControl
	case equalFold(name, "content-digest"), equalFold(name, "content-md5"):
		return kindOther // meant to be sent in trailer sections too, RFC 9530
	case len(name) > len("content-") && equalFold(name[:len("content-")], "content-"):
		return kindEndToEnd
	}
	return kindOther
}

func kindOfEndToEnd(name []byte) kind {
	var known bool
	switch len(name) {
	case len("via"):
		known = equalFold(name, "via")
	case len("date"):
		known = equalFold(name, "date") || equalFold(name, "vary")
	case len("range"):
		known = equalFold(name, "range")
	case len("origin"):
		known = equalFold(name, "origin")
	case len("location"):
		known = equalFold(name, "location")
	case len("authorization"):
		known = equalFold(name, "authorization")
	}
	if known {
		return kindEndToEnd
	}
	return kindOther
}

func kindOfX(name []byte) kind {
	const prefix = "x-forwarded-"
	if equalDashed(name, "x-real-ip") {
		return kindForwarded
	}
	if len(name) <= len(prefix) || !equalDashed(name[:len(prefix)], prefix) {
		return kindOther
	}
	switch rest := name[len(prefix):]; {
	case equalFold(name, "x-forwarded-for"):
		return kindForwardedFor
	case equalFold(name, "x-forwarded-proto"):
		return kindForwardedProto
	case equalFold(name, "x-forwarded-port"):
		return kindForwardedPort
	case equalFold(name, "x-forwarded-host"):
		return kindForwardedHost
	case equalDashed(rest, "for"), equalDashed(rest, "proto"), equalDashed(rest, "port"), equalDashed(rest, "host"),
		equalDashed(rest, "lbip"), equalDashed(rest, "client-port"), equalDashed(rest, "ssl"), equalDashed(rest, "scheme"):
		return kindForwarded
	}
	return kindOther
}

// equalDashed is equalFold, with all bytes except letters and digits taken for "-".
func equalDashed(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i, c := range b {
		c = lower[c]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			c = '-'
		}
		if c != word[i] {
			return false
		}
	}
	return true
}
