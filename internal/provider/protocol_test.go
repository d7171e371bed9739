package provider_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
	"github.com/alb-project/terraform-provider-alb/internal/provider"
)

// protocol speaks to the provider as Terraform does, where the Terraform at hand cannot: identities need version 1.12, list
// resources 1.14.
type protocol struct {
	t        *testing.T
	server   tfprotov6.ProviderServerWithListResource //nolint:staticcheck // until ProviderServer has it
	types    map[string]tftypes.Object                // of resources
	lists    map[string]tftypes.Object                // of the configuration of list resources
	identity map[string]tftypes.Object
}

// values are attributes by their names; what is left out is null.
type values map[string]tftypes.Value

func text(value string) tftypes.Value { return tftypes.NewValue(tftypes.String, value) }
func number(value int) tftypes.Value  { return tftypes.NewValue(tftypes.Number, value) }

func speak(t *testing.T, lb *acctest.LoadBalancer, settings ...values) *protocol {
	t.Helper()
	server, ok := providerserver.NewProtocol6(provider.New("test")())().(tfprotov6.ProviderServerWithListResource) //nolint:staticcheck // as above
	if !ok {
		t.Fatal("the provider serves no list resources")
	}
	p := &protocol{t: t, server: server, types: map[string]tftypes.Object{}, lists: map[string]tftypes.Object{}, identity: map[string]tftypes.Object{}}
	schemas, err := server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	p.good(err, schemas.Diagnostics)
	for name, schema := range schemas.ResourceSchemas {
		p.types[name] = objectType(t, schema.ValueType())
	}
	for name, schema := range schemas.ListResourceSchemas {
		p.lists[name] = objectType(t, schema.ValueType())
	}
	identities, err := server.GetResourceIdentitySchemas(t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	p.good(err, identities.Diagnostics)
	for name, schema := range identities.IdentitySchemas {
		p.identity[name] = objectType(t, schema.ValueType())
	}
	accessKey, secretKey := lb.Server.Credentials()
	all := values{
		"endpoint": text(lb.Endpoint()), "region": text(lb.Region()), "access_key": text(accessKey), "secret_key": text(secretKey),
	}
	for _, more := range settings {
		maps.Copy(all, more)
	}
	config := dynamic(t, object(objectType(t, schemas.Provider.ValueType()), all))
	configured, err := server.ConfigureProvider(t.Context(), &tfprotov6.ConfigureProviderRequest{TerraformVersion: "1.14.0", Config: config})
	p.good(err, configured.Diagnostics)
	return p
}

func (p *protocol) good(err error, diagnostics []*tfprotov6.Diagnostic) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	if found := failures(diagnostics); len(found) > 0 {
		p.t.Fatal(strings.Join(found, "\n"))
	}
}

func failures(diagnostics []*tfprotov6.Diagnostic) (found []string) {
	for _, one := range diagnostics {
		if one.Severity == tfprotov6.DiagnosticSeverityError {
			found = append(found, one.Summary+": "+one.Detail)
		}
	}
	return found
}

func objectType(t *testing.T, of tftypes.Type) tftypes.Object {
	t.Helper()
	object, ok := of.(tftypes.Object)
	if !ok {
		t.Fatalf("%s is no object", of)
	}
	return object
}

func object(of tftypes.Object, given values) tftypes.Value {
	all := map[string]tftypes.Value{}
	for name, kind := range of.AttributeTypes {
		all[name] = tftypes.NewValue(kind, nil)
		if value, ok := given[name]; ok {
			all[name] = value
		}
	}
	return tftypes.NewValue(of, all)
}

func dynamic(t *testing.T, value tftypes.Value) *tfprotov6.DynamicValue {
	t.Helper()
	packed, err := tfprotov6.NewDynamicValue(value.Type(), value)
	if err != nil {
		t.Fatal(err)
	}
	return &packed
}

// shown gives the texts among the attributes of an object, which is what identities are made of.
func shown(t *testing.T, packed *tfprotov6.DynamicValue, of tftypes.Object) map[string]string {
	t.Helper()
	if packed == nil {
		return nil
	}
	value := unpack(t, packed, of)
	var attributes map[string]tftypes.Value
	if err := value.As(&attributes); err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for name, attribute := range attributes {
		if attribute.Type().Is(tftypes.String) && attribute.IsKnown() && !attribute.IsNull() {
			var one string
			if err := attribute.As(&one); err != nil {
				t.Fatal(err)
			}
			texts[name] = one
		}
	}
	return texts
}

func unpack(t *testing.T, packed *tfprotov6.DynamicValue, of tftypes.Object) tftypes.Value {
	t.Helper()
	value, err := packed.Unmarshal(of)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// importByIdentity is the request of an import block with an identity.
func importByIdentity(kind string, identity *tfprotov6.ResourceIdentityData) *tfprotov6.ImportResourceStateRequest {
	return &tfprotov6.ImportResourceStateRequest{TypeName: kind, Identity: identity}
}

// applied is what an apply leaves behind.
type applied struct {
	state    *tfprotov6.DynamicValue
	identity *tfprotov6.ResourceIdentityData
	private  []byte
}

// apply plans and applies a configuration: a creation after the zero value, else an update.
func (p *protocol) apply(kind string, before applied, config values) applied {
	p.t.Helper()
	of := p.types[kind]
	if before.state == nil {
		before.state = dynamic(p.t, tftypes.NewValue(of, nil))
	}
	planned := p.plan(kind, before, config)
	p.good(nil, planned.Diagnostics)
	done, err := p.server.ApplyResourceChange(p.t.Context(), &tfprotov6.ApplyResourceChangeRequest{
		TypeName: kind, PriorState: before.state, PlannedState: planned.PlannedState, Config: dynamic(p.t, object(of, config)),
		PlannedPrivate: planned.PlannedPrivate, PlannedIdentity: planned.PlannedIdentity,
	})
	p.good(err, done.Diagnostics)
	return applied{done.NewState, done.NewIdentity, done.Private}
}

// planDestruction plans to delete what is there.
func (p *protocol) planDestruction(kind string, before applied) *tfprotov6.PlanResourceChangeResponse {
	p.t.Helper()
	nothing := dynamic(p.t, tftypes.NewValue(p.types[kind], nil))
	planned, err := p.server.PlanResourceChange(p.t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: kind, PriorState: before.state, ProposedNewState: nothing, Config: nothing,
		PriorPrivate: before.private, PriorIdentity: before.identity,
	})
	p.good(err, nil)
	return planned
}

// plan plans a configuration after what is there.
func (p *protocol) plan(kind string, before applied, config values) *tfprotov6.PlanResourceChangeResponse {
	p.t.Helper()
	of := p.types[kind]
	planned, err := p.server.PlanResourceChange(p.t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: kind, PriorState: before.state, ProposedNewState: p.proposed(of, before.state, config), Config: dynamic(p.t, object(of, config)),
		PriorPrivate: before.private, PriorIdentity: before.identity,
	})
	p.good(err, nil)
	return planned
}

// proposed is the configuration with the id of what is there, as Terraform proposes it.
func (p *protocol) proposed(of tftypes.Object, before *tfprotov6.DynamicValue, config values) *tfprotov6.DynamicValue {
	merged := values{}
	if id := idOf(p.t, before, of); id != "" {
		merged["id"] = text(id)
	}
	maps.Copy(merged, config)
	return dynamic(p.t, object(of, merged))
}

func idOf(t *testing.T, packed *tfprotov6.DynamicValue, of tftypes.Object) string {
	t.Helper()
	if unpack(t, packed, of).IsNull() {
		return ""
	}
	return shown(t, packed, of)["id"]
}

func (p *protocol) read(kind string, of applied) *tfprotov6.ReadResourceResponse {
	p.t.Helper()
	read, err := p.server.ReadResource(p.t.Context(), &tfprotov6.ReadResourceRequest{
		TypeName: kind, CurrentState: of.state, CurrentIdentity: of.identity, Private: of.private,
	})
	p.good(err, read.Diagnostics)
	return read
}

// list asks a list resource, whose configuration is given.
func (p *protocol) list(kind string, config values, whole bool, limit int64) []tfprotov6.ListResourceResult {
	p.t.Helper()
	stream, err := p.server.ListResource(p.t.Context(), &tfprotov6.ListResourceRequest{
		TypeName: kind, Config: dynamic(p.t, object(p.lists[kind], config)), IncludeResource: whole, Limit: limit,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return slices.Collect(stream.Results)
}
