package acctest

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"

	"github.com/alb-project/terraform-provider-alb/internal/provider"
)

// source is where configurations have the provider from. Terraform and OpenTofu add their own registries as its host.
const source = "alb-project/alb"

// attached is the provider, served by this process to one run of Terraform. Each run gets a provider of its own, as it
// does for users.
type attached struct {
	environment string // the variable by which Terraform finds it
	cancel      context.CancelFunc
	closed      chan struct{}
	served      chan error
}

func attach(t *testing.T) *attached {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	a := &attached{cancel: cancel, closed: make(chan struct{}), served: make(chan error, 1)}
	started := make(chan *plugin.ReattachConfig, 1)
	go func() {
		a.served <- tf6server.Serve(provider.Address, provider.NewServer("test"),
			tf6server.WithDebug(ctx, started, a.closed), tf6server.WithGoPluginLogger(hclog.NewNullLogger()),
			tf6server.WithLoggingSink(t), tf6server.WithoutLogStderrOverride())
	}()
	select {
	case config := <-started:
		a.environment = reattachVariable(t, config)
	case err := <-a.served:
		cancel()
		t.Fatalf("serve the provider: %v", err)
	}
	return a
}

// detach stops the provider and waits for its end.
func (a *attached) detach() error {
	a.cancel()
	<-a.closed
	return <-a.served
}

func reattachVariable(t *testing.T, config *plugin.ReattachConfig) string {
	t.Helper()
	type address struct {
		Network string `json:"Network"`
		String  string `json:"String"`
	}
	type reattach struct {
		Protocol        string  `json:"Protocol"`
		ProtocolVersion int     `json:"ProtocolVersion"`
		Pid             int     `json:"Pid"`
		Test            bool    `json:"Test"`
		Addr            address `json:"Addr"`
	}
	one := reattach{string(config.Protocol), config.ProtocolVersion, config.Pid, config.Test, address{config.Addr.Network(), config.Addr.String()}}
	text, err := json.Marshal(map[string]reattach{source: one})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("TF_REATTACH_PROVIDERS=%s", text)
}
