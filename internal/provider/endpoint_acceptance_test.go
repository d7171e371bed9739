package provider_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
	"github.com/alb-project/terraform-provider-alb/lbserver"
)

// fiveGroups are independent resources, each of which meets whatever is wrong with the API.
const fiveGroups = "resource \"alb_server_group\" \"each\" {\n  count = 5\n  name  = \"each\"\n}\n"

// wantOneError checks that Terraform failed once, with one error that says all this.
func wantOneError(t *testing.T, failures []string, wanted ...string) {
	t.Helper()
	if len(failures) != 1 || strings.Count(failures[0], "\nError: ") != 1 {
		t.Fatalf("%d failures, want one with one error:\n%s", len(failures), strings.Join(failures, "\n"))
	}
	for _, want := range wanted {
		if !inWords(want).MatchString(failures[0]) {
			t.Errorf("the error does not say %q:\n%s", want, failures[0])
		}
	}
}

func TestAnAPIThatCannotBeUsedIsOneClearError(t *testing.T) {
	t.Parallel()
	lb, overTLS := acctest.Start(t), acctest.Start(t, selfSigned(t))
	accessKey, secretKey := lb.Server.Credentials()
	gateway := func(fault acctest.Fault) string {
		_, proxy := lb.Behind()
		proxy.On(".", 1000, fault)
		return proxy.Endpoint
	}
	with := func(endpoint, region, accessKey, secretKey string) string {
		return fmt.Sprintf("provider \"alb\" {\n  endpoint = %q\n  region = %q\n  access_key = %q\n  secret_key = %q\n  max_retries = 1\n}\n",
			endpoint, region, accessKey, secretKey)
	}
	at := func(endpoint string) string { return with(endpoint, lb.Region(), accessKey, secretKey) }
	plain, secure := strings.TrimPrefix(lb.Endpoint(), "http://"), strings.TrimPrefix(overTLS.Endpoint(), "https://")
	page, broken, cut := gateway(acctest.HTML(http.StatusOK)), gateway(acctest.HTML(http.StatusBadGateway)), gateway(acctest.LoseRequest)

	for name, test := range map[string]struct {
		provider string
		want     []string
	}{
		"nothing listens": {at("http://127.0.0.1:1"), []string{"connection refused", `nothing listens at the endpoint "http://127.0.0.1:1": is the server running, and is this its API address?`}},
		"no such host":    {at("http://no-such-host.invalid"), []string{"no such host", `check the host name in the endpoint "http://no-such-host.invalid".`}},
		"plain HTTP against a TLS port": {at("http://" + secure), []string{
			"the server at this endpoint speaks TLS, and was called with plain HTTP", `write the endpoint as "https://` + secure + `".`,
		}},
		"TLS against a plain port":    {at("https://" + plain), []string{`write the endpoint as "http://` + plain + `", or give the server a TLS certificate.`}},
		"a self-signed certificate":   {at("https://" + secure), []string{secure, "certificate signed by unknown authority", "SSL_CERT_FILE"}},
		"a gateway's page":            {at(page), []string{"the answer is not the control API's: HTTP 200 with text/html", `is the endpoint "` + page + `" the address of the control API`}},
		"a gateway's page of trouble": {at(broken), []string{"(2 attempts)", "HTTP 502 with text/html", `is the endpoint "` + broken + `" the address of the control API`}},
		"cut connections":             {at(cut), []string{cut, "(2 attempts)", "EOF", "the connection was cut"}},
		"an access key that is wrong": {with(lb.Endpoint(), lb.Region(), "nobody", secretKey), []string{lb.Endpoint(), `access key "nobody" is not known here`, "check the access key"}},
		"a secret key that is wrong":  {with(lb.Endpoint(), lb.Region(), accessKey, "not the secret"), []string{lb.Endpoint(), "is it the right secret key?"}},
		"a region that is wrong":      {with(lb.Endpoint(), "elsewhere", accessKey, secretKey), []string{lb.Endpoint(), `"elsewhere"`, `"local"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failures := acctest.RunToFailure(t, acctest.Step{Config: test.provider + fiveGroups})
			wantOneError(t, failures, append(test.want, "The control API cannot be used")...)
		})
	}
}

func TestAClockThatIsOffIsNamedWithHowMuch(t *testing.T) {
	t.Parallel()
	for side, off := range map[string]time.Duration{"behind": 20 * time.Minute, "ahead of": -20 * time.Minute} {
		lb := acctest.Start(t, func(config *lbserver.Config) {
			config.Now = func() time.Time { return time.Now().Add(off) }
		})
		failures := acctest.RunToFailure(t, acctest.Step{Config: lb.Configuration(fiveGroups)})
		var exact []string // to the second in which the call was made
		for _, found := range []string{"19m59s", "20m0s", "20m1s"} {
			exact = append(exact, "which is "+found+" "+side+" the server's")
		}
		wantOneError(t, failures, "this machine's clock shows", strings.Join(exact, "|"), "set the one that is wrong")
	}
}

func TestAnAPIThatIsGoneAtRefreshIsOneErrorAndLosesNothing(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	spoiled, proxy := lb.Behind()
	chained := chain(spoiled, lb.FreePort(), `a = { address = "10.0.0.1" }`, "", "") + fiveGroups
	failures := acctest.RunToFailure(t,
		acctest.Step{Config: chained},
		acctest.Step{
			PreConfig: func() { proxy.On(".", 1000, acctest.HTML(http.StatusNotFound)) },
			Config:    chained,
		},
		acctest.Step{
			PreConfig: proxy.Clear,
			Config:    chained,
			Plan:      []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
		},
	)
	wantOneError(t, failures, "HTTP 404 with text/html", proxy.Endpoint)
}

func TestAnAPIThatIsGoneAtApplyIsOneErrorAndNoFaultOfTheProvider(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	spoiled, proxy := lb.Behind()
	gone := func() { proxy.On(".", 1000, acctest.LoseRequest) }
	failures := acctest.RunToFailure(t, acctest.Step{
		Config: spoiled.Configuration(fiveGroups, "max_retries = 0"),
		Plan:   []plancheck.PlanCheck{afterPlan(gone)},
	})
	wantOneError(t, failures, "The control API cannot be used", "the connection was cut")
}

func TestAnAPIThatGoesInMidApplyIsNoFaultOfTheProvider(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	spoiled, proxy := lb.Behind()
	gone := func(e *acctest.Exchange) {
		proxy.On(".", 1000, acctest.LoseRequest)
		e.Cut()
	}
	const create = "^POST .*/targetGroups/$"
	proxy.On(create, 1, acctest.Pass)
	proxy.On(create, 1, gone)
	groups := strings.Replace(fiveGroups, "count = 5", "count = 30", 1)
	failures := acctest.RunToFailure(t,
		acctest.Step{Config: spoiled.Configuration(groups, "max_retries = 0")},
		acctest.Step{PreConfig: proxy.Clear, Config: spoiled.Configuration("")},
	)
	all := strings.Join(failures, "\n")
	if !strings.Contains(all, "Error: Server group not created") || strings.Contains(all, "bug in the provider") {
		t.Errorf("want groups that are not created and no fault of the provider:\n%s", all)
	}
}

// afterPlan does something between plan and apply.
type afterPlan func()

// CheckPlan implements plancheck.PlanCheck.
func (do afterPlan) CheckPlan(context.Context, plancheck.CheckPlanRequest, *plancheck.CheckPlanResponse) {
	do()
}

// selfSigned makes the control API speak TLS with a certificate that nobody trusts.
func selfSigned(t *testing.T) func(*lbserver.Config) {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	pair := server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, block string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: block, Bytes: content}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	certFile, keyFile := write("cert.pem", "CERTIFICATE", pair.Certificate[0]), write("key.pem", "PRIVATE KEY", key)
	return func(config *lbserver.Config) { config.APITLSCert, config.APITLSKey = certFile, keyFile }
}
