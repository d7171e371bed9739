package proxy

import (
	"errors"
	"io"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/http1"
)

// body follows one message body on its way from one connection to the other.
type body struct {
	framing   http1.Framing
	remaining int64 // of FramingLength
	chunked   http1.Chunked
	// plain removes the chunked coding: for HTTP/1.0 clients.
	plain bool
	ended bool
	// trailer is made when a body has a trailer section, which is rare.
	trailer *http1.Trailer
}

func newBody(framing http1.Framing, length int64) body {
	return body{framing: framing, remaining: length, ended: framing == http1.FramingNone}
}

// next takes the bytes of the body from the unread bytes of w. It returns those to pass on, which lie in w and are valid until
// w is filled again. If it takes nothing from a body that has not ended, more bytes are needed. An error is the sender's
// fault, an *http1.Error.
func (b *body) next(w *window) ([]byte, error) {
	src := w.unread()
	switch b.framing {
	case http1.FramingLength:
		n := int(min(int64(len(src)), b.remaining))
		b.remaining -= int64(n)
		b.ended = b.remaining == 0
		w.use(n)
		return src[:n], nil
	case http1.FramingUntilClose:
		w.use(len(src))
		return src, nil
	case http1.FramingChunked:
		return b.nextChunked(w, src)
	default:
		return nil, nil
	}
}

func (b *body) nextChunked(w *window, src []byte) ([]byte, error) {
	var taken int
	var out []byte
	var err error
	if b.plain {
		taken, out, err = b.strip(src)
	} else {
		taken, out, err = b.chunked.Pass(src)
	}
	b.ended = b.chunked.Done()
	if err != nil {
		return nil, err
	}
	if taken == 0 && b.chunked.AtTrailer() {
		return b.nextTrailer(w)
	}
	w.use(taken)
	return out, nil
}

// strip moves the data of the chunks in src together, without their framing.
func (b *body) strip(src []byte) (taken int, data []byte, err error) {
	data = src[:0]
	for taken < len(src) {
		framing, length, err := b.chunked.Next(src[taken:])
		if err != nil {
			return 0, nil, err
		}
		if framing+length == 0 {
			break
		}
		data = append(data, src[taken+framing:taken+framing+length]...)
		taken += framing + length
	}
	return taken, data, nil
}

// nextTrailer takes a trailer section, whole or not at all.
func (b *body) nextTrailer(w *window) ([]byte, error) {
	if b.trailer == nil {
		b.trailer = new(http1.Trailer)
		b.trailer.Reset()
		if b.chunked.Forgiving {
			b.trailer.Forgive()
		}
	}
	n, err := b.trailer.Parse(w.unread())
	if n == 0 || err != nil {
		return nil, err
	}
	section := w.unread()[:n]
	w.use(n)
	b.ended = true
	if b.plain {
		return nil, nil
	}
	// A copy of its own, since filtering can't be done in place; a body has one such section.
	return b.trailer.Append(make([]byte, 0, n), section), nil
}

// appendAvailable appends the bytes of the body that are in w, ready to be passed on.
func (b *body) appendAvailable(dst []byte, w *window) ([]byte, error) {
	for !b.ended && !w.empty() {
		before := len(w.unread())
		piece, err := b.next(w)
		if err != nil {
			return dst, err
		}
		dst = append(dst, piece...)
		if len(w.unread()) == before {
			break
		}
	}
	return dst, nil
}

// ended reports whether a read failed since the peer has ended its side.
func ended(err error) bool { return errors.Is(err, io.EOF) }
