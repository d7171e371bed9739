package strictjson

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// maxString is longer than any text the API accepts; a longer string is refused before a rule would quote it.
const maxString = 4096

// Bind fills *into, a struct with json tags or a map of such structs by name, and returns a fault for every field that
// is unknown or of the wrong type. It supports structs, maps, slices, pointers (nil: not given), strings, bools and
// ints.
func (o *Object) Bind(into any) []lbapi.Detail {
	var b binder
	b.bind(reflect.ValueOf(into).Elem(), o, "")
	return b.faults
}

// Fields lists the names of the fields of a struct, or of the struct that a pointer points to, as its json tags give
// them.
func Fields(of any) []string {
	structure := reflect.Indirect(reflect.ValueOf(of)).Type()
	names := make([]string, structure.NumField())
	for i := range names {
		names[i] = fieldName(structure.Field(i))
	}
	return names
}

func fieldName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}

type binder struct{ faults []lbapi.Detail }

func (b *binder) fault(path, format string, values ...any) {
	b.faults = appendFault(b.faults, path, fmt.Sprintf(format, values...))
}

func (b *binder) bind(target reflect.Value, value any, path string) {
	switch target.Kind() { //nolint:exhaustive // the kinds that wire types are made of; any other is a mistake in the program
	case reflect.Pointer:
		target.Set(reflect.New(target.Type().Elem()))
		b.bind(target.Elem(), value, path)
	case reflect.Struct:
		b.bindStruct(target, value, path)
	case reflect.Map:
		b.bindMap(target, value, path)
	case reflect.Slice:
		b.bindSlice(target, value, path)
	case reflect.String:
		b.bindString(target, value, path)
	case reflect.Int:
		b.bindInt(target, value, path)
	case reflect.Bool:
		if truth, ok := value.(bool); ok {
			target.SetBool(truth)
		} else {
			b.fault(path, "must be true or false, got %s", kind(value))
		}
	default:
		panic("strictjson: no way to bind a " + target.Type().String())
	}
}

func (b *binder) bindStruct(target reflect.Value, value any, path string) {
	object, ok := value.(*Object)
	if !ok {
		b.fault(path, "must be an object, got %s", kind(value))
		return
	}
	indices := map[string]int{}
	for i := range target.NumField() {
		indices[fieldName(target.Type().Field(i))] = i
	}
	for _, name := range object.names {
		at := join(path, name)
		if index, known := indices[name]; known {
			b.bind(target.Field(index), object.fields[name], at)
		} else {
			b.fault(at, "is not a field of this call")
		}
	}
}

func (b *binder) bindMap(target reflect.Value, value any, path string) {
	object, ok := value.(*Object)
	if !ok {
		b.fault(path, "must be an object, got %s", kind(value))
		return
	}
	target.Set(reflect.MakeMap(target.Type()))
	for _, name := range object.names {
		element := reflect.New(target.Type().Elem()).Elem()
		b.bind(element, object.fields[name], join(path, name))
		target.SetMapIndex(reflect.ValueOf(name), element)
	}
}

func (b *binder) bindSlice(target reflect.Value, value any, path string) {
	values, ok := value.([]any)
	if !ok {
		b.fault(path, "must be a list, got %s", kind(value))
		return
	}
	target.Set(reflect.MakeSlice(target.Type(), len(values), len(values)))
	for i, each := range values {
		if each != nil { // nil: Parse has reported it
			b.bind(target.Index(i), each, path+"["+strconv.Itoa(i)+"]")
		}
	}
}

func (b *binder) bindString(target reflect.Value, value any, path string) {
	text, ok := value.(string)
	switch {
	case !ok:
		b.fault(path, "must be a string, got %s", kind(value))
	case len(text) > maxString:
		b.fault(path, "must be at most %d bytes long, got %d", maxString, len(text))
	default:
		target.SetString(text)
	}
}

func (b *binder) bindInt(target reflect.Value, value any, path string) {
	number, ok := value.(json.Number)
	if !ok {
		b.fault(path, "must be a number, got %s", kind(value))
		return
	}
	whole, err := strconv.ParseInt(number.String(), 10, strconv.IntSize)
	if err != nil {
		b.fault(path, "must be a whole number within %d bits, got %.40s", strconv.IntSize, number)
		return
	}
	target.SetInt(whole)
}

// kind names a value's type.
func kind(value any) string {
	switch value.(type) {
	case *Object:
		return "an object"
	case []any:
		return "a list"
	case string:
		return "a string"
	case json.Number:
		return "a number"
	default:
		return "true or false"
	}
}
