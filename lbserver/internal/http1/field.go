package http1

// kind says what this package must know of a field.
type kind uint8

const (
	kindOther kind = iota
	// kindEndToEnd are fields that no Connection option may remove: whoever could strip them from another's request, or
	// from under a server that trusts them, would change its meaning. RFC 9110, 7.6.1 forbids senders to list them.
	//
	// Via is one of them, and passes as it came. None is added, which RFC 9110, 7.6.3 asks of a gateway: HAProxy and nginx add
	// none either, and servers take a request with Via for one of a forward proxy's (nginx's gzip_proxied: no compression).
	kindEndToEnd
	kindHost
	kindConnection
	kindContentLength
	kindTransferEncoding
	kindExpect
	kindUpgrade
	kindHopByHop // Keep-Alive, Proxy-Connection: RFC 9110, 7.6.1
	// kindProxy is Proxy, which no specification has. Servers by the CGI's rule turn it into HTTP_PROXY (RFC 3875, 4.1.18), by
	// which programs choose the proxy that their own requests go through: a client's is removed.
	kindProxy
	// kindMaxForwards bounds the way of OPTIONS and TRACE (RFC 9110, 7.6.2); it means nothing in other requests.
	kindMaxForwards
	kindTE // only its "trailers" goes on: RFC 9110, 10.1.4
	kindTrailer
	kindCookie
	kindSetCookie
	kindCacheControl
	kindForwardedFor
	// kindForwarded are the fields only a load balancer may set. Clients' are removed always, and so are all spellings
	// with another byte for "-": servers by the CGI's rule can't tell one with "_" from the true one, and some turn every byte
	// but letters and digits into "_" (lighttpd).
	kindForwarded
	// kindFramingTwin is a field that frames a body to whoever can't tell "_" from "-", as all that hand fields on by the CGI's
	// rule can't (RFC 3875, 4.1.18), or another such byte, as above. A request with one is refused: passed on, it could mean another length to the server than
	// it has here, and nobody sends one in good faith.
	kindFramingTwin
)

// field is one field line by its offsets in the caller's buffer, which is at most MaxHeadBytes long.
type field struct {
	start      uint32 // of the line and of the name
	end        uint32 // of the line with its CR LF
	valueStart uint32
	valueEnd   uint32
	nameLength uint16
	kind       kind
	removed    bool // named by a Connection option
}

func (f *field) name(buf []byte) []byte  { return buf[f.start : f.start+uint32(f.nameLength)] }
func (f *field) value(buf []byte) []byte { return buf[f.valueStart:f.valueEnd] }

// plain tells that the line is the name, a colon, one space or none, and the value: no other white space (RFC 9112, 5), which
// a careless reader could take for a part of the value.
func (f *field) plain(buf []byte) bool {
	spaces := f.valueStart - f.start - uint32(f.nameLength) - uint32(len(":"))
	return f.valueEnd == f.end-uint32(len("\r\n")) && (spaces == 0 || spaces == 1 && buf[f.valueStart-1] == ' ')
}

// plainLength is plain for a Content-Length, which has no zeros in front as well: some take those for octal.
func (f *field) plainLength(buf []byte) bool {
	value := f.value(buf)
	return f.plain(buf) && (value[0] != '0' || len(value) == 1)
}

// kindOf recognizes a field by its name.
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
	case 'a', 'd', 'f', 'l', 'o', 'r', 'v':
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
		return kindOther // made to stand in trailer sections, RFC 9530
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
	case len("forwarded"):
		known = equalFold(name, "forwarded")
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
	if equalFold(name, "x-real-ip") {
		return kindEndToEnd
	}
	if len(name) <= len(prefix) || !equalDashed(name[:len(prefix)], prefix) {
		return kindOther
	}
	switch rest := name[len(prefix):]; {
	case equalFold(name, "x-forwarded-for"):
		return kindForwardedFor
	case equalDashed(rest, "for"), equalDashed(rest, "proto"), equalDashed(rest, "port"), equalDashed(rest, "host"),
		equalDashed(rest, "lbip"), equalDashed(rest, "client-port"):
		return kindForwarded
	}
	return kindOther
}

// equalDashed is equalFold with all bytes but letters and digits taken for "-".
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
