package acctest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/daemon"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
)

// The keys of an lbserver in its own process.
const (
	processAccessKey = "AKPROCESS"
	processSecretKey = "the secret of a process"
)

var apiInLog = regexp.MustCompile(`msg="lbserver is up".* api=(\S+)`)

// Process is an lbserver in its own process, behind a fault proxy. The proxy's endpoint stays the same when the process
// is killed and started again with its data.
type Process struct {
	LoadBalancer
	Proxy *FaultProxy

	binary, directory string
	lives             int
	running           *daemon.Process
}

// StartProcess builds lbserver and runs it until the test ends.
func StartProcess(t *testing.T) *Process {
	t.Helper()
	p := &Process{directory: t.TempDir(), binary: built(t, "lbserver/cmd/lbserver")}
	p.Proxy = StartFaultProxy(t, "http://127.0.0.1:1") // nothing listens there yet
	api, err := client.New(client.Config{
		Endpoint: p.Proxy.Endpoint, Region: "local", AccessKey: processAccessKey, SecretKey: processSecretKey, RequestTimeout: patience,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	p.LoadBalancer = LoadBalancer{Client: api, t: t, through: p.Proxy.Endpoint, accessKey: processAccessKey, secretKey: processSecretKey}
	t.Cleanup(func() {
		if err := p.running.Kill(); err != nil {
			t.Error(err)
		}
	})
	if err := p.launch(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

// Lives returns how often the process was started.
func (p *Process) Lives() int { return p.lives }

// Restart kills the process as kill -9 does, and starts it again.
func (p *Process) Restart(ctx context.Context) error {
	return errors.Join(p.running.Kill(), p.launch(ctx))
}

func (p *Process) launch(ctx context.Context) (err error) {
	p.lives++
	name := fmt.Sprintf("lbserver-%d", p.lives)
	p.running, err = daemon.Start(ctx, daemon.Program{
		Name: name,
		Path: p.binary,
		Args: []string{
			"--api-address=127.0.0.1:0", "--ops-address=127.0.0.1:0", "--data-dir=" + p.directory,
			"--access-key=" + processAccessKey, "--secret-key=" + processSecretKey,
		},
		Env: os.Environ(),
		Log: filepath.Join(p.directory, name+".log"),
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return p.running.WaitReady(ctx, func(context.Context) error {
		log, err := p.running.Log()
		if err != nil {
			return err
		}
		found := apiInLog.FindSubmatch(log)
		if found == nil {
			return errors.New("its log does not say that it is up")
		}
		return p.Proxy.Forward("http://" + string(found[1]))
	})
}
