package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/signature"
)

// clockLayout is the format of a clock in an error.
const clockLayout = "2006-01-02 15:04:05 MST"

// CallError is a failed call: its purpose, its URL, the reason, and what the reader can do. errors.As finds the
// *lbapi.Error in it if the API answered, and a *NotAPIError if something else did.
type CallError struct {
	Operation string // such as `create listener "web"`
	Method    string
	URL       string // without its query
	Attempts  int
	Advice    string // what to check, or empty
	Err       error
}

func (e *CallError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s %s", e.Operation, e.Method, e.URL)
	if e.Attempts > 1 {
		fmt.Fprintf(&text, " (%d attempts)", e.Attempts)
	}
	fmt.Fprintf(&text, ": %s", e.Err)
	if refusal, ok := errors.AsType[*lbapi.Error](e.Err); ok {
		fmt.Fprintf(&text, " (HTTP %d, request %s)", refusal.Code, refusal.RequestID)
	}
	if e.Advice != "" {
		text.WriteString("; " + e.Advice)
	}
	return text.String()
}

// advise appends to the advice.
func (e *CallError) advise(more string) {
	if e.Advice != "" {
		e.Advice += "; "
	}
	e.Advice += more
}

// Trace says briefly which call failed and how it was answered, for a reader who already knows why.
func (e *CallError) Trace() string {
	text := fmt.Sprintf("%s: %s %s", e.Operation, e.Method, e.URL)
	if refusal, ok := errors.AsType[*lbapi.Error](e.Err); ok {
		text += fmt.Sprintf(" (HTTP %d, request %s)", refusal.Code, refusal.RequestID)
	}
	return text
}

func (e *CallError) Unwrap() error { return e.Err }

// NotAPIError is an answer that does not come from the control API: a web page, another service, or far too many bytes.
type NotAPIError struct {
	StatusCode int
	What       string // its content type, or what else was wrong
	TLSPort    bool   // a server that speaks TLS rejected plain HTTP
}

func (e *NotAPIError) Error() string {
	if e.TLSPort {
		return "the server at this endpoint speaks TLS, and was called with plain HTTP"
	}
	return fmt.Sprintf("the answer is not the control API's: HTTP %d with %s", e.StatusCode, e.What)
}

// IsNotFound reports whether the API said that the object of a call does not exist.
func IsNotFound(err error) bool { return hasStatus(err, lbapi.NotFound) }

// IsConflict reports whether the API refused a call because of another object: in use, a taken port, a duplicate.
func IsConflict(err error) bool { return hasStatus(err, lbapi.Conflict) }

// IsProtected reports whether the API refused a deletion because the object is protected from it.
func IsProtected(err error) bool { return isConflictAt(err, lbapi.FieldDeleteProtection) }

// IsPortTaken reports whether the API refused a listener because something else holds its port.
func IsPortTaken(err error) bool { return isConflictAt(err, lbapi.FieldPort) }

func isConflictAt(err error, field string) bool {
	refusal, ok := errors.AsType[*lbapi.Error](err)
	return ok && IsConflict(err) && slices.ContainsFunc(refusal.Details, func(detail lbapi.Detail) bool {
		return detail.Field == field
	})
}

// IsQuotaExceeded reports whether the API refused a call because a quota is used up.
func IsQuotaExceeded(err error) bool { return hasStatus(err, lbapi.QuotaExceeded) }

// IsUnusable reports whether a call failed for a reason that would make any other call fail as well: nothing answers at
// the endpoint, or not the API, or the API refuses the keys, or it asks to come back later.
func IsUnusable(err error) bool {
	failure, ok := errors.AsType[*CallError](err)
	if !ok || errors.Is(err, context.Canceled) {
		return false
	}
	refusal, refused := errors.AsType[*lbapi.Error](failure.Err)
	return !refused || refusal.Status == lbapi.Unauthenticated || repeatable(refusal)
}

// IsTransient reports whether the same call may succeed later: nothing answered at the endpoint, or the answer asks to
// come back later.
func IsTransient(err error) bool {
	failure, ok := errors.AsType[*CallError](err)
	return ok && repeatable(failure.Err)
}

func hasStatus(err error, status lbapi.ErrorStatus) bool {
	refusal, ok := errors.AsType[*lbapi.Error](err)
	return ok && refusal.Status == status && refusal.Code == status.HTTPStatus()
}

// repeatable reports whether another attempt may succeed. The nonce makes a repetition safe even if the attempt took
// effect and only its answer was lost.
func repeatable(err error) bool {
	if refusal, ok := errors.AsType[*lbapi.Error](err); ok {
		return refusal.Status != lbapi.QuotaExceeded && repeatableStatus(refusal.Code)
	}
	if stranger, ok := errors.AsType[*NotAPIError](err); ok {
		return repeatableStatus(stranger.StatusCode)
	}
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	unresolved, ok := errors.AsType[*net.DNSError](err)
	return !untrusted && (!ok || !unresolved.IsNotFound) && !errors.Is(err, http.ErrSchemeMismatch) && !tlsAlertForHTTP(err) &&
		!errors.Is(err, context.Canceled)
}

func repeatableStatus(code int) bool {
	switch code {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	default:
		return false
	}
}

// cause strips the error of net/http, which repeats the URL that a CallError already has.
func cause(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// tlsAlertForHTTP reports whether a server answered plain HTTP with a TLS alert record (RFC 8446, 5.1: type 21, version
// 3.x).
func tlsAlertForHTTP(err error) bool {
	return err != nil && strings.Contains(err.Error(), `malformed HTTP response "\x15\x03`)
}

// advice says what the reader of an error can check. answeredAt is the server's clock, if it sent one; over is set if
// the caller's time has run out.
func (c *Client) advice(err error, answeredAt time.Time, over bool) string {
	var (
		refusal    *lbapi.Error
		stranger   *NotAPIError
		unresolved *net.DNSError
		untrusted  *tls.CertificateVerificationError
		timeout    net.Error
	)
	switch {
	case errors.As(err, &refusal):
		return c.adviceOnRefusal(refusal, answeredAt)
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Sprintf("write the endpoint as \"http://%s\", or give the server a TLS certificate", c.endpoint.Host)
	case tlsAlertForHTTP(err), errors.As(err, &stranger) && stranger.TLSPort:
		return fmt.Sprintf("write the endpoint as \"https://%s\"", c.endpoint.Host)
	case stranger != nil:
		return fmt.Sprintf("is the endpoint %q the address of the control API, and not that of a listener, a web page or a proxy?",
			c.Endpoint())
	case errors.As(err, &unresolved):
		return fmt.Sprintf("check the host name in the endpoint %q", c.Endpoint())
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("nothing listens at the endpoint %q: is the server running, and is this its API address?", c.Endpoint())
	case errors.As(err, &untrusted):
		return "the certificate of the endpoint must be for its host name and from an authority that this machine trusts " +
			"(the environment variable SSL_CERT_FILE can name one)"
	case errors.Is(err, context.Canceled):
		return ""
	case errors.As(err, &timeout) && timeout.Timeout() && over:
		return fmt.Sprintf("the time for the whole operation was over before the answer arrived: is %q the right endpoint and reachable "+
			"from here? A longer timeout of the operation gives a slow endpoint more time", c.Endpoint())
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Sprintf("no answer within %s: is %q the right endpoint and reachable from here? "+
			"A longer request timeout gives a slow endpoint more time", c.config.RequestTimeout, c.Endpoint())
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return fmt.Sprintf("the connection was cut before the whole answer arrived: is %q the address of the control API, and does the server stay up?",
			c.Endpoint())
	default:
		return ""
	}
}

func (c *Client) adviceOnRefusal(refusal *lbapi.Error, answeredAt time.Time) string {
	if refusal.Status != lbapi.Unauthenticated {
		return ""
	}
	here := c.config.Now()
	off := here.Sub(answeredAt).Round(time.Second)
	if !answeredAt.IsZero() && off.Abs() > signature.MaxSkew {
		side := "ahead of"
		if off < 0 {
			side = "behind"
		}
		return fmt.Sprintf("this machine's clock shows %s, which is %s %s the server's, %s, and a signature allows %s: set the one that is wrong",
			here.UTC().Format(clockLayout), off.Abs(), side, answeredAt.UTC().Format(clockLayout), signature.MaxSkew)
	}
	return fmt.Sprintf("check the access key, the secret key and the region %q", c.config.Region)
}
