package networks_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/networks"
)

func TestNetworksAreRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"10.0.0.0/8":           "10.0.0.0/8",
		"10.1.2.3/8":           "10.0.0.0/8",
		"0.0.0.0/0":            "0.0.0.0/0",
		"192.0.2.1":            "192.0.2.1/32",
		"192.0.2.1/32":         "192.0.2.1/32",
		"2001:DB8::/32":        "2001:db8::/32",
		"2001:db8::1":          "2001:db8::1/128",
		"::/0":                 "::/0",
		"::ffff:192.0.2.1":     "192.0.2.1/32",
		"::ffff:192.0.2.0/120": "192.0.2.0/24",
		"::ffff:0.0.0.0/96":    "0.0.0.0/0",
		"fe80::/10":            "fe80::/10",
	} {
		got, err := networks.Parse(text)
		if err != nil || got.String() != want {
			t.Errorf("%q is %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", " ", "10.0.0.0/33", "10.0.0.0/", "/8", "10.0.0/8", "10.0.0.0/8 ", "010.0.0.0/8", "10.0.0.0/08", "10.0.0.0/-1", "localhost",
		"10.0.0.1:80", "[::1]", "fe80::1%eth0", "fe80::1%eth0/64", "::ffff:10.0.0.0/95", "10.0.0.0/8/8", "10.0.0.0-10.0.0.9",
	} {
		if got, err := networks.Parse(text); err == nil {
			t.Errorf("%q is taken as %s", text, got)
		} else if !strings.Contains(err.Error(), text) {
			t.Errorf("the error for %q does not show it: %v", text, err)
		}
	}
}

func TestASetContainsTheAddressesOfItsNetworks(t *testing.T) {
	t.Parallel()
	set, err := networks.PlainSet([]netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::ffff:192.0.2.0/124"), netip.MustParsePrefix("2001:db8::7/64"),
	})
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{
		"10.255.0.1": true, "11.0.0.1": false, "192.0.2.15": true, "192.0.2.16": false, "2001:db8::ffff": true, "2001:db8:1::": false,
		"::1": false,
	} {
		if got := set.Contains(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %t, want %t", address, got, want)
		}
	}
	if networks.Set(nil).Contains(netip.MustParseAddr("10.0.0.1")) {
		t.Error("the empty set contains an address")
	}
	if _, err := networks.PlainSet([]netip.Prefix{{}}); err == nil {
		t.Error("a missing network is taken")
	}
}
