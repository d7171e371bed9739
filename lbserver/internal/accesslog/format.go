package accesslog

import (
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy"
)

// Format is the form of the lines.
type Format string

// Text is one line for each request, close to HAProxy's HTTP log and nginx's combined format:
//
//	192.0.2.7:51234 [2026-11-22T17:04:38.123Z] listener-aaaaaaaaaa backend-bbbbbbbbbb/target-cccccccccc 10.0.0.5:8080
//	1.234 200 87 5120 0 9f86d081884c7d65 "GET /a?b=1 HTTP/1.1" "example.com" "curl/8.5.0" "-"
//
// (without the line break). The fields are: the client, without a port if a trusted proxy told its address; the time in
// UTC when the request's head was complete; listener; backend service and server; the server's address; duration from
// that time in milliseconds; status (499: the client went away before one was sent; 0: none was sent); bytes received
// and sent, heads included; retries; request id; request line; Host; User-Agent; and why the request failed. An unknown
// value is "-". In quotes, a quote, a backslash and every byte that is not printable ASCII are escaped as \", \\ and
// \xHH, so no client can forge a line.
//
// JSON is one object for each request with the same fields; unknown values are left out. Bytes that are not valid UTF-8
// are read as Latin-1.
//
// Both cut a target at 4,096 bytes, a Host or User-Agent at 1,024, and mark the cut with "...".
const (
	Text Format = "text"
	JSON Format = "json"
)

const (
	maxTarget = 4096
	maxField  = 1024
)

// lineAppender appends the line of an entry. It keeps the text of the second in second, for the next line.
type lineAppender func(line []byte, entry *proxy.Entry, second *second) []byte

func formats() map[Format]lineAppender {
	return map[Format]lineAppender{Text: appendText, JSON: appendJSON}
}

// second is the text of a second of Unix time.
type second struct {
	unix int64
	text []byte
}

// appendTime appends a time as RFC 3339 in UTC with milliseconds.
func (s *second) appendTime(line []byte, t time.Time) []byte {
	if unix := t.Unix(); unix != s.unix || s.text == nil {
		s.unix, s.text = unix, t.UTC().AppendFormat(s.text[:0], time.DateOnly+"T"+time.TimeOnly)
	}
	line = append(line, s.text...)
	line = appendThousandths(append(line, '.'), t.Nanosecond()/int(time.Millisecond))
	return append(line, 'Z')
}

// appendThousandths appends a number below 1,000 as three digits.
func appendThousandths(line []byte, number int) []byte {
	return append(line, '0'+byte(number/100), '0'+byte(number/10%10), '0'+byte(number%10))
}

func protocolOf(entry *proxy.Entry) string {
	if entry.Version10 {
		return "HTTP/1.0"
	}
	return "HTTP/1.1"
}

func appendMilliseconds(line []byte, d time.Duration) []byte {
	line = strconv.AppendInt(line, d.Milliseconds(), 10)
	return appendThousandths(append(line, '.'), int(d.Microseconds()%1000))
}

func appendText(line []byte, entry *proxy.Entry, second *second) []byte {
	line = appendAddress(line, entry.Client)
	line = append(line, " ["...)
	line = second.appendTime(line, entry.Time)
	line = append(line, "] "...)
	line = appendWord(line, entry.ListenerID, ' ')
	line = appendWord(line, entry.BackendServiceID, '/')
	line = appendWord(line, entry.ServerID, ' ')
	line = appendAddress(line, entry.ServerAddress)
	line = append(line, ' ')
	line = appendMilliseconds(line, entry.Duration)
	for _, number := range [...]int64{int64(entry.Status), entry.BytesReceived, entry.BytesSent, int64(entry.Retries)} {
		line = append(line, ' ')
		line = strconv.AppendInt(line, number, 10)
	}
	line = append(line, ' ')
	line = appendID(line, entry.RequestID)
	line = append(line, ' ', '"')
	if len(entry.Method) == 0 {
		line = append(line, '-')
	} else {
		line = appendEscaped(line, entry.Method, maxField)
		line = append(line, ' ')
		line = appendEscaped(line, entry.Target, maxTarget)
		line = append(line, ' ')
		line = append(line, protocolOf(entry)...)
	}
	line = append(line, '"')
	line = appendQuoted(line, entry.Host)
	line = appendQuoted(line, entry.UserAgent)
	line = appendQuoted(line, entry.Failure)
	return append(line, '\n')
}

func appendAddress(line []byte, address netip.AddrPort) []byte {
	if !address.IsValid() {
		return append(line, '-')
	}
	return appendHostPort(line, address)
}

// appendHostPort appends an address with its port, if that is known.
func appendHostPort(line []byte, address netip.AddrPort) []byte {
	if address.Port() == 0 {
		return address.Addr().AppendTo(line)
	}
	return address.AppendTo(line)
}

// appendWord appends one of our own identifiers, which needs no escaping.
func appendWord(line []byte, word string, end byte) []byte {
	if word == "" {
		word = "-"
	}
	return append(append(line, word...), end)
}

func appendQuoted[T ~string | ~[]byte](line []byte, text T) []byte {
	line = append(line, ` "`...)
	if len(text) == 0 {
		line = append(line, '-')
	}
	line = appendEscaped(line, text, maxField)
	return append(line, '"')
}

const hexDigits = "0123456789abcdef"

// appendID appends all 16 digits of a request's id.
func appendID(line []byte, id uint64) []byte {
	var digits [16]byte
	for i := range digits {
		digits[i] = hexDigits[id>>(60-4*i)&15]
	}
	return append(line, digits[:]...)
}

func appendEscaped[T ~string | ~[]byte](line []byte, text T, limit int) []byte {
	end := min(len(text), limit)
	for i := 0; i < end; i++ {
		n := plain(text[i:end])
		line = append(line, text[i:i+n]...)
		if i += n; i == end {
			break
		}
		switch c := text[i]; c {
		case '"', '\\':
			line = append(line, '\\', c)
		default:
			line = append(line, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	if len(text) > limit {
		line = append(line, "..."...)
	}
	return line
}

// plain returns how many bytes at the start of text need no escape: all of them in most texts.
func plain[T ~string | ~[]byte](text T) int {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return i
		}
	}
	return len(text)
}

func appendJSON(line []byte, entry *proxy.Entry, second *second) []byte {
	line = append(line, `{"time":"`...)
	line = second.appendTime(line, entry.Time)
	line = append(line, `","request_id":"`...)
	line = append(appendID(line, entry.RequestID), '"')
	line = appendOurs(line, `,"listener":"`, entry.ListenerID)
	line = appendOurs(line, `,"backend_service":"`, entry.BackendServiceID)
	line = appendOurs(line, `,"server":"`, entry.ServerID)
	line = appendAddressField(line, `,"server_address":"`, entry.ServerAddress)
	line = appendAddressField(line, `,"client":"`, entry.Client)
	if len(entry.Method) > 0 {
		line = appendString(line, `,"method":"`, entry.Method, maxField)
		line = appendString(line, `,"target":"`, entry.Target, maxTarget)
		line = appendOurs(line, `,"protocol":"`, protocolOf(entry))
	}
	line = appendString(line, `,"host":"`, entry.Host, maxField)
	line = appendString(line, `,"user_agent":"`, entry.UserAgent, maxField)
	line = append(line, `,"status":`...)
	line = strconv.AppendInt(line, int64(entry.Status), 10)
	line = append(line, `,"duration_ms":`...)
	line = appendMilliseconds(line, entry.Duration)
	line = append(line, `,"bytes_received":`...)
	line = strconv.AppendInt(line, entry.BytesReceived, 10)
	line = append(line, `,"bytes_sent":`...)
	line = strconv.AppendInt(line, entry.BytesSent, 10)
	line = append(line, `,"retries":`...)
	line = strconv.AppendInt(line, int64(entry.Retries), 10)
	line = appendString(line, `,"failure":"`, entry.Failure, maxField)
	return append(line, '}', '\n')
}

func appendAddressField(line []byte, opening string, address netip.AddrPort) []byte {
	if !address.IsValid() {
		return line
	}
	line = append(line, opening...)
	return append(appendHostPort(line, address), '"')
}

// appendOurs is appendString for one of our own words, which needs no escaping.
func appendOurs(line []byte, opening, word string) []byte {
	if word == "" {
		return line
	}
	return append(append(append(line, opening...), word...), '"')
}

// appendString appends opening (comma, name, colon and quote), the text and the closing quote, unless the text is
// empty.
func appendString[T ~string | ~[]byte](line []byte, opening string, text T, limit int) []byte {
	if len(text) == 0 {
		return line
	}
	line = append(line, opening...)
	end := min(len(text), limit)
	for i := 0; i < end; {
		if n := plain(text[i:end]); n > 0 {
			line = append(line, text[i:i+n]...)
			i += n
			continue
		}
		if size := sequence(text[i:]); size > 1 {
			line = append(line, text[i:i+size]...)
			i += size
			continue
		}
		switch c := text[i]; c {
		case '"', '\\':
			line = append(line, '\\', c)
		default:
			line = append(line, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
	}
	if len(text) > limit {
		line = append(line, "..."...)
	}
	return append(line, '"')
}

// sequence returns the length of the UTF-8 sequence at the start of text, or 1 if there is none.
func sequence[T ~string | ~[]byte](text T) int {
	var head [utf8.UTFMax]byte
	_, size := utf8.DecodeRune(head[:copy(head[:], text)])
	return size
}
