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
				data, rest, err := readChunked(test.raw, step)
				if !errors.Is(err, test.want) {
					t.Fatalf("in steps of %d: %v, want %v", step, err, test.want)
				}
				if err == nil && (data != test.data || rest != test.rest) {
					t.Errorf("in steps of %d: data %q, rest %q; want %q, %q", step, data, rest, test.data, test.rest)
				}
			}
		})
	}
}

// readChunked reads a chunked body in pieces of step bytes, by Next and by Pass, which must agree.
func readChunked(raw string, step int) (data, rest string, err error) {
	var byNext, byPass Chunked
	var collected strings.Builder
	position := 0
	for position < len(raw) && !byNext.Done() && !byNext.AtTrailer() {
		piece := []byte(raw[position:min(position+step, len(raw))])
		passed, passErr := byPass.Pass(piece)
		at := 0
		for at < len(piece) {
			framing, length, nextErr := byNext.Next(piece[at:])
			collected.Write(piece[at+framing : at+framing+length])
			at += framing + length
			if nextErr != nil {
				if !errors.Is(passErr, nextErr) || passed != at {
					return "", "", errors.New("Pass and Next disagree on an error")
				}
				return "", "", nextErr
			}
			if framing+length == 0 {
				break
			}
		}
		if passErr != nil || passed != at || byPass != byNext {
			return "", "", errors.New("Pass and Next disagree")
		}
		position += at
	}
	return collected.String(), raw[position:], nil
}

func TestTrailerSections(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		raw, want string
		err       error
	}{
		"kept":          {raw: "Grpc-Status: 0\r\nContent-Digest: x\r\n\r\n", want: "Grpc-Status: 0\r\nContent-Digest: x\r\n\r\n"},
		"framing":       {raw: "Content-Length: 5\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n", want: "A: b\r\n\r\n"},
		"routing":       {raw: "Host: evil\r\nA: b\r\n\r\n", want: "A: b\r\n\r\n"},
		"forged":        {raw: "X-Forwarded-Proto: https\r\nX_Forwarded_For: 1.2.3.4\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n", want: "\r\n"},
		"cookies":       {raw: "Cookie: a\r\nSet-Cookie: b\r\nAuthorization: c\r\n\r\n", want: "\r\n"},
		"folded":        {raw: "A: b\r\n c\r\n\r\n", err: errObsoleteFold},
		"bare LF":       {raw: "A: b\n\r\n", err: errBareLF},
		"no token":      {raw: "A b: c\r\n\r\n", err: errSpaceInName},
		"too long":      {raw: "A: " + strings.Repeat("b", MaxTrailerBytes), err: errTrailerTooLarge},
		"too many":      {raw: strings.Repeat("A: b\r\n", MaxFields+1), err: errTooManyFields},
		"unequal codes": {raw: "Transfer-Encoding: gzip\r\n\r\n", err: errCodingUnknown},
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
