package http1

// extensionState is where in the extensions of a chunk the next byte stands (RFC 9112, 7.1.1):
// *( ";" BWS name [ BWS "=" BWS value ] BWS ), without white space in front of the line's end.
type extensionState uint8

const (
	extensionStart       extensionState = iota // behind a semicolon
	extensionName                              // within a name
	extensionNameSpace                         // behind a name, in white space
	extensionEquals                            // behind an equals sign
	extensionToken                             // within a value that is a token
	extensionQuoted                            // within a quoted value
	extensionQuotedPair                        // behind a backslash in one
	extensionQuotedEnd                         // behind a quoted value
	extensionValueSpace                        // behind a value, in white space
	extensionStateLength                       // the number of states
)

// step takes one byte, and tells whether it was the CR that ends the line.
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

// extensionAfterSpace is where white space leads to from each state outside quotes. It is read only.
var extensionAfterSpace = [extensionStateLength]extensionState{
	extensionStart:      extensionStart,
	extensionName:       extensionNameSpace,
	extensionNameSpace:  extensionNameSpace,
	extensionEquals:     extensionEquals,
	extensionToken:      extensionValueSpace,
	extensionQuotedEnd:  extensionValueSpace,
	extensionValueSpace: extensionValueSpace,
}

// isControl tells the bytes that no quoted string may contain (RFC 9110, 5.6.4).
func isControl(b byte) bool { return b < 0x20 && b != '\t' || b == 0x7f }
