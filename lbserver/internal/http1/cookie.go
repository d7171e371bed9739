package http1

import "bytes"

// Cookie returns the value, without quotes, of the first cookie with exactly this name (RFC 6265, 4.2.1).
func (r *Request) Cookie(buf []byte, name string) (value []byte, ok bool) {
	if !r.hasCookie {
		return nil, false
	}
	for i := range r.count {
		f := &r.fields[i]
		if f.kind != kindCookie {
			continue
		}
		list := f.value(buf)
		for len(list) > 0 {
			var pair []byte
			pair, list = cutPair(list)
			if value, ok = pairValue(pair, name); ok {
				return value, true
			}
		}
	}
	return nil, false
}

// appendCookieField appends a Cookie field line without the cookies of that name, or nothing if no other cookie is
// left.
func appendCookieField(dst, line, list []byte, name string) []byte {
	start := len(dst)
	dst = append(dst, line[:len("Cookie")]...)
	separator := ": "
	for len(list) > 0 {
		var pair []byte
		pair, list = cutPair(list)
		if len(pair) == 0 {
			continue
		}
		if _, ours := pairValue(pair, name); ours {
			continue
		}
		dst = append(dst, separator...)
		dst = append(dst, pair...)
		separator = "; "
	}
	if separator == ": " {
		return dst[:start]
	}
	return append(dst, "\r\n"...)
}

// hasCookieNamed reports whether a Cookie list contains a cookie of that name.
func hasCookieNamed(list []byte, name string) bool {
	for len(list) > 0 {
		var pair []byte
		pair, list = cutPair(list)
		if _, ok := pairValue(pair, name); ok {
			return true
		}
	}
	return false
}

// cutPair cuts the first pair off a Cookie list. Quotes don't protect a semicolon: RFC 6265, 4.1.1 allows none in
// values.
func cutPair(list []byte) (pair, rest []byte) {
	pair, rest, _ = bytes.Cut(list, []byte{';'})
	return trim(pair), rest
}

// pairValue returns the value of a pair whose name is exactly name (names are case-sensitive).
func pairValue(pair []byte, name string) (value []byte, ok bool) {
	if len(pair) <= len(name) || string(pair[:len(name)]) != name {
		return nil, false
	}
	rest := trim(pair[len(name):])
	if len(rest) == 0 || rest[0] != '=' {
		return nil, false
	}
	value = trim(rest[1:])
	if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
		value = value[1 : n-1]
	}
	return value, true
}

// setsCookie reports whether a Set-Cookie value sets the cookie of that name (RFC 6265, 5.2).
func setsCookie(value []byte, name string) bool {
	pair, _ := cutPair(value)
	_, ok := pairValue(pair, name)
	return ok
}
