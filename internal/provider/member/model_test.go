package member

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

func TestReadingKeepsHowThingsWereWritten(t *testing.T) {
	null := Model{}
	vm := lbapi.Server{Type: lbapi.ServerVM, InstanceID: "i-1", Address: "10.0.0.5", Weight: 10}
	container := lbapi.Server{Type: lbapi.ServerContainer, InstanceID: "c-1", Weight: 10}
	for _, test := range []struct {
		name   string
		before Model
		is     lbapi.Server
		want   Model
	}{
		{"no port", null, asRegistered("t", "10.0.0.1", 0, 0), Model{Address: types.StringValue("10.0.0.1"), Weight: types.Int64Value(0)}},
		{"port zero", Model{Port: types.Int64Value(0)}, asRegistered("t", "10.0.0.1", 0, 1), Model{Address: types.StringValue("10.0.0.1"), Port: types.Int64Value(0), Weight: types.Int64Value(1)}},
		{"a port given by others", null, asRegistered("t", "10.0.0.1", 8080, 1), Model{Address: types.StringValue("10.0.0.1"), Port: types.Int64Value(8080), Weight: types.Int64Value(1)}},
		{"an address in a long form", Model{Address: types.StringValue("0::1")}, asRegistered("t", "::1", 1, 1), Model{Address: types.StringValue("0::1"), Port: types.Int64Value(1), Weight: types.Int64Value(1)}},
		{"another address", Model{Address: types.StringValue("0::2")}, asRegistered("t", "::1", 1, 1), Model{Address: types.StringValue("::1"), Port: types.Int64Value(1), Weight: types.Int64Value(1)}},
		{"an instance shows no address", null, vm, Model{InstanceID: types.StringValue("i-1"), Weight: types.Int64Value(10)}},
		{"a container shows what it is", null, container, Model{InstanceID: types.StringValue("c-1"), InstanceType: types.StringValue("container"), Weight: types.Int64Value(10)}},
		{"a vm written out", Model{InstanceType: types.StringValue("vm")}, vm, Model{InstanceID: types.StringValue("i-1"), InstanceType: types.StringValue("vm"), Weight: types.Int64Value(10)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Read(test.before, test.is)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
