// Package strictjson reads a JSON object without guessing: field names match exactly, no field is given twice or
// unknown, and each fault is named by its path. A null means "not given" (api.md, "Envelope").
//
// encoding/json would take the last of two equal names, ignore letter case, and accept trailing text that another
// reader might interpret differently.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

const (
	// maxDepth is far deeper than any body of the API, and small enough for a recursive reader.
	maxDepth = 16
	// maxPathName bounds how much of an unknown name is repeated in a fault.
	maxPathName = 64

	// MaxFaults bounds the number of faults in an answer.
	MaxFaults = 50
	// Whole is the field name of a fault that concerns the whole text.
	Whole = "body"
)

// Object is a JSON object that has been parsed but not yet bound to a type. Fields that are null are left out.
type Object struct {
	names  []string // in the order of the text
	fields map[string]any
}

// reader walks the tokens of one text. It returns values as *Object, []any, string, json.Number, bool, and nil for
// null.
type reader struct {
	decoder *json.Decoder
	faults  []lbapi.Detail
}

// Parse reads a text that must be one JSON object. It returns the object, or the faults found.
func Parse(text []byte) (*Object, []lbapi.Detail) {
	if !utf8.Valid(text) {
		return nil, fault(Whole, "must be UTF-8")
	}
	if half := halfPair(text); half != "" {
		return nil, fault(Whole, "must be Unicode: "+half+" is one half of a character")
	}
	r := reader{decoder: json.NewDecoder(bytes.NewReader(text))}
	r.decoder.UseNumber()
	value, err := r.value("", 0)
	if err != nil {
		return nil, fault(Whole, r.describe(err))
	}
	object, ok := value.(*Object)
	if !ok {
		return nil, fault(Whole, "must be a JSON object, {…}")
	}
	if _, err := r.decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fault(Whole, "must end after the JSON object")
	}
	return object, r.faults
}

// halfPair returns an escaped surrogate that lacks the other half of its pair, or "". encoding/json would replace it by
// another character.
func halfPair(text []byte) string {
	for {
		at := bytes.IndexByte(text, '\\')
		if at < 0 {
			return ""
		}
		text = text[at:]
		first, second := escaped(text), rune(0)
		if utf16.IsSurrogate(first) {
			second = escaped(text[escapeLength:])
		}
		switch {
		case !utf16.IsSurrogate(first):
			text = text[min(2, len(text)):] // the escaped byte may be a backslash itself
		case utf16.DecodeRune(first, second) == utf8.RuneError:
			return string(text[:escapeLength])
		default:
			text = text[2*escapeLength:]
		}
	}
}

const escapeLength = len(`\uFFFF`)

// escaped returns the UTF-16 unit that a text begins with, escaped as \uFFFF, or 0 if the text begins with anything
// else.
func escaped(text []byte) rune {
	if len(text) < escapeLength || text[0] != '\\' || text[1] != 'u' {
		return 0
	}
	unit, err := strconv.ParseUint(string(text[2:escapeLength]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(unit)
}

func (r *reader) describe(err error) string {
	switch {
	case errors.Is(err, io.EOF):
		return "must be a JSON object, and is empty or ends too early"
	case errors.Is(err, errTooDeep):
		return fmt.Sprintf("must not nest deeper than %d levels", maxDepth)
	default:
		return fmt.Sprintf("must be JSON: at byte %d, %v", r.decoder.InputOffset(), err)
	}
}

var errTooDeep = errors.New("nested too deep")

func (r *reader) value(path string, depth int) (any, error) {
	token, err := r.decoder.Token()
	if err != nil {
		return nil, unexpectedEnd(err)
	}
	delimiter, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if depth == maxDepth {
		return nil, errTooDeep
	}
	if delimiter == '{' {
		return r.object(path, depth)
	}
	return r.array(path, depth)
}

func (r *reader) object(path string, depth int) (*Object, error) {
	object := &Object{fields: map[string]any{}}
	seen := map[string]bool{}
	for r.decoder.More() {
		token, err := r.decoder.Token()
		if err != nil {
			return nil, unexpectedEnd(err)
		}
		name, ok := token.(string)
		if !ok {
			return nil, errors.New("a field's name must be a string")
		}
		at := join(path, name)
		value, err := r.value(at, depth+1)
		if err != nil {
			return nil, err
		}
		if seen[name] {
			r.fault(at, "is given twice")
			continue
		}
		seen[name] = true
		if value != nil {
			object.names = append(object.names, name)
			object.fields[name] = value
		}
	}
	_, err := r.decoder.Token() // the closing brace
	return object, unexpectedEnd(err)
}

func (r *reader) array(path string, depth int) ([]any, error) {
	values := []any{}
	for r.decoder.More() {
		at := path + "[" + strconv.Itoa(len(values)) + "]"
		value, err := r.value(at, depth+1)
		if err != nil {
			return nil, err
		}
		if value == nil {
			r.fault(at, "must not be null")
		}
		values = append(values, value)
	}
	_, err := r.decoder.Token() // the closing bracket
	return values, unexpectedEnd(err)
}

func (r *reader) fault(path, reason string) { r.faults = appendFault(r.faults, path, reason) }

// Given reports whether the object has a field that is not null.
func (o *Object) Given(name string) bool {
	_, ok := o.fields[name]
	return ok
}

// Take removes a field and returns its value: a string, json.Number, bool, []any or *Object.
func (o *Object) Take(name string) (value any, given bool) {
	value, given = o.fields[name]
	if given {
		delete(o.fields, name)
		o.names = slices.DeleteFunc(o.names, func(each string) bool { return each == name })
	}
	return value, given
}

// unexpectedEnd turns the decoder's two errors for the end of the text into one.
func unexpectedEnd(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return io.EOF
	}
	return err
}

func join(path, name string) string {
	if len(name) > maxPathName {
		name = name[:maxPathName] + "…"
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

func fault(path, reason string) []lbapi.Detail {
	return []lbapi.Detail{{Field: path, Reason: reason}}
}

func appendFault(faults []lbapi.Detail, path, reason string) []lbapi.Detail {
	if len(faults) == MaxFaults {
		return faults
	}
	return append(faults, lbapi.Detail{Field: path, Reason: reason})
}
