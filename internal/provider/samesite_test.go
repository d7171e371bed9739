package provider_test

import (
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// persistent is a backend service whose session persistence has these attributes.
func (p *protocol) persistent(persistence values) values {
	p.t.Helper()
	of := objectType(p.t, p.types["alb_backend_service"].AttributeTypes["session_persistence"])
	return values{
		"name": text("web"), "protocol": text("http"), "port": number(80), "session_persistence": object(of, persistence),
	}
}

// persistence is the session persistence of a backend service.
func (p *protocol) persistence(packed *tfprotov6.DynamicValue) map[string]tftypes.Value {
	p.t.Helper()
	var service, persistence map[string]tftypes.Value
	if err := unpack(p.t, packed, p.types["alb_backend_service"]).As(&service); err != nil {
		p.t.Fatal(err)
	}
	if err := service["session_persistence"].As(&persistence); err != nil {
		p.t.Fatal(err)
	}
	return persistence
}

// expectSettled reads an object and plans its configuration, and fails unless the session persistence stays as it is.
func (p *protocol) expectSettled(when string, made applied, config values) {
	p.t.Helper()
	read := p.read("alb_backend_service", made)
	planned := p.plan("alb_backend_service", applied{read.NewState, read.NewIdentity, read.Private}, config)
	p.good(nil, planned.Diagnostics)
	was, reads, plans := p.persistence(made.state), p.persistence(read.NewState), p.persistence(planned.PlannedState)
	for name := range was {
		if !was[name].Equal(reads[name]) || !was[name].Equal(plans[name]) {
			p.t.Errorf("%s: %s was %s, is read as %s and planned as %s", when, name, was[name], reads[name], plans[name])
		}
	}
}

// An API that has no SameSite refuses calls with it, and does not show it.
func TestAnAPIWithoutSameSiteIsNeverSentIt(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	other, proxy := lb.Behind()
	field := regexp.MustCompile(`"httpCookieSameSite":"\w*",?`)
	proxy.On(`.`, 1000, func(e *acctest.Exchange) {
		if field.Match(e.Body()) {
			t.Errorf("%s %s was called with %s", e.Request.Method, e.Request.URL.Path, e.Body())
		}
		answer := e.Ask()
		if answer != nil {
			answer.Body = field.ReplaceAll(answer.Body, nil)
			answer.Header.Del("Content-Length")
		}
		e.Deliver(answer)
	})
	p := speak(t, other, values{"load_balancer_id": text(firstLoadBalancer(t, lb))})
	config := p.persistent(values{"timeout": number(60)})
	made := p.apply("alb_backend_service", applied{}, config)
	p.expectSettled("created", made, config)
	config = p.persistent(values{"timeout": number(61)})
	made = p.apply("alb_backend_service", made, config)
	p.expectSettled("with another timeout", made, config)
	if got := p.persistence(made.state)["same_site"]; !got.IsNull() {
		t.Errorf("the state has the SameSite %s", got)
	}
}

func TestSameSiteIsTheDefaultWhereItIsLeftOut(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	p := speak(t, lb, values{"load_balancer_id": text(firstLoadBalancer(t, lb))})
	made := applied{}
	for _, test := range []struct {
		given values
		want  lbapi.SameSite
	}{
		{values{}, lbapi.SameSiteLax},
		{values{"same_site": text("none")}, lbapi.SameSiteNone},
		{values{"same_site": text("none"), "timeout": number(60)}, lbapi.SameSiteNone},
		{values{"timeout": number(60)}, lbapi.SameSiteLax},
		{values{"same_site": text("lax")}, lbapi.SameSiteLax},
		{values{}, lbapi.SameSiteLax},
		{values{"same_site": text("strict")}, lbapi.SameSiteStrict},
	} {
		config := p.persistent(test.given)
		made = p.apply("alb_backend_service", made, config)
		p.expectSettled(string(test.want), made, config)
		service, err := lb.BackendService(t.Context(), idOf(t, made.state, p.types["alb_backend_service"]))
		if err != nil || service.CookieSameSite != test.want {
			t.Errorf("with %v: the API has %q, %v; want %q", test.given, service.CookieSameSite, err, test.want)
		}
	}

	// Somebody sets it elsewhere: the next plan sets it back.
	config := p.persistent(values{})
	made = p.apply("alb_backend_service", made, config)
	id := idOf(t, made.state, p.types["alb_backend_service"])
	if err := lb.PatchBackendService(t.Context(), id, lbapi.PatchBackendService{CookieSameSite: new(lbapi.SameSiteNone)}); err != nil {
		t.Fatal(err)
	}
	read := p.read("alb_backend_service", made)
	if got := p.persistence(read.NewState)["same_site"]; !got.Equal(text("none")) {
		t.Errorf("what was set elsewhere is read as %s", got)
	}
	p.apply("alb_backend_service", applied{read.NewState, read.NewIdentity, read.Private}, config)
	if service, err := lb.BackendService(t.Context(), id); err != nil || service.CookieSameSite != lbapi.SameSiteLax {
		t.Errorf("after the apply the API has %q, %v", service.CookieSameSite, err)
	}
}
