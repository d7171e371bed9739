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

// targetsSharedCache reports whether a field of this name says what some shared caches keep. A cache that knows one of them
// ignores Cache-Control (RFC 9213, 2.2), and so the private in it. A field is not recognized by the ending of its name (RFC
// 9213, 2.4), so they are listed: the one that the RFC defines, those of the CDNs that document one of their own, and
// Surrogate-Control, which is older (Edge Architecture Specification 1.0, 2.2).
func targetsSharedCache(name []byte) bool {
	switch len(name) {
	case len("cdn-cache-control"):
		return equalFold(name, "cdn-cache-control") || equalFold(name, "surrogate-control")
	case len("akamai-cache-control"):
		return equalFold(name, "akamai-cache-control")
	case len("vercel-cdn-cache-control"):
		return equalFold(name, "vercel-cdn-cache-control")
	case len("netlify-cdn-cache-control"):
		return equalFold(name, "netlify-cdn-cache-control")
	case len("cloudflare-cdn-cache-control"):
		return equalFold(name, "cloudflare-cdn-cache-control")
	}
	return false
}

// appendNoStore appends a field line that makes the caches which obey this field keep nothing. To leave the field out would be
// enough for a cache that then obeys Cache-Control, but not for one that is configured to keep what has no such field.
// no-store means the same in all of these fields, and private means nothing in Surrogate-Control. The directive content of
// Surrogate-Control stays: it says what processing the body needs, such as ESI (Edge Architecture Specification 1.0, 2.2).
func appendNoStore(dst, name, list []byte) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": no-store"...)
	for surrogate := equalFold(name, "surrogate-control"); surrogate && len(list) > 0; {
		var directive []byte
		directive, list = nextElement(list)
		if key, _, _ := bytes.Cut(directive, []byte{'='}); equalFold(trim(key), "content") {
			dst = append(dst, ", "...)
			dst = append(dst, directive...)
		}
	}
	return append(dst, "\r\n"...)
}
