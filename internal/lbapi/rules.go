package lbapi

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Range is the rule of a whole number: its inclusive bounds, its default and its unit.
type Range struct {
	Min, Max, Default int64
	Unit              string // "seconds", or empty
	Zero              string // what 0 means, if it has a special meaning
}

// The ranges of the API. They are never changed. Source: api.md.
var (
	Port               = Range{Min: 1, Max: 65535}
	ServerPort         = Range{Min: 0, Max: 65535, Zero: "the port of the backend service"}
	Weight             = Range{Min: 0, Max: 100, Default: 10, Zero: "the server takes no new request"}
	PersistenceTimeout = Range{Min: 0, Max: 86400, Unit: "seconds", Zero: "as long as the browser lives"}
	Threshold          = Range{Min: 1, Max: 5, Default: 3, Unit: "checks in a row"}
	CheckTimeout       = Range{Min: 2, Max: 60, Default: 3, Unit: "seconds"}
	CheckInterval      = Range{Min: 5, Max: 300, Default: 5, Unit: "seconds"}
	CheckPort          = Range{Min: 0, Max: 65535, Zero: "the port that takes the server's traffic"}
)

// IdleTimeout returns the range of a listener's idle timeout, whose default depends on its protocol.
func IdleTimeout(p Protocol) Range {
	r := Range{Min: 1, Max: 86400, Default: 60, Unit: "seconds"}
	if ProtocolBehind(p) == TCP {
		r.Default = 1800
	}
	return r
}

// Contains reports whether a value is within the range.
func (r Range) Contains(value int64) bool { return value >= r.Min && value <= r.Max }

// String returns the range in words: "0 to 86400 seconds".
func (r Range) String() string {
	text := fmt.Sprintf("%d to %d", r.Min, r.Max)
	if r.Unit != "" {
		text += " " + r.Unit
	}
	return text
}

// Invalid says why a value is not within the range, or returns "".
func (r Range) Invalid(value int64) string {
	if r.Contains(value) {
		return ""
	}
	return fmt.Sprintf("must be %s, got %d", r, value)
}

// Limits of texts, and the sentences that describe them.
const (
	MaxNameLength        = 32
	MaxDescriptionLength = 256
	MaxCheckPathLength   = 1000
	MaxCheckDomainLength = 255
	DefaultCheckPath     = "/"

	NameRule        = "1 to 32 letters (Chinese included), digits, \"_\" or \"-\""
	DescriptionRule = "up to 256 characters"
	CheckPathRule   = "starts with \"/\", up to 1000 visible ASCII characters, a \"%\" is followed by two hex digits"
	CheckDomainRule = "a host name of letters, digits, \"-\" and \".\", up to 255 characters"
	CheckCodeRule   = "a code \"200\", a range \"200-299\" or a class \"2xx\", within 200 to 499"
	AddressRule     = "an IPv4 or IPv6 address"
)

// DefaultCheckCodes returns the status codes that an HTTP check accepts if none are given.
func DefaultCheckCodes() []string { return []string{"2xx", "3xx"} }

// InvalidName says why a name is not valid, or returns "".
func InvalidName(name string) string {
	letters := 0
	for _, r := range name {
		letters++
		ascii := r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '-')
		if !ascii && !unicode.Is(unicode.Han, r) {
			return fmt.Sprintf("must be %s; %q has %q", NameRule, name, r)
		}
	}
	if letters < 1 || letters > MaxNameLength {
		return fmt.Sprintf("must be %s; %q has %d characters", NameRule, name, letters)
	}
	return ""
}

// InvalidDescription says why a description is not valid, or returns "".
func InvalidDescription(text string) string {
	if n := utf8.RuneCountInString(text); n > MaxDescriptionLength {
		return fmt.Sprintf("must be %s, got %d", DescriptionRule, n)
	}
	if !utf8.ValidString(text) {
		return "must be valid UTF-8"
	}
	return ""
}

// InvalidCheckPath says why the path of an HTTP health check is not valid, or returns "".
func InvalidCheckPath(path string) string {
	if !strings.HasPrefix(path, "/") {
		return fmt.Sprintf("must start with \"/\", got %q", path)
	}
	if len(path) > MaxCheckPathLength {
		return fmt.Sprintf("must be up to %d characters, got %d", MaxCheckPathLength, len(path))
	}
	for i := range len(path) {
		switch c := path[i]; {
		case c <= ' ' || c >= 0x7f || c == '#':
			return fmt.Sprintf("has %q at position %d; a path %s and has no fragment", path[i:i+1], i, CheckPathRule)
		case c == '%' && !hexPair(path[i+1:]):
			return fmt.Sprintf("has a \"%%\" at position %d that is not followed by two hex digits", i)
		}
	}
	return ""
}

func hexPair(text string) bool {
	const hex = "0123456789abcdefABCDEF"
	return len(text) >= 2 && strings.IndexByte(hex, text[0]) >= 0 && strings.IndexByte(hex, text[1]) >= 0
}

// InvalidCheckDomain says why the Host field of an HTTP health check is not valid, or returns ""; an empty one means no
// field.
func InvalidCheckDomain(domain string) string {
	if len(domain) > MaxCheckDomainLength {
		return fmt.Sprintf("must be %s, got %d", CheckDomainRule, len(domain))
	}
	for _, r := range domain {
		if r >= utf8.RuneSelf || (!unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '.') {
			return fmt.Sprintf("must be %s; %q has %q", CheckDomainRule, domain, r)
		}
	}
	return ""
}

// InvalidCheckCodes says why the accepted status codes of an HTTP health check are not valid, or returns "".
func InvalidCheckCodes(codes []string) string {
	if len(codes) == 0 {
		return "must have at least one entry"
	}
	for _, code := range codes {
		if reason := InvalidCheckCode(code); reason != "" {
			return reason
		}
	}
	return ""
}

// InvalidCheckCode says why one entry of the accepted status codes is not valid, or returns "".
func InvalidCheckCode(code string) string {
	if _, ok := ParseCode(code); ok {
		return ""
	}
	return fmt.Sprintf("has %q; each entry is %s", code, CheckCodeRule)
}

// InvalidAddress says why the address of a server is not valid, or returns "". A zone is refused: it means nothing on
// another node.
func InvalidAddress(address string) string {
	if parsed, err := netip.ParseAddr(address); err != nil || parsed.Zone() != "" {
		return fmt.Sprintf("must be %s, got %q", AddressRule, address)
	}
	return ""
}

// violations collects the rules that an object breaks.
type violations []Detail

func (v *violations) add(field, reason string) { *v = append(*v, Detail{Field: field, Reason: reason}) }

func (v *violations) addReason(field, reason string) {
	if reason != "" {
		v.add(field, reason)
	}
}

func (v *violations) name(field, value string)        { v.addReason(field, InvalidName(value)) }
func (v *violations) description(field, value string) { v.addReason(field, InvalidDescription(value)) }

func (v *violations) inRange(field string, value int, allowed Range) {
	v.addReason(field, allowed.Invalid(int64(value)))
}

func (v *violations) dependency(rule Dependency, used bool, value string) {
	if used && !slices.Contains(rule.Allowed, value) {
		v.add(rule.Feature.Wire, rule.Message(Wire, value))
	}
}

func oneOf[T ~string](v *violations, field string, value T, allowed []string) {
	if !slices.Contains(allowed, string(value)) {
		v.add(field, fmt.Sprintf("must be one of %s, got %q", quoted(allowed), string(value)))
	}
}

func quoted(values []string) string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = fmt.Sprintf("%q", value)
	}
	return strings.Join(texts, ", ")
}
