package provider

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

var _ basetypes.Int64Typable = wholeNumber{}

// wholeNumber is the type of a number in a configuration. The framework's own takes a fraction for a fault of the provider; this
// one has its attribute refuse it.
type wholeNumber struct{ basetypes.Int64Type }

// Equal implements attr.Type: the values are those of the framework's type.
func (wholeNumber) Equal(other attr.Type) bool {
	_, ok := other.(basetypes.Int64Typable)
	return ok
}

// ValueFromTerraform implements attr.Type. What Validate refuses is judged no further, as an unknown value is.
func (t wholeNumber) ValueFromTerraform(ctx context.Context, in tftypes.Value) (attr.Value, error) {
	if notWhole(in) != "" {
		return types.Int64Unknown(), nil
	}
	return t.Int64Type.ValueFromTerraform(ctx, in)
}

// Validate implements xattr.TypeWithValidate.
func (wholeNumber) Validate(_ context.Context, in tftypes.Value, at path.Path) (diags diag.Diagnostics) {
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
