// Command providerschema writes the provider's schemas in the format of `terraform providers schema -json`, from which
// its documentation is generated. Taking them from the provider itself gives the same documentation with every
// Terraform: only version 1.12 and later show identities, only 1.14 and later list resources.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/alb-project/terraform-provider-alb/internal/provider"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "providerschema:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, to io.Writer) error {
	server := providerserver.NewProtocol6(provider.New("")())()
	schemas, err := server.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return fmt.Errorf("get the schemas: %w", err)
	}
	identities, err := server.GetResourceIdentitySchemas(ctx, &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		return fmt.Errorf("get the schemas of identities: %w", err)
	}
	for _, one := range append(schemas.Diagnostics, identities.Diagnostics...) {
		return fmt.Errorf("get the schemas: %s: %s", one.Summary, one.Detail)
	}
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", "  ")
	err = encoder.Encode(document{"1.0", map[string]providerSchemas{path.Base(provider.Address): {
		Provider:           *schemaOf(schemas.Provider),
		Resources:          each(schemas.ResourceSchemas, schemaOf),
		DataSources:        each(schemas.DataSourceSchemas, schemaOf),
		Functions:          each(schemas.Functions, functionOf),
		ResourceIdentities: each(identities.IdentitySchemas, identityOf),
		ListResources:      each(schemas.ListResourceSchemas, schemaOf),
	}}})
	if err != nil {
		return fmt.Errorf("write the schemas: %w", err)
	}
	return nil
}

func each[From, To any](all map[string]From, convert func(From) To) map[string]To {
	converted := make(map[string]To, len(all))
	for name, one := range all {
		converted[name] = convert(one)
	}
	return converted
}

// The format of `terraform providers schema -json`, without what this provider does not use: it has no blocks.
type (
	document struct {
		FormatVersion string                     `json:"format_version"`
		Schemas       map[string]providerSchemas `json:"provider_schemas"`
	}
	providerSchemas struct {
		Provider           schema               `json:"provider"`
		Resources          map[string]*schema   `json:"resource_schemas"`
		DataSources        map[string]*schema   `json:"data_source_schemas"`
		Functions          map[string]*function `json:"functions"`
		ResourceIdentities map[string]*identity `json:"resource_identity_schemas"`
		ListResources      map[string]*schema   `json:"list_resource_schemas"`
	}
	schema struct {
		Version int64 `json:"version"`
		Block   block `json:"block"`
	}
	block struct {
		Attributes      map[string]attribute `json:"attributes"`
		Description     string               `json:"description,omitempty"`
		DescriptionKind string               `json:"description_kind"`
	}
	attribute struct {
		Type            tftypes.Type `json:"type,omitempty"`
		Nested          *nested      `json:"nested_type,omitempty"`
		Description     string       `json:"description,omitempty"`
		DescriptionKind string       `json:"description_kind"`
		Required        bool         `json:"required,omitempty"`
		Optional        bool         `json:"optional,omitempty"`
		Computed        bool         `json:"computed,omitempty"`
		Sensitive       bool         `json:"sensitive,omitempty"`
	}
	nested struct {
		Attributes map[string]attribute `json:"attributes"`
		Mode       string               `json:"nesting_mode"`
	}
	identity struct {
		Version    int64                        `json:"version"`
		Attributes map[string]identityAttribute `json:"attributes"`
	}
	identityAttribute struct {
		Type              tftypes.Type `json:"type"`
		Description       string       `json:"description,omitempty"`
		RequiredForImport bool         `json:"required_for_import,omitempty"`
		OptionalForImport bool         `json:"optional_for_import,omitempty"`
	}
	function struct {
		Description string       `json:"description,omitempty"`
		Summary     string       `json:"summary,omitempty"`
		ReturnType  tftypes.Type `json:"return_type"`
		Parameters  []parameter  `json:"parameters,omitempty"`
	}
	parameter struct {
		Name        string       `json:"name"`
		Description string       `json:"description,omitempty"`
		Type        tftypes.Type `json:"type"`
	}
)

func schemaOf(from *tfprotov6.Schema) *schema {
	return &schema{from.Version, block{
		Attributes:      attributesOf(from.Block.Attributes),
		Description:     from.Block.Description,
		DescriptionKind: kindOf(from.Block.DescriptionKind),
	}}
}

func attributesOf(from []*tfprotov6.SchemaAttribute) map[string]attribute {
	attributes := make(map[string]attribute, len(from))
	for _, one := range from {
		to := attribute{
			Type:            one.Type,
			Description:     one.Description,
			DescriptionKind: kindOf(one.DescriptionKind),
			Required:        one.Required, Optional: one.Optional, Computed: one.Computed, Sensitive: one.Sensitive,
		}
		if one.NestedType != nil {
			to.Type, to.Nested = nil, &nested{attributesOf(one.NestedType.Attributes), modeOf(one.NestedType.Nesting)}
		}
		attributes[one.Name] = to
	}
	return attributes
}

func kindOf(kind tfprotov6.StringKind) string {
	if kind == tfprotov6.StringKindMarkdown {
		return "markdown"
	}
	return "plain"
}

func modeOf(mode tfprotov6.SchemaObjectNestingMode) string {
	switch mode {
	case tfprotov6.SchemaObjectNestingModeList:
		return "list"
	case tfprotov6.SchemaObjectNestingModeSet:
		return "set"
	case tfprotov6.SchemaObjectNestingModeMap:
		return "map"
	default:
		return "single"
	}
}

func identityOf(from *tfprotov6.ResourceIdentitySchema) *identity {
	to := &identity{from.Version, make(map[string]identityAttribute, len(from.IdentityAttributes))}
	for _, one := range from.IdentityAttributes {
		to.Attributes[one.Name] = identityAttribute{one.Type, one.Description, one.RequiredForImport, one.OptionalForImport}
	}
	return to
}

func functionOf(from *tfprotov6.Function) *function {
	to := &function{Description: from.Description, Summary: from.Summary, ReturnType: from.Return.Type}
	for _, one := range from.Parameters {
		to.Parameters = append(to.Parameters, parameter{one.Name, one.Description, one.Type})
	}
	return to
}
