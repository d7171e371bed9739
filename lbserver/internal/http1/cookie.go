package http1

import "bytes"

// CookieValues walks through the values of the cookies of one name in a request. It refers to the request and its head.
type CookieValues struct {
	request *Request
	buf     []byte
	name    string
	next    int    // index of the field after the one that is being read
	list    []byte // value of that field
	from    int    // what of list was read
}

// Cookies returns the values of all cookies with exactly this name, over all Cookie fields, in their order. A client can
// have several, for example of different paths, and tells nothing about which is which (RFC 6265, 5.4).
func (r *Request) Cookies(buf []byte, name string) CookieValues {
	values := CookieValues{request: r, buf: buf, name: name}
	if !r.hasCookie {
		values.next = r.count
	}
	return values
}

// Next returns the next value, without quotes; false after the last one.
func (v *CookieValues) Next() (value []byte, ok bool) {
	for {
		if found, ok := findCookie(v.list, v.from, v.name); ok {
			v.from = found.end
			return found.value(v.list), true
		}
		for v.next < v.request.count && v.request.fields[v.next].kind != kindCookie {
			v.next++
		}
		if v.next >= v.request.count {
			return nil, false
		}
		v.list, v.from = v.request.fields[v.next].value(v.buf), 0
		v.next++
	}
}

// place is where a cookie is in a Cookie list.
type place struct {
	start      int // of the separator before it, or of the list
	valueStart int
	end        int // of its value: the separator behind it, or the end of the list
}

// value returns the cookie's value, without the white space and the quotes around it (RFC 6265, 4.1.1).
func (p place) value(list []byte) []byte {
	value := trim(list[p.valueStart:p.end])
	if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
		value = value[1 : n-1]
	}
	return value
}

// findCookie finds the first cookie with exactly this name (names are case-sensitive) at or after an index of a list.
//
// Semicolons separate cookies (RFC 6265, 4.2.1), and commas do, as in the older syntax (RFC 2965, 3.3.4), which HAProxy and
// some servers read too. Quotes protect neither: RFC 6265 allows no separators in values, so a server may find a cookie
// between quotes that another takes for a text. We find what any of them finds.
func findCookie(list []byte, from int, name string) (found place, ok bool) {
	for {
		at := bytes.Index(list[from:], []byte(name))
		if at < 0 {
			return place{}, false
		}
		start := from + at
		from = start + len(name)
		for start > 0 && isSpace(list[start-1]) {
			start--
		}
		if start > 0 {
			if start--; !separatesCookies(list[start]) {
				continue
			}
		}
		value := from
		for value < len(list) && isSpace(list[value]) {
			value++
		}
		if value < len(list) && list[value] == '=' {
			return place{start, value + 1, pairEnd(list, value+1)}, true
		}
	}
}

func separatesCookies(c byte) bool { return c == ';' || c == ',' }

// pairEnd returns the index of the first separator at or after from, or the end of the list.
func pairEnd(list []byte, from int) int {
	pair := list[from:]
	if end := bytes.IndexByte(pair, ';'); end >= 0 {
		pair = pair[:end]
	}
	if end := bytes.IndexByte(pair, ','); end >= 0 {
		pair = pair[:end]
	}
	return from + len(pair)
}

// appendCookieField appends a Cookie field line without the cookies of that name, or nothing if no other cookie is left.
// The rest keeps its bytes, except one separator and the white space around each cookie that is cut out.
func appendCookieField(dst, line, list []byte, name string) []byte {
	start := len(dst)
	dst = append(dst, line[:len("Cookie")]...)
	dst = append(dst, ": "...)
	empty, kept := len(dst), 0 // kept is the start of a run of bytes to keep
	for {
		found, ok := findCookie(list, kept, name)
		if !ok {
			dst = appendCookies(dst, list[kept:], len(dst) == empty)
			break
		}
		dst = appendCookies(dst, list[kept:found.start], len(dst) == empty)
		kept = withoutAttributes(list, found.end)
	}
	if len(dst) == empty {
		return dst[:start]
	}
	return append(dst, "\r\n"...)
}

// appendCookies appends a run of a Cookie list to the cookies before it, unless there is no cookie in it. A run that follows
// a cookie that was cut out begins with a separator.
func appendCookies(dst, run []byte, first bool) []byte {
	separator := byte(';')
	run = trim(run)
	for len(run) > 0 && separatesCookies(run[0]) {
		separator, run = run[0], trim(run[1:])
	}
	switch {
	case len(run) == 0:
		return dst
	case !first:
		dst = append(dst, separator, ' ')
	}
	return append(dst, run...)
}

// withoutAttributes returns the end of a cookie's attributes, which follow its value as if they were cookies (RFC 2965,
// 3.3.4). Left behind, they would be taken for attributes of the cookie before it; HAProxy cuts them as well.
func withoutAttributes(list []byte, end int) int {
	for end < len(list) {
		next := pairEnd(list, end+1)
		name, _, _ := bytes.Cut(list[end+1:next], []byte{'='})
		name = trim(name)
		if !equalFold(name, "$path") && !equalFold(name, "$domain") && !equalFold(name, "$port") {
			break
		}
		end = next
	}
	return end
}

// setsCookie reports whether a Set-Cookie value sets the cookie of that name (RFC 6265, 5.2).
func setsCookie(value []byte, name string) bool {
	pair, _, _ := bytes.Cut(value, []byte{';'})
	given, _, ok := bytes.Cut(pair, []byte{'='})
	return ok && string(trim(given)) == name
}
