package strictjson

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

type inner struct {
	Port *int   `json:"port,omitempty"`
	Host string `json:"host"`
}

type outer struct {
	Name  *string          `json:"name,omitempty"`
	On    *bool            `json:"on"`
	Inner *inner           `json:"inner"`
	List  []inner          `json:"list"`
	Words *[]string        `json:"words"`
	ByID  map[string]inner `json:"byId"`
}

func decode(text string) (outer, []lbapi.Detail) {
	var got outer
	object, faults := Parse([]byte(text))
	if object != nil {
		faults = append(faults, object.Bind(&got)...)
	}
	return got, faults
}

func TestGivenValuesArriveAndNullsDoNot(t *testing.T) {
	got, faults := decode(`{"name":"n","on":false,"inner":{"port":-0,"host":"h"},"list":[{"port":7}],"words":[],"byId":{"a.b":{"host":"x"}}}`)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	name, on, zero, seven := "n", false, 0, 7
	want := outer{
		Name: &name, On: &on, Inner: &inner{Port: &zero, Host: "h"}, List: []inner{{Port: &seven}},
		Words: &[]string{}, ByID: map[string]inner{"a.b": {Host: "x"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got, faults = decode(`{"name":"\\ud800 \ud83d\ude00 \u0041\ufffd"}`)
	if name = "\\ud800 😀 A\ufffd"; len(faults) > 0 || got.Name == nil || *got.Name != name {
		t.Errorf("escapes: %v, %v", got.Name, faults)
	}
	got, faults = decode(`{"name":null,"inner":{"port":null},"unheard of":null}`)
	if diff := cmp.Diff(outer{Inner: &inner{}}, got); diff != "" || len(faults) > 0 {
		t.Errorf("nulls: %v (-want +got):\n%s", faults, diff)
	}
}

func TestEveryFaultIsNamedByItsPath(t *testing.T) {
	deep := strings.Repeat(`{"inner":`, 20) + "1" + strings.Repeat("}", 20)
	for _, test := range []struct{ text, field, reason string }{
		{``, Whole, "must be a JSON object, and is empty or ends too early"},
		{`{"name":"n"`, Whole, "must be a JSON object, and is empty or ends too early"},
		{`[]`, Whole, "must be a JSON object, {…}"},
		{`null`, Whole, "must be a JSON object, {…}"},
		{`{} {}`, Whole, "must end after the JSON object"},
		{`{}x`, Whole, "must end after the JSON object"},
		{`{"name" "n"}`, Whole, "must be JSON: at byte"},
		{"{\"name\":\"\xff\"}", Whole, "must be UTF-8"},
		{`{"name":"a\ud800b"}`, Whole, "must be Unicode: "},
		{`{"name":"\uDC00\uD800"}`, Whole, "must be Unicode: "},
		{`{"name":"\ud83d\u0041"}`, Whole, "must be Unicode: "},
		{`{"name":"\\\ud83d"}`, Whole, "must be Unicode: "},
		{`{"name":"\ud83d`, Whole, "must be Unicode: "},
		{deep, Whole, "must not nest deeper than 16 levels"},
		{`{"name":"a","name":"b"}`, "name", "is given twice"},
		{`{"name":null,"name":"b"}`, "name", "is given twice"},
		{`{"inner":{"port":1,"port":1}}`, "inner.port", "is given twice"},
		{`{"Name":"n"}`, "Name", "is not a field of this call"},
		{`{"list":[{},{"x":1}]}`, "list[1].x", "is not a field of this call"},
		{`{"list":[null]}`, "list[0]", "must not be null"},
		{`{"list":{}}`, "list", "must be a list, got an object"},
		{`{"inner":[]}`, "inner", "must be an object, got a list"},
		{`{"byId":true}`, "byId", "must be an object, got true or false"},
		{`{"byId":{"a":1}}`, "byId.a", "must be an object, got a number"},
		{`{"name":1}`, "name", "must be a string, got a number"},
		{`{"on":"true"}`, "on", "must be true or false, got a string"},
		{`{"words":[1]}`, "words[0]", "must be a string, got a number"},
		{`{"inner":{"port":"1"}}`, "inner.port", "must be a number, got a string"},
		{`{"inner":{"port":1.5}}`, "inner.port", "must be a whole number within 64 bits, got 1.5"},
		{`{"inner":{"port":1e3}}`, "inner.port", "must be a whole number within 64 bits, got 1e3"},
		{`{"inner":{"port":9223372036854775808}}`, "inner.port", "must be a whole number within 64 bits, got 9223372036854775808"},
		{`{"name":"` + strings.Repeat("n", 4097) + `"}`, "name", "must be at most 4096 bytes long, got 4097"},
		{`{"` + strings.Repeat("n", 1000) + `":1}`, strings.Repeat("n", 64) + "…", "is not a field of this call"},
	} {
		t.Run(test.text[:min(len(test.text), 30)], func(t *testing.T) {
			_, faults := decode(test.text)
			if len(faults) != 1 || faults[0].Field != test.field || !strings.HasPrefix(faults[0].Reason, test.reason) {
				t.Errorf("got %q, want %s: %s", faults, test.field, test.reason)
			}
		})
	}
}

func TestFaultsAreBounded(t *testing.T) {
	_, faults := decode(`{"list":[` + strings.Repeat("null,", 500) + `null]}`)
	if len(faults) != MaxFaults {
		t.Errorf("%d faults", len(faults))
	}
}

func TestTakenFieldsAreGone(t *testing.T) {
	object, _ := Parse([]byte(`{"regionId":"local","name":"n","none":null}`))
	if value, given := object.Take("regionId"); !given || value != "local" {
		t.Errorf("took %v, %v", value, given)
	}
	if _, given := object.Take("none"); given || object.Given("regionId") || !object.Given("name") {
		t.Error("a null is given, or a taken field is, or one that stayed is not")
	}
	var got outer
	if faults := object.Bind(&got); len(faults) > 0 || got.Name == nil {
		t.Errorf("binding the rest: %v, %v", got, faults)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"name":"n","on":true,"inner":{"port":1},"list":[{"host":"h"}],"words":["a"],"byId":{"x":{}}}`,
		`{"name":null}`, `{"a":1,"a":2}`, `[[[[`, `{"list":[null]}`, `{"inner":{"port":1e99}}`, `{"\ud800":1}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, faults := decode(text)
		for _, each := range faults {
			if each.Field == "" && !strings.Contains(text, `""`) || each.Reason == "" {
				t.Fatalf("a fault without field or reason: %q", faults)
			}
		}
		if len(faults) > 0 {
			return
		}
		// encoding/json must read an accepted text in the same way.
		var usual outer
		if err := json.Unmarshal([]byte(text), &usual); err != nil {
			t.Fatalf("taken, but not JSON for the usual decoder: %v", err)
		}
		if diff := cmp.Diff(usual.Name, got.Name); diff != "" {
			t.Fatalf("(-usual +got):\n%s", diff)
		}
	})
}
