package http1

import (
	"bytes"
	"iter"
)

// options are the connection options (RFC 9110, 7.6.1) that matter here.
type options uint8

const (
	optionClose options = 1 << iota
	optionKeepAlive
	optionUpgrade
	optionNamesField
)

// head is the common part of request and response heads: the lines read so far, and their framing.
type head struct {
	count int
	// position is the start of the first line not yet read. scanned is how far the search for its end has come.
	position int
	scanned  int

	options       options
	optionCount   int
	hasLength     bool
	hasCoding     bool
	chunked       bool // Transfer-Encoding lists chunked
	hasUnknown    bool // Transfer-Encoding lists a coding that is not known here
	hasCookie     bool
	hasUpgrade    bool
	hasRefused    bool // an Upgrade field lists a protocol that is refused, see listsRefusedProtocol
	contentLength int64

	// forgiving is set for what a server sends. What every client forgives a server is accepted then, because it is
	// sent on in a form that has one reading only: a bare LF, an obsolete line folding, one Content-Length given twice.
	forgiving bool
	bareLF    bool // a line ends in a bare LF

	fields [MaxFields]field // last, because most heads use only the first few: what is used lies together
}

func (h *head) resetHead() {
	h.count, h.position, h.scanned = 0, 0, 0
	h.options, h.optionCount = 0, 0
	h.hasLength, h.hasCoding, h.chunked, h.hasUnknown, h.hasCookie = false, false, false, false, false
	h.hasUpgrade, h.hasRefused, h.bareLF = false, false, false
	h.contentLength = 0
}

// line returns the end of the line at position, the index of its CR or bare LF, and where the next line starts. end is
// -1 if more bytes are needed.
func (h *head) line(buf []byte) (end, next int, err error) {
	i := firstControl(buf, h.scanned)
	h.scanned = i
	if i == len(buf) {
		return -1, 0, nil
	}
	switch buf[i] {
	case '\r':
		if i+1 == len(buf) {
			return -1, 0, nil
		}
		if buf[i+1] != '\n' {
			return -1, 0, errBareCR
		}
		return i, i + 2, nil
	case '\n':
		if !h.forgiving {
			return -1, 0, errBareLF
		}
		h.bareLF = true
		return i, i + 1, nil
	case 0:
		return -1, 0, errNUL
	default:
		return -1, 0, errControl
	}
}

// advance makes the line that starts at next the current one.
func (h *head) advance(next int) {
	h.position = next
	h.scanned = next
}

// readFields reads field lines up to the empty line. It returns the length of the head, or 0 if more bytes are needed.
func (h *head) readFields(buf []byte) (int, error) {
	for {
		end, next, err := h.line(buf)
		if end < 0 {
			return 0, err
		}
		if end == h.position {
			h.markNamedFields(buf)
			return next, nil
		}
		if h.forgiving {
			if next == len(buf) {
				return 0, nil // whether the line is folded, the next byte says
			}
			if isSpace(buf[next]) {
				h.unfold(buf, end, next)
				continue
			}
		}
		if err := h.readField(buf, end, next); err != nil {
			return 0, err
		}
		h.advance(next)
	}
}

// unfold overwrites an obsolete line folding with spaces, as RFC 9112, 5.2 asks of whoever forwards a response: the line
// goes on behind it.
func (h *head) unfold(buf []byte, end, next int) {
	for i := end; i <= next; i++ {
		buf[i] = ' '
	}
	h.scanned = next + 1
}

func (h *head) readField(buf []byte, end, next int) error {
	if h.count == MaxFields {
		return errTooManyFields
	}
	start := h.position
	if isSpace(buf[start]) {
		return errObsoleteFold
	}
	colon := start
	for _, c := range buf[start:end] {
		if classes[c]&classToken == 0 {
			break
		}
		colon++
	}
	if colon == end {
		return errNoColon
	}
	if buf[colon] != ':' {
		if isSpace(buf[colon]) {
			return errSpaceInName
		}
		return errNameNotToken
	}
	if colon == start {
		return errNameEmpty
	}
	valueStart, valueEnd := colon+1, end
	for valueStart < valueEnd && isSpace(buf[valueStart]) {
		valueStart++
	}
	for valueStart < valueEnd && isSpace(buf[valueEnd-1]) {
		valueEnd--
	}
	f := &h.fields[h.count]
	f.start, f.end = uint32(start), uint32(next)
	f.valueStart, f.valueEnd = uint32(valueStart), uint32(valueEnd)
	f.nameLength, f.kind, f.removed = uint16(colon-start), kindOf(buf[start:colon]), false
	h.count++
	return h.noteField(f, buf)
}

// noteField records what a field says about framing and about the connection.
func (h *head) noteField(f *field, buf []byte) error {
	switch f.kind {
	case kindContentLength:
		return h.readLength(f, buf)
	case kindTransferEncoding:
		return h.readCodings(f.value(buf))
	case kindConnection:
		return h.readOptions(f.value(buf))
	case kindUpgrade:
		h.hasUpgrade = true
		h.hasRefused = h.hasRefused || listsRefusedProtocol(f.value(buf))
	case kindCookie:
		h.hasCookie = true
	}
	return nil
}

// readLength reads a Content-Length. In a forgiving head it may say one value more than once (RFC 9110, 8.6).
func (h *head) readLength(f *field, buf []byte) error {
	if h.hasLength && !h.forgiving {
		return errLengthTwice
	}
	f.removed = h.hasLength
	for list, more := f.value(buf), true; more; {
		var element []byte
		element, list, more = bytes.Cut(list, []byte{','})
		if more && !h.forgiving {
			return errLengthInvalid
		}
		length, ok := parseDecimal(trim(element))
		switch {
		case !ok:
			return errLengthInvalid
		case h.hasLength && length != h.contentLength:
			return errLengthsDiffer
		}
		h.hasLength, h.contentLength = true, length
	}
	return nil
}

// readCodings reads a Transfer-Encoding, a list that goes on over several fields (RFC 9112, 6.1).
func (h *head) readCodings(list []byte) error {
	h.hasCoding = true
	for more := true; more; {
		var coding []byte
		coding, list, more = bytes.Cut(list, []byte{','})
		coding = trim(coding)
		name, _, _ := bytes.Cut(coding, []byte{';'})
		name = trim(name)
		switch {
		case h.chunked:
			return errCodingAfterChunked
		case equalFold(coding, "chunked"):
			h.chunked = true
		case len(name) == 0 || !allOf(name, classToken) || equalFold(name, "chunked"): // which has no parameters, 7.1
			return errCodingInvalid
		default:
			h.hasUnknown = true
		}
	}
	return nil
}

func (h *head) readOptions(list []byte) error {
	for len(list) > 0 {
		var option []byte
		option, list = nextElement(list)
		switch {
		case len(option) == 0:
			continue
		case equalFold(option, "close"):
			h.options |= optionClose
		case equalFold(option, "keep-alive"):
			h.options |= optionKeepAlive
		case equalFold(option, "upgrade"):
			h.options |= optionUpgrade
		default:
			h.options |= optionNamesField
		}
		if h.optionCount++; h.optionCount > MaxConnectionOptions {
			return errTooManyOptions
		}
	}
	return nil
}

// markNamedFields marks the fields that Connection names for removal (RFC 9110, 7.6.1). It applies only to fields of
// kindOther: the kinds this package knows are either hop-by-hop and removed anyway, or must not be removed by one hop
// on behalf of another.
func (h *head) markNamedFields(buf []byte) {
	if h.options&optionNamesField == 0 {
		return
	}
	for i := range h.count {
		if h.fields[i].kind != kindConnection {
			continue
		}
		list := h.fields[i].value(buf)
		for len(list) > 0 {
			var option []byte
			option, list = nextElement(list)
			for j := range h.count {
				if f := &h.fields[j]; f.kind == kindOther && equalFoldBytes(f.name(buf), option) {
					f.removed = true
				}
			}
		}
	}
}

// judgeFraming applies the framing rules that requests and responses share.
func (h *head) judgeFraming(version10 bool) error {
	switch {
	case h.hasCoding && h.hasLength:
		return errLengthAndTE
	case h.hasCoding && version10:
		return errCodingIn10
	}
	return h.judgeCodings()
}

// judgeCodings refuses transfer codings other than the one coding chunked. Without chunked at the end nobody can know
// where the body ends (RFC 9112, 6.3), which is a fault; a coding before it is just not offered here.
func (h *head) judgeCodings() error {
	switch {
	case h.hasCoding && !h.chunked:
		return errCodingNotChunked
	case h.hasUnknown:
		return errCodingUnknown
	}
	return nil
}

// mayUpgrade reports whether the message asks for, or agrees to, a change of protocol (RFC 9110, 7.8) that is not
// refused.
func (h *head) mayUpgrade() bool {
	return h.hasUpgrade && !h.hasRefused && h.options&optionUpgrade != 0
}

// protocols iterates over the elements of a head's Upgrade lists.
func (h *head) protocols(buf []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := range h.count {
			if f := &h.fields[i]; f.kind == kindUpgrade {
				for protocol := range bytes.SplitSeq(f.value(buf), []byte{','}) {
					if protocol = trim(protocol); len(protocol) > 0 && !yield(protocol) {
						return
					}
				}
			}
		}
	}
}

// listsRefusedProtocol reports whether an Upgrade list contains a protocol that carries more HTTP (h2c, HTTP/2.0,
// TLS/1.0). After such an upgrade a client would speak to the server past everything this load balancer guarantees
// about requests. Anything that is not a list of tokens (RFC 9110, 7.8) is refused too: a server that accepts quotes,
// or trims bytes other than white space, could find such a protocol in it.
func listsRefusedProtocol(list []byte) bool {
	for len(list) > 0 {
		var protocol []byte
		protocol, list, _ = bytes.Cut(list, []byte{','})
		name, version, versioned := bytes.Cut(trim(protocol), []byte{'/'})
		switch {
		case !allOf(name, classToken) || !allOf(version, classToken) || versioned && len(name)*len(version) == 0:
			return true
		case len(name) >= 2 && equalFold(name[:2], "h2"), equalFold(name, "http"), equalFold(name, "tls"):
			return true
		}
	}
	return false
}

// persistent reports whether the sender of this head keeps the connection open after the message (RFC 9112, 9.3).
func (h *head) persistent(version10 bool) bool {
	if h.options&optionClose != 0 {
		return false
	}
	return !version10 || h.options&optionKeepAlive != 0
}
