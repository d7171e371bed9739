package provider_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// terse answers for a load balancer as the published API does: a registration is answered with an empty result.
func terse(t *testing.T, lb *acctest.LoadBalancer) (endpoint string) {
	t.Helper()
	target, err := url.Parse(lb.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(request *httputil.ProxyRequest) {
			request.SetURL(target)
			request.Out.Host = request.In.Host // it is signed
		},
		ModifyResponse: func(response *http.Response) error {
			if strings.HasSuffix(response.Request.URL.Path, ":"+lbapi.VerbRegisterServers) && response.StatusCode == http.StatusOK {
				if err := response.Body.Close(); err != nil {
					return err
				}
				empty := []byte(`{"requestId":"terse","result":{}}`)
				response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(empty)), int64(len(empty))
				response.Header.Del("Content-Length")
			}
			return nil
		},
	})
	t.Cleanup(func() {
		proxy.Close()
		transport.CloseIdleConnections()
	})
	return proxy.URL
}

func TestAServerIsFoundWhereItsRegistrationDoesNotTellItsID(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	configuration := func(weight int) string {
		return strings.ReplaceAll(lb.Configuration(openGroup+ownServer("a", "address = \"10.0.0.1\"\nport = 80")+
			ownServer("b", fmt.Sprintf("address = \"10.0.0.1\"\nport = 81\nweight = %d", weight))), lb.Endpoint(), terse(t, lb))
	}
	acctest.Run(t,
		acctest.Step{Config: configuration(1), Check: members(t, lb, "10.0.0.1:80 10", "10.0.0.1:81 1")},
		acctest.Step{Config: configuration(2), Check: members(t, lb, "10.0.0.1:80 10", "10.0.0.1:81 2")},
	)
}
