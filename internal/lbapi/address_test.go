package lbapi

import "testing"

func TestAnAddressHasOneShortestForm(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"10.0.0.1":               "10.0.0.1",
		"::ffff:10.0.0.1":        "10.0.0.1",
		"::FFFF:a00:1":           "10.0.0.1",
		"0:0:0:0:0:ffff:0a00:01": "10.0.0.1",
		"::ffff:0.0.0.0":         "0.0.0.0",
		"2001:DB8:0:0::1":        "2001:db8::1",
		"::10.0.0.1":             "::a00:1", // IPv4-compatible, which stands for nothing (RFC 4291, 2.5.5.1)
		"64:ff9b::10.0.0.1":      "64:ff9b::a00:1",
		"example.com":            "example.com",
		"10.0.0.01":              "10.0.0.01",
		"":                       "",
	} {
		if got := ShortestAddress(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
		if !SameAddress(text, want) {
			t.Errorf("%q and %q are not the same", text, want)
		}
	}
	for _, other := range []string{"::a00:1", "10.0.0.2", "::ffff:10.0.0.2", ""} {
		if SameAddress("10.0.0.1", other) {
			t.Errorf("10.0.0.1 and %q are the same", other)
		}
	}
}
