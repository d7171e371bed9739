package lbapi

import "net/netip"

// ParseAddress parses an IPv4 or IPv6 address. An IPv4-mapped one (::ffff:192.0.2.1; RFC 4291, 2.5.5.2) is the IPv4 address
// that it stands for: both name the same host.
func ParseAddress(text string) (netip.Addr, error) {
	address, err := netip.ParseAddr(text)
	return address.Unmap(), err
}

// ShortestAddress returns an address in its shortest form, an IPv4-mapped one as IPv4; what is no address is returned
// as it is. Two ways to write one address have the same shortest form.
func ShortestAddress(text string) string {
	if address, err := ParseAddress(text); err == nil {
		return address.String()
	}
	return text
}

// SameAddress reports whether two texts are the same, or the same address in two ways to write it.
func SameAddress(a, b string) bool { return a == b || ShortestAddress(a) == ShortestAddress(b) }
