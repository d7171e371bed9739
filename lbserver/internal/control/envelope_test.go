package control

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/signature"
)

func TestOnlySignedCallsAreServed(t *testing.T) {
	const path = base + "listeners/"
	sign := func(change func(c *signature.Credentials, s *signature.Scope, at *time.Time)) func(*api, *http.Request) {
		return func(a *api, req *http.Request) {
			pair, scope, at := credentials(), signature.Scope{Region: testRegion, Service: "lb"}, a.now
			change(&pair, &scope, &at)
			signature.Sign(req, nil, pair, scope, at, uuid.NewString())
		}
	}
	for _, test := range []struct {
		name          string
		prepare       func(*api, *http.Request)
		field, reason string
	}{
		{"unsigned", func(*api, *http.Request) {}, "Authorization", "has none"},
		{"unknown key", sign(func(c *signature.Credentials, _ *signature.Scope, _ *time.Time) { c.AccessKey = "AK2" }), "Authorization", "not known"},
		{"wrong secret", sign(func(c *signature.Credentials, _ *signature.Scope, _ *time.Time) { c.SecretKey = "x" }), "Authorization", "does not match"},
		{"another region", sign(func(_ *signature.Credentials, s *signature.Scope, _ *time.Time) { s.Region = "cn-north-1" }), "Authorization", "cn-north-1"},
		{"another service", sign(func(_ *signature.Credentials, s *signature.Scope, _ *time.Time) { s.Service = "vm" }), "Authorization", "vm"},
		{"an old date", sign(func(_ *signature.Credentials, _ *signature.Scope, at *time.Time) { *at = at.Add(-time.Hour) }), "x-jdcloud-date", "1h0m0s behind"},
		{"a changed query", func(a *api, req *http.Request) {
			a.sign(req, "", uuid.NewString())
			req.URL.RawQuery = "pageNumber=2"
		}, "Authorization", "does not match"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAPI(t)
			req := a.request("GET", path, "")
			test.prepare(a, req)
			got := a.send(req)
			got.expect(t, lbapi.Unauthenticated, test.field, test.reason)
			if got.header.Get("WWW-Authenticate") == "" {
				t.Error("no WWW-Authenticate")
			}
			if strings.Contains(a.log.String(), secretKey) || !strings.Contains(a.log.String(), got.RequestID) {
				t.Errorf("the log holds a secret or lacks the request id:\n%s", a.log)
			}
		})
	}
}

func TestNothingIsLearntWithoutASignature(t *testing.T) {
	a := newAPI(t)
	for _, path := range []string{"/", "/v1/regions/other/listeners/", base + "listeners/x:y", "/v1/sslCert", "/v1//x", "/metrics"} {
		if got := a.send(a.request("GET", path, "")); got.status != http.StatusUnauthorized {
			t.Errorf("%s: HTTP %d", path, got.status)
		}
	}
}

func TestPaths(t *testing.T) {
	a := newAPI(t)
	_, _, id := a.fixture()
	for _, path := range []string{
		base + "listeners", base + "listeners/", base + "listeners/" + id, base + "listeners?regionId=local",
		base + "listeners/" + id + "?listenerId=" + id, "/v1/regions/%6cocal/listeners/",
	} {
		a.must("GET", path, "")
	}
	for _, test := range []struct {
		path          string
		status        lbapi.ErrorStatus
		field, reason string
	}{
		{"/", missing, "path", "nothing at"},
		{"/v2/regions/local/listeners/", missing, "path", "nothing at"},
		{base + "listener/", missing, "path", "nothing at"},
		{base + "listeners//", missing, "path", "nothing at"},
		{base + "x/../listeners/", missing, "path", "nothing at"},
		{base + "listeners/" + id + "/", missing, "path", "nothing at"},
		{base + "listeners/" + id + ":", missing, "path", "nothing at"},
		{base + "listeners/:describeTargets", missing, "path", "nothing at"},
		{base + "listeners/a%2Fb", missing, "listenerId", "there is no listener"},
		{"/v1/regions/other/listeners/", bad, "regionId", `answers for region "local"`},
		{base + "listeners/" + id + "?listenerId=x", bad, "listenerId", "as in the path"},
		{base + "listeners/" + id + "?pageSize=10", bad, "pageSize", "is not a parameter"},
		{base + "listeners/" + id + "?a=1&a=2", bad, "a", "given twice"},
		{base + "listeners/?a=%zz", bad, "query", "name=value"},
	} {
		a.call("GET", test.path, "").expect(t, test.status, test.field, test.reason)
	}
}

func TestCertificatesHaveAScopeOfTheirOwn(t *testing.T) {
	a := newAPI(t)
	for _, path := range []string{"/v1/sslCert", "/v1/sslCert/cert-x", "/v1/sslCert:upload", "/v1/sslCert%3AupdateCert"} {
		req := a.request("GET", path, "")
		signature.Sign(req, nil, credentials(), signature.Scope{Region: "jdcloud-api", Service: "ssl"}, a.now, uuid.NewString())
		a.send(req).expect(t, bad, "path", later)
	}
}

func TestMethods(t *testing.T) {
	a := newAPI(t)
	group, _, _ := a.fixture()
	for path, want := range map[string]string{
		base + "listeners/":                                 "GET, POST",
		base + "loadBalancers/" + a.alb:                     "DELETE, GET, PATCH",
		base + "targetGroups/" + group + ":registerTargets": "POST",
	} {
		got := a.call("PUT", path, "")
		got.expect(t, lbapi.MethodNotAllowed, "method", want)
		if allow := got.header.Get("Allow"); allow != want {
			t.Errorf("%s: Allow is %q, want %q", path, allow, want)
		}
	}
}

func TestBodies(t *testing.T) {
	a := newAPI(t)
	const path = base + "loadBalancers/"
	for _, test := range []struct {
		name, method, contentType, body string
		status                          lbapi.ErrorStatus
		field, reason                   string
	}{
		{"empty", "POST", "", "", bad, "body", "is empty"},
		{"not JSON", "POST", "application/json", "loadBalancerName=x", bad, "body", "must be JSON"},
		{"a list", "POST", "application/json", "[]", bad, "body", "must be a JSON object"},
		{"two objects", "POST", "application/json", "{}{}", bad, "body", "must end"},
		{"a form", "POST", "application/x-www-form-urlencoded", "{}", bad, "Content-Type", "application/json"},
		{"another encoding", "POST", "application/json; charset=gbk", "{}", bad, "Content-Type", "UTF-8"},
		{"with a GET", "GET", "application/json", "{}", bad, "body", "no body"},
		{"1 MiB and a byte", "POST", "application/json", strings.Repeat(" ", lbapi.MaxBodyBytes+1), lbapi.PayloadTooLarge, "body", "1048576"},
		{"a megabyte of brackets", "POST", "application/json", strings.Repeat("[", lbapi.MaxBodyBytes), bad, "body", "nest"},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := a.request(test.method, path, test.body)
			req.Header.Del("Content-Type")
			if test.contentType != "" {
				req.Header.Set("Content-Type", test.contentType)
			}
			a.sign(req, test.body, uuid.NewString())
			a.send(req).expect(t, test.status, test.field, test.reason)
		})
	}
	a.call("DELETE", path+a.alb, "{}").expect(t, bad, "body", "no body")
	req := a.request("POST", path, `{"loadBalancerName":"x"}`)
	req.Header.Set("Content-Type", "Application/JSON; charset=UTF-8")
	a.sign(req, `{"loadBalancerName":"x"}`, uuid.NewString())
	if got := a.send(req); got.Error != nil {
		t.Errorf("JSON in UTF-8, so named: %v", got.Error)
	}
}

func TestEveryCallLeavesOneLine(t *testing.T) {
	a := newAPI(t)
	got := a.call("POST", base+"loadBalancers/", `{"loadBalancerName":"x"}`)
	refused := a.call("GET", base+"listeners/listener-x", "")
	lines := strings.Split(strings.TrimSpace(a.log.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], got.RequestID) || !strings.Contains(lines[1], refused.RequestID) {
		t.Fatalf("got\n%s", a.log)
	}
	for _, want := range []string{`"method":"GET"`, `"path":"` + base + `listeners/listener-x"`, `"status":404`, `"access_key":"AK"`, "there is no listener"} {
		if !strings.Contains(lines[1], want) {
			t.Errorf("%s is not in %s", want, lines[1])
		}
	}
}

func TestFiltersAndPages(t *testing.T) {
	a := newAPI(t, func(c *Config) { c.Quotas.BackendServices = 100 })
	var ids []string
	for n := range 45 {
		a.now = a.now.Add(time.Second)
		ids = append(ids, a.create("backends",
			fmt.Sprintf(`{"backendName":"web-%02d","loadBalancerId":"$ALB","protocol":"Http","port":80,"healthCheckSpec":{"protocol":"Tcp"}}`, n)))
	}
	f := func(number int, name, operator string, values ...string) string {
		query := url.Values{fmt.Sprintf("filters.%d.name", number): {name}}
		if operator != "" {
			query.Set(fmt.Sprintf("filters.%d.operator", number), operator)
		}
		for i, value := range values {
			query.Set(fmt.Sprintf("filters.%d.values.%d", number, i+1), value)
		}
		return query.Encode()
	}
	for _, test := range []struct {
		name, query string
		want        []string
		total       int
	}{
		{"first page", "", ids[:20], 45},
		{"second page", "pageNumber=2", ids[20:40], 45},
		{"last page", "pageNumber=3", ids[40:], 45},
		{"past the end", "pageNumber=99", ids[40:], 45},
		{"past all ends", "pageNumber=2147483648", ids[40:], 45},
		{"past all numbers", "pageNumber=99999999999999999999", ids[40:], 45},
		{"small pages", "pageNumber=5&pageSize=10", ids[40:], 45},
		{"all on one", "pageSize=100", ids, 45},
		{"by id", f(1, "backendIds", "", ids[7]), ids[7:8], 1},
		{"by one or the other id", f(1, "backendIds", "eq", ids[8], ids[7]), ids[7:9], 2},
		{"by part of a name", f(3, "backendNames", "like", "-0"), ids[:10], 10},
		{"by both", f(1, "backendNames", "like", "-0") + "&" + f(2, "backendNames", "like", "5"), ids[5:6], 1},
		{"part of a name is no name", f(1, "backendNames", "", "web"), nil, 0},
		{"by load balancer and protocol", f(1, "loadBalancerId", "", a.alb) + "&" + f(2, "protocol", "", "Http"), ids[:20], 45},
		{"nothing", f(1, "protocol", "", "Tcp"), nil, 0},
		{"a page of nothing", f(1, "protocol", "", "Tcp") + "&pageNumber=7", nil, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			list := a.must("GET", base+"backends/?"+test.query, "")
			items, ok := list["backends"].([]any)
			if !ok {
				t.Fatalf("the list is %v", list["backends"])
			}
			var got []string
			for _, item := range items {
				object, _ := item.(map[string]any)
				id, _ := object["backendId"].(string)
				got = append(got, id)
			}
			if diff := cmp.Diff(test.want, got); diff != "" || list["totalCount"] != float64(test.total) {
				t.Errorf("total %v, want %d (-want +got):\n%s", list["totalCount"], test.total, diff)
			}
		})
	}
	for query, field := range map[string]string{
		"pageNumber=-99999999999999999999": "pageNumber", "pageSize=99999999999999999999": "pageSize",
		"pageNumber=0": "pageNumber", "pageNumber=x": "pageNumber", "pageSize=9": "pageSize", "pageSize=101": "pageSize",
		f(1, "listenerIds", "", "x"):            "filters.1.name",
		f(1, "backendIds", "gt", "x"):           "filters.1.operator",
		f(1, "backendIds", ""):                  "filters.1.values.1",
		"filters.1.values.1=x":                  "filters.1.name",
		"filters.0.name=backendIds":             "filters.0.name",
		"name=x":                                "name",
		"pageSize=10&pageSize=10":               "pageSize",
		"filters.1.name=protocol&filters.1.x=1": "",
	} {
		got := a.call("GET", base+"backends/?"+query, "")
		if field == "" {
			expectDetails(t, got, "filters.1.values.1", "filters.1.x")
			continue
		}
		got.expect(t, bad, field, "")
	}
	described := a.must("GET", base+"listeners/?"+f(1, "urlMapIds", "", "urlmap-x"), "")
	if described["totalCount"] != 0.0 {
		t.Errorf("listeners with a URL map: %v", described)
	}
}

func TestDescribedServersAreFiltered(t *testing.T) {
	a := newAPI(t)
	group := a.create("targetGroups", `{"targetGroupName":"vms","loadBalancerId":"$ALB"}`)
	path := base + "targetGroups/" + group
	a.must("POST", path+":registerTargets", servers(`{"type":"vm","instanceId":"vm-1","port":1},{"type":"vm","instanceId":"vm-2","port":2},{"type":"container","instanceId":"c-1","port":1}`))
	for query, want := range map[string]float64{
		"filters.1.name=instanceId&filters.1.values.1=vm-2":                                                      1,
		"filters.1.name=type&filters.1.values.1=vm":                                                              2,
		"filters.1.name=port&filters.1.values.1=1":                                                               2,
		"filters.1.name=ipAddress&filters.1.values.1=10.0.0.7":                                                   1,
		"filters.1.name=port&filters.1.values.1=1&filters.2.name=type&filters.2.values.1=vm":                     1,
		"filters.1.name=targetIds&filters.1.operator=like&filters.1.values.1=target-&pageSize=10&regionId=local": 3,
	} {
		if got := a.must("GET", path+":describeTargets?"+query, "")["totalCount"]; got != want {
			t.Errorf("%s: %v servers, want %v", query, got, want)
		}
	}
}
