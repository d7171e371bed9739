// Package signature signs and verifies requests of the control API (JDCLOUD2-HMAC-SHA256, api.md "Signing"). It does no
// I/O and keeps no state: the caller provides the body, the clock and the credentials.
package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Names and limits of the scheme, from api.md "Signing".
const (
	Algorithm   = "JDCLOUD2-HMAC-SHA256"
	HeaderDate  = "x-jdcloud-date"
	HeaderNonce = "x-jdcloud-nonce"

	// DateLayout is the form of the date header, always UTC.
	DateLayout = "20060102T150405Z"
	// MaxSkew is how far a request's date may be from the verifier's clock, in either direction, inclusive.
	MaxSkew = 15 * time.Minute

	keyPrefix        = "JDCLOUD2"
	scopeTerminator  = "jdcloud2_request"
	scopeDateLayout  = "20060102"
	headerAuth       = "Authorization"
	headerUserAgent  = "User-Agent"
	headerRequestID  = "x-jdcloud-request-id"
	headerHost       = "host"
	signedHeadersSep = ";"
)

// Credentials is one key pair. The access key is sent in clear; the secret key is never sent.
type Credentials struct {
	AccessKey string
	SecretKey string
}

// Scope is what a signature is valid for, besides its day.
type Scope struct {
	Region  string
	Service string
}

// Sign adds the date, the nonce and the Authorization header to req. body is what req will send (nil for none). Sign
// signs the headers that are in req.Header, so all headers to be sent must be set before. Signing again replaces an
// earlier signature, so a repeated request keeps its nonce and gets a new date.
//
// Sign rewrites the URL's query so that a space is sent as %20, the only form in the scheme.
func Sign(req *http.Request, body []byte, credentials Credentials, scope Scope, now time.Time, nonce string) {
	req.URL.RawQuery = strings.ReplaceAll(req.URL.RawQuery, "+", "%20")
	date := now.UTC().Format(DateLayout)
	req.Header.Set(HeaderDate, date)
	req.Header.Set(HeaderNonce, nonce)

	signed := signedHeaders(req.Header)
	claim := authorization{
		accessKey:     credentials.AccessKey,
		date:          date[:len(scopeDateLayout)],
		scope:         scope,
		signedHeaders: signed,
	}
	digest := sha256.Sum256(body)
	claim.signature = sign(credentials.SecretKey, claim, date, canonicalRequest(req, signed, digest))
	req.Header.Set(headerAuth, claim.String())
}

// signedHeaders returns, sorted and in lower case, the name of every header that is sent, except those that are never
// signed.
func signedHeaders(header http.Header) []string {
	names := []string{headerHost}
	for name := range header {
		switch {
		case strings.EqualFold(name, headerAuth),
			strings.EqualFold(name, headerUserAgent),
			strings.EqualFold(name, headerRequestID),
			strings.EqualFold(name, headerHost):
		default:
			names = append(names, strings.ToLower(name))
		}
	}
	slices.Sort(names)
	return names
}

// canonicalRequest joins the parts of a request that the signature protects into one text. signed must be in lower
// case.
func canonicalRequest(req *http.Request, signed []string, bodyDigest [sha256.Size]byte) string {
	path := req.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	var text strings.Builder
	for _, line := range []string{req.Method, path, req.URL.RawQuery} {
		text.WriteString(line)
		text.WriteByte('\n')
	}
	for _, name := range signed {
		text.WriteString(name)
		text.WriteByte(':')
		text.WriteString(foldSpaces(headerValue(req, name)))
		text.WriteByte('\n')
	}
	text.WriteByte('\n')
	text.WriteString(strings.Join(signed, signedHeadersSep))
	text.WriteByte('\n')
	text.WriteString(hex.EncodeToString(bodyDigest[:]))
	return text.String()
}

// headerValue returns the values of a header joined by commas. net/http keeps the host outside the header map, in
// clients and in servers.
func headerValue(req *http.Request, name string) string {
	if name != headerHost {
		return strings.Join(req.Header.Values(name), ",")
	}
	if req.Host != "" || req.URL == nil {
		return req.Host
	}
	return req.URL.Host
}

// foldSpaces removes spaces at both ends and replaces inner runs of spaces by one.
func foldSpaces(value string) string {
	value = strings.Trim(value, " ")
	for strings.Contains(value, "  ") {
		value = strings.ReplaceAll(value, "  ", " ")
	}
	return value
}

// sign returns the hex signature of a canonical request under a secret key.
func sign(secretKey string, claim authorization, date, canonical string) string {
	canonicalDigest := sha256.Sum256([]byte(canonical))
	text := strings.Join([]string{
		Algorithm, date, claim.scopeText(), hex.EncodeToString(canonicalDigest[:]),
	}, "\n")

	key := []byte(keyPrefix + secretKey)
	for _, part := range []string{claim.date, claim.scope.Region, claim.scope.Service, scopeTerminator, text} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}
