package backendservice

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/function"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

var _ function.Function = (*cookieNameFunction)(nil)

func newCookieNameFunction() function.Function { return &cookieNameFunction{} }

// cookieNameFunction names the cookie that keeps clients of a backend service on their servers.
type cookieNameFunction struct{}

func (*cookieNameFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "cookie_name"
}

func (*cookieNameFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Name of a backend service's session cookie",
		MarkdownDescription: "The name of the cookie that keeps clients of a backend service on their servers: `" + lbapi.CookiePrefix +
			"` and eight characters that follow from the id. For what has to know it: rules of a firewall or a cache in front, " +
			"tests, consent banners. It is the name that lbserver gives; whether the service keeps sessions at all is for its " +
			"`session_persistence` to say.",
		Parameters: []function.Parameter{function.StringParameter{
			Name:                "backend_service_id",
			MarkdownDescription: "Id of the backend service.",
		}},
		Return: function.StringReturn{},
	}
}

func (*cookieNameFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var id string
	if resp.Error = req.Arguments.Get(ctx, &id); resp.Error != nil {
		return
	}
	if reason := lbapi.BackendServiceID.Invalid(id); reason != "" {
		resp.Error = function.NewArgumentFuncError(0, reason) // Terraform makes a sentence of it
		return
	}
	resp.Error = resp.Result.Set(ctx, lbapi.CookieName(id))
}
