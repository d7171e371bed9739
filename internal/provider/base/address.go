package base

import (
	"context"
	"net/netip"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
)

// ShortestAddress returns an address in its shortest form, an IPv4-mapped one as IPv4; what is no address is returned
// as it is. Two ways to write one address have the same shortest form.
func ShortestAddress(address string) string {
	if parsed, err := netip.ParseAddr(address); err == nil {
		return parsed.Unmap().String()
	}
	return address
}

// SameAddress reports whether two texts are the same address.
func SameAddress(a, b string) bool { return ShortestAddress(a) == ShortestAddress(b) }

// ReplaceUnlessSameAddress replaces the resource for another address, not for another way to write the same one.
func ReplaceUnlessSameAddress() planmodifier.String {
	return ReplaceUnless("another way to write the same address", SameAddress)
}

// ReplaceUnless replaces the resource for another value unless both mean the same; the empty text stands for null.
func ReplaceUnless(description string, same func(before, after string) bool) planmodifier.String {
	description = "replaces the resource, unless the change is " + description
	return stringplanmodifier.RequiresReplaceIf(
		func(_ context.Context, req planmodifier.StringRequest, resp *stringplanmodifier.RequiresReplaceIfFuncResponse) {
			resp.RequiresReplace = req.PlanValue.IsUnknown() || !same(req.StateValue.ValueString(), req.PlanValue.ValueString())
		}, description, description)
}
