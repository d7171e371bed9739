package http1

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func hasNext(values *CookieValues) bool {
	_, ok := values.Next()
	return ok
}

// cookiesOf are the values that Cookies finds in a head.
func cookiesOf(r *Request, raw string) (values []string) {
	cookies := r.Cookies([]byte(raw), cookieName)
	for value, ok := cookies.Next(); ok; value, ok = cookies.Next() {
		values = append(values, string(value))
	}
	return values
}

func TestEveryCookieOfTheNameIsFound(t *testing.T) {
	t.Parallel()
	const name = cookieName
	for list, want := range map[string][]string{
		name + "=v":                                   {"v"},
		"a=b; " + name + "=v; c=d":                    {"v"},
		"a=b;" + name + "=\"v\"":                      {"v"},
		name + "=first; " + name + "=last":            {"first", "last"},
		name + "=":                                    {""},
		name + "=\"\"":                                {""},
		name + "=\"":                                  {"\""},
		name + "=a=b":                                 {"a=b"},
		name + "=" + name + "=a":                      {name + "=a"},
		"a=b, " + name + "=v, c=d":                    {"v"},
		"a=b," + name + "=v," + name + "=w":           {"v", "w"},
		" \t" + name + " \t= \"v\"\t ; a=b":           {"v"},
		";;,," + name + "=v,,":                        {"v"},
		"$Version=1; " + name + "=\"v\"; $Path=\"/\"": {"v"},
		"a=\"b, " + name + "=v\"":                     {"v\""},
		name + "=a b":                                 {"a b"},
		name + "=\xff\x80; \xff=" + name + ";" + name + "=\xfe": {"\xff\x80", "\xfe"},
		"x" + name + "=v":    nil,
		"x " + name + "=v":   nil,
		"\"" + name + "=v\"": nil,
		name + "x=v":         nil,
		name + " x=v":        nil,
		name:                 nil,
		name + ";=v":         nil,
		"a=" + name + "=v":   nil,
		"alb_abcdefgh=v":     nil,
		"":                   nil,
		";;;":                nil,
	} {
		raw := lines("GET / HTTP/1.1", "Host: h", "Cookie: x=y; "+name+"=0", "Accept: "+name+"=1", "cookie: "+list, "X-Cookie: "+name+"=1", "COOKIE:"+name+"=9")
		r, _ := parseRequest(t, raw)
		if diff := cmp.Diff(slices.Concat([]string{"0"}, want, []string{"9"}), cookiesOf(r, raw)); diff != "" {
			t.Errorf("in %q (-want +got):\n%s", list, diff)
		}
	}
}

func TestNoCookieIsFoundWithoutAField(t *testing.T) {
	t.Parallel()
	raw := lines("GET / HTTP/1.1", "Host: h", "A: "+cookieName+"=v")
	r, _ := parseRequest(t, raw)
	if got := cookiesOf(r, raw); got != nil {
		t.Errorf("found %q", got)
	}
}

// pairsOf reads a Cookie list as naively as a server can: every separator separates.
func pairsOf(list string, separators string) (ours, others []string) {
	for _, pair := range strings.FieldsFunc(list, func(c rune) bool { return strings.ContainsRune(separators, c) }) {
		name, value, given := strings.Cut(pair, "=")
		switch pair = strings.Trim(pair, " \t"); {
		case given && strings.Trim(name, " \t") == cookieName:
			ours = append(ours, strings.Trim(value, " \t"))
		case pair != "":
			others = append(others, pair)
		}
	}
	return ours, others
}

// quotedPairs cuts a list where HAProxy does, for whom quotes protect separators.
func quotedPairs(list string) (pairs []string) {
	quoted, escaped, from := false, false, 0
	for i := range len(list) {
		switch c := list[i]; {
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == ';'):
			pairs, from = append(pairs, list[from:i]), i+1
		}
	}
	return append(pairs, list[from:])
}

// FuzzCookie checks that every cookie of our name is found, that none of them reaches a server, whichever way that reads its
// Cookie fields, and that all other cookies do, in their order.
func FuzzCookie(f *testing.F) {
	for _, list := range []string{
		"a=b; " + cookieName + "=v", cookieName + "=v, c=\"d,e\"", "a=\"x; " + cookieName + "=\\\"v\"; y\"", ";;" + cookieName + " = ,",
		"$Version=1; " + cookieName + "=v; $Path=/; $x=y", cookieName + "=" + cookieName + "=\xff", "A" + cookieName + "=1;" + cookieName + "\t=\t2",
	} {
		f.Add(list, list)
	}
	rewrite := &RequestRewrite{CookieName: cookieName}
	f.Fuzz(func(t *testing.T, first, second string) {
		raw := fmt.Sprintf("GET / HTTP/1.1\r\nHost: h\r\nCookie: %s\r\ncookie:%s\r\n\r\n", first, second)
		r := new(Request)
		r.Reset()
		if n, err := r.Parse([]byte(raw)); n != len(raw) || err != nil || r.count != 3 {
			return
		}
		ours, others := pairsOf(first+";"+second, ";,")
		for i, value := range ours {
			if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
				ours[i] = value[1 : n-1]
			}
		}
		if diff := cmp.Diff(ours, cookiesOf(r, raw)); diff != "" {
			t.Fatalf("in %q (-want +got):\n%s", raw, diff)
		}
		sent := string(r.AppendTo(nil, []byte(raw), rewrite))
		var lists []string
		for line := range strings.SplitSeq(sent, "\r\n") {
			if name, list, _ := strings.Cut(line, ":"); strings.EqualFold(name, "cookie") {
				lists = append(lists, list)
			}
		}
		got := strings.Join(lists, ";")
		for _, separators := range []string{";", ",", ";,"} {
			if ours, _ := pairsOf(got, separators); len(ours) > 0 {
				t.Fatalf("%q became %q, which has our cookie", raw, sent)
			}
		}
		for _, list := range lists {
			for _, pair := range quotedPairs(list) {
				if ours, _ := pairsOf(pair, ""); len(ours) > 0 {
					t.Fatalf("%q became %q, which has our cookie in %q", raw, sent, pair)
				}
			}
		}
		if strings.Contains(raw, "$") && len(ours) > 0 {
			return // attributes of our cookies are cut too
		}
		if _, kept := pairsOf(got, ";,"); !slices.Equal(kept, others) {
			t.Fatalf("%q became %q: cookies %q, want %q", raw, sent, kept, others)
		}
		if len(ours) == 0 && sent != raw {
			t.Fatalf("%q became %q, although it has none of our cookies", raw, sent)
		}
	})
}
