package http1

import "bytes"

// forbidsSharedCaching reports whether a Cache-Control list keeps the whole response out of shared caches: no-store, or
// private without field names (RFC 9111, 5.2.2.5 and 5.2.2.7; private="…" withholds only the fields it names).
func forbidsSharedCaching(list []byte) bool {
	for len(list) > 0 {
		var directive []byte
		directive, list = nextElement(list)
		if equalFold(directive, "private") || equalFold(directive, "no-store") {
			return true
		}
	}
	return false
}

// invitesSharedCaching reports whether a directive contradicts private: public and s-maxage do (RFC 9111, 5.2.2.9,
// 5.2.2.10).
func invitesSharedCaching(directive []byte) bool {
	name, _, _ := bytes.Cut(directive, []byte{'='})
	name = trim(name)
	return equalFold(name, "public") || equalFold(name, "s-maxage")
}

// appendWithoutInvitations appends a Cache-Control field line with the directives of list, except those that contradict
// private: a cache that finds both might follow the wrong one. It appends nothing if none is left. private itself is
// added in a field of its own.
func appendWithoutInvitations(dst, line, list []byte) []byte {
	start := len(dst)
	dst = append(dst, line[:len("Cache-Control")]...)
	separator := ": "
	for len(list) > 0 {
		var directive []byte
		directive, list = nextElement(list)
		if len(directive) == 0 || invitesSharedCaching(directive) {
			continue
		}
		dst = append(dst, separator...)
		dst = append(dst, directive...)
		separator = ", "
	}
	if separator == ": " {
		return dst[:start]
	}
	return append(dst, "\r\n"...)
}
