package http1

import (
	"sync/atomic"
	"time"
)

// dateFormat is the format of Date (RFC 9110, 5.6.7), for times in UTC.
const dateFormat = "Mon, 02 Jan 2006 15:04:05 GMT"

// DateLine is the Date field line of responses that no server made (RFC 9110, 6.6.1). It depends on nothing but the second, so
// it is made once a second instead of once a response. The zero DateLine is ready for use, by several cores at a time.
type DateLine struct{ rendered atomic.Pointer[renderedDate] }

// renderedDate is immutable.
type renderedDate struct {
	second int64
	text   []byte
}

// At returns the finished line, "Date: …\r\n", for a response that is made at the time now. The caller must not change the
// bytes.
func (d *DateLine) At(now time.Time) []byte {
	second := now.Unix()
	if line := d.rendered.Load(); line != nil && line.second == second {
		return line.text
	}
	// Several cores may get here at the turn of a second; each makes the same line, and one of them is kept.
	line := &renderedDate{second, now.UTC().AppendFormat([]byte("Date: "), dateFormat+"\r\n")}
	d.rendered.Store(line)
	return line.text
}
