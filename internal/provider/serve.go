package provider

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// frameworkServer is the interface of the framework's server.
type frameworkServer interface {
	tfprotov6.ProviderServerWithListResource //nolint:staticcheck // deprecated in favor of an interface to come, which will hold the same
	tfprotov6.ProviderServerWithActions      //nolint:staticcheck // deprecated in favor of an interface to come, which will hold the same
	tfprotov6.ProviderServerWithStateStores  //nolint:staticcheck // deprecated in favor of an interface to come, which will hold the same
}

// NewServer returns the function with which Terraform's plugin protocol makes servers of the provider.
func NewServer(version string) func() tfprotov6.ProviderServer {
	return func() tfprotov6.ProviderServer {
		framework := providerserver.NewProtocol6(New(version)())()
		if all, ok := framework.(frameworkServer); ok {
			return &pluginServer{all}
		}
		return framework
	}
}

// pluginServer lends the framework the context of each call only until the call's end. The framework keeps every
// context that it is given until Terraform stops the provider (terraform-plugin-framework 1.19, registerContext), with
// all that the context refers to: 10 KB a call, which after a plan of 1,000 resources is most of the memory. The
// methods here are the calls that are made for each resource. Those that judge a configuration also put their
// diagnostics where Terraform can quote a line.
type pluginServer struct{ frameworkServer }

func (s *pluginServer) ValidateResourceConfig(
	ctx context.Context, req *tfprotov6.ValidateResourceConfigRequest,
) (*tfprotov6.ValidateResourceConfigResponse, error) {
	resp, err := lend(ctx, req, s.frameworkServer.ValidateResourceConfig)
	if err == nil {
		locate(resp.Diagnostics)
	}
	return resp, err
}

func (s *pluginServer) UpgradeResourceState(
	ctx context.Context, req *tfprotov6.UpgradeResourceStateRequest,
) (*tfprotov6.UpgradeResourceStateResponse, error) {
	return lend(ctx, req, s.frameworkServer.UpgradeResourceState)
}

func (s *pluginServer) UpgradeResourceIdentity(
	ctx context.Context, req *tfprotov6.UpgradeResourceIdentityRequest,
) (*tfprotov6.UpgradeResourceIdentityResponse, error) {
	return lend(ctx, req, s.frameworkServer.UpgradeResourceIdentity)
}

func (s *pluginServer) ReadResource(ctx context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	return lend(ctx, req, s.frameworkServer.ReadResource)
}

func (s *pluginServer) PlanResourceChange(
	ctx context.Context, req *tfprotov6.PlanResourceChangeRequest,
) (*tfprotov6.PlanResourceChangeResponse, error) {
	resp, err := lend(ctx, req, s.frameworkServer.PlanResourceChange)
	if err == nil {
		locate(resp.Diagnostics)
	}
	return resp, err
}

func (s *pluginServer) ApplyResourceChange(
	ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest,
) (*tfprotov6.ApplyResourceChangeResponse, error) {
	resp, err := lend(ctx, req, s.frameworkServer.ApplyResourceChange)
	if err == nil {
		locate(resp.Diagnostics)
	}
	return resp, err
}

// locate moves diagnostics of a part of an attribute to the attribute. Terraform cannot find a line for the part, and
// would quote the line of a top-level attribute of the same name, or the first one of the resource.
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

func (c *lentContext) Deadline() (time.Time, bool) { return (*c.lender.Load()).Deadline() }

func (c *lentContext) Done() <-chan struct{} { return (*c.lender.Load()).Done() }

func (c *lentContext) Err() error { return (*c.lender.Load()).Err() }

func (c *lentContext) Value(key any) any { return (*c.lender.Load()).Value(key) }
