package provider

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
)

func setEnvironment(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"ALB_ENDPOINT": "http://127.0.0.1:9080", "ALB_REGION": "local", "ALB_ACCESS_KEY": "AK", "ALB_SECRET_KEY": "SK",
		"ALB_LOAD_BALANCER_ID": "alb-a2b3c4d5e6", "ALB_REQUEST_TIMEOUT": "1m30s", "ALB_MAX_RETRIES": "0",
	} {
		t.Setenv(name, value)
	}
}

func TestSettingsComeFromTheEnvironmentWhereTheConfigurationIsSilent(t *testing.T) {
	setEnvironment(t)
	var diags diag.Diagnostics
	got := readSettings(providerModel{}, &diags)
	want := settings{
		endpoint: "http://127.0.0.1:9080", region: "local", accessKey: "AK", secretKey: "SK", loadBalancer: base.DefaultLoadBalancer{ID: "alb-a2b3c4d5e6"},
		requestTimeout: 90 * time.Second, maxRetries: 0,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(settings{})); diff != "" || diags.HasError() {
		t.Errorf("(-want +got):\n%s\n%v", diff, diags)
	}
	got = readSettings(providerModel{
		Region: types.StringValue("elsewhere"), RequestTimeout: types.StringValue("5s"), MaxRetries: types.Int64Value(7),
	}, &diags)
	if got.region != "elsewhere" || got.requestTimeout != 5*time.Second || got.maxRetries != 7 || got.endpoint != want.endpoint {
		t.Errorf("the configuration does not come first: %+v", got)
	}
}

func TestAnEmptySettingIsTakenFromTheEnvironment(t *testing.T) {
	setEnvironment(t)
	var diags diag.Diagnostics
	want := readSettings(providerModel{}, &diags)
	empty := types.StringValue("")
	got := readSettings(providerModel{
		Endpoint: empty, Region: empty, AccessKey: empty, SecretKey: empty, LoadBalancerID: empty, RequestTimeout: empty,
	}, &diags)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(settings{})); diff != "" || diags.HasError() {
		t.Errorf("(-want +got):\n%s\n%v", diff, diags)
	}
}

func TestABadSettingIsReportedAtItsAttributeAndNamesItsVariable(t *testing.T) {
	for _, test := range []struct{ attribute, value string }{
		{"endpoint", "127.0.0.1:9080"}, {"region", ""}, {"region", "a/b"}, {"access_key", ""}, {"access_key", "a,b"},
		{"secret_key", ""}, {"request_timeout", "-1s"}, {"max_retries", "many"},
	} {
		attribute, value := test.attribute, test.value
		t.Run(attribute+"="+value, func(t *testing.T) {
			setEnvironment(t)
			t.Setenv(base.EnvironmentVariable(attribute), value)
			var diags diag.Diagnostics
			readSettings(providerModel{}, &diags)
			if diags.ErrorsCount() != 1 {
				t.Fatalf("%d errors, want one: %v", diags.ErrorsCount(), diags)
			}
			located, ok := diags[0].(diag.DiagnosticWithPath)
			if !ok || !located.Path().Equal(path.Root(attribute)) {
				t.Errorf("reported elsewhere: %v", diags[0])
			}
			if !strings.Contains(diags[0].Detail(), base.EnvironmentVariable(attribute)) {
				t.Errorf("the variable is not named: %s", diags[0].Detail())
			}
		})
	}
}

func TestAnUnknownSettingIsReportedAtItsAttribute(t *testing.T) {
	setEnvironment(t)
	var diags diag.Diagnostics
	read := readSettings(providerModel{
		LoadBalancerID: types.StringUnknown(), Region: types.StringUnknown(), MaxRetries: types.Int64Unknown(),
	}, &diags)
	if !read.loadBalancer.Unknown {
		t.Error("a load balancer that is not there yet is not told from none") // it is no error: the plan leaves it open
	}
	var at []string
	for _, one := range diags {
		if located, ok := one.(diag.DiagnosticWithPath); ok {
			at = append(at, located.Path().String())
		}
	}
	if diff := cmp.Diff([]string{"region", "max_retries"}, at); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
