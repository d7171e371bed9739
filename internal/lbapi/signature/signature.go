// Package signature signs and verifies requests of the control API
// (JDCLOUD2-HMAC-SHA256, api.md "Signing").
//
// It does no I/O and keeps no state: the caller holds the body, the clock and
// the credentials.
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
	// MaxSkew is how far a request's date may be from the verifier's clock,
	// either way, inclusive.
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

// Credentials is one key pair. The access key travels in clear; the secret
// key never leaves its holder.
type Credentials struct {
	AccessKey string
	SecretKey string
}

// Scope is what a signature is good for, besides its day.
type Scope struct {
	Region  string
	Service string
}

// Sign adds the date, the nonce and the Authorization header to req. body is
// what req will send (nil for none). All headers that are to be sent must be
// set before: those in req.Header are signed. Signing again replaces an earlier
// signature, so a resend keeps its nonce and takes a new date.
//
// The URL's query is rewritten so that a space travels as %20, the only form
// the scheme knows.
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

// signedHeaders names, sorted and in lower case, every header that is sent
// save those that are never signed.
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

// canonicalRequest puts the parts of a request that the signature protects
// into one text. signed must be in lower case.
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

// headerValue gives the values of a header joined by commas. net/http keeps
// the host outside the header map, on either side of the wire.
func headerValue(req *http.Request, name string) string {
	if name != headerHost {
		return strings.Join(req.Header.Values(name), ",")
	}
	if req.Host != "" || req.URL == nil {
		return req.Host
	}
	return req.URL.Host
}

// foldSpaces trims spaces at both ends and makes inner runs of them one.
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
