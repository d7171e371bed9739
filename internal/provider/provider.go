// Package provider is the Terraform provider: it reads the provider's configuration, connects to the control API and
// registers the kinds of objects. What a kind can do is in a folder of its own, over the rooms base and planning. The
// rules for values are those of package lbapi, and HTTP is package client's.
package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
	"github.com/alb-project/terraform-provider-alb/internal/provider/backendservice"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
	"github.com/alb-project/terraform-provider-alb/internal/provider/listener"
	"github.com/alb-project/terraform-provider-alb/internal/provider/loadbalancer"
	"github.com/alb-project/terraform-provider-alb/internal/provider/server"
	"github.com/alb-project/terraform-provider-alb/internal/provider/servergroup"
)

// Address is the provider's source address, by which Terraform finds it.
const Address = "registry.terraform.io/alb-project/alb"

var (
	_ provider.Provider                  = (*albProvider)(nil)
	_ provider.ProviderWithListResources = (*albProvider)(nil)
	_ provider.ProviderWithFunctions     = (*albProvider)(nil)
)

// kinds lists the kinds of objects that the provider manages. A new kind is one folder and one line here.
func kinds() []base.Kind {
	return []base.Kind{loadbalancer.Kind(), listener.Kind(), backendservice.Kind(), servergroup.Kind(), server.Kind()}
}

// New returns the function with which Terraform's plugin server makes providers. The API sees the version.
func New(version string) func() provider.Provider {
	return func() provider.Provider { return &albProvider{version: version} }
}

type albProvider struct {
	version string
}

func (p *albProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = base.ProviderType
	resp.Version = p.version
}

func (p *albProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Manages application load balancers with their listeners, backend services and server groups through the " +
			"control API (the published `lb` API, version `v1`), as [lbserver](https://github.com/alb-project/terraform-provider-alb) serves it.",
		Attributes: map[string]schema.Attribute{
			"endpoint": schema.StringAttribute{
				MarkdownDescription: "URL of the control API, such as `http://127.0.0.1:9080`." + fromEnvironment("endpoint"),
				Optional:            true,
				Validators:          []validator.String{orEmpty(base.TextRule{Rule: "a URL of scheme, host and port", Invalid: invalidEndpoint})},
			},
			"region": schema.StringAttribute{
				MarkdownDescription: "Region that the API answers for; for lbserver, its `--region`." + fromEnvironment("region"),
				Optional:            true,
				Validators:          []validator.String{orEmpty(nameRule())},
			},
			"access_key": schema.StringAttribute{
				MarkdownDescription: "Access key, by which the API knows who signs." + fromEnvironment("access_key"),
				Optional:            true,
				Validators:          []validator.String{orEmpty(nameRule())},
			},
			"secret_key": schema.StringAttribute{
				MarkdownDescription: "Secret key that signs every call; it is never sent." + fromEnvironment("secret_key"),
				Optional:            true,
				Sensitive:           true,
			},
			"load_balancer_id": schema.StringAttribute{
				MarkdownDescription: "Load balancer of the resources that name none themselves. Without it, the one load balancer of the " +
					"region is used; where there are several, that is an error which lists them." + fromEnvironment("load_balancer_id"),
				Optional: true,
			},
			"request_timeout": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf("Longest time that one attempt of a call may take, as a duration such as `10s` or `1m30s`, "+
					"above 0; default `%s`.", defaultRequestTimeout) + fromEnvironment("request_timeout"),
				Optional:   true,
				Validators: []validator.String{orEmpty(base.DurationRule())},
			},
			"max_retries": schema.Int64Attribute{
				CustomType: base.WholeNumber{},
				MarkdownDescription: base.DescribeRange("How often a call is sent again after a lost connection or an answer that asks to "+
					"come back later (429, 502, 503, 504)", maxRetries, base.WithDefault) +
					" An answer that asks for a pause of more than a minute ends the call instead." + fromEnvironment("max_retries"),
				Optional:   true,
				Validators: []validator.Int64{base.RangeRule{Range: maxRetries}},
			},
		},
	}
}

// Configure makes the connection that all resources use. An API that cannot be used is one error, while planning as
// during apply, before anything is done.
func (p *albProvider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var model providerModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	settings := readSettings(model, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	secret := settings.secretKey
	api, err := client.New(client.Config{
		Endpoint:       settings.endpoint,
		Region:         settings.region,
		AccessKey:      settings.accessKey,
		SecretKey:      secret,
		RequestTimeout: settings.requestTimeout,
		MaxRetries:     settings.maxRetries,
		UserAgent:      "terraform-provider-alb/" + p.version + " terraform/" + req.TerraformVersion,
		Log: func(ctx context.Context, attempt client.Attempt) {
			logAttempt(tflog.MaskAllFieldValuesStrings(ctx, secret), attempt)
		},
	})
	if err != nil {
		resp.Diagnostics.AddAttributeError(path.Root("endpoint"), "Invalid endpoint", base.AttributeSentence("endpoint", err.Error()))
		return
	}
	connection := base.Connect(ctx, api, settings.loadBalancer, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.ResourceData, resp.DataSourceData, resp.ListResourceData = connection, connection, connection
}

func logAttempt(ctx context.Context, attempt client.Attempt) {
	fields := map[string]any{
		"operation": attempt.Operation, "method": attempt.Method, "url": attempt.URL, "attempt": attempt.Number,
		"status": attempt.Status, "request_id": attempt.RequestID, "duration": attempt.Duration.String(),
	}
	if attempt.Err != nil {
		fields["error"] = attempt.Err.Error()
	}
	tflog.Debug(ctx, "Called the control API", fields)
}

func (p *albProvider) Resources(context.Context) (all []func() resource.Resource) {
	for _, kind := range kinds() {
		all = append(all, kind.Resources...)
	}
	return all
}

func (p *albProvider) DataSources(context.Context) (all []func() datasource.DataSource) {
	for _, kind := range kinds() {
		all = append(all, kind.DataSources...)
	}
	return all
}

func (p *albProvider) ListResources(context.Context) (all []func() list.ListResource) {
	for _, kind := range kinds() {
		all = append(all, kind.ListResources...)
	}
	return all
}

func (p *albProvider) Functions(context.Context) (all []func() function.Function) {
	for _, kind := range kinds() {
		all = append(all, kind.Functions...)
	}
	return all
}
