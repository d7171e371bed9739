package signature

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxAuthorization bounds the header's length. The longest regular one, with every header that a client is known to
// send, is under 1 KiB.
const maxAuthorization = 8 << 10

// authorization is the content of an Authorization header.
type authorization struct {
	accessKey     string
	date          string // yyyymmdd
	scope         Scope
	signedHeaders []string // lower case, sorted, no two the same
	signature     string   // lower-case hex
}

func (a authorization) scopeText() string {
	return strings.Join([]string{a.date, a.scope.Region, a.scope.Service, scopeTerminator}, "/")
}

func (a authorization) String() string {
	return Algorithm + " Credential=" + a.accessKey + "/" + a.scopeText() +
		", SignedHeaders=" + strings.Join(a.signedHeaders, signedHeadersSep) +
		", Signature=" + a.signature
}

// parseAuthorization parses the header. Spaces around the commas are optional; everything else must be exactly as Sign
// writes it, so that what is verified can't be read in two ways.
func parseAuthorization(text string) (authorization, error) {
	var claim authorization
	if len(text) > maxAuthorization {
		return claim, malformed("it is longer than 8 KiB")
	}
	rest, ok := strings.CutPrefix(text, Algorithm+" ")
	if !ok {
		return claim, malformed("it does not begin with " + Algorithm)
	}
	fields := strings.Split(rest, ",")
	if len(fields) != 3 {
		return claim, malformed("it needs exactly Credential, SignedHeaders and Signature, separated by commas")
	}
	values := make([]string, len(fields))
	for i, name := range []string{"Credential", "SignedHeaders", "Signature"} {
		values[i], ok = strings.CutPrefix(strings.Trim(fields[i], " "), name+"=")
		if !ok {
			return claim, malformed("part " + string(rune('1'+i)) + " is not " + name + "=…")
		}
	}
	if err := claim.parseCredential(values[0]); err != nil {
		return claim, err
	}
	if err := claim.parseSignedHeaders(values[1]); err != nil {
		return claim, err
	}
	claim.signature = values[2]
	if len(claim.signature) != hex.EncodedLen(sha256.Size) || strings.Trim(claim.signature, "0123456789abcdef") != "" {
		return claim, malformed("Signature is not 64 lower-case hexadecimal digits")
	}
	return claim, nil
}

// NameRule describes the names that InvalidName accepts.
const NameRule = `visible ASCII characters other than "/" and ","`

// InvalidName says why an access key or a region can't be used, because it could not be separated from its neighbours
// in the Authorization header or (a region) in the path of a call; otherwise it returns "". The message is worded to
// follow the name of the setting. InvalidName accepts an empty name: the caller must check for it.
func InvalidName(name string) string {
	invalid := func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '/' || r == ',' }
	switch {
	case strings.ContainsFunc(name, invalid):
		return fmt.Sprintf("must be of %s, got %.100q", NameRule, name)
	case name == "." || name == "..":
		return fmt.Sprintf("must not be a step in a path, got %q", name)
	}
	return ""
}

func (a *authorization) parseCredential(text string) error {
	parts := strings.Split(text, "/")
	if len(parts) != 5 || parts[4] != scopeTerminator || slices.Contains(parts, "") {
		return malformed("Credential is not accessKey/yyyymmdd/region/service/" + scopeTerminator)
	}
	if _, err := time.Parse(scopeDateLayout, parts[1]); err != nil {
		return malformed("the date in Credential is not yyyymmdd")
	}
	a.accessKey, a.date = parts[0], parts[1]
	a.scope = Scope{Region: parts[2], Service: parts[3]}
	return nil
}

func (a *authorization) parseSignedHeaders(text string) error {
	a.signedHeaders = strings.Split(text, signedHeadersSep)
	for i, name := range a.signedHeaders {
		if !isHeaderName(name) {
			return malformed("SignedHeaders holds something that is not a header name in lower case")
		}
		if i > 0 && a.signedHeaders[i-1] >= name {
			return malformed("SignedHeaders is not sorted, or names a header twice")
		}
	}
	return nil
}

// isHeaderName reports whether name is a token (RFC 9110, 5.6.2) without capital letters.
func isHeaderName(name string) bool {
	const token = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
	return name != "" && strings.Trim(name, token) == ""
}

func malformed(rule string) error { return &MalformedError{Header: headerAuth, Rule: rule} }
