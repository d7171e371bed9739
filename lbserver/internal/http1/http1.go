// Package http1 parses, checks and rewrites HTTP/1.x messages as bytes in its caller's buffers. It does no I/O,
// allocates nothing once its structs exist, and keeps offsets instead of copies, so every byte of a head is examined
// once, however the head arrives.
//
// Framing is judged strictly in both directions: if two programs disagree on where a message ends, one client's bytes
// can be taken for another's. Every refusal is an [Error], which says why. A server is forgiven what every client forgives
// and what has one reading only once it is written plainly, which is how it is sent on.
package http1

import "fmt"

// Limits of what is read. They are the product's; a message beyond them is refused and its connection closed.
const (
	// MaxHeadBytes bounds a request or response head with its final empty line.
	MaxHeadBytes = 64 << 10
	// MaxFields bounds the field lines of a head, and those of a trailer section.
	MaxFields = 128
	// MaxTargetBytes bounds the request target (the URI as sent).
	MaxTargetBytes = 16 << 10
	// MaxMethodBytes bounds a method. A longer method than any known is answered with 501 (RFC 9112, 3); the longest
	// registered one (UPDATEREDIRECTREF) has 17 bytes.
	MaxMethodBytes = 64
	// MaxChunkExtensionBytes bounds the extensions of one chunk (RFC 9112, 7.1.1 asks for a limit).
	MaxChunkExtensionBytes = 4 << 10
	// MaxTrailerBytes bounds a trailer section. Every buffer that a body flows through has room for one.
	MaxTrailerBytes = 16 << 10
	// MaxConnectionOptions bounds the names listed in Connection fields, so that comparing them with all fields stays
	// cheap for hostile heads.
	MaxConnectionOptions = 32
	// MaxInterim bounds the 1xx responses before a final one.
	MaxInterim = 32
)

// Error describes the rule that a message breaks.
type Error struct {
	// Status is the status to answer a request with. For a response it is the status that a request with the same fault
	// would get; the client gets 502.
	Status int
	// Rule names the source of the rule, such as "RFC 9112, 6.3".
	Rule string
	// Reason says what was found and what is allowed.
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("%s (%s)", e.Reason, e.Rule) }

// Framing is how the end of a body is found (RFC 9112, 6.3).
type Framing uint8

// The framings of a body.
const (
	// FramingNone is a message without a body.
	FramingNone Framing = iota
	// FramingLength is a body of Content-Length bytes.
	FramingLength
	// FramingChunked is a body in the chunked transfer coding.
	FramingChunked
	// FramingUntilClose is a response body that ends when the server closes the connection.
	FramingUntilClose
)

func (f Framing) String() string {
	switch f {
	case FramingNone:
		return "none"
	case FramingLength:
		return "length"
	case FramingChunked:
		return "chunked"
	default:
		return "until close"
	}
}

var (
	errHeadTooLarge    = &Error{431, "limit of 64 KiB, RFC 6585, 5", "the head is longer than 64 KiB"}
	errTooManyFields   = &Error{431, "limit of 128 fields, RFC 6585, 5", "the message has more than 128 fields"}
	errTargetTooLong   = &Error{414, "limit of 16 KiB, RFC 9110, 15.5.15", "the request target is longer than 16 KiB"}
	errTrailerTooLarge = &Error{431, "limit of 16 KiB, RFC 9112, 7.1.2", "the trailer section is longer than 16 KiB"}
	errTooManyOptions  = &Error{400, "limit of 32 options, RFC 9110, 7.6.1", "Connection lists more than 32 options"}

	errBareCR        = &Error{400, "RFC 9112, 2.2", "a carriage return is not followed by a line feed"}
	errBareLF        = &Error{400, "RFC 9112, 2.2", "a line ends in a line feed without a carriage return"}
	errNUL           = &Error{400, "RFC 9110, 5.5", "the head contains a NUL byte"}
	errControl       = &Error{400, "RFC 9110, 5.5", "the head contains a control character"}
	errObsoleteFold  = &Error{400, "RFC 9112, 5.2", "a field line starts with white space (an obsolete line folding)"}
	errSpaceInName   = &Error{400, "RFC 9112, 5.1", "white space stands between a field name and its colon"}
	errNameNotToken  = &Error{400, "RFC 9110, 5.6.2", "a field name contains a byte that no token may contain"}
	errNoColon       = &Error{400, "RFC 9112, 5", "a field line has no colon"}
	errNameEmpty     = &Error{400, "RFC 9112, 5", "a field line has an empty name"}
	errLengthTwice   = &Error{400, "RFC 9112, 6.3", "Content-Length is given more than once"}
	errLengthInvalid = &Error{400, "RFC 9110, 8.6", "Content-Length is not a decimal number below 2^63"}
	errLengthAndTE   = &Error{400, "RFC 9112, 6.1", "Content-Length and Transfer-Encoding are both given"}
	errCodingInvalid = &Error{400, "RFC 9112, 7", "Transfer-Encoding is not a list of codings"}
	errCodingUnknown = &Error{501, "RFC 9112, 6.1", "no transfer coding but chunked is known here"}

	errLengthsDiffer      = &Error{400, "RFC 9112, 6.3", "Content-Length is given more than once, with different values"}
	errCodingNotChunked   = &Error{400, "RFC 9112, 6.3", "the last transfer coding is not chunked"}
	errCodingAfterChunked = &Error{400, "RFC 9112, 6.1", "Transfer-Encoding lists a coding behind chunked"}
	errCodingIn10         = &Error{400, "RFC 9112, 6.1", "an HTTP/1.0 message has a Transfer-Encoding"}
)
