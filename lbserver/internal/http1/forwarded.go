package http1

import (
	"bytes"
	"net/netip"
	"unsafe"
)

// ForwardedFields is a set of the fields of a trusted proxy that a server gets instead of ours.
type ForwardedFields uint8

// The fields of ForwardedFields.
const (
	ForwardedProto ForwardedFields = 1 << iota
	ForwardedPort
	ForwardedHost
)

// ForwardedFields returns which of X-Forwarded-Proto, X-Forwarded-Port and X-Forwarded-Host came with a value.
func (r *Request) ForwardedFields() (given ForwardedFields) {
	for i := range r.count {
		f := &r.fields[i]
		if f.valueStart == f.valueEnd {
			continue
		}
		switch f.kind {
		case kindForwardedProto:
			given |= ForwardedProto
		case kindForwardedPort:
			given |= ForwardedPort
		case kindForwardedHost:
			given |= ForwardedHost
		}
	}
	return given
}

// ForwardedHTTPS reports whether X-Forwarded-Proto says that the client uses https: only its last line's last value counts.
// A proxy that adds to the field instead of replacing it writes there; all before could be the client's own.
func (r *Request) ForwardedHTTPS(buf []byte) bool {
	for i := r.count - 1; i >= 0; i-- {
		if f := &r.fields[i]; f.kind == kindForwardedProto {
			_, last := cutLast(f.value(buf))
			return equalFold(last, "https")
		}
	}
	return false
}

// ForwardedClient returns the client that X-Forwarded-For names, for a request from a proxy that trusts accepts. Each proxy adds
// the address that it got the request from at the end, so the hops are read from the right, over all lines: the client is the
// first one that is no trusted proxy. If a hop can't be read, it is the one to its right; if all are trusted proxies, the
// leftmost. The zero Addr says that there is no hop, or that the rightmost can't be read.
func (r *Request) ForwardedClient(buf []byte, trusts func(netip.Addr) bool) (client netip.Addr) {
	for i := r.count - 1; i >= 0; i-- {
		f := &r.fields[i]
		if f.kind != kindForwardedFor {
			continue
		}
		for list := f.value(buf); len(list) > 0; {
			var element []byte
			if list, element = cutLast(list); len(element) == 0 {
				continue // RFC 9110, 5.6.1.2: a recipient ignores empty elements
			}
			hop, ok := parseHop(element)
			if !ok {
				return client
			}
			if client = hop; !trusts(hop) {
				return client
			}
		}
	}
	return client
}

// cutLast cuts the last element off a list separated by commas. Quotes don't protect a comma here: whoever writes at the end
// of the list would be hidden by one that a client left open.
func cutLast(list []byte) (rest, element []byte) {
	comma := bytes.LastIndexByte(list, ',')
	if comma < 0 {
		return nil, trim(list)
	}
	return list[:comma], trim(list[comma+1:])
}

// maxAddressBytes is the length of the longest text of an address: IPv6 whose last 32 bits are written as IPv4.
const maxAddressBytes = len("0000:0000:0000:0000:0000:ffff:255.255.255.255")

// parseHop parses an element of X-Forwarded-For: an address, an IPv4 address with a port, or an IPv6 address in brackets with
// or without one. It drops the port and a zone, which means nothing on another host, and returns an IPv4-mapped address as IPv4.
func parseHop(element []byte) (netip.Addr, bool) {
	host := element
	switch {
	case element[0] == '[':
		end := bytes.IndexByte(element, ']')
		if end < 0 || end+1 < len(element) && !isColonPort(element[end+1:]) {
			return netip.Addr{}, false
		}
		if host = element[1:end]; bytes.IndexByte(host, ':') < 0 {
			return netip.Addr{}, false
		}
	case bytes.Count(element, []byte{':'}) == 1:
		colon := bytes.IndexByte(element, ':')
		if !isColonPort(element[colon:]) {
			return netip.Addr{}, false
		}
		host = element[:colon]
	}
	if zone := bytes.IndexByte(host, '%'); zone >= 0 && zone < len(host)-1 && bytes.IndexByte(host[:zone], ':') >= 0 {
		host = host[:zone]
	}
	if len(host) == 0 || len(host) > maxAddressBytes {
		return netip.Addr{}, false
	}
	// ParseAddr keeps the text in its error alone, which is dropped here: no copy is needed.
	address, err := netip.ParseAddr(unsafe.String(unsafe.SliceData(host), len(host)))
	return address.Unmap(), err == nil
}

// isColonPort reports whether b is a colon and a port number.
func isColonPort(b []byte) bool {
	if len(b) < len(":0") || len(b) > len(":65535") || b[0] != ':' {
		return false
	}
	port, ok := parseDecimal(b[1:])
	return ok && port <= 65535
}
