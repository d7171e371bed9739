package persistence

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// expiresFormat is the date format of Expires (RFC 9110, 5.6.7), for times in UTC.
const expiresFormat = "Mon, 02 Jan 2006 15:04:05 GMT"

// ServerLine is the Set-Cookie line that names one server of one backend service. The line depends on nothing but the
// second, so it is made once a second instead of once a response. It is safe for concurrent use.
type ServerLine struct {
	cookie   *Cookie
	serverID string
	plain    atomic.Pointer[renderedLine]
	secure   atomic.Pointer[renderedLine]
}

// renderedLine is immutable.
type renderedLine struct {
	second int64
	text   []byte
}

// ForServer returns the line of the server with this id, 1 to MaxServerIDLength bytes. Keep the result: it caches the
// line.
func (c *Cookie) ForServer(serverID string) *ServerLine {
	return &ServerLine{cookie: c, serverID: serverID}
}

// At returns the finished header line, "Set-Cookie: …\r\n", for a response sent at the time now. secure says that the client
// uses HTTPS: then the line has the attribute Secure. The caller must not change the bytes.
func (l *ServerLine) At(now time.Time, secure bool) []byte {
	cached := &l.plain
	if secure {
		cached = &l.secure
	}
	if line := cached.Load(); line != nil && line.second == now.Unix() {
		return line.text
	}
	// Several cores may get here at the turn of a second; each makes a valid line, and one of them is kept.
	line := &renderedLine{now.Unix(), l.render(now, secure)}
	cached.Store(line)
	return line.text
}

func (l *ServerLine) render(now time.Time, secure bool) []byte {
	line := append(make([]byte, 0, 256), "Set-Cookie: "...)
	line = append(line, l.cookie.name...)
	line = append(line, '=')
	line = l.cookie.Seal(line, l.serverID, now, secure)
	line = append(line, "; Path=/"...)
	if timeout := l.cookie.attributes.Timeout; timeout > 0 {
		line = append(line, "; Max-Age="...)
		line = strconv.AppendInt(line, int64(timeout/time.Second), 10)
		line = append(line, "; Expires="...)
		line = now.Add(timeout).UTC().AppendFormat(line, expiresFormat)
	}
	line = append(line, "; HttpOnly; SameSite="...)
	line = append(line, l.cookie.attributes.sameSite(secure)...)
	if secure {
		line = append(line, "; Secure"...)
	}
	return append(line, '\r', '\n')
}

// sameSite returns the value of SameSite. Browsers refuse None without Secure (RFC 6265bis, 5.7), so where that can't be, the
// cookie has at least the pages of its own site.
func (a Attributes) sameSite(secure bool) lbapi.SameSite {
	switch {
	case a.SameSite == lbapi.SameSiteStrict, a.SameSite == lbapi.SameSiteNone && secure:
		return a.SameSite
	default:
		return lbapi.SameSiteLax
	}
}
