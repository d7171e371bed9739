package signature

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

const (
	testNonce  = "3f2c9a10-6f0e-4d5b-9a51-0d3a5a2b7c01"
	otherNonce = "3f2c9a10-6f0e-4d5b-9a51-0d3a5a2b7c02"
)

func testTime() time.Time { return time.Date(2026, 11, 22, 17, 0, 0, 0, time.UTC) }

func testCredentials() Credentials { return Credentials{AccessKey: "AK", SecretKey: "SK"} }

func testScope() Scope { return Scope{Region: "local", Service: "lb"} }

func newRequest(method, url string, header http.Header) *http.Request {
	req := httptest.NewRequest(method, url, http.NoBody)
	if header != nil {
		req.Header = header.Clone()
	}
	return req
}

// The expected values come from a program in another language that follows api.md and shares nothing with this package.
func TestSignMakesTheSignaturesOfAnIndependentProgram(t *testing.T) {
	jsonBody := http.Header{"Content-Type": {"application/json"}}
	for _, test := range []struct {
		name        string
		method, url string
		header      http.Header
		body        string
		credentials Credentials
		scope       Scope
		want        string
	}{
		{
			name: "a collection", method: "GET", url: "http://127.0.0.1:9080/v1/regions/local/listeners/",
			credentials: testCredentials(), scope: testScope(),
			want: "JDCLOUD2-HMAC-SHA256 Credential=AK/20261122/local/lb/jdcloud2_request, SignedHeaders=host;x-jdcloud-date;x-jdcloud-nonce, Signature=885ac2a9e314c6e26fd73124e17e7f3e744e6e52aea1fabae4fe1472c0ea037d",
		},
		{
			name: "a query with a space", method: "GET",
			url:         "http://127.0.0.1:9080/v1/regions/local/listeners/?filters.1.name=listenerNames&filters.1.values.1=a+b",
			credentials: testCredentials(), scope: testScope(),
			want: "JDCLOUD2-HMAC-SHA256 Credential=AK/20261122/local/lb/jdcloud2_request, SignedHeaders=host;x-jdcloud-date;x-jdcloud-nonce, Signature=cbde8e627ab159e1b0cf1e588062be4b4365339797defdebb25cce6f7649ace1",
		},
		{
			name: "a verb with an escaped colon", method: "POST",
			url:    "http://127.0.0.1:9080/v1/regions/local/targetGroups/tg-abcdefghij%3AregisterTargets",
			header: jsonBody, body: `{"targetSpecs":[]}`, credentials: testCredentials(), scope: testScope(),
			want: "JDCLOUD2-HMAC-SHA256 Credential=AK/20261122/local/lb/jdcloud2_request, SignedHeaders=content-type;host;x-jdcloud-date;x-jdcloud-nonce, Signature=337437b41a7a0050c970c959bcc907c076f7941b4d150b20b5b2370c7d099818",
		},
		{
			name: "a verb with a plain colon", method: "POST",
			url:    "http://127.0.0.1:9080/v1/regions/local/targetGroups/tg-abcdefghij:registerTargets",
			header: jsonBody, body: `{"targetSpecs":[]}`, credentials: testCredentials(), scope: testScope(),
			want: "JDCLOUD2-HMAC-SHA256 Credential=AK/20261122/local/lb/jdcloud2_request, SignedHeaders=content-type;host;x-jdcloud-date;x-jdcloud-nonce, Signature=9c8334be874b7e8df9708272c9366d2448d4c10e5cd684c332cf1e90062c99b0",
		},
		{
			name: "a repeated header with spaces, headers never signed, a body that is not ASCII", method: "PATCH",
			url: "http://lb.example.com/v1/regions/cn-north-1/backends/backend-abcdefghij",
			header: http.Header{
				"X-Note": {"a   b", "c  d"}, "User-Agent": {"test"},
				"X-Jdcloud-Request-Id": {"r"}, "Authorization": {"an older signature"},
			},
			body:        `{"description":"负载均衡"}`,
			credentials: Credentials{AccessKey: "AKIDEXAMPLE", SecretKey: "s/e+c=r e t"},
			scope:       Scope{Region: "cn-north-1", Service: "lb"},
			want:        "JDCLOUD2-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/cn-north-1/lb/jdcloud2_request, SignedHeaders=host;x-jdcloud-date;x-jdcloud-nonce;x-note, Signature=f62edff27f5065aab085370b1fca9dc7d22ba64b0739b06625c86c049852d171",
		},
		{
			name: "no path, no region", method: "GET", url: "http://h/", credentials: testCredentials(),
			scope: Scope{Region: "jdcloud-api", Service: "ssl"},
			want:  "JDCLOUD2-HMAC-SHA256 Credential=AK/20261122/jdcloud-api/ssl/jdcloud2_request, SignedHeaders=host;x-jdcloud-date;x-jdcloud-nonce, Signature=40e17557bbdc1bc4e897a2e645e05f3529529efecbedea2c15f4d46da0ea7c3c",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := newRequest(test.method, test.url, test.header)
			Sign(req, []byte(test.body), test.credentials, test.scope, testTime(), testNonce)
			if diff := cmp.Diff(test.want, req.Header.Get("Authorization")); diff != "" {
				t.Errorf("Authorization (-want +got):\n%s", diff)
			}
			verifier := NewVerifier(testTime, test.credentials)
			if _, err := verifier.Verify(req, []byte(test.body), test.scope); err != nil {
				t.Errorf("verifying it: %v", err)
			}
		})
	}
}

func TestAResendMaySignAgainWithTheSameNonceAndANewDate(t *testing.T) {
	req := newRequest("POST", "http://lb/v1/regions/local/listeners/", nil)
	Sign(req, []byte("{}"), testCredentials(), testScope(), testTime(), testNonce)
	first := req.Header.Get("Authorization")
	later := testTime().Add(time.Hour)
	Sign(req, []byte("{}"), testCredentials(), testScope(), later, testNonce)
	if req.Header.Get("Authorization") == first {
		t.Error("the second signature is the first")
	}
	got, err := NewVerifier(func() time.Time { return later }, testCredentials()).Verify(req, []byte("{}"), testScope())
	if err != nil {
		t.Fatal(err)
	}
	want := Signed{AccessKey: "AK", Date: later, Nonce: testNonce}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Signed{}, "BodyDigest")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestVerifySaysWhatIsWrong(t *testing.T) {
	resign := func(now time.Time, credentials Credentials, scope Scope, nonce string) func(*http.Request) {
		return func(req *http.Request) { Sign(req, nil, credentials, scope, now, nonce) }
	}
	replace := func(from, to string) func(*http.Request) {
		return func(req *http.Request) {
			req.Header.Set("Authorization", strings.Replace(req.Header.Get("Authorization"), from, to, 1))
		}
	}
	otherSecret := Credentials{AccessKey: "AK", SecretKey: "not the secret"}
	for _, test := range []struct {
		name   string
		change func(*http.Request)
		want   error
	}{
		{"no Authorization", func(r *http.Request) { r.Header.Del("Authorization") }, &MalformedError{}},
		{"two Authorizations", func(r *http.Request) { r.Header.Add("Authorization", "x") }, &MalformedError{}},
		{"another algorithm", replace("JDCLOUD2-HMAC", "AWS4-HMAC"), &MalformedError{}},
		{"no host signed", replace("SignedHeaders=host;", "SignedHeaders="), &UnsignedHeaderError{}},
		{"no date signed", replace("x-jdcloud-date;", ""), &UnsignedHeaderError{}},
		{"no nonce signed", replace(";x-jdcloud-nonce,", ","), &UnsignedHeaderError{}},
		{"no date", func(r *http.Request) { r.Header.Del(HeaderDate) }, &MalformedError{}},
		{"a date with a fraction", func(r *http.Request) { r.Header.Set(HeaderDate, "20261122T170000.1Z") }, &MalformedError{}},
		{"a date in another form", func(r *http.Request) { r.Header.Set(HeaderDate, "2026-11-22T17:00") }, &MalformedError{}},
		{"two nonces", func(r *http.Request) { r.Header.Add(HeaderNonce, otherNonce) }, &MalformedError{}},
		{"a nonce that is no UUID", resign(testTime(), testCredentials(), testScope(), "1"), &MalformedError{}},
		{"a credential of another day", replace("20261122", "20261121"), &MalformedError{}},
		{"a date just too late", resign(testTime().Add(MaxSkew+time.Second), testCredentials(), testScope(), testNonce), &DateError{}},
		{"a date just too early", resign(testTime().Add(-MaxSkew-time.Second), testCredentials(), testScope(), testNonce), &DateError{}},
		{"an unknown key", resign(testTime(), Credentials{AccessKey: "AK2", SecretKey: "SK"}, testScope(), testNonce), &UnknownKeyError{}},
		{"another secret", resign(testTime(), otherSecret, testScope(), testNonce), &MismatchError{}},
		{"another region", resign(testTime(), testCredentials(), Scope{Region: "cn-north-1", Service: "lb"}, testNonce), &ScopeError{}},
		{"another service", resign(testTime(), testCredentials(), Scope{Region: "local", Service: "vm"}, testNonce), &ScopeError{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := newRequest("GET", "http://lb/v1/regions/local/listeners/", nil)
			Sign(req, nil, testCredentials(), testScope(), testTime(), testNonce)
			right := req.Header.Get("Authorization")[strings.LastIndex(req.Header.Get("Authorization"), "=")+1:]
			test.change(req)
			_, err := NewVerifier(testTime, testCredentials()).Verify(req, nil, testScope())
			if err == nil {
				t.Fatal("was taken for good")
			}
			if !cmp.Equal(test.want, err, cmpopts.IgnoreFields(MalformedError{}, "Header", "Rule"),
				cmpopts.IgnoreFields(UnsignedHeaderError{}, "Name"), cmpopts.IgnoreFields(DateError{}, "Off"),
				cmpopts.IgnoreFields(UnknownKeyError{}, "AccessKey"), cmpopts.IgnoreFields(MismatchError{}, "AccessKey"),
				cmpopts.IgnoreFields(ScopeError{}, "Got", "Want")) {
				t.Errorf("got %T (%v), want %T", err, err, test.want)
			}
			if strings.Contains(err.Error(), right) || strings.Contains(err.Error(), otherSecret.SecretKey) {
				t.Errorf("the message gives away a secret: %v", err)
			}
		})
	}
}

func TestVerifyTakesDatesUpToTheSkewEitherWay(t *testing.T) {
	for _, off := range []time.Duration{-MaxSkew, 0, MaxSkew} {
		req := newRequest("GET", "http://lb/x", nil)
		Sign(req, nil, testCredentials(), testScope(), testTime().Add(off), testNonce)
		if _, err := NewVerifier(testTime, testCredentials()).Verify(req, nil, testScope()); err != nil {
			t.Errorf("a date off by %s: %v", off, err)
		}
	}
}

func TestDateErrorSaysHowFarOff(t *testing.T) {
	req := newRequest("GET", "http://lb/x", nil)
	Sign(req, nil, testCredentials(), testScope(), testTime().Add(-time.Hour), testNonce)
	_, err := NewVerifier(testTime, testCredentials()).Verify(req, nil, testScope())
	var dateErr *DateError
	if !errors.As(err, &dateErr) || dateErr.Off != -time.Hour || !strings.Contains(err.Error(), "1h0m0s behind") {
		t.Errorf("got %v", err)
	}
}

// Any change of anything that is signed must break the signature.
func TestAnyChangeBreaksTheSignature(t *testing.T) {
	verifier := NewVerifier(testTime, testCredentials())
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-zA-Z0-9._~-]{1,12}`)
		method := rapid.SampledFrom([]string{"GET", "POST", "PATCH", "DELETE"}).Draw(t, "method")
		path := "/" + word.Draw(t, "path")
		query := word.Draw(t, "name") + "=" + word.Draw(t, "value")
		value := word.Draw(t, "header")
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")

		req := newRequest(method, "http://lb:9080"+path+"?"+query, http.Header{"X-Note": {value}})
		Sign(req, body, testCredentials(), testScope(), testTime(), testNonce)
		if _, err := verifier.Verify(req, body, testScope()); err != nil {
			t.Fatalf("unchanged: %v", err)
		}
		change := rapid.SampledFrom([]string{"method", "path", "query", "header", "extra value", "nonce", "date", "host", "body"}).Draw(t, "change")
		extra := word.Draw(t, "extra")
		switch change {
		case "method":
			req.Method = "PUT"
		case "path":
			req.URL.Path += extra
		case "query":
			req.URL.RawQuery += extra
		case "header":
			req.Header.Set("X-Note", value+extra)
		case "extra value":
			req.Header.Add("X-Note", extra)
		case "nonce":
			req.Header.Set(HeaderNonce, otherNonce)
		case "date":
			req.Header.Set(HeaderDate, testTime().Add(time.Second).Format(DateLayout))
		case "host":
			req.Host += extra
		case "body":
			body = append(body, extra...)
		}
		_, err := verifier.Verify(req, body, testScope())
		if _, ok := errors.AsType[*MismatchError](err); !ok {
			t.Fatalf("with another %s: got %v, want a mismatch", change, err)
		}
	})
}

func FuzzParseAuthorization(f *testing.F) {
	req := newRequest("GET", "http://lb/x", nil)
	Sign(req, nil, testCredentials(), testScope(), testTime(), testNonce)
	f.Add(req.Header.Get("Authorization"))
	f.Add("JDCLOUD2-HMAC-SHA256 Credential=/////, SignedHeaders=;;, Signature=")
	f.Add("JDCLOUD2-HMAC-SHA256 ,,")
	f.Fuzz(func(t *testing.T, text string) {
		claim, err := parseAuthorization(text)
		if err != nil {
			var malformed *MalformedError
			if !errors.As(err, &malformed) || malformed.Rule == "" {
				t.Fatalf("refused without a reason: %v", err)
			}
			return
		}
		again, err := parseAuthorization(claim.String())
		if err != nil {
			t.Fatalf("what was read can't be read again: %v", err)
		}
		if diff := cmp.Diff(claim, again, cmp.AllowUnexported(authorization{})); diff != "" {
			t.Fatalf("read again it differs (-first +second):\n%s", diff)
		}
	})
}

func TestNamesThatTheHeaderCannotCarryAreInvalid(t *testing.T) {
	for character := range rune(0x180) {
		name := "a" + string(character) + "b"
		credentials, scope := Credentials{AccessKey: name, SecretKey: "SK"}, Scope{Region: name, Service: "lb"}
		req := newRequest("GET", "/v1/sslCert", nil)
		Sign(req, nil, credentials, scope, testTime(), testNonce)
		_, err := NewVerifier(testTime, credentials).Verify(req, nil, scope)
		visible := character > ' ' && character < 0x7f
		if valid := InvalidName(name) == ""; valid != (visible && err == nil) {
			t.Errorf("%q: valid %t, but Verify says: %v", name, valid, err)
		}
	}
	for _, name := range []string{".", ".."} {
		if InvalidName(name) == "" {
			t.Errorf("%q is valid", name)
		}
	}
}
