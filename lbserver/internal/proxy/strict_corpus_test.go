package proxy_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The corpus under testdata/corpus says, byte for byte, what a client sends, what the servers may see of it, what they
// answer and what the client gets. A file is comments (#) and cases:
//
//	== the name of the case
//	rule: the source of the rule that it is about
//	haproxy: why HAProxy may judge it otherwise; checked by TestHAProxyJudgesTheCorpusAlike
//	methods: of the requests, for reading their responses; GET where it says nothing
//	client:
//		bytes, sent at once; a second block is sent when a response to the first has come
//	server sees:
//		exactly these bytes, before it says the next block
//	server sees a part of:
//		a prefix of these bytes, or none of them
//	server says:
//		bytes, or nothing; 200 and "ok" where it is left out
//	server closes: yes
//	server connection: new, or kept; what the bytes that it sees come on
//	status: of each response in order, interim ones too; a "!" behind the last says that it breaks off
//	client sees:
//		exactly these bytes; any others that have the statuses where it is left out
//
// Lines of bytes start with a tab and are joined. \r, \n, \t, \\ and \xHH are what they are in Go; \{3*ab} is ababab.
type corpusCase struct {
	name, rule, haproxy string
	methods             []string
	client              [][]byte
	steps               []step
	statuses            []string
	clientSees          []byte
}

// step is what a server sees and says to it.
type step struct {
	sees, says []byte
	closes     bool
	partial    bool
	connection string // "new", "kept" or either
}

const defaultAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// corpus reads all cases.
func corpus(tb testing.TB) []corpusCase {
	tb.Helper()
	var cases []corpusCase
	names, err := fs.Glob(os.DirFS("testdata/corpus"), "*.txt")
	if err != nil || len(names) == 0 {
		tb.Fatalf("testdata/corpus has no cases: %v", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join("testdata/corpus", name))
		if err != nil {
			tb.Fatal(err)
		}
		parsed, err := parseCorpus(string(text))
		if err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
		for i := range parsed {
			parsed[i].name = strings.TrimSuffix(name, ".txt") + "/" + parsed[i].name
		}
		cases = append(cases, parsed...)
	}
	return cases
}

func parseCorpus(text string) ([]corpusCase, error) {
	var cases []corpusCase
	var target *[]byte // of the block that is being read
	for i, line := range strings.Split(text, "\n") {
		if raw, ok := strings.CutPrefix(line, "\t"); ok && target != nil {
			piece, err := unescape(raw)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
			*target = append(*target, piece...)
			continue
		}
		target = nil
		if name, ok := strings.CutPrefix(line, "== "); ok {
			cases = append(cases, corpusCase{name: name})
			continue
		}
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok || len(cases) == 0 {
			return nil, fmt.Errorf("line %d: %q is neither a key with a colon nor bytes behind a tab", i+1, line)
		}
		var err error
		if target, err = cases[len(cases)-1].set(key, strings.TrimSpace(value)); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return cases, nil
}

// set takes one key of a case, and returns where its block of bytes goes.
func (c *corpusCase) set(key, value string) (*[]byte, error) {
	switch key {
	case "rule":
		c.rule = value
	case "haproxy":
		c.haproxy = value
	case "methods":
		c.methods = strings.Fields(value)
	case "status":
		c.statuses = strings.Fields(value)
	case "client":
		c.client = append(c.client, nil)
		return &c.client[len(c.client)-1], nil
	case "client sees":
		return &c.clientSees, nil
	case "server sees", "server sees a part of":
		c.steps = append(c.steps, step{partial: key != "server sees"})
		return &c.steps[len(c.steps)-1].sees, nil
	case "server says", "server closes", "server connection":
		if len(c.steps) == 0 {
			return nil, fmt.Errorf("%q stands before any %q", key, "server sees")
		}
		last := &c.steps[len(c.steps)-1]
		switch key {
		case "server closes":
			last.closes = true
		case "server connection":
			last.connection = value
		default:
			last.says = []byte{}
			return &last.says, nil
		}
	default:
		return nil, fmt.Errorf("unknown key %q", key)
	}
	return nil, nil //nolint:nilnil // keys with a value have no block
}

func unescape(text string) ([]byte, error) {
	var out []byte
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			out = append(out, text[i])
			continue
		}
		if i++; i == len(text) {
			return nil, fmt.Errorf("%q ends in a backslash", text)
		}
		switch text[i] {
		case 'r':
			out = append(out, '\r')
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case '\\':
			out = append(out, '\\')
		case 'x':
			if i+2 >= len(text) {
				return nil, fmt.Errorf("%q ends within \\xHH", text)
			}
			value, err := strconv.ParseUint(text[i+1:i+3], 16, 8)
			if err != nil {
				return nil, err
			}
			out = append(out, byte(value))
			i += 2
		case '{':
			repeated, length, err := repetition(text[i+1:])
			if err != nil {
				return nil, err
			}
			out = append(out, repeated...)
			i += length
		default:
			return nil, fmt.Errorf("%q has the unknown escape \\%c", text, text[i])
		}
	}
	return out, nil
}

// repetition reads "3*ab}" and the length of that.
func repetition(text string) (repeated []byte, length int, err error) {
	inner, _, closed := strings.Cut(text, "}")
	count, piece, starred := strings.Cut(inner, "*")
	if !closed || !starred {
		return nil, 0, fmt.Errorf("%q is no repetition: want \\{3*ab}", text)
	}
	times, err := strconv.Atoi(count)
	if err != nil {
		return nil, 0, err
	}
	raw, err := unescape(piece)
	return bytes.Repeat(raw, times), len(inner) + 1, err
}
