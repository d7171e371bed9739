package provider_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
)

// invalid is one resource that breaks rules, and the errors that it must give: these, each once, and no other.
type invalid struct {
	kind, body string
	want       []string
}

const (
	goodBackend       = "name = \"web\"\nprotocol = \"http\"\nport = 80\n"
	tcpBackend        = "name = \"web\"\nprotocol = \"tcp\"\nport = 80\n"
	ownServerOfAGroup = "server_group_id = \"tg-a2b3c4d5e6\"\n"
	goodListener      = "name = \"web\"\nprotocol = \"http\"\nport = 80\nbackend_service_id = \"backend-a2b3c4d5e6\"\n"
)

func invalidConfigurations() map[string]invalid {
	return map[string]invalid{
		"persistence_source_ip": {"backend_service", goodBackend + "scheduler = \"source_ip\"\nsession_persistence = {}", []string{
			`Attribute "session_persistence" cannot be enabled when "scheduler" is "source_ip"; only "weighted_round_robin" keeps sessions by cookie.`,
		}},
		"persistence_least_connections": {"backend_service", goodBackend + "scheduler = \"weighted_least_connections\"\nsession_persistence = { enabled = true, timeout = 60 }", []string{
			`Attribute "session_persistence" cannot be enabled when "scheduler" is "weighted_least_connections"; only "weighted_round_robin" keeps sessions by cookie.`,
		}},
		"persistence_tcp": {"backend_service", tcpBackend + "session_persistence = { timeout = 0 }", []string{
			`Attribute "session_persistence" cannot be enabled when "protocol" is "tcp"; only "http" carries cookies.`,
		}},
		"persistence_timeout": {"backend_service", goodBackend + "session_persistence = { timeout = 86401 }", []string{
			`Attribute "session_persistence.timeout" must be 0 to 86400 seconds, got 86401.`,
		}},
		"persistence_timeout_negative": {"backend_service", goodBackend + "session_persistence = { enabled = false, timeout = -1 }", []string{
			`Attribute "session_persistence.timeout" must be 0 to 86400 seconds, got -1.`,
		}},
		"forwarded_headers_tcp": {"backend_service", tcpBackend + "forwarded_headers = [\"proto\", \"host\", \"lbip\"]", []string{
			`Attribute "forwarded_headers" cannot be enabled when "protocol" is "tcp"; only "http" carries headers.`,
		}},
		"forwarded_headers_unknown_word": {"backend_service", goodBackend + "forwarded_headers = [\"proto\", \"via\"]", []string{
			`Attribute "forwarded_headers" may hold "proto", "port", "host", "lbip", "client_port", and has "via".`,
		}},
		"proxy_protocol_http": {"backend_service", goodBackend + "proxy_protocol = true", []string{
			`Attribute "proxy_protocol" cannot be enabled when "protocol" is "http"; only "tcp" sends the PROXY protocol.`,
		}},
		"wait_without_check": {"backend_service", goodBackend + "server_group_id = \"tg-a2b3c4d5e6\"\nwait_for_healthy = 1\nhealth_check = { enabled = false }", []string{
			`Attribute "wait_for_healthy" cannot be set when "health_check.enabled" is false; only a check finds a server healthy.`,
		}},
		"wait_without_group": {"backend_service", goodBackend + "wait_for_healthy = 0", []string{
			`Attribute "wait_for_healthy" cannot be set without "server_group_id"; there is no server to wait for.`,
			`Attribute "wait_for_healthy" must be 1 to 10000 servers, got 0.`,
		}},
		"another_kinds_id": {"listener", "name = \"web\"\nprotocol = \"http\"\nport = 80\nbackend_service_id = \"tg-a2b3c4d5e6\"", []string{
			`Attribute "backend_service_id" must be the id of a backend service, "backend-" and 10 characters of a to z and 2 to 7, got "tg-a2b3c4d5e6".`,
		}},
		"a_verb_in_an_id": {"backend_service", goodBackend + "server_group_id = \"tg-a2b3c4d5e6:describeTargets\"", []string{
			`Attribute "server_group_id" must be the id of a server group, "tg-" and 10 characters of a to z and 2 to 7, got "tg-a2b3c4d5e6:describeTargets".`,
		}},
		"server_named_twice": {"server", ownServerOfAGroup + "address = \"10.0.0.1\"\ninstance_id = \"vm-1\"", []string{
			`Exactly one of "address" and "instance_id" must be set, by the "type" of the server group.`,
		}},
		"server_without_name": {"server", ownServerOfAGroup + "instance_type = \"vm\"", []string{
			`Attribute "instance_type" says what an instance is, and the server has no "instance_id".`,
			`Exactly one of "address" and "instance_id" must be set, by the "type" of the server group.`,
		}},
		"server_ranges": {"server", "server_group_id = \"web\"\naddress = \"www\"\nport = 65536\nweight = 101", []string{
			`Attribute "address" must be an IPv4 or IPv6 address, got "www".`,
			`Attribute "port" must be 0 to 65535, got 65536.`,
			`Attribute "server_group_id" must be the id of a server group, "tg-" and 10 characters of a to z and 2 to 7, got "web".`,
			`Attribute "weight" must be 0 to 100, got 101.`,
		}},
		"check_path_tcp": {"backend_service", goodBackend + "health_check = { protocol = \"tcp\", path = \"/health\" }", []string{
			`Attribute "health_check.path" cannot be set when "health_check.protocol" is "tcp"; only "http" sends a request.`,
		}},
		"check_fields_default_protocol": {"backend_service", goodBackend + "health_check = { domain = \"a.example\", http_version = \"1.1\", codes = [\"2xx\"] }", []string{
			`Attribute "health_check.codes" cannot be set when "health_check.protocol" is "tcp"; only "http" sends a request.`,
			`Attribute "health_check.domain" cannot be set when "health_check.protocol" is "tcp"; only "http" sends a request.`,
			`Attribute "health_check.http_version" cannot be set when "health_check.protocol" is "tcp"; only "http" sends a request.`,
		}},
		"persistence_words": {"backend_service", goodBackend + "session_persistence = { same_site = \"Lax\" }", []string{
			`Attribute "session_persistence.same_site" must be one of "lax", "strict", "none", got "Lax".`,
		}},
		"check_ranges": {"backend_service", goodBackend + "health_check = { interval = 4, timeout = 61, healthy_threshold = 0, unhealthy_threshold = 6, port = 65536 }", []string{
			`Attribute "health_check.healthy_threshold" must be 1 to 5 checks in a row, got 0.`,
			`Attribute "health_check.interval" must be 5 to 300 seconds, got 4.`,
			`Attribute "health_check.port" must be 0 to 65535, got 65536.`,
			`Attribute "health_check.timeout" must be 2 to 60 seconds, got 61.`,
			`Attribute "health_check.unhealthy_threshold" must be 1 to 5 checks in a row, got 6.`,
		}},
		"check_request": {"backend_service", goodBackend + "health_check = { protocol = \"http\", path = \"health\", codes = [\"2xx\", \"500\"], domain = \"a b\", http_version = \"2\" }", []string{
			`Attribute "health_check.codes" has "500"; each entry is a code "200", a range "200-299" or a class "2xx", within 200 to 499.`,
			`Attribute "health_check.domain" must be a host name of letters, digits, "-" and ".", up to 255 characters; "a b" has ' '.`,
			`Attribute "health_check.http_version" must be one of "1.0", "1.1", got "2".`,
			`Attribute "health_check.path" must start with "/", got "health".`,
		}},
		"a_header_of_null": {"backend_service", goodBackend + "forwarded_headers = [\"proto\", null]", []string{
			`Attribute "forwarded_headers" must not hold null.`,
		}},
		"a_code_of_null": {"backend_service", goodBackend + "health_check = { protocol = \"http\", codes = [null] }", []string{
			`Attribute "health_check.codes" must not hold null.`,
		}},
		"check_no_codes": {"backend_service", goodBackend + "health_check = { protocol = \"http\", codes = [] }", []string{
			`Attribute "health_check.codes" must have at least one entry.`,
		}},
		"no_time": {"server", ownServerOfAGroup + "address = \"10.0.0.1\"\ntimeouts = { create = \"0s\", read = \"-1s\", delete = \"soon\", update = \"1m\" }", []string{
			`Attribute "timeouts.create" must be a duration above 0 such as "30s" or "1m30s", got "0s".`,
			`Attribute "timeouts.delete" must be a duration above 0 such as "30s" or "1m30s", got "soon".`,
			`Attribute "timeouts.read" must be a duration above 0 such as "30s" or "1m30s", got "-1s".`,
		}},
		"a_zone_of_null": {"load_balancer", "name = \"web\"\navailability_zones = [\"a\", null]", []string{
			`Attribute "availability_zones" must not hold null.`,
		}},
		"backend_words_and_numbers": {"backend_service", "name = \"a b\"\ndescription = \"" + strings.Repeat("x", 257) + "\"\nprotocol = \"https\"\nport = 0\nscheduler = \"random\"", []string{
			`Attribute "description" must be up to 256 characters, got 257.`,
			`Attribute "name" must be 1 to 32 letters (Chinese included), digits, "_" or "-"; "a b" has ' '.`,
			`Attribute "port" must be 1 to 65535, got 0.`,
			`Attribute "protocol" must be one of "http", "tcp", got "https".`,
			`Attribute "scheduler" must be one of "weighted_round_robin", "source_ip", "weighted_least_connections", got "random".`,
		}},
		"listener_words_and_numbers": {"listener", "name = \"web\"\nprotocol = \"udp\"\nport = 65536\nidle_timeout = 0\nbackend_service_id = \"\"", []string{
			`Attribute "backend_service_id" must be the id of a backend service, "backend-" and 10 characters of a to z and 2 to 7, got "".`,
			`Attribute "idle_timeout" must be 1 to 86400 seconds, got 0.`,
			`Attribute "port" must be 1 to 65535, got 65536.`,
			`Attribute "protocol" must be one of "http", "https", "tcp", "tls", got "udp".`,
		}},
		"listener_timeouts": {"listener", goodListener + "idle_timeout = 86401", []string{
			`Attribute "idle_timeout" must be 1 to 86400 seconds, got 86401.`,
		}},
		"servers_ranges": {"server_group", "name = \"web\"\nservers = { a = { address = \"10.0.0.300\", port = -1, weight = 101 } }", []string{
			`Attribute "servers["a"].address" must be an IPv4 or IPv6 address, got "10.0.0.300".`,
			`Attribute "servers["a"].port" must be 0 to 65535, got -1.`,
			`Attribute "servers["a"].weight" must be 0 to 100, got 101.`,
		}},
		"servers_duplicate": {"server_group", "name = \"web\"\nservers = { a = { address = \"fd00::1\", port = 80 }, b = { address = \"fd00:0::1\", port = 80, weight = 1 }, c = { address = \"fd00::1\" } }", []string{
			`Servers "a" and "b" are both "fd00::1" with port 80; a server may be in a group once for each port.`,
		}},
		"servers_duplicate_without_port": {"server_group", "name = \"web\"\nservers = { a = { address = \"10.0.0.1\" }, b = { address = \"10.0.0.1\", port = 0 } }", []string{
			`Servers "a" and "b" are both "10.0.0.1" without a port of its own; a server may be in a group once for each port.`,
		}},
		"servers_of_the_other_kind": {"server_group", "name = \"web\"\nservers = { a = { instance_id = \"i-1\" }, b = {}, c = { address = \"10.0.0.1\", instance_type = \"vm\" } }", []string{
			`Attribute "servers["a"].instance_id" cannot be set when "type" is "ip"; only "instance" holds servers by their instance.`,
			`Attribute "servers["b"].address" must be set when "type" is "ip".`,
			`Attribute "servers["c"].instance_type" says what an instance is, and the server has no "instance_id".`,
		}},
		"servers_in_a_group_of_instances": {"server_group", "name = \"web\"\ntype = \"instance\"\nservers = { a = { address = \"10.0.0.1\" }, b = { instance_id = \"i-1\", instance_type = \"pod\" } }", []string{
			`Attribute "servers["a"].address" cannot be set when "type" is "instance"; only "ip" holds servers by their address.`,
			`Attribute "servers["b"].instance_type" must be one of "vm", "container", got "pod".`,
		}},
		"fractions": {"backend_service", "name = \"web\"\nprotocol = \"http\"\nport = 80.5\nsession_persistence = { timeout = 100 / 3 }\nhealth_check = { interval = 7.5 }", []string{
			`Attribute "health_check.interval" must be a whole number, got 7.5.`,
			`Attribute "port" must be a whole number, got 80.5.`,
			`Attribute "session_persistence.timeout" must be a whole number, got 33.33333333.`,
		}},
		"fractions_of_servers": {"server_group", "name = \"web\"\nservers = { a = { address = \"10.0.0.1\", port = 1e30, weight = 100 / 3 } }", []string{
			`Attribute "servers["a"].port" is far out of range, got 1e+30.`,
			`Attribute "servers["a"].weight" must be a whole number, got 33.33333333.`,
		}},
		"a_fraction_of_weight": {"server", ownServerOfAGroup + "address = \"10.0.0.1\"\nweight = 0.5", []string{
			`Attribute "weight" must be a whole number, got 0.5.`,
		}},
		"servers_null": {"server_group", "name = \"web\"\nservers = { a = null }", []string{
			`Server "a" must not be null; leave its key out to have no such server.`,
		}},
	}
}

func TestValidateRefusesWhatBreaksARuleWithOneErrorEach(t *testing.T) {
	t.Parallel()
	cases := invalidConfigurations()
	var configuration strings.Builder
	want := map[string][]string{}
	for name, one := range cases {
		fmt.Fprintf(&configuration, "resource \"alb_%s\" %q {\n%s\n}\n", one.kind, name, one.body)
		want[fmt.Sprintf("resource %q %q", "alb_"+one.kind, name)] = one.want
	}
	got := map[string][]string{}
	for _, found := range validate(t, configuration.String()) {
		got[found.Snippet.Context] = append(got[found.Snippet.Context], found.Detail)
	}
	if diff := cmp.Diff(want, got, cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Errorf("errors by resource (-want +got):\n%s", diff)
	}
}

func TestValidateWaitsForUnknownValues(t *testing.T) {
	t.Parallel()
	// Nothing has a value while Terraform validates: each variable could be what makes its resource right.
	if found := validate(t, `
variable "word" { type = string }
variable "flag" { type = bool }
variable "number" { type = number }
variable "servers" { type = map(object({ address = string, port = number })) }
variable "check" { type = object({ protocol = string, path = string }) }
variable "persistence" { type = object({ enabled = bool }) }
variable "headers" { type = set(string) }

resource "alb_server_group" "all" {
  name    = var.word
  type    = var.word
  servers = var.servers
}
resource "alb_server_group" "parts" {
  name = "parts"
  type = var.word
  servers = {
    a = { address = var.word, port = var.number, weight = var.number }
    b = { address = var.word, port = var.number }
    c = { address = "10.0.0.1", port = var.number }
    d = { address = "10.0.0.1", port = 80 }
    e = { instance_id = var.word, instance_type = var.word }
    f = { instance_id = "i-1" }
  }
}
resource "alb_backend_service" "all" {
  name                = var.word
  protocol            = var.word
  port                = var.number
  scheduler           = var.word
  session_persistence = var.persistence
  server_group_id     = alb_server_group.all.id
  forwarded_headers   = var.headers
  proxy_protocol      = var.flag
  health_check        = var.check
}
resource "alb_backend_service" "scheduler" {
  name                = "web"
  protocol            = "http"
  port                = 80
  scheduler           = var.word
  session_persistence = {}
}
resource "alb_backend_service" "enabled" {
  name                = "web"
  protocol            = "http"
  port                = 80
  scheduler           = "source_ip"
  session_persistence = { enabled = var.flag, timeout = var.number, same_site = var.word }
}
resource "alb_backend_service" "protocol" {
  name                = "web"
  protocol            = var.word
  port                = 80
  session_persistence = {}
  forwarded_headers   = ["proto", var.word]
  proxy_protocol      = true
  health_check        = { protocol = var.word, path = "/", codes = ["2xx", var.word], interval = var.number }
}
resource "alb_listener" "all" {
  name               = "web"
  protocol           = var.word
  port               = var.number
  backend_service_id = alb_backend_service.all.id
  idle_timeout       = var.number
  enabled            = var.flag
}
resource "alb_server" "address" {
  server_group_id = var.word
  address         = var.word
  port            = var.number
  weight          = var.number
}
resource "alb_server" "instance" {
  server_group_id = var.word
  instance_id     = var.word
  instance_type   = var.word
}

# Each of these is right where the variable is null, the default of many a module's.
resource "alb_backend_service" "maybe" {
  name             = "web"
  protocol         = "http"
  port             = 80
  wait_for_healthy = var.number
  health_check     = { http_version = var.word, path = var.word, domain = var.word, codes = var.headers }
}
resource "alb_server_group" "maybe" {
  name    = "web"
  servers = { a = { address = "10.0.0.1", instance_id = var.word, instance_type = var.word } }
}
resource "alb_server_group" "maybe_instances" {
  name    = "web"
  type    = "instance"
  servers = { a = { address = var.word, instance_id = "vm-1" } }
}
resource "alb_server" "maybe" {
  server_group_id = "tg-a2b3c4d5e6"
  address         = "10.0.0.1"
  instance_id     = var.word
  instance_type   = var.word
}
`); len(found) > 0 {
		t.Errorf("refused: %+v", found)
	}
}

func TestValidateTakesWhatOnlyLooksWrong(t *testing.T) {
	t.Parallel()
	if found := validate(t, `
resource "alb_backend_service" "off" {
  name                = "web"
  protocol            = "tcp"
  port                = 80
  scheduler           = "source_ip"
  session_persistence = { enabled = false, timeout = 60, same_site = "none" }
  forwarded_headers   = []
  proxy_protocol      = true
  health_check        = { enabled = false }
}
resource "alb_server_group" "ports" {
  name = "web"
  servers = {
    a = { address = "10.0.0.1" }
    b = { address = "10.0.0.1", port = 80 }
    c = { address = "10.0.0.1", port = 81, weight = 0 }
  }
}
resource "alb_server_group" "empty" {
  name    = "负载均衡"
  type    = "instance"
  servers = {}
}
`); len(found) > 0 {
		t.Errorf("refused: %+v", found)
	}
}

func TestAnErrorWithinAnAttributeQuotesTheLineOfThat(t *testing.T) {
	t.Parallel()
	want := map[string]string{"health_check.protocol": "health_check", "health_check.port": "health_check", `servers["a"].port`: "servers"}
	found := validate(t, `
resource "alb_backend_service" "web" {
  name         = "web"
  protocol     = "http"
  port         = 80
  health_check = { protocol = "htp", port = -1 }
}
resource "alb_server_group" "web" {
  name    = "web"
  servers = { a = { address = "10.0.0.1", port = -1 } }
}
`)
	if len(found) != len(want) {
		t.Errorf("%d errors, want %d: %v", len(found), len(want), found)
	}
	for _, one := range found {
		attribute, _, _ := strings.Cut(strings.TrimPrefix(one.Detail, `Attribute "`), `" must be`)
		if code := strings.TrimSpace(one.Snippet.Code); want[attribute] == "" || !strings.HasPrefix(code, want[attribute]+" ") {
			t.Errorf("%s quotes %q", one.Detail, code)
		}
	}
}

func TestAnErrorOfTheAPIWithinAnAttributeQuotesTheLineOfThat(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	acctest.Run(t, acctest.Step{
		Config:      lb.Configuration(fmt.Sprintf(oneGroup, "servers = { a = { address = \"8.8.8.8\" } }")),
		ExpectError: regexp.MustCompile(`\d: +servers = \{ a = [^│]*[│\s]*Attribute "servers\["a"\].address": `),
	})
}

type diagnostic struct {
	Severity string `json:"severity"`
	Detail   string `json:"detail"`
	Snippet  struct {
		Context string `json:"context"`
		Code    string `json:"code"`
	} `json:"snippet"`
}

// validate runs `terraform validate` on a configuration and gives its errors.
func validate(t *testing.T, configuration string) []diagnostic {
	t.Helper()
	validation := acctest.NewWorkspace(t, configuration).Start(t, "validate", "-json")
	runErr := validation.Wait()
	var result struct {
		Diagnostics []diagnostic `json:"diagnostics"`
	}
	if err := json.Unmarshal([]byte(validation.Output()), &result); err != nil {
		t.Fatalf("terraform validate: %v, %v\n%s", runErr, err, validation.Output())
	}
	var errs []diagnostic
	for _, found := range result.Diagnostics {
		if found.Severity == "error" {
			errs = append(errs, found)
		}
	}
	if (len(errs) > 0) == (runErr == nil) {
		t.Errorf("terraform validate ended with %v and %d errors", runErr, len(errs))
	}
	return errs
}
