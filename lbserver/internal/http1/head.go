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

	options     options
	optionCount int
	hasLength   bool
	hasCoding   bool
	hasCookie   bool
	hasUpgrade  bool
	hasRefused  bool // an Upgrade field lists a protocol that is refused, see listsRefusedProtocol
	length      int64

	fields [MaxFields]field // last, because most heads use only the first few: what is used lies together
}

func (h *head) reset() {
	h.count, h.position, h.scanned = 0, 0, 0
	h.options, h.optionCount = 0, 0
	h.hasLength, h.hasCoding, h.hasCookie = false, false, false
	h.hasUpgrade, h.hasRefused = false, false
	h.length = 0
}

// line returns the end of the line at position, the index of its CR, or -1 if more bytes are needed.
func (h *head) line(buf []byte) (int, error) {
	i := firstControl(buf, h.scanned)
	h.scanned = i
	if i == len(buf) {
		return -1, nil
	}
	switch buf[i] {
	case '\r':
		if i+1 == len(buf) {
			return -1, nil
		}
		if buf[i+1] != '\n' {
			return -1, errBareCR
		}
		return i, nil
	case '\n':
		return -1, errBareLF
	case 0:
		return -1, errNUL
	default:
		return -1, errControl
	}
}

// advance makes the line after the one that ends at end (its CR) the current one.
func (h *head) advance(end int) {
	h.position = end + 2
	h.scanned = h.position
}

// readFields reads field lines up to the empty line. It returns the length of the head, or 0 if more bytes are needed.
func (h *head) readFields(buf []byte) (int, error) {
	for {
		end, err := h.line(buf)
		if end < 0 {
			return 0, err
		}
		if end == h.position {
			h.markNamedFields(buf)
			return end + 2, nil
		}
		if err := h.readField(buf, end); err != nil {
			return 0, err
		}
		h.advance(end)
	}
}

func (h *head) readField(buf []byte, end int) error {
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
	f.start, f.end = uint32(start), uint32(end+2)
	f.valueStart, f.valueEnd = uint32(valueStart), uint32(valueEnd)
	f.nameLength, f.kind, f.removed = uint16(colon-start), kindOf(buf[start:colon]), false
	h.count++
	return h.noteField(f, buf)
}

// noteField records what a field says about framing and about the connection.
func (h *head) noteField(f *field, buf []byte) error {
	switch f.kind {
	case kindContentLength:
		if h.hasLength {
			return errLengthTwice
		}
		length, ok := parseDecimal(f.value(buf))
		if !ok {
			return errLengthInvalid
		}
		h.hasLength, h.length = true, length
	case kindTransferEncoding:
		if h.hasCoding {
			return errCodingTwice
		}
		if !equalFold(f.value(buf), "chunked") {
			return errCodingUnknown
		}
		h.hasCoding = true
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
