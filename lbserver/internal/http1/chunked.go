package http1

// Chunked follows a body in the chunked transfer coding (RFC 9112, 7.1) through the bytes that carry it. Its zero value
// is at the start of a body. It never reads bytes after the body: those belong to the next message.
type Chunked struct {
	// Forgiving accepts what is forgiven a server: any number of zeros before a chunk size and of blanks behind it. They
	// are taken out, because not every client forgives them.
	Forgiving bool

	state     chunkState
	digits    uint8 // of the current chunk size, read so far
	extended  extensionState
	extension int   // bytes read of the current chunk's extensions
	remaining int64 // bytes of data to come in the current chunk; while its size is read, the size so far
}

type chunkState uint8

const (
	chunkSize   chunkState = iota
	chunkBlanks            // behind a chunk size
	chunkExtension
	chunkSizeLF
	chunkData
	chunkDataCR
	chunkDataLF
	chunkTrailer // the last chunk's line has been read
	chunkFields  // the first byte of a field is next
	chunkEndLF   // the CR of an empty trailer section has been read
	chunkEnd
)

var (
	errChunkSize          = &Error{400, "RFC 9112, 7.1", "a chunk size is not a hexadecimal number below 2^60"}
	errChunkLine          = &Error{400, "RFC 9112, 7.1", "a chunk's first line does not end in CR LF"}
	errChunkExtension     = &Error{400, "RFC 9112, 7.1.1", "a chunk extension is not a name with an optional value"}
	errChunkExtensionLong = &Error{400, "limit of 4 KiB, RFC 9112, 7.1.1", "a chunk's extensions are longer than 4 KiB"}
	errChunkData          = &Error{400, "RFC 9112, 7.1", "the data of a chunk is not followed by CR LF"}
	errChunkTrailer       = &Error{400, "RFC 9112, 7.1.2", "the last chunk is followed by neither fields nor an empty line"}
)

// maxChunkDigits bounds a chunk size with the leading zeros that a client sent: 15 hexadecimal digits can't overflow.
const maxChunkDigits = 15

// Done reports whether the whole body has been read, including an empty trailer section.
func (c *Chunked) Done() bool { return c.state == chunkEnd }

// AtTrailer reports whether the next byte is the first of a trailer section that is not empty. Read that with
// [Trailer].
func (c *Chunked) AtTrailer() bool { return c.state == chunkFields }

// Next returns how many bytes at the start of src are framing, and how many after those are data. Both are zero only if
// more bytes are needed, or after the end, or at a trailer section. Errors are [*Error].
func (c *Chunked) Next(src []byte) (framing, data int, err error) {
	framing, padding, data, err := c.next(src)
	return framing + padding, data, err
}

// next returns how many bytes at the start of src are framing, and how many after those are padding of a chunk size, or
// data.
func (c *Chunked) next(src []byte) (framing, padding, data int, err error) {
	for framing < len(src) {
		if c.state == chunkData {
			data = len(src) - framing
			if int64(data) >= c.remaining {
				data = int(c.remaining)
				c.state = chunkDataCR
			}
			c.remaining -= int64(data)
			return framing, 0, data, nil
		}
		if c.state == chunkTrailer && classes[src[framing]]&classToken != 0 {
			c.state = chunkFields
		}
		if c.state == chunkEnd || c.state == chunkFields {
			return framing, 0, 0, nil
		}
		if c.Forgiving {
			if padding, wait := c.padding(src[framing:]); padding > 0 || wait {
				return framing, padding, 0, nil
			}
		}
		if err := c.step(src[framing]); err != nil {
			return framing, 0, 0, err
		}
		framing++
	}
	return framing, 0, 0, nil
}

// padding returns how many bytes at the start of src pad a chunk size. wait is set if the byte behind src decides whether
// a zero does.
func (c *Chunked) padding(src []byte) (length int, wait bool) {
	switch {
	case c.state == chunkSize && c.digits == 0:
		for src[length] == '0' {
			if length+1 == len(src) {
				return length, true
			}
			if classes[src[length+1]]&classHex == 0 {
				break // a size of 0
			}
			length++
		}
	case c.state == chunkSize || c.state == chunkBlanks:
		for length < len(src) && isSpace(src[length]) {
			length++
			c.state = chunkBlanks
		}
	}
	return length, false
}

// Pass takes the bytes at the start of src up to the end of the body or the start of its trailer section. What of them is
// sent on, framing and data without padding, is moved together at the start of src. It takes nothing if more bytes are
// needed, or after the end, or at a trailer section.
func (c *Chunked) Pass(src []byte) (taken int, passed []byte, err error) {
	kept := 0
	for taken < len(src) {
		framing, padding, data, err := c.next(src[taken:])
		if kept < taken {
			copy(src[kept:], src[taken:taken+framing+data])
		}
		kept += framing + data
		taken += framing + padding + data
		if err != nil || framing+padding+data == 0 {
			return taken, src[:kept], err
		}
	}
	return taken, src[:kept], nil
}

// step takes one byte of framing.
func (c *Chunked) step(b byte) error {
	switch c.state {
	case chunkSize:
		return c.stepSize(b)
	case chunkBlanks:
		return c.stepAfterSize(b)
	case chunkExtension:
		end, err := c.extended.step(b)
		if err != nil {
			return err
		}
		if end {
			c.state = chunkSizeLF
			return nil
		}
		if c.extension++; c.extension > MaxChunkExtensionBytes {
			return errChunkExtensionLong
		}
	case chunkSizeLF:
		if b != '\n' {
			return errChunkLine
		}
		c.digits, c.extension = 0, 0
		c.state = chunkData
		if c.remaining == 0 {
			c.state = chunkTrailer
		}
	case chunkDataCR:
		if b != '\r' {
			return errChunkData
		}
		c.state = chunkDataLF
	case chunkDataLF:
		if b != '\n' {
			return errChunkData
		}
		c.state = chunkSize
	case chunkTrailer:
		if b != '\r' {
			return errChunkTrailer
		}
		c.state = chunkEndLF
	case chunkEndLF:
		if b != '\n' {
			return errChunkTrailer
		}
		c.state = chunkEnd
	}
	return nil
}

func (c *Chunked) stepSize(b byte) error {
	if classes[b]&classHex != 0 {
		if c.digits++; c.digits > maxChunkDigits {
			return errChunkSize
		}
		digit := lower[b] - '0'
		if digit > 9 {
			digit = lower[b] - 'a' + 10
		}
		c.remaining = c.remaining<<4 | int64(digit)
		return nil
	}
	return c.stepAfterSize(b)
}

func (c *Chunked) stepAfterSize(b byte) error {
	switch {
	case c.digits == 0:
		return errChunkSize
	case b == '\r':
		c.state = chunkSizeLF
	case b == ';':
		c.state = chunkExtension
		c.extension, c.extended = 1, extensionStart
	default:
		return errChunkSize
	}
	return nil
}

// Trailer is a trailer section (RFC 9112, 7.1.2). Like a head it is parsed as a whole before any of it is sent on.
type Trailer struct{ head }

// Reset makes t ready for a new trailer section.
func (t *Trailer) Reset() { t.resetHead() }

// Forgive accepts from now on what is forgiven a server: bare LF and obsolete line foldings, which Parse overwrites with
// spaces.
func (t *Trailer) Forgive() { t.forgiving = true }

// Parse reads the trailer section at the start of buf and returns its length, including the final empty line. Like
// [Request.Parse] it returns 0 if more bytes are needed.
func (t *Trailer) Parse(buf []byte) (int, error) {
	window := buf[:min(len(buf), MaxTrailerBytes)]
	length, err := t.readFields(window)
	switch {
	case err != nil:
		return 0, err
	case length > 0:
		return length, t.judgeCodings()
	case len(window) == MaxTrailerBytes:
		return 0, errTrailerTooLarge
	}
	return 0, nil
}

// Append appends the fields of the trailer section that may be sent on, and the empty line. It drops fields that frame,
// route or control a message, or that only this load balancer may set: RFC 9110, 6.5.1 forbids them here, and a server
// that merges trailers into its head would believe them.
func (t *Trailer) Append(dst, buf []byte) []byte {
	start := len(dst)
	for i := range t.count {
		if f := &t.fields[i]; f.kind == kindOther && !f.removed {
			dst = append(dst, buf[f.start:f.end]...)
		}
	}
	if t.bareLF {
		dst = withCRs(dst, start)
	}
	return append(dst, "\r\n"...)
}
