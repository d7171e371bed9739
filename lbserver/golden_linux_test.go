package lbserver_test

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/signature"
)

// goldenStore holds a data directory as the lbserver of November 2026 left it, which wrote format 1 before stored objects
// had a form of their own: every kind of object, checks on and off, weights of 0, groups that are and became empty, three
// load balancers, rotated keys, and the answers of refused calls. calls.json has the calls that made it, with their nonces and
// answers, and then what reads answered. An address of Linux' loopback network that nothing else uses takes the listeners.
const goldenStore = "testdata/store-of-format-1"

// goldenCall is a call with its answer.
type goldenCall struct {
	Method string          `json:"method"`
	Path   string          `json:"path"`
	Body   string          `json:"body"`
	Nonce  string          `json:"nonce"`
	Status int             `json:"status"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

func TestAnOldStoreStartsUnchanged(t *testing.T) {
	t.Parallel()
	config := testConfig(t)
	written := time.Date(2026, 11, 30, 12, 1, 0, 0, time.UTC)
	config.Now = func() time.Time { return written }
	config.AccessKey, config.SecretKey = "AKGOLDEN", "a secret of tests only"
	config.VIP = netip.MustParseAddr("127.77.3.1")
	config.Inventory = filepath.Join(goldenStore, "instances.json")
	if err := os.CopyFS(config.DataDir, os.DirFS(goldenStore)); err != nil {
		t.Fatal(err)
	}
	var calls []goldenCall
	if err := json.Unmarshal(must(os.ReadFile(filepath.Join(goldenStore, "calls.json")))(t), &calls); err != nil {
		t.Fatal(err)
	}
	for _, life := range []string{"first start", "restart"} {
		b := serve(t, config)
		for _, call := range calls {
			if call.Nonce == "" { // a read
				call.Nonce = "00000000-0000-4000-9000-000000000000"
			}
			if got := b.resend(call); got.Status != call.Status || !holds(got.Result, call.Result) || !holds(got.Error, call.Error) {
				t.Errorf("%s: %s %s %s: got %d %s%s, want %d %s%s", life, call.Method, call.Path, call.Body,
					got.Status, got.Result, got.Error, call.Status, call.Result, call.Error)
			}
		}
		operations := "http://" + b.server.OpsAddress()
		client := newVisitor(t, false)
		waitFor(t, "the listeners to be open", func() bool { return client.get(operations+"/readyz").StatusCode == http.StatusOK })
		if got := client.get("http://127.77.3.2:18080/"); got.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: a listener whose backend service has no server answered %d", life, got.StatusCode)
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// resend sends a call with the nonce that it had.
func (b *balancer) resend(call goldenCall) goldenCall {
	b.t.Helper()
	url := "http://" + b.server.APIAddress() + "/v1/regions/" + b.config.Region + "/" + call.Path
	request := must(http.NewRequestWithContext(b.t.Context(), call.Method, url, strings.NewReader(call.Body)))(b.t)
	keys := signature.Credentials{AccessKey: b.config.AccessKey, SecretKey: b.config.SecretKey}
	scope := signature.Scope{Region: b.config.Region, Service: lbapi.ServiceLoadBalancer}
	signature.Sign(request, []byte(call.Body), keys, scope, b.config.Now(), call.Nonce)
	response := must(newVisitor(b.t, false).http.Do(request))(b.t)
	defer response.Body.Close()
	got := goldenCall{Status: response.StatusCode}
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
		b.t.Fatal(err)
	}
	return got
}

// holds reports whether a JSON value has all that another has: newer answers may have further fields.
func holds(got, want json.RawMessage) bool {
	if len(got) == 0 || len(want) == 0 {
		return len(got) == len(want)
	}
	var all, some any
	if json.Unmarshal(got, &all) != nil || json.Unmarshal(want, &some) != nil {
		return false
	}
	return contains(all, some)
}

func contains(all, some any) bool {
	switch some := some.(type) {
	case map[string]any:
		fields, ok := all.(map[string]any)
		for name, value := range some {
			field, has := fields[name]
			ok = ok && has && contains(field, value)
		}
		return ok
	case []any:
		items, ok := all.([]any)
		ok = ok && len(items) == len(some)
		for i := range some {
			ok = ok && contains(items[i], some[i])
		}
		return ok
	default:
		return reflect.DeepEqual(all, some)
	}
}

func TestContainsComparesWhatIsThere(t *testing.T) {
	t.Parallel()
	const want = `{"a":[{"b":1,"c":[]}],"d":""}`
	for got, holding := range map[string]bool{
		want: true, `{"a":[{"b":1,"c":[],"new":0}],"d":"","e":null}`: true,
		`{"a":[{"b":2,"c":[]}],"d":""}`: false, `{"a":[{"b":1}],"d":""}`: false, `{"a":[],"d":""}`: false, `{"a":null,"d":""}`: false, "": false,
	} {
		if holds(json.RawMessage(got), json.RawMessage(want)) != holding {
			t.Errorf("%s holds all of %s: want %t", got, want, holding)
		}
	}
}
