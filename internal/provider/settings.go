package provider

import (
	"fmt"

	"os"
	"strconv"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/signature"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
)

const defaultRequestTimeout = 30 * time.Second

// maxRetries is the range of the setting; the default waits about four seconds in all before it gives up.
var maxRetries = lbapi.Range{Min: 0, Max: 20, Default: 4}

// providerModel is the provider's configuration as it is written.
type providerModel struct {
	Endpoint       types.String `tfsdk:"endpoint"`
	Region         types.String `tfsdk:"region"`
	AccessKey      types.String `tfsdk:"access_key"`
	SecretKey      types.String `tfsdk:"secret_key"`
	LoadBalancerID types.String `tfsdk:"load_balancer_id"`
	RequestTimeout types.String `tfsdk:"request_timeout"`
	MaxRetries     types.Int64  `tfsdk:"max_retries"`
}

// settings is the provider's configuration, completed from the environment.
type settings struct {
	endpoint, region, accessKey, secretKey string
	loadBalancer                           base.DefaultLoadBalancer
	requestTimeout                         time.Duration
	maxRetries                             int
}

// readSettings completes the configuration from the environment and reports what is unknown, missing or invalid at its
// attribute.
func readSettings(model providerModel, diags *diag.Diagnostics) settings {
	read := settingsReader{diags: diags}
	s := settings{
		endpoint:       read.text("endpoint", model.Endpoint, model.Endpoint.ValueString(), required),
		region:         read.text("region", model.Region, model.Region.ValueString(), required),
		accessKey:      read.text("access_key", model.AccessKey, model.AccessKey.ValueString(), required),
		secretKey:      read.text("secret_key", model.SecretKey, model.SecretKey.ValueString(), required),
		requestTimeout: defaultRequestTimeout,
		maxRetries:     int(maxRetries.Default),
	}
	if s.loadBalancer.Unknown = model.LoadBalancerID.IsUnknown(); !s.loadBalancer.Unknown {
		s.loadBalancer.ID = read.text("load_balancer_id", model.LoadBalancerID, model.LoadBalancerID.ValueString(), optional)
	}
	if s.endpoint != "" {
		read.judge("endpoint", invalidEndpoint(s.endpoint))
	}
	read.judge("region", signature.InvalidName(s.region))
	read.judge("access_key", signature.InvalidName(s.accessKey))
	if s.loadBalancer.ID != "" {
		read.judge("load_balancer_id", lbapi.LoadBalancerID.Invalid(s.loadBalancer.ID))
	}
	if text := read.text("request_timeout", model.RequestTimeout, model.RequestTimeout.ValueString(), optional); text != "" {
		if reason := base.InvalidDuration(text); reason != "" {
			read.judge("request_timeout", reason)
		} else if timeout, err := time.ParseDuration(text); err == nil {
			s.requestTimeout = timeout
		}
	}
	number := ""
	if !model.MaxRetries.IsNull() {
		number = strconv.FormatInt(model.MaxRetries.ValueInt64(), 10)
	}
	if text := read.text("max_retries", model.MaxRetries, number, optional); text != "" {
		retries, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			read.judge("max_retries", fmt.Sprintf("must be a whole number, got %q", text))
		} else {
			read.judge("max_retries", maxRetries.Invalid(retries))
			s.maxRetries = int(retries)
		}
	}
	return s
}

type need bool

const (
	required need = true
	optional need = false
)

type settingsReader struct{ diags *diag.Diagnostics }

// text is the setting's value in the configuration, else in the environment, else "".
func (r settingsReader) text(attribute string, configured attr.Value, value string, need need) string {
	variable := base.EnvironmentVariable(attribute)
	switch {
	case configured.IsUnknown():
		r.diags.AddAttributeError(path.Root(attribute), "Unknown "+attribute,
			fmt.Sprintf("Attribute %q of the provider is not known before other resources are applied. Give it a value that is known "+
				"at plan, leave it out and set %s, or apply those resources first with -target.", attribute, variable))
		return ""
	case value == "":
		value = os.Getenv(variable)
	}
	if value == "" && need == required {
		r.diags.AddAttributeError(path.Root(attribute), "Missing "+attribute,
			fmt.Sprintf("The provider needs %q: set the attribute in the provider block, or the environment variable %s.", attribute, variable))
	}
	return value
}

func (r settingsReader) judge(attribute, reason string) {
	if reason == "" {
		return
	}
	r.diags.AddAttributeError(path.Root(attribute), "Invalid "+attribute,
		base.AttributeSentence(attribute, reason)+fmt.Sprintf(" It may also come from the environment variable %s.", base.EnvironmentVariable(attribute)))
}

func invalidEndpoint(text string) string {
	if _, err := client.ParseEndpoint(text); err != nil {
		return err.Error()
	}
	return ""
}

func nameRule() base.TextRule {
	return base.TextRule{Rule: signature.NameRule, Invalid: signature.InvalidName}
}

// orEmpty is a rule for a setting; the empty text leaves the setting to the environment.
func orEmpty(rule base.TextRule) base.TextRule {
	return base.TextRule{Rule: rule.Rule, Invalid: func(text string) string {
		if text == "" {
			return ""
		}
		return rule.Invalid(text)
	}}
}

// fromEnvironment ends the description of a setting.
func fromEnvironment(attribute string) string {
	return fmt.Sprintf(" Left out or empty, it is taken from the environment variable `%s`.", base.EnvironmentVariable(attribute))
}
