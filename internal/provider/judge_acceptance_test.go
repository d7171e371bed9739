package provider_test

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// folder is where a user runs Terraform.
type folder struct {
	*acctest.Workspace

	t *testing.T
}

func newFolder(t *testing.T) *folder {
	t.Helper()
	return &folder{acctest.NewWorkspace(t, ""), t}
}

// run writes a configuration and runs Terraform, which must succeed. It returns what that says on one line, without frames.
func (f *folder) run(configuration string, arguments ...string) string {
	f.t.Helper()
	f.Write(f.t, configuration)
	output := f.Run(f.t, append(arguments, "-input=false")...)
	return strings.Join(strings.Fields(strings.NewReplacer("│", " ", "╷", " ", "╵", " ").Replace(output)), " ")
}

// plan is the output of a plan.
func (f *folder) plan(configuration string, arguments ...string) string {
	f.t.Helper()
	return f.run(configuration, append([]string{"plan"}, arguments...)...)
}

// quiet fails where output holds a warning of ours.
func quiet(t *testing.T, when, output string) {
	t.Helper()
	if strings.Contains(output, "Warning:") {
		t.Errorf("%s: want no warning, got\n%s", when, output)
	}
}

// warns fails unless output holds a warning; # in it stands for about as many sessions as given.
func warns(t *testing.T, when, output, want string, sessions int) {
	t.Helper()
	expression := strings.ReplaceAll(regexp.QuoteMeta(want), "#", `(\d+)`)
	found := regexp.MustCompile(expression).FindStringSubmatch(output)
	if found == nil {
		t.Errorf("%s: want %q in\n%s", when, want, output)
		return
	}
	for _, number := range found[1:] {
		// Of 40, a sketch is off by 1.3 in one standard deviation, and of 10 hardly at all.
		if got, err := strconv.Atoi(number); err != nil || math.Abs(float64(got-sessions)) > 7 {
			t.Errorf("%s: %s sessions, want about %d", when, number, sessions)
		}
	}
}

// visitors opens the site in so many browsers, twice in each.
func visitors(t *testing.T, url string, number int) {
	t.Helper()
	for range number {
		visit := acctest.Visitor(t)
		if first, second := visit(url), visit(url); first.Status != 200 || second.Server != first.Server {
			t.Fatalf("a browser got %d from %q, then %d from %q", first.Status, first.Server, second.Status, second.Server)
		}
	}
}

const stickyLine = "session_persistence = {}"

func TestPlansThatMoveSessionsSayHowMany(t *testing.T) {
	t.Parallel()
	lb, f := acctest.Start(t), newFolder(t)
	port := lb.FreePort()
	_, a := acctest.SampleServer(t, "a")
	_, b := acctest.SampleServer(t, "b")
	_, c := acctest.SampleServer(t, "c")
	with := func(servers, service string) string { return chain(lb, port, servers, service, "") }
	both := "a = " + a(", weight = 30") + "\n b = " + b(", weight = 10")
	sticky := with(both, stickyLine)
	other := "\nresource \"alb_server_group\" \"other\" {\n  name = \"other\"\n  servers = { c = " + c("") + " }\n}\n"
	toOther := strings.Replace(sticky, "alb_server_group.web.id", "alb_server_group.other.id", 1)

	f.run(sticky, "apply", "-auto-approve")
	quiet(t, "persistence off, nobody there", f.plan(with(both, "")))
	quiet(t, "server removed, nobody there", f.plan(with("a = "+a(", weight = 30"), stickyLine)))
	quiet(t, "destroyed, nobody there", f.plan(sticky, "-destroy"))

	visitors(t, lb.URL(port), 40)
	all := "About # sessions seen on its servers in the last 5 minutes will move: "
	service := `Backend service "web" (` + onlyBackendService(t, lb) + ") "
	for name, test := range map[string]struct {
		configuration string
		arguments     []string
		want          string
		sessions      int
	}{
		"persistence taken out": {with(both, ""), nil, service + "turns session persistence off. " + all +
			"each request of their clients goes where the scheduler sends it.", 40},
		"persistence switched off": {with(both, "session_persistence = { enabled = false }"), nil, service + "turns session persistence off. " + all, 40},
		"another scheduler": {with(both, `scheduler = "source_ip"`), nil, service + `changes its "scheduler" from "weighted_round_robin" to ` +
			`"source_ip", which ends session persistence. ` + all, 40},
		"destroyed":          {sticky, []string{"-destroy"}, service + "is deleted. " + all + "their clients get another server", 40},
		"replaced":           {strings.Replace(sticky, "= 80", "= 81", 1), nil, service + "is replaced. " + all + "the new one has a cookie of its own", 40},
		"group not made yet": {toOther + other, nil, "for one that is not known yet. " + all, 40},
		"group taken away": {strings.Replace(sticky, "server_group_id = alb_server_group.web.id", "", 1), nil,
			"leaves server group " + onlyServerGroup(t, lb) + ". " + all + "there is no server for their clients.", 40},
		"large server removed": {with("b = "+b(", weight = 10"), stickyLine), nil, `Server "a" leaves server group "web" (` + onlyServerGroup(t, lb) +
			"). About # sessions of backend service \"web\" (" + onlyBackendService(t, lb) + "), seen on it in the last 5 minutes, will move to other servers.", 30},
		"small server removed": {with("a = "+a(", weight = 30"), stickyLine), nil, `Server "b" leaves server group "web" (` +
			onlyServerGroup(t, lb) + "). About # sessions", 10},
		"small server's port": {with("a = "+a(", weight = 30")+"\n b = "+c(", weight = 10"), stickyLine), nil, `Server "b" changes its port in ` +
			`server group "web" (` + onlyServerGroup(t, lb) + "). About # sessions", 10},
		"server drained": {with("a = "+a(", weight = 0")+"\n b = "+b(", weight = 10"), stickyLine), nil,
			`Server "a" gets weight 0, so takes no request, in server group "web" (` + onlyServerGroup(t, lb) + "). About # sessions of backend", 30},
	} {
		output := f.plan(test.configuration, test.arguments...)
		warns(t, name, output, test.want, test.sessions)
		if got := strings.Count(output, "Warning: Sessions will move"); got != 1 {
			t.Errorf("%s: %d warnings of sessions, want one:\n%s", name, got, output)
		}
	}
	for name, configuration := range map[string]string{
		"nothing changed":      sticky,
		"timeout":              with(both, "session_persistence = { timeout = 60 }"),
		"description":          with(both, stickyLine+"\ndescription = \"d\""),
		"server added":         with(both+"\n c = "+c(""), stickyLine),
		"weights":              with("a = "+a(", weight = 1")+"\n b = "+b(", weight = 99"), stickyLine),
		"key renamed":          with("large = "+a(", weight = 30")+"\n b = "+b(", weight = 10"), stickyLine),
		"group made, not used": sticky + other,
	} {
		quiet(t, name, f.plan(configuration))
	}
	apply := f.run(with("b = "+b(", weight = 10"), stickyLine), "apply", "-auto-approve")
	warns(t, "applied", apply, `Server "a" leaves server group "web"`, 0)
	quiet(t, "after it was applied", f.plan(with("b = "+b(", weight = 10"), stickyLine)))
}

func onlyBackendService(t *testing.T, lb *acctest.LoadBalancer) string {
	t.Helper()
	services, err := lb.BackendServices(t.Context())
	if err != nil || len(services) != 1 {
		t.Fatalf("backend services are %+v, %v", services, err)
	}
	return services[0].ID
}

func onlyServerGroup(t *testing.T, lb *acctest.LoadBalancer) string {
	t.Helper()
	groups, err := lb.ServerGroups(t.Context())
	if err != nil || len(groups) != 1 {
		t.Fatalf("server groups are %+v, %v", groups, err)
	}
	return groups[0].ID
}

func TestPlansAreQuietAboutSessionsWhereTheyCannotBeCounted(t *testing.T) {
	t.Parallel()
	lb, f := acctest.Start(t), newFolder(t)
	proxy := acctest.StartFaultProxy(t, lb.Endpoint())
	port := lb.FreePort()
	_, a := acctest.SampleServer(t, "a")
	_, b := acctest.SampleServer(t, "b")
	with := func(servers, service string) string {
		return strings.Replace(chain(lb, port, servers, service, ""), lb.Endpoint(), proxy.Endpoint, 1)
	}
	both := "a = " + a("") + "\n b = " + b("")
	f.run(with(both, stickyLine), "apply", "-auto-approve")
	visitors(t, lb.URL(port), 4)
	off := with("a = "+a(""), "")
	if output := f.plan(off, "-refresh=false"); !strings.Contains(output, "Sessions will move") {
		t.Fatalf("no warning while all is well:\n%s", output)
	}

	proxy.On("^GET .*/health$", math.MaxInt, func(e *acctest.Exchange) {
		answer := e.Ask()
		answer.Body = regexp.MustCompile(`,"sessions":\{[^}]*\}`).ReplaceAll(answer.Body, nil)
		answer.Header.Del("Content-Length")
		e.Deliver(answer)
	})
	quiet(t, "an API that does not count", f.plan(off))
	proxy.Clear()
	proxy.On("^GET .*/(health|backends/)$", math.MaxInt, acctest.Refuse(lbapi.PermissionDenied, 0))
	quiet(t, "keys that may not ask", f.plan(off))
	proxy.Clear()
	proxy.On("^GET .*/loadBalancers/$", 1, acctest.Pass)
	proxy.On(".", math.MaxInt, acctest.LoseRequest)
	quiet(t, "an API that goes away", f.plan(off, "-refresh=false"))
}

func TestPlansThatMoveTheSessionsOfASingleServerSayHowMany(t *testing.T) {
	t.Parallel()
	lb, f := acctest.Start(t), newFolder(t)
	port := lb.FreePort()
	_, a := acctest.SampleServer(t, "a")
	_, b := acctest.SampleServer(t, "b")
	with := func(first, second string) string {
		text := strings.Replace(chain(lb, port, "", stickyLine, ""), "servers = {\n    \n  }", "", 1)
		for name, body := range map[string]string{"a": first, "b": second} {
			if body != "" {
				body = strings.NewReplacer("{ ", "", " }", "", ", ", "\n  ").Replace(body)
				text += fmt.Sprintf("\nresource \"alb_server\" %q {\n  server_group_id = alb_server_group.web.id\n  %s\n}\n", name, body)
			}
		}
		return text
	}
	whole := with(a(", weight = 10"), b(", weight = 10"))
	f.run(whole, "apply", "-auto-approve")
	visitors(t, lb.URL(port), 40)
	warns(t, "removed", f.plan(with(a(", weight = 10"), "")), `leaves server group "web" (`+onlyServerGroup(t, lb)+
		"). About # sessions of backend service \"web\" ("+onlyBackendService(t, lb)+"), seen on it in the last 5 minutes, will move to other servers.", 20)
	warns(t, "drained", f.plan(with(a(", weight = 10"), b(", weight = 0"))), "gets weight 0, so takes no request, in server group \"web\" ("+
		onlyServerGroup(t, lb)+"). About # sessions", 20)
	quiet(t, "another weight", f.plan(with(a(", weight = 10"), b(", weight = 1"))))
	warns(t, "in the data source", f.plan(whole+"data \"alb_server_health\" \"web\" {\n  backend_service_id = alb_backend_service.web.id\n}\n"+
		"output \"sessions\" {\n  value = sum(data.alb_server_health.web.servers[*].sessions)\n}\n"), "+ sessions = #", 40)

	drained := with(a(", weight = 10"), b(", weight = 0"))
	f.run(drained, "apply", "-auto-approve")
	quiet(t, "removed once it is drained", f.plan(with(a(", weight = 10"), "")))
}
