package base

import (
	"context"
	"fmt"
	"math/big"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

var _ basetypes.Int64Typable = WholeNumber{}

// WholeNumber is the type of a number in a configuration. It refuses a fraction at its attribute; the framework's own
// type reports one as a fault of the provider.
type WholeNumber struct{ basetypes.Int64Type }

// Equal reports whether values of the other type are those of the framework's Int64Type as well.
func (WholeNumber) Equal(other attr.Type) bool {
	_, ok := other.(basetypes.Int64Typable)
	return ok
}

// ValueFromTerraform takes what Validate refuses for an unknown value, which is judged no further.
func (t WholeNumber) ValueFromTerraform(ctx context.Context, in tftypes.Value) (attr.Value, error) {
	if notWhole(in) != "" {
		return types.Int64Unknown(), nil
	}
	return t.Int64Type.ValueFromTerraform(ctx, in)
}

func (WholeNumber) Validate(_ context.Context, in tftypes.Value, at path.Path) (diags diag.Diagnostics) {
	addViolation(&diags, at, notWhole(in))
	return diags
}

// notWhole is the reason against a number that is no int64, or "".
func notWhole(in tftypes.Value) string {
	var number *big.Float
	if !in.IsKnown() || in.As(&number) != nil || number == nil {
		return ""
	}
	if !number.IsInt() {
		return fmt.Sprintf("must be a whole number, got %.10g", number)
	}
	if _, accuracy := number.Int64(); accuracy != big.Exact {
		return fmt.Sprintf("is far out of range, got %.10g", number)
	}
	return ""
}
