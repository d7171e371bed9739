package http1

// extensionState is the position of the next byte within a chunk's extensions (RFC 9112, 7.1.1): *( ";" BWS name [ BWS
// "=" BWS value ] BWS ), without white space before the end of the line.
type extensionState uint8

const (
	extensionStart       extensionState = iota // after a semicolon
	extensionName                              // within a name
	extensionNameSpace                         // after a name, in white space
	extensionEquals                            // after an equals sign
	extensionToken                             // within a value that is a token
	extensionQuoted                            // within a quoted value
	extensionQuotedPair                        // after a backslash in a quoted value
	extensionQuotedEnd                         // after a quoted value
	extensionValueSpace                        // after a value, in white space
	extensionStateLength                       // the number of states
)

// step takes one byte, and reports whether it was the CR that ends the line.
func (e *extensionState) step(b byte) (end bool, err error) {
	token := classes[b]&classToken != 0
	switch {
	case *e == extensionQuotedPair:
		*e = extensionQuoted
		if isControl(b) {
			return false, errChunkExtension
		}
	case *e == extensionQuoted:
		return false, e.stepQuoted(b)
	case b == '\r' && (*e == extensionName || *e == extensionToken || *e == extensionQuotedEnd):
		return true, nil
	case b == ';' && *e != extensionStart && *e != extensionEquals:
		*e = extensionStart
	case b == '=' && (*e == extensionName || *e == extensionNameSpace):
		*e = extensionEquals
	case b == '"' && *e == extensionEquals:
		*e = extensionQuoted
	case token && (*e == extensionStart || *e == extensionName):
		*e = extensionName
	case token && (*e == extensionEquals || *e == extensionToken):
		*e = extensionToken
	case isSpace(b):
		*e = extensionAfterSpace[*e]
	default:
		return false, errChunkExtension
	}
	return false, nil
}

func (e *extensionState) stepQuoted(b byte) error {
	switch {
	case b == '"':
		*e = extensionQuotedEnd
	case b == '\\':
		*e = extensionQuotedPair
	case isControl(b):
		return errChunkExtension
	}
	return nil
}

// extensionAfterSpace is the state after white space, for each state outside quotes. It is read-only.
var extensionAfterSpace = [extensionStateLength]extensionState{
	extensionStart:      extensionStart,
	extensionName:       extensionNameSpace,
	extensionNameSpace:  extensionNameSpace,
	extensionEquals:     extensionEquals,
	extensionToken:      extensionValueSpace,
	extensionQuotedEnd:  extensionValueSpace,
	extensionValueSpace: extensionValueSpace,
}

// isControl reports whether no quoted string may contain b (RFC 9110, 5.6.4).
func isControl(b byte) bool { return b < 0x20 && b != '\t' || b == 0x7f }
