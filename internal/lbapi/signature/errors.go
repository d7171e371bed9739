package signature

import (
	"fmt"
	"time"
)

// MalformedError means that a header which the scheme needs is missing or malformed.
type MalformedError struct {
	Header string
	Rule   string // what is wrong with it
}

func (e *MalformedError) Error() string {
	return fmt.Sprintf("header %s: %s", e.Header, e.Rule)
}

// UnsignedHeaderError means that a header which must be signed is not signed.
type UnsignedHeaderError struct{ Name string }

func (e *UnsignedHeaderError) Error() string {
	return fmt.Sprintf("header %s is not signed; host, %s and %s must be", e.Name, HeaderDate, HeaderNonce)
}

// UnknownKeyError means that the verifier has no such access key.
type UnknownKeyError struct{ AccessKey string }

func (e *UnknownKeyError) Error() string {
	return fmt.Sprintf("access key %q is not known here", e.AccessKey)
}

// DateError means that the request's date is too far from the verifier's clock.
type DateError struct{ Off time.Duration } // positive: the request is ahead

func (e *DateError) Error() string {
	side := "behind"
	if e.Off > 0 {
		side = "ahead of"
	}
	return fmt.Sprintf("%s is %s %s the server's clock, more than %s; set the clock of one of them",
		HeaderDate, e.Off.Abs().Round(time.Second), side, MaxSkew)
}

// MismatchError means that the signature is not that of this request under this key: either the secret key is a
// different one, or the request was changed on its way.
type MismatchError struct{ AccessKey string }

func (e *MismatchError) Error() string {
	return fmt.Sprintf("the signature under access key %q does not match the request; is it the right secret key?", e.AccessKey)
}

// ScopeError means that a valid signature was made for another region or service.
type ScopeError struct{ Got, Want Scope }

func (e *ScopeError) Error() string {
	return fmt.Sprintf("the request is signed for region %q, service %q; here it must be region %q, service %q",
		e.Got.Region, e.Got.Service, e.Want.Region, e.Want.Service)
}
