package provider

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// frameworkServer is what the framework's server can be asked.
type frameworkServer interface {
	tfprotov6.ProviderServerWithListResource //nolint:staticcheck // deprecated in favor of an interface to come, which will hold the same
	tfprotov6.ProviderServerWithActions      //nolint:staticcheck // deprecated in favor of an interface to come, which will hold the same
	tfprotov6.ProviderServerWithStateStores  //nolint:staticcheck // deprecated in favor of an interface to come, which will hold the same
}

// NewServer returns the maker of servers that Terraform's plugin protocol wants.
func NewServer(version string) func() tfprotov6.ProviderServer {
	return func() tfprotov6.ProviderServer {
		framework := providerserver.NewProtocol6(New(version)())()
		if all, ok := framework.(frameworkServer); ok {
			return &pluginServer{all}
		}
		return framework
	}
}

// pluginServer lends the framework the context of each call only until the call's end. The framework keeps every context that it
// is given until Terraform stops the provider (terraform-plugin-framework 1.19, registerContext), and all that hangs on it:
// 10 KB a call, which after a plan of 1,000 resources is most of the memory. The calls here are those that a resource takes. What
// they say of a configuration has a place that Terraform can quote.
type pluginServer struct{ frameworkServer }

// ValidateResourceConfig implements tfprotov6.ProviderServer.
func (s *pluginServer) ValidateResourceConfig(
	ctx context.Context, req *tfprotov6.ValidateResourceConfigRequest,
) (*tfprotov6.ValidateResourceConfigResponse, error) {
	resp, err := lend(ctx, req, s.frameworkServer.ValidateResourceConfig)
	if err == nil {
		locate(resp.Diagnostics)
	}
	return resp, err
}

// UpgradeResourceState implements tfprotov6.ProviderServer.
func (s *pluginServer) UpgradeResourceState(
	ctx context.Context, req *tfprotov6.UpgradeResourceStateRequest,
) (*tfprotov6.UpgradeResourceStateResponse, error) {
	return lend(ctx, req, s.frameworkServer.UpgradeResourceState)
}

// UpgradeResourceIdentity implements tfprotov6.ProviderServer.
func (s *pluginServer) UpgradeResourceIdentity(
	ctx context.Context, req *tfprotov6.UpgradeResourceIdentityRequest,
) (*tfprotov6.UpgradeResourceIdentityResponse, error) {
	return lend(ctx, req, s.frameworkServer.UpgradeResourceIdentity)
}

// ReadResource implements tfprotov6.ProviderServer.
func (s *pluginServer) ReadResource(ctx context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	return lend(ctx, req, s.frameworkServer.ReadResource)
}

// PlanResourceChange implements tfprotov6.ProviderServer.
func (s *pluginServer) PlanResourceChange(
	ctx context.Context, req *tfprotov6.PlanResourceChangeRequest,
) (*tfprotov6.PlanResourceChangeResponse, error) {
	resp, err := lend(ctx, req, s.frameworkServer.PlanResourceChange)
	if err == nil {
		locate(resp.Diagnostics)
	}
	return resp, err
}

// ApplyResourceChange implements tfprotov6.ProviderServer.
func (s *pluginServer) ApplyResourceChange(
	ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest,
) (*tfprotov6.ApplyResourceChangeResponse, error) {
	resp, err := lend(ctx, req, s.frameworkServer.ApplyResourceChange)
	if err == nil {
		locate(resp.Diagnostics)
	}
	return resp, err
}

// locate puts what is said of a part of an attribute at the attribute. Terraform cannot find a line for the part, and would quote
// that of a top-level attribute of the same name, or the first of the resource.
func locate(diagnostics []*tfprotov6.Diagnostic) {
	for _, one := range diagnostics {
		if steps := one.Attribute.Steps(); len(steps) > 1 {
			one.Attribute = tftypes.NewAttributePathWithSteps(steps[:1])
		}
	}
}

// lend makes a call with a context that is the caller's until the call returns.
func lend[Request, Response any](
	ctx context.Context, req *Request, call func(context.Context, *Request) (*Response, error),
) (*Response, error) {
	lent := &lentContext{}
	lent.lender.Store(&ctx)
	defer lent.giveBack()  //nolint:contextcheck // what it leaves behind inherits nothing, on purpose
	return call(lent, req) //nolint:contextcheck // it is the caller's context
}

// lentContext is its lender until it is given back, and a canceled context from then on.
type lentContext struct {
	lender atomic.Pointer[context.Context]
}

func (c *lentContext) giveBack() {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	c.lender.Store(&ended)
}

// Deadline implements context.Context.
func (c *lentContext) Deadline() (time.Time, bool) { return (*c.lender.Load()).Deadline() }

// Done implements context.Context.
func (c *lentContext) Done() <-chan struct{} { return (*c.lender.Load()).Done() }

// Err implements context.Context.
func (c *lentContext) Err() error { return (*c.lender.Load()).Err() }

// Value implements context.Context.
func (c *lentContext) Value(key any) any { return (*c.lender.Load()).Value(key) }
