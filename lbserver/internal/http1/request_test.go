package http1

import (
	"errors"
	"strconv"
	"strings"
	"testing"
)

// parseRequest parses a head that must be complete, given all at once.
func parseRequest(t *testing.T, raw string) (*Request, int) {
	t.Helper()
	request := new(Request)
	request.Reset()
	n, err := request.Parse([]byte(raw))
	if err != nil || n == 0 {
		t.Fatalf("Parse(%q) = %d, %v; want a complete head", raw, n, err)
	}
	return request, n
}

// statusOf returns the status that an error asks for, 0 if there is none.
func statusOf(err error) int {
	if refused, ok := errors.AsType[*Error](err); ok {
		return refused.Status
	}
	return 0
}

func TestRequestHeadsThatBreakARuleAreRefused(t *testing.T) {
	t.Parallel()
	manyFields := strings.Repeat("A: b\r\n", MaxFields)
	for name, test := range map[string]struct {
		raw  string
		want error
	}{
		"content-length with transfer-encoding":       {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", errLengthAndTE},
		"transfer-encoding with content-length":       {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", errLengthAndTE},
		"equal content-lengths":                       {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", errLengthTwice},
		"unequal content-lengths":                     {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\ncontent-length: 2\r\n\r\n", errLengthTwice},
		"list of content-lengths":                     {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", errLengthInvalid},
		"signed content-length":                       {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", errLengthInvalid},
		"negative content-length":                     {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", errLengthInvalid},
		"hexadecimal content-length":                  {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", errLengthInvalid},
		"empty content-length":                        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", errLengthInvalid},
		"content-length of 2^63":                      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n", errLengthInvalid},
		"content-length of 2^64+1":                    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551617\r\n\r\n", errLengthInvalid},
		"gzip before chunked":                         {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", errCodingUnknown},
		"identity before chunked":                     {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity, chunked\r\n\r\n", errCodingUnknown},
		"gzip before chunked, in two fields":          {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip;q=1\r\nTransfer-Encoding: chunked\r\n\r\n", errCodingUnknown},
		"gzip behind chunked":                         {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", errCodingAfterChunked},
		"gzip and a length":                           {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: 1\r\n\r\n", errLengthAndTE},
		"gzip in 1.0":                                 {"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", errCodingIn10},
		"a gap before chunked":                        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ,chunked\r\n\r\n", errCodingInvalid},
		"two words before chunked":                    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: a b, chunked\r\n\r\n", errCodingInvalid},
		"chunked twice":                               {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", errCodingAfterChunked},
		"chunked in two fields":                       {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", errCodingAfterChunked},
		"identity":                                    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", errCodingNotChunked},
		"chunked with a parameter":                    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n", errCodingInvalid},
		"chunked with a comma behind":                 {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked,\r\n\r\n", errCodingAfterChunked},
		"chunked after a vertical tab":                {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n", errControl},
		"empty transfer-encoding":                     {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", errCodingInvalid},
		"underscore for content-length":               {"POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 1\r\n\r\n", errFramingTwin},
		"underscore for transfer-encoding":            {"POST / HTTP/1.1\r\nHost: a\r\nTRANSFER_encoding: chunked\r\n\r\n", errFramingTwin},
		"transfer-encoding in 1.0":                    {"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", errCodingIn10},
		"content of a trace":                          {"TRACE / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n", errTraceContent},
		"max-forwards twice":                          {"OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 1\r\nMax-Forwards: 1\r\n\r\n", errMaxForwards},
		"max-forwards of a word":                      {"TRACE / HTTP/1.1\r\nHost: a\r\nMax-Forwards: one\r\n\r\n", errMaxForwards},
		"bare LF after the request line":              {"GET / HTTP/1.1\nHost: a\r\n\r\n", errBareLF},
		"bare LF after a field":                       {"GET / HTTP/1.1\r\nHost: a\n\r\n", errBareLF},
		"bare LF as the empty line":                   {"GET / HTTP/1.1\r\nHost: a\r\n\n", errBareLF},
		"bare CR in a value":                          {"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", errBareCR},
		"two CRs":                                     {"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", errBareCR},
		"NUL in a value":                              {"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", errNUL},
		"NUL in a name":                               {"GET / HTTP/1.1\r\nHost: a\r\nX\x00: a\r\n\r\n", errNUL},
		"NUL in the target":                           {"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", errNUL},
		"escape in a value":                           {"GET / HTTP/1.1\r\nHost: a\r\nX: \x1b[0m\r\n\r\n", errControl},
		"delete in a value":                           {"GET / HTTP/1.1\r\nHost: a\r\nX: 12345678\x7f\r\n\r\n", errControl},
		"a name that is no token":                     {"GET / HTTP/1.1\r\nHost: a\r\nX(y): a\r\n\r\n", errNameNotToken},
		"a name beyond ASCII":                         {"GET / HTTP/1.1\r\nHost: a\r\nX\xc3\xa9: a\r\n\r\n", errNameNotToken},
		"an empty name":                               {"GET / HTTP/1.1\r\nHost: a\r\n: a\r\n\r\n", errNameEmpty},
		"no colon":                                    {"GET / HTTP/1.1\r\nHost: a\r\nXyz\r\n\r\n", errNoColon},
		"space before the colon":                      {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 1\r\n\r\n", errSpaceInName},
		"tab before the colon":                        {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n", errSpaceInName},
		"obsolete folding by space":                   {"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", errObsoleteFold},
		"obsolete folding by tab":                     {"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb\r\n\r\n", errObsoleteFold},
		"white space before the first field":          {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", errObsoleteFold},
		"no host":                                     {"GET / HTTP/1.1\r\n\r\n", errHostMissing},
		"no host with an absolute target":             {"GET http://a/ HTTP/1.1\r\n\r\n", errHostMissing},
		"two equal hosts":                             {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", errHostTwice},
		"two hosts in 1.0":                            {"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", errHostTwice},
		"host with a path":                            {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", errHostInvalid},
		"host with user information":                  {"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", errHostInvalid},
		"host with a space":                           {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", errHostInvalid},
		"host with a named port":                      {"GET / HTTP/1.1\r\nHost: a:http\r\n\r\n", errHostInvalid},
		"host with two ports":                         {"GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", errHostInvalid},
		"host with an open bracket":                   {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", errHostInvalid},
		"host with text after a bracket":              {"GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", errHostInvalid},
		"absolute target against host":                {"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", errHostDiffers},
		"absolute target, host with a port":           {"GET http://a/ HTTP/1.1\r\nHost: a:81\r\n\r\n", errHostDiffers},
		"absolute target with user information":       {"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", errAuthorityInvalid},
		"absolute target without authority":           {"GET http:/// HTTP/1.1\r\nHost: \r\n\r\n", errAuthorityInvalid},
		"absolute target of a port alone":             {"GET http://:80/ HTTP/1.1\r\nHost: \r\n\r\n", errAuthorityInvalid},
		"absolute target of a colon alone":            {"GET http://:/ HTTP/1.1\r\nHost: :\r\n\r\n", errAuthorityInvalid},
		"absolute target with the port of https":      {"GET http://a:443/ HTTP/1.1\r\nHost: a\r\n\r\n", errHostDiffers},
		"absolute https target with the port of http": {"GET https://a/ HTTP/1.1\r\nHost: a:80\r\n\r\n", errHostDiffers},
		"absolute target of an address, cut":          {"GET http://[::80]/ HTTP/1.1\r\nHost: [:]\r\n\r\n", errHostDiffers},
		"another scheme":                              {"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", errTargetForm},
		"a target without a slash":                    {"GET a HTTP/1.1\r\nHost: a\r\n\r\n", errTargetForm},
		"a target beyond ASCII":                       {"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", errTargetInvalid},
		"a target with a fragment":                    {"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", errTargetInvalid},
		"a target with a tab":                         {"GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", errTargetInvalid},
		"asterisk for GET":                            {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", errTargetAsterisk},
		"connect":                                     {"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", errMethodConnect},
		"no version":                                  {"GET /\r\nHost: a\r\n\r\n", errRequestLine},
		"no target":                                   {"GET  HTTP/1.1\r\nHost: a\r\n\r\n", errRequestLine},
		"two spaces":                                  {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", errRequestLine},
		"space after the version":                     {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", errRequestLine},
		"a space in the target":                       {"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", errRequestLine},
		"lower-case version":                          {"GET / http/1.1\r\nHost: a\r\n\r\n", errVersionInvalid},
		"a version of three digits":                   {"GET / HTTP/1.10\r\nHost: a\r\n\r\n", errVersionInvalid},
		"http 2":                                      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", errVersionUnknown},
		"http 0.9 spelled out":                        {"GET / HTTP/0.9\r\n\r\n", errVersionUnknown},
		"the preface of http 2":                       {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", errVersionUnknown},
		"a method that is no token":                   {"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", errMethodInvalid},
		"space before the method":                     {" GET / HTTP/1.1\r\nHost: a\r\n\r\n", errMethodInvalid},
		"two empty lines before":                      {"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", errMethodInvalid},
		"a TLS handshake":                             {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", errControl},
		"a long method":                               {strings.Repeat("M", MaxMethodBytes+1), errMethodTooLong},
		"a long complete method":                      {strings.Repeat("M", MaxMethodBytes+1) + " / HTTP/1.1\r\n", errMethodTooLong},
		"a long target":                               {"GET /" + strings.Repeat("a", MaxTargetBytes) + " HTTP/1.1\r\n", errTargetTooLong},
		"a long unfinished target":                    {"GET /" + strings.Repeat("a", MaxTargetBytes+20), errTargetTooLong},
		"one field too many":                          {"GET / HTTP/1.1\r\nHost: a\r\n" + manyFields, errTooManyFields},
		"a long head":                                 {"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("a", MaxHeadBytes), errHeadTooLarge},
		"many connection options":                     {"GET / HTTP/1.1\r\nHost: a\r\nConnection: " + strings.Repeat("a,", MaxConnectionOptions+1) + "\r\n\r\n", errTooManyOptions},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := new(Request)
			whole.Reset()
			if n, err := whole.Parse([]byte(test.raw)); n != 0 && err == nil || !errors.Is(err, test.want) {
				t.Errorf("Parse = %d, %v; want %v", n, err, test.want)
			}
			if len(test.raw) < 1<<10 {
				if err := parseByteByByte(test.raw); !errors.Is(err, test.want) {
					t.Errorf("Parse of one byte after another: %v; want %v", err, test.want)
				}
			}
		})
	}
}

func parseByteByByte(raw string) error {
	request := new(Request)
	request.Reset()
	for i := range len(raw) {
		if n, err := request.Parse([]byte(raw[:i+1])); n > 0 || err != nil {
			return err
		}
	}
	return nil
}

func TestRefusalsCarryTheStatusToAnswer(t *testing.T) {
	t.Parallel()
	for want, errs := range map[int][]error{
		400: {errBareLF, errLengthTwice, errCodingNotChunked, errHostMissing, errHostDiffers, errChunkSize},
		414: {errTargetTooLong},
		431: {errHeadTooLarge, errTooManyFields},
		501: {errMethodConnect, errMethodTooLong, errCodingUnknown},
		505: {errVersionUnknown},
	} {
		for _, err := range errs {
			if got := statusOf(err); got != want {
				t.Errorf("%v carries %d, want %d", err, got, want)
			}
		}
	}
}

func TestRequestHeadsWithinTheLimitsAreAccepted(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]string{
		"most fields":      "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("A: b\r\n", MaxFields-1) + "\r\n",
		"longest target":   "GET /" + strings.Repeat("a", MaxTargetBytes-1) + " HTTP/1.1\r\nHost: a\r\n\r\n",
		"longest method":   strings.Repeat("M", MaxMethodBytes) + " / HTTP/1.1\r\nHost: a\r\n\r\n",
		"longest head":     "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("a", MaxHeadBytes-len("GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n")) + "\r\n\r\n",
		"empty host":       "GET / HTTP/1.1\r\nHost:\r\n\r\n",
		"IPv6 host":        "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
		"empty line":       "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"minor version 2":  "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
		"options *":        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
		"bytes over 127":   "GET / HTTP/1.1\r\nHost: a\r\nX: \xff\xfe\t\"\r\n\r\n",
		"usual port":       "GET http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n",
		"usual https port": "GET https://a/ HTTP/1.1\r\nHost: A:443\r\n\r\n",
		"empty port":       "GET http://a:/ HTTP/1.1\r\nHost: a:80\r\n\r\n",
		"address, port":    "GET http://[::1]/ HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
		"host by case":     "GET HTTP://A.b/ HTTP/1.1\r\nHost: a.B\r\n\r\n",
		"largest length":   "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, n := parseRequest(t, raw+"next"); n != len(raw) {
				t.Errorf("the head has %d bytes, want %d", n, len(raw))
			}
		})
	}
}

func TestRequestFramingAndConnection(t *testing.T) {
	t.Parallel()
	type facts struct {
		framing                    Framing
		length                     int64
		keepAlive, expect, upgrade bool
	}
	for name, test := range map[string]struct {
		raw  string
		want facts
	}{
		"plain":                 {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", facts{keepAlive: true}},
		"close":                 {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", facts{}},
		"close beats keep":      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", facts{}},
		"1.0":                   {"GET / HTTP/1.0\r\n\r\n", facts{}},
		"1.0 keep-alive":        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", facts{keepAlive: true}},
		"length":                {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 007\r\n\r\n", facts{framing: FramingLength, length: 7, keepAlive: true}},
		"length 0":              {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", facts{keepAlive: true}},
		"chunked":               {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ChunkeD\r\n\r\n", facts{framing: FramingChunked, keepAlive: true}},
		"expect":                {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-Continue\r\n\r\n", facts{FramingLength, 1, true, true, false}},
		"expect without a body": {"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", facts{keepAlive: true}},
		"expect in 1.0":         {"POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n", facts{framing: FramingLength, length: 1}},
		"websocket":             {"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n", facts{keepAlive: true, upgrade: true}},
		"upgrade not listed":    {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", facts{keepAlive: true}},
		"upgrade in 1.0":        {"GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", facts{}},
		"h2c":                   {"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket, h2C\r\n\r\n", facts{keepAlive: true}},
		"h2c in a second field": {"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n\r\n", facts{keepAlive: true}},
		"h2c in quotes":         {"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: \"a, h2c, b\"\r\n\r\n", facts{keepAlive: true}},
		"h2c of a draft":        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c-14\r\n\r\n", facts{keepAlive: true}},
		"two protocols":         {"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: a/1, , b\r\n\r\n", facts{keepAlive: true, upgrade: true}},
		"tls":                   {"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: TLS/1.0\r\n\r\n", facts{keepAlive: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := parseRequest(t, test.raw)
			got := facts{r.Framing, r.ContentLength(), r.KeepAlive(), r.ExpectContinue, r.Upgrade()}
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestMethodsAndIdempotence(t *testing.T) {
	t.Parallel()
	for method, idempotent := range map[string]bool{
		"GET": true, "HEAD": true, "PUT": true, "DELETE": true, "OPTIONS": true, "TRACE": true,
		"POST": false, "PATCH": false, "get": false,
	} {
		r, _ := parseRequest(t, method+" /p?q HTTP/1.1\r\nHost: h:80\r\n\r\n")
		if got := r.Method.Idempotent(); got != idempotent {
			t.Errorf("%s: idempotent %t, want %t", method, got, idempotent)
		}
	}
}

func TestRequestPartsAreFound(t *testing.T) {
	t.Parallel()
	raw := "\r\nPATCH /p?q HTTP/1.1\r\nHost:  h:80\t\r\nUser-Agent: x y \r\n\r\n"
	r, _ := parseRequest(t, raw)
	buf := []byte(raw)
	for name, pair := range map[string][2]string{
		"method": {string(r.MethodText(buf)), "PATCH"},
		"target": {string(r.Target(buf)), "/p?q"},
		"host":   {string(r.Host(buf)), "h:80"},
		"field":  {string(r.Field(buf, "user-agent")), "x y"},
		"none":   {string(r.Field(buf, "referer")), ""},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %q, want %q", name, pair[0], pair[1])
		}
	}
}

func TestAHeadInManyPiecesIsReadOnce(t *testing.T) {
	t.Parallel()
	var raw strings.Builder
	raw.WriteString("GET / HTTP/1.1\r\nHost: a\r\n")
	for i := range MaxFields - 1 {
		raw.WriteString("Field-" + strconv.Itoa(i) + ": " + strings.Repeat("v", 100) + "\r\n")
	}
	raw.WriteString("\r\n")
	buf := []byte(raw.String())
	r := new(Request)
	r.Reset()
	for i := 1; i < len(buf); i++ {
		n, err := r.Parse(buf[:i])
		if n != 0 || err != nil {
			t.Fatalf("Parse of %d of %d bytes = %d, %v", i, len(buf), n, err)
		}
		if i > 3 && r.scanned < i-1 {
			t.Fatalf("after %d bytes only %d have been scanned; the rest would be read again", i, r.scanned)
		}
	}
	if n, err := r.Parse(buf); n != len(buf) || err != nil {
		t.Fatalf("Parse = %d, %v; want %d", n, err, len(buf))
	}
}
