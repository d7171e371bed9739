package http1

import (
	"errors"
	"strings"
	"testing"
)

func TestChunkedBodies(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		raw  string
		data string // of the whole body
		rest string // what remains after the body, or the trailer section
		want error
	}{
		"one chunk":             {raw: "5\r\nhello\r\n0\r\n\r\nGET", data: "hello", rest: "GET"},
		"two chunks":            {raw: "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", data: "hello"},
		"empty":                 {raw: "0\r\n\r\n0\r\n\r\n", rest: "0\r\n\r\n"},
		"upper case":            {raw: "A\r\n0123456789\r\n0\r\n\r\n", data: "0123456789"},
		"leading zeros":         {raw: "000000000000001\r\nx\r\n000\r\n\r\n", data: "x"},
		"extension":             {raw: "1;a=b;c=\"d\"\r\nx\r\n0;e\r\n\r\n", data: "x"},
		"longest extension":     {raw: "1;" + strings.Repeat("a", MaxChunkExtensionBytes-1) + "\r\nx\r\n0\r\n\r\n", data: "x"},
		"data like framing":     {raw: "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", data: "\r\n0\r\n\r\n"},
		"trailer":               {raw: "1\r\nx\r\n0\r\nA: b\r\n\r\n", data: "x", rest: "A: b\r\n\r\n"},
		"no size":               {raw: "\r\n", want: errChunkSize},
		"negative size":         {raw: "-1\r\n", want: errChunkSize},
		"signed size":           {raw: "+1\r\n", want: errChunkSize},
		"prefixed size":         {raw: "0x1\r\n", want: errChunkSize},
		"underscore":            {raw: "1_0\r\n", want: errChunkSize},
		"space before size":     {raw: " 1\r\n", want: errChunkSize},
		"space after size":      {raw: "1 \r\n", want: errChunkSize},
		"size over 2^63":        {raw: "ffffffffffffffff\r\n", want: errChunkSize},
		"size with many zeros":  {raw: "0000000000000000\r\n", want: errChunkSize},
		"long extension":        {raw: "1;" + strings.Repeat("a", MaxChunkExtensionBytes) + "\r\n", want: errChunkExtensionLong},
		"extension, no name":    {raw: "1;\r\n", want: errChunkExtension},
		"extension, no value":   {raw: "1;a=\r\n", want: errChunkExtension},
		"extension, open quote": {raw: "1;a=\"b\r\n", want: errChunkExtension},
		"extension, space last": {raw: "1;a \r\n", want: errChunkExtension},
		"extension, all forms":  {raw: "1; a = b ;c\t=\"\\\"\xe9;\" ;d\r\nx\r\n0\r\n\r\n", data: "x"},
		"bare LF after size":    {raw: "1\nx\r\n", want: errChunkSize},
		"bare CR after size":    {raw: "1\rx", want: errChunkLine},
		"bare LF in extension":  {raw: "1;a\nx\r\n", want: errChunkExtension},
		"NUL in extension":      {raw: "1;a\x00\r\n", want: errChunkExtension},
		"bare CR in extension":  {raw: "1;a\rb\r\n", want: errChunkLine},
		"data too long":         {raw: "1\r\nxy\r\n", want: errChunkData},
		"data followed by LF":   {raw: "1\r\nx\n0\r\n\r\n", want: errChunkData},
		"data followed by CR":   {raw: "1\r\nx\r0\r\n\r\n", want: errChunkData},
		"end by LF":             {raw: "0\r\n\n", want: errChunkTrailer},
		"end by CR":             {raw: "0\r\n\rx", want: errChunkTrailer},
		"trailer that's folded": {raw: "0\r\n A: b\r\n", want: errChunkTrailer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, step := range []int{1, 2, 3, 7, len(test.raw)} {
				data, passed, rest, err := readChunked(test.raw, step, false)
				if !errors.Is(err, test.want) {
					t.Fatalf("in steps of %d: %v, want %v", step, err, test.want)
				}
				if sent := strings.TrimSuffix(test.raw, test.rest); err == nil && passed != sent {
					t.Errorf("in steps of %d: sent on %q, want %q", step, passed, sent)
				}
				if err == nil && (data != test.data || rest != test.rest) {
					t.Errorf("in steps of %d: data %q, rest %q; want %q, %q", step, data, rest, test.data, test.rest)
				}
			}
		})
	}
}

// readChunked reads a chunked body that comes in pieces of step bytes, by Next and by Pass, which must agree. passed is
// what Pass sends on.
func readChunked(raw string, step int, forgiving bool) (data, passed, rest string, err error) {
	byNext, byPass := Chunked{Forgiving: forgiving}, Chunked{Forgiving: forgiving}
	var collected, sent strings.Builder
	position := 0
	for end := step; position < len(raw) && !byNext.Done() && !byNext.AtTrailer(); end += step {
		piece := raw[position:min(end, len(raw))]
		taken, plain, passErr := byPass.Pass([]byte(piece))
		sent.Write(plain)
		at := 0
		for at < len(piece) {
			framing, length, nextErr := byNext.Next([]byte(piece[at:]))
			collected.WriteString(piece[at+framing : at+framing+length])
			at += framing + length
			if nextErr != nil {
				if !errors.Is(passErr, nextErr) || taken != at {
					return "", "", "", errors.New("Pass and Next disagree on an error")
				}
				return "", "", "", nextErr
			}
			if framing+length == 0 {
				break
			}
		}
		if passErr != nil || taken != at || byPass != byNext {
			return "", "", "", errors.New("Pass and Next disagree")
		}
		position += at
		if end >= len(raw) {
			break
		}
	}
	return collected.String(), sent.String(), raw[position:], nil
}

func TestChunksOfAServerAreSentOnPlain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		raw, want string
		rest      string
		err       error
	}{
		"plain":                  {raw: "5\r\nhello\r\n0\r\n\r\n", want: "5\r\nhello\r\n0\r\n\r\n"},
		"zeros":                  {raw: "00005\r\nhello\r\n000\r\n\r\n", want: "5\r\nhello\r\n0\r\n\r\n"},
		"a hundred zeros":        {raw: strings.Repeat("0", 100) + "1\r\nx\r\n" + strings.Repeat("0", 100) + "\r\n\r\n", want: "1\r\nx\r\n0\r\n\r\n"},
		"zeros within":           {raw: "0010\r\n0123456789abcdef\r\n0\r\n\r\n", want: "10\r\n0123456789abcdef\r\n0\r\n\r\n"},
		"blanks":                 {raw: "5  \t \r\nhello\r\n0 \r\n\r\n", want: "5\r\nhello\r\n0\r\n\r\n"},
		"zeros and blanks":       {raw: "0005   \r\nhello\r\n00  \r\n\r\n", want: "5\r\nhello\r\n0\r\n\r\n"},
		"blanks, extension":      {raw: "1 ;a=b\r\nx\r\n0\r\n\r\n", want: "1;a=b\r\nx\r\n0\r\n\r\n"},
		"zeros, trailer":         {raw: "1\r\nx\r\n00 \r\nA: b\r\n\r\n", want: "1\r\nx\r\n0\r\n", rest: "A: b\r\n\r\n"},
		"what follows stays":     {raw: "01\r\nx\r\n00\r\n\r\n001\r\n", want: "1\r\nx\r\n0\r\n\r\n", rest: "001\r\n"},
		"data is no padding":     {raw: "6\r\n00  00\r\n0\r\n\r\n", want: "6\r\n00  00\r\n0\r\n\r\n"},
		"blanks before":          {raw: " 1\r\n", err: errChunkSize},
		"two sizes":              {raw: "1 1\r\n", err: errChunkSize},
		"blanks alone":           {raw: "  \r\n", err: errChunkSize},
		"a size beyond 2^60":     {raw: "001000000000000000\r\n", err: errChunkSize},
		"blanks, then a bare LF": {raw: "1 \nx", err: errChunkSize},
		"zeros, then a letter":   {raw: "00x\r\n", err: errChunkSize},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, step := range []int{1, 2, 3, 7, len(test.raw)} {
				data, passed, rest, err := readChunked(test.raw, step, true)
				if !errors.Is(err, test.err) || passed != test.want || rest != test.rest {
					t.Fatalf("in steps of %d: sent on %q, rest %q, %v; want %q, %q, %v", step, passed, rest, err, test.want, test.rest, test.err)
				}
				if err != nil {
					continue
				}
				if again, same, _, err := readChunked(passed, len(passed), false); err != nil || again != data || same != passed {
					t.Errorf("in steps of %d: a strict reader reads %q from %q, %v; want %q", step, again, passed, err, data)
				}
			}
		})
	}
}

func TestTrailersOfAServerAreSentOnPlain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		raw, want string
		err       error
	}{
		"bare LF":            {raw: "A: b\nC: d\n\n", want: "A: b\r\nC: d\r\n\r\n"},
		"some bare LF":       {raw: "A: b\r\nC: d\nE: f\r\n\r\n", want: "A: b\r\nC: d\r\nE: f\r\n\r\n"},
		"folded":             {raw: "A: b\r\n c\n\td\r\n\r\n", want: "A: b   c  d\r\n\r\n"},
		"bare CR":            {raw: "A: b\rC: d\r\n\r\n", err: errBareCR},
		"folded into a name": {raw: "A\r\n : b\r\n\r\n", err: errSpaceInName},
	} {
		trailer := new(Trailer)
		trailer.Reset()
		trailer.Forgive()
		raw := []byte(test.raw)
		n, err := trailer.Parse(raw)
		if !errors.Is(err, test.err) {
			t.Errorf("%s: %v, want %v", name, err, test.err)
		}
		if err != nil {
			continue
		}
		if got := string(trailer.Append([]byte("\n"), raw)); n != len(raw) || got != "\n"+test.want {
			t.Errorf("%s: of %d bytes sent on %q, want %q of %d", name, n, got, test.want, len(raw))
		}
	}
}

func TestTrailerSections(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		raw, want string
		err       error
	}{
		"kept":            {raw: "Grpc-Status: 0\r\nContent-Digest: x\r\n\r\n", want: "Grpc-Status: 0\r\nContent-Digest: x\r\n\r\n"},
		"framing":         {raw: "Content-Length: 5\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n", want: "A: b\r\n\r\n"},
		"routing":         {raw: "Host: evil\r\nA: b\r\n\r\n", want: "A: b\r\n\r\n"},
		"forged":          {raw: "X-Forwarded-Proto: https\r\nX_Forwarded_For: 1.2.3.4\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n", want: "\r\n"},
		"cookies":         {raw: "Cookie: a\r\nSet-Cookie: b\r\nAuthorization: c\r\n\r\n", want: "\r\n"},
		"folded":          {raw: "A: b\r\n c\r\n\r\n", err: errObsoleteFold},
		"bare LF":         {raw: "A: b\n\r\n", err: errBareLF},
		"no token":        {raw: "A b: c\r\n\r\n", err: errSpaceInName},
		"too long":        {raw: "A: " + strings.Repeat("b", MaxTrailerBytes), err: errTrailerTooLarge},
		"too many":        {raw: strings.Repeat("A: b\r\n", MaxFields+1), err: errTooManyFields},
		"unequal codes":   {raw: "Transfer-Encoding: gzip\r\n\r\n", err: errCodingNotChunked},
		"unknown codings": {raw: "Transfer-Encoding: gzip, chunked\r\n\r\n", err: errCodingUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trailer := new(Trailer)
			trailer.Reset()
			n, err := trailer.Parse([]byte(test.raw))
			if !errors.Is(err, test.err) {
				t.Fatalf("Parse: %v, want %v", err, test.err)
			}
			if err != nil {
				return
			}
			if n != len(test.raw) {
				t.Errorf("the section has %d bytes, want %d", n, len(test.raw))
			}
			if got := string(trailer.Append(nil, []byte(test.raw))); got != test.want {
				t.Errorf("passed on %q, want %q", got, test.want)
			}
		})
	}
}
