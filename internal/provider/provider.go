// Package provider is the Terraform provider: schemas, plans, and the way between them and the control API's types. The
// rules it judges by are those of package lbapi; HTTP is package client's.
package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
)

// Address is the provider's source address, by which Terraform finds it.
const Address = "registry.terraform.io/alb-project/alb"

// typeName begins the name of every resource.
const typeName = "alb"

var (
	_ provider.Provider                  = (*albProvider)(nil)
	_ provider.ProviderWithListResources = (*albProvider)(nil)
	_ provider.ProviderWithFunctions     = (*albProvider)(nil)
)

// New returns the maker of providers that Terraform's plugin server wants. The version is shown to the API.
func New(version string) func() provider.Provider {
	return func() provider.Provider { return &albProvider{version: version} }
}

type albProvider struct {
	version string
}

type providerModel struct {
	Endpoint       types.String `tfsdk:"endpoint"`
	Region         types.String `tfsdk:"region"`
	AccessKey      types.String `tfsdk:"access_key"`
	SecretKey      types.String `tfsdk:"secret_key"`
	LoadBalancerID types.String `tfsdk:"load_balancer_id"`
	RequestTimeout types.String `tfsdk:"request_timeout"`
	MaxRetries     types.Int64  `tfsdk:"max_retries"`
}

// Metadata names the provider.
func (p *albProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = typeName
	resp.Version = p.version
}

// Schema describes the provider's configuration.
func (p *albProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Manages application load balancers with their listeners, backend services and server groups through the " +
			"control API (the published `lb` API, version `v1`), as [lbserver](https://github.com/alb-project/terraform-provider-alb) serves it.",
		Attributes: map[string]schema.Attribute{
			"endpoint": schema.StringAttribute{
				MarkdownDescription: "URL of the control API, such as `http://127.0.0.1:9080`." + fromEnvironment("endpoint"),
				Optional:            true,
				Validators:          []validator.String{orEmpty(stringRule{"a URL of scheme, host and port", invalidEndpoint})},
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
				Validators: []validator.String{orEmpty(durationRule())},
			},
			"max_retries": schema.Int64Attribute{
				CustomType: wholeNumber{},
				MarkdownDescription: describeRange("How often a call is sent again after a lost connection or an answer that asks to "+
					"come back later (429, 502, 503, 504)", maxRetries, withDefault) +
					" An answer that asks for a pause of more than a minute ends the call instead." + fromEnvironment("max_retries"),
				Optional:   true,
				Validators: []validator.Int64{int64Rule{maxRetries}},
			},
		},
	}
}

// Configure makes the client that all resources use, and finds out whether the API can be used: else that is one error, at plan as
// at apply, before anything is done.
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
		resp.Diagnostics.AddAttributeError(path.Root("endpoint"), "Invalid endpoint", sentence("endpoint", err.Error()))
		return
	}
	shared := &connection{
		Client: api, defaultLoadBalancerID: settings.loadBalancerID, defaultUnknown: settings.loadBalancerUnknown, judging: newJudgement(),
	}
	ctx, cancel := context.WithTimeout(ctx, defaultTimeout)
	defer cancel()
	if shared.balancers, shared.notListed = api.LoadBalancers(ctx); client.IsUnusable(shared.notListed) {
		addCallError(&resp.Diagnostics, apiUnusable, shared.notListed, noAttribute)
		return
	}
	resp.ResourceData, resp.DataSourceData, resp.ListResourceData = shared, shared, shared
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

// Resources lists the resource types.
func (p *albProvider) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		newLoadBalancerResource, newListenerResource, newBackendServiceResource, newServerGroupResource, newServerResource,
	}
}

// ListResources lists the resource types that a query finds.
func (p *albProvider) ListResources(context.Context) []func() list.ListResource {
	return []func() list.ListResource{
		newListResource(loadBalancers(), listLoadBalancer), newListResource(listeners(), listListener),
		newListResource(backendServices(), listBackendService), newListResource(serverGroups(), listServerGroup),
		newServerListResource,
	}
}

// Functions lists the functions.
func (p *albProvider) Functions(context.Context) []func() function.Function {
	return []func() function.Function{newCookieNameFunction}
}

// DataSources lists the data sources.
func (p *albProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{
		newObjectDataSource(loadBalancers()), newListDataSource(loadBalancers()),
		newObjectDataSource(listeners()), newListDataSource(listeners()),
		newObjectDataSource(backendServices()), newListDataSource(backendServices()),
		newObjectDataSource(serverGroups()), newListDataSource(serverGroups()),
		newServerHealthDataSource,
	}
}

// fromEnvironment ends the description of a setting.
func fromEnvironment(attribute string) string {
	return fmt.Sprintf(" Left out or empty, it is taken from the environment variable `%s`.", environmentVariable(attribute))
}

func environmentVariable(attribute string) string { return "ALB_" + strings.ToUpper(attribute) }
