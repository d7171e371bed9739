package lbapi

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// ErrorStatus is the symbolic name of an error, more specific than its HTTP status.
type ErrorStatus string

// The error statuses of the API; HTTPStatus gives the HTTP status of each.
const (
	InvalidArgument  ErrorStatus = "INVALID_ARGUMENT"
	Unauthenticated  ErrorStatus = "UNAUTHENTICATED"
	PermissionDenied ErrorStatus = "PERMISSION_DENIED"
	NotFound         ErrorStatus = "NOT_FOUND"
	Conflict         ErrorStatus = "CONFLICT"
	QuotaExceeded    ErrorStatus = "QUOTA_EXCEEDED"    // no retry helps
	TooManyRequests  ErrorStatus = "TOO_MANY_REQUESTS" // with Retry-After
	Internal         ErrorStatus = "INTERNAL"
	Unavailable      ErrorStatus = "UNAVAILABLE"
	MethodNotAllowed ErrorStatus = "METHOD_NOT_ALLOWED"
	PayloadTooLarge  ErrorStatus = "PAYLOAD_TOO_LARGE"
)

// HTTPStatus returns the HTTP status of an error status.
func (s ErrorStatus) HTTPStatus() int {
	switch s {
	case InvalidArgument:
		return http.StatusBadRequest
	case Unauthenticated:
		return http.StatusUnauthorized
	case PermissionDenied:
		return http.StatusForbidden
	case NotFound:
		return http.StatusNotFound
	case Conflict:
		return http.StatusConflict
	case QuotaExceeded, TooManyRequests:
		return http.StatusTooManyRequests
	case Unavailable:
		return http.StatusServiceUnavailable
	case MethodNotAllowed:
		return http.StatusMethodNotAllowed
	case PayloadTooLarge:
		return http.StatusRequestEntityTooLarge
	default:
		return http.StatusInternalServerError
	}
}

// Detail names one wrong field by its JSON path and says what is wrong with it.
type Detail struct {
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

// InTerraform returns the reason, with the protocols that it quotes in the users' words.
func (d Detail) InTerraform() string {
	if d.Field != TermProtocol.Wire {
		return d.Reason // it may quote a name that is not a protocol
	}
	var pairs []string
	for _, protocol := range ListenerProtocols() {
		pairs = append(pairs, strconv.Quote(string(protocol.Wire)), strconv.Quote(protocol.Word))
	}
	return strings.NewReplacer(pairs...).Replace(d.Reason)
}

// Error is the body of a failed call. It is a Go error on both sides of the wire.
type Error struct {
	Code    int         `json:"code"` // repeats the HTTP status
	Status  ErrorStatus `json:"status"`
	Message string      `json:"message"`
	Details []Detail    `json:"details,omitempty"`
	// RequestID is copied from the envelope; the body of the error does not repeat it.
	RequestID string `json:"-"`
}

// Error returns the message, then each detail that the message does not already contain.
func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString(e.Message)
	for _, detail := range e.Details {
		if !strings.Contains(e.Message, detail.Reason) {
			fmt.Fprintf(&text, "; %s: %s", detail.Field, detail.Reason)
		}
	}
	return text.String()
}

// NewError makes an error with the HTTP status that belongs to status.
func NewError(status ErrorStatus, message string, details ...Detail) *Error {
	return &Error{Code: status.HTTPStatus(), Status: status, Message: message, Details: details}
}

// Envelope is the frame of every response: a result or an error.
type Envelope[T any] struct {
	RequestID string `json:"requestId"`
	Result    T      `json:"result,omitzero"`
	Error     *Error `json:"error,omitempty"`
}
