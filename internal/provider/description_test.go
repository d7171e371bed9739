package provider_test

import (
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/alb-project/terraform-provider-alb/internal/provider"
)

// The pages of the documentation are made of what the schema says.
func TestEveryAttributeIsDescribedAndEveryNumberHasItsRange(t *testing.T) {
	t.Parallel()
	schemas, err := providerserver.NewProtocol6(provider.New("test")())().GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	wantDescribed(t, "provider", schemas.Provider.Block.Attributes)
	for name, schema := range schemas.ResourceSchemas {
		wantDescribed(t, name, schema.Block.Attributes)
	}
	for name, schema := range schemas.DataSourceSchemas {
		wantDescribed(t, "data."+name, schema.Block.Attributes)
	}
	for name, schema := range schemas.ListResourceSchemas {
		wantDescribed(t, "list."+name, schema.Block.Attributes)
	}
	for name, function := range schemas.Functions {
		if function.Summary == "" || function.Description == "" {
			t.Errorf("function %s is not described", name)
		}
		for _, parameter := range function.Parameters {
			if parameter.Description == "" {
				t.Errorf("parameter %s of function %s is not described", parameter.Name, name)
			}
		}
	}
}

var (
	sentence = regexp.MustCompile(`(?s)^[A-Z\x60].*\.$`)
	span     = regexp.MustCompile(`\d to \d`)
)

func wantDescribed(t *testing.T, of string, attributes []*tfprotov6.SchemaAttribute) {
	t.Helper()
	for _, attribute := range attributes {
		at := of + "." + attribute.Name
		if !sentence.MatchString(attribute.Description) {
			t.Errorf("%s is described as %q, want a sentence", at, attribute.Description)
		}
		settable := attribute.Required || attribute.Optional
		if settable && tftypes.Number.Equal(attribute.Type) && !span.MatchString(attribute.Description) {
			t.Errorf("%s is a number without a range: %q", at, attribute.Description)
		}
		if attribute.NestedType != nil {
			wantDescribed(t, at, attribute.NestedType.Attributes)
		}
	}
}
