package http1

import (
	"encoding/binary"
	"math/bits"
)

// class is a set of the syntax elements that a byte may be part of.
type class uint8

const (
	classToken  class = 1 << iota // RFC 9110, 5.6.2
	classTarget                   // visible ASCII except "#": a target has no fragment and no other byte (RFC 9112, 3.2)
	classHost                     // RFC 3986, 3.2.2 and 3.2.3: reg-name, IP literal and port
	classHex
)

// classes is read-only.
var classes = makeClasses()

// lower folds ASCII letters and leaves all other bytes as they are. It is read-only.
var lower = makeLower()

func makeClasses() (table [256]class) {
	mark := func(bytes string, c class) {
		for i := range len(bytes) {
			table[bytes[i]] |= c
		}
	}
	const alphanumeric = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	mark(alphanumeric+"!#$%&'*+-.^_`|~", classToken)
	mark(alphanumeric+"-._~%!$&'()*+,;=:[]", classHost)
	mark("0123456789abcdefABCDEF", classHex)
	for b := 0x21; b < 0x7f; b++ {
		if b != '#' {
			table[b] |= classTarget
		}
	}
	return table
}

func makeLower() (table [256]byte) {
	for b := range table {
		table[b] = byte(b)
		if 'A' <= b && b <= 'Z' {
			table[b] = byte(b) + 'a' - 'A'
		}
	}
	return table
}

// equalFold reports whether b, with its ASCII letters folded, equals the lower-case word. word consists of letters,
// digits and other bytes that have bit 0x20, which distinguishes small letters from capitals; only control characters,
// which no head contains (RFC 9110, 5.5), could be confused with them. It compares eight bytes at a time, since every
// field's name is compared with several words.
func equalFold(b []byte, word string) bool {
	const small = 0x2020202020202020
	if len(b) != len(word) {
		return false
	}
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b)|small != word64(word) {
			return false
		}
		b, word = b[8:], word[8:]
	}
	for i := range b {
		if b[i]|0x20 != word[i] {
			return false
		}
	}
	return true
}

// word64 returns the first eight bytes of s, little-endian, in one load.
func word64(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// equalFoldBytes reports whether two byte strings are equal with their ASCII letters folded.
func equalFoldBytes(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i, c := range a {
		if lower[c] != lower[b[i]] {
			return false
		}
	}
	return true
}

// allOf reports whether every byte of b is of class c.
func allOf(b []byte, c class) bool {
	for _, x := range b {
		if classes[x]&c == 0 {
			return false
		}
	}
	return true
}

// firstControl returns the index, at or after from, of the first control character other than the horizontal tab (RFC
// 9110, 5.5): the byte that ends a line or breaks it. It returns len(b) if there is none. It examines eight bytes at a
// time, since this pass is most of the cost of reading a head.
func firstControl(b []byte, from int) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	i := from
	for i+8 <= len(b) {
		word := binary.LittleEndian.Uint64(b[i:])
		deleted := word ^ (ones * 0x7f)
		found := ((word-ones*0x20)&^word | (deleted-ones)&^deleted) & highs
		if found == 0 {
			i += 8
			continue
		}
		// Borrows can make only bits above a true match wrong: the lowest bit is exact.
		i += bits.TrailingZeros64(found) / 8
		if b[i] != '\t' {
			return i
		}
		i++
	}
	for ; i < len(b); i++ {
		if c := b[i]; (c < 0x20 && c != '\t') || c == 0x7f {
			return i
		}
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// trim removes optional white space (RFC 9110, 5.6.3) from both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// nextElement cuts the first element, which may be empty, off a list separated by commas (RFC 9110, 5.6.1). A comma
// within a quoted string separates nothing.
func nextElement(list []byte) (element, rest []byte) {
	quoted := false
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			return trim(list[:i]), list[i+1:]
		}
	}
	return trim(list), nil
}

// parseDecimal parses a number that consists of digits only, up to the largest int64.
func parseDecimal(b []byte) (value int64, ok bool) {
	if len(b) == 0 || len(b) > 19 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		value = value*10 + int64(c-'0')
	}
	return value, value >= 0
}
