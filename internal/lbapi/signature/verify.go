package signature

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Verifier checks signatures. It is safe for concurrent use.
type Verifier struct {
	credentials []Credentials
	now         func() time.Time
}

// NewVerifier makes a Verifier that knows the given key pairs and compares dates with now.
func NewVerifier(now func() time.Time, credentials ...Credentials) *Verifier {
	return &Verifier{credentials: slices.Clone(credentials), now: now}
}

// Signed is what a valid signature proves about a request.
type Signed struct {
	AccessKey  string
	Date       time.Time
	Nonce      string // a UUID: the idempotency key of a mutating call
	BodyDigest [sha256.Size]byte
}

// Verify checks that a received request, whose whole body is body, has a valid signature for scope. Its errors are
// *MalformedError, *UnknownKeyError, *UnsignedHeaderError, *DateError, *MismatchError and *ScopeError; none contains a
// secret or the correct signature.
func (v *Verifier) Verify(req *http.Request, body []byte, scope Scope) (Signed, error) {
	claim, err := v.claim(req)
	if err != nil {
		return Signed{}, err
	}
	digest := sha256.Sum256(body)
	right := sign(claim.secretKey, claim.authorization, claim.signedDate, canonicalRequest(req, claim.signedHeaders, digest))
	if subtle.ConstantTimeCompare([]byte(right), []byte(claim.signature)) != 1 {
		return Signed{}, &MismatchError{AccessKey: claim.accessKey}
	}
	// Only a holder of a key learns which region this is.
	if claim.scope != scope {
		return Signed{}, &ScopeError{Got: claim.scope, Want: scope}
	}
	return Signed{AccessKey: claim.accessKey, Date: claim.at, Nonce: claim.nonce, BodyDigest: digest}, nil
}

// VerifyHead checks everything that does not need the body, so that the server reads the body only for a client that
// knows an access key. Its errors are the first four of Verify's.
func (v *Verifier) VerifyHead(req *http.Request) error {
	_, err := v.claim(req)
	return err
}

// claim is what a request states about its signature.
type claim struct {
	authorization
	signedDate string
	at         time.Time
	nonce      string
	secretKey  string
}

func (v *Verifier) claim(req *http.Request) (c claim, err error) {
	header, err := single(req.Header, headerAuth)
	if err != nil {
		return c, err
	}
	if c.authorization, err = parseAuthorization(header); err != nil {
		return c, err
	}
	for _, name := range []string{headerHost, HeaderDate, HeaderNonce} {
		if !slices.Contains(c.signedHeaders, name) {
			return c, &UnsignedHeaderError{Name: name}
		}
	}
	if c.signedDate, c.at, err = v.date(req.Header, c.authorization); err != nil {
		return c, err
	}
	if c.nonce, err = single(req.Header, HeaderNonce); err != nil {
		return c, err
	}
	// The text of a UUID has 36 characters; the parser also accepts longer forms.
	if len(c.nonce) != 36 || uuid.Validate(c.nonce) != nil {
		return c, &MalformedError{Header: HeaderNonce, Rule: "it must be a UUID"}
	}
	secretKey, known := v.secretKey(c.accessKey)
	if !known {
		return c, &UnknownKeyError{AccessKey: c.accessKey}
	}
	c.secretKey = secretKey
	return c, nil
}

// date parses the date header and compares it with the clock and the scope.
func (v *Verifier) date(header http.Header, claim authorization) (string, time.Time, error) {
	text, err := single(header, HeaderDate)
	if err != nil {
		return "", time.Time{}, err
	}
	at, err := time.Parse(DateLayout, text)
	// time.Parse accepts a fraction of a second that the layout lacks.
	if err != nil || len(text) != len(DateLayout) {
		return "", time.Time{}, &MalformedError{Header: HeaderDate, Rule: "it must look like " + DateLayout + ", in UTC"}
	}
	if text[:len(scopeDateLayout)] != claim.date {
		return "", time.Time{}, malformed("its Credential is for another day than " + HeaderDate)
	}
	if off := at.Sub(v.now()); off.Abs() > MaxSkew {
		return "", time.Time{}, &DateError{Off: off}
	}
	return text, at, nil
}

// secretKey finds a key pair. Its timing does not show how much of a key was right.
func (v *Verifier) secretKey(accessKey string) (string, bool) {
	secretKey, known := "", false
	for _, credentials := range v.credentials {
		if subtle.ConstantTimeCompare([]byte(credentials.AccessKey), []byte(accessKey)) == 1 {
			secretKey, known = credentials.SecretKey, true
		}
	}
	return secretKey, known
}

// single returns the value of a header that may not be repeated.
func single(header http.Header, name string) (string, error) {
	values := header.Values(name)
	if len(values) > 1 {
		return "", &MalformedError{Header: name, Rule: "it is given more than once"}
	}
	if len(values) == 0 {
		return "", &MalformedError{Header: name, Rule: "the request has none"}
	}
	return values[0], nil
}
