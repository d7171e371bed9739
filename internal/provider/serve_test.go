package provider

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// What the framework keeps of a call must not grow with what hangs on its context.
func TestTheServerKeepsNothingOfACallThatHasEnded(t *testing.T) {
	const (
		calls   = 200
		payload = 256 << 10 // bytes that hang on each call's context
	)
	type key struct{}
	served := NewServer("test")()
	before := heap()
	for range calls {
		ctx := context.WithValue(t.Context(), key{}, make([]byte, payload))
		if _, err := served.UpgradeResourceState(ctx, upgrade()); err != nil {
			t.Fatal(err)
		}
	}
	if grown := heap() - before; grown > calls*payload/10 {
		t.Errorf("%d calls left %d KiB behind", calls, grown>>10)
	}
	runtime.KeepAlive(served)
}

func heap() int64 {
	debug.FreeOSMemory() // collects garbage first
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// upgrade is a call that asks nothing of the control API.
func upgrade() *tfprotov6.UpgradeResourceStateRequest {
	return &tfprotov6.UpgradeResourceStateRequest{
		TypeName: "alb_server_group", Version: 0, RawState: &tfprotov6.RawState{JSON: []byte(`{"id":"tg-1","name":"web"}`)},
	}
}

func TestTheServerAnswersAsTheFrameworksDoes(t *testing.T) {
	framework := providerserver.NewProtocol6(New("test")())()
	served := NewServer("test")()
	if _, ok := served.(*pluginServer); !ok {
		t.Fatalf("the server is a %T: the framework's can be asked less or more than frameworkServer says", served)
	}
	want, err := framework.UpgradeResourceState(t.Context(), upgrade())
	if err != nil {
		t.Fatal(err)
	}
	got, err := served.UpgradeResourceState(t.Context(), upgrade())
	if err != nil || len(got.Diagnostics) != 0 {
		t.Fatalf("diagnostics %v, error %v", got.Diagnostics, err)
	}
	if is, should := state(t, got), state(t, want); !is.Equal(should) {
		t.Errorf("the state is %s, want %s", is, should)
	}
}

func state(t *testing.T, resp *tfprotov6.UpgradeResourceStateResponse) tftypes.Value {
	t.Helper()
	schemas, err := NewServer("test")().GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	value, err := resp.UpgradedState.Unmarshal(schemas.ResourceSchemas["alb_server_group"].ValueType())
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestALentContextIsItsLenderUntilItIsGivenBack(t *testing.T) {
	type key struct{}
	lender, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	lent := &lentContext{}
	lent.lender.Store(&lender)
	child, release := context.WithCancel(lent)
	defer release()
	if lent.Err() != nil || child.Value(key{}) != "value" {
		t.Fatalf("error %v, value %v", lent.Err(), child.Value(key{}))
	}
	cancel()
	<-child.Done()
	lent.giveBack()
	if !errors.Is(lent.Err(), context.Canceled) || lent.Value(key{}) != nil {
		t.Errorf("given back, it has error %v and value %v", lent.Err(), lent.Value(key{}))
	}
}
