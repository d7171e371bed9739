package inventory

import (
	"fmt"
	"net/netip"
	"strings"
)

// Networks are the networks in which servers may lie.
type Networks []netip.Prefix

// Refuses returns why a server may not have this address, or "" if it may. Link-local addresses are always refused, so
// that nobody reaches a metadata service through the load balancer (api.md, "Server groups"); so are addresses that do
// not belong to one host.
func (n Networks) Refuses(address netip.Addr) string {
	address = address.Unmap() // ::ffff:169.254.0.1 reaches 169.254.0.1
	switch {
	case !address.IsValid():
		return "must be an IPv4 or IPv6 address"
	case address.IsLinkLocalUnicast():
		return fmt.Sprintf("must not be link-local (169.254.0.0/16, fe80::/10), got %s", address)
	case address.IsUnspecified(), address.IsMulticast():
		return fmt.Sprintf("must be the address of one host, got %s", address)
	}
	names := make([]string, len(n))
	for i, network := range n {
		if network.Contains(address) {
			return ""
		}
		names[i] = network.String()
	}
	return fmt.Sprintf("must lie in a network that this server allows (%s), got %s", strings.Join(names, ", "), address)
}
