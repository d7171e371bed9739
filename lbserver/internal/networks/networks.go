// Package networks reads lists of networks, and finds addresses in them. An IPv4-mapped address or network
// (::ffff:192.0.2.0/120; RFC 4291, 2.5.5.2) is the IPv4 one that it stands for.
package networks

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// mappedBits is the length of ::ffff:0:0/96, in which the IPv4-mapped addresses lie.
const mappedBits = 96

// Set is a list of networks, as Parse and Plain return them. The zero Set is empty.
type Set []netip.Prefix

// Contains reports whether an address, which is not an IPv4-mapped one, lies in one of the networks.
func (s Set) Contains(address netip.Addr) bool {
	for _, network := range s {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

// Parse parses a network in CIDR notation, such as 10.0.0.0/8, or an address, which is a network of one host. Bits behind
// the length of the prefix are dropped.
func Parse(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		address, err := netip.ParseAddr(text)
		if err != nil || address.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("%q is not a network in CIDR notation, such as 10.0.0.0/8, or an address", text)
		}
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not a network in CIDR notation, such as 10.0.0.0/8", text)
	}
	return Plain(network)
}

// Plain returns a network without the bits behind the length of its prefix, and an IPv4-mapped one as IPv4. It fails for
// the zero Prefix, and for an IPv4-mapped address with so short a prefix that the network holds more than such addresses.
func Plain(network netip.Prefix) (netip.Prefix, error) {
	address, bits := network.Addr(), network.Bits()
	switch {
	case !network.IsValid():
		return netip.Prefix{}, errors.New("a network is missing")
	case !address.Is4In6():
	case bits < mappedBits:
		return netip.Prefix{}, fmt.Errorf("%q is the network of an IPv4-mapped address: its prefix must have %d bits or more", network, mappedBits)
	default:
		network = netip.PrefixFrom(address.Unmap(), bits-mappedBits)
	}
	return network.Masked(), nil
}

// PlainSet is Plain for each network of a list.
func PlainSet(list []netip.Prefix) (Set, error) {
	set := make(Set, len(list))
	for i, network := range list {
		var err error
		if set[i], err = Plain(network); err != nil {
			return nil, err
		}
	}
	return set, nil
}
