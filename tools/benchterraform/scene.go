package main

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/daemon"
)

//go:embed config
var configurations embed.FS

const (
	region = "local"
	// address is the load balancer's. Programs whose ports the kernel chose listen on 127.0.0.1, so the listeners'
	// ports are free here.
	address = "127.77.0.1"
	// patience is how long lbserver may take to start or to stop.
	patience = 15 * time.Second
	// providerVersion is the version in the mirror. Terraform treats 0.0.0 as no version.
	providerVersion = "0.0.1"
)

// entrant is one of the two sides that are compared.
type entrant struct {
	name      string
	directory string
	// provider is the file whose processes are watched, empty for none.
	provider string
}

// scene is everything that the measurements need: lbserver, mirror, state store and configurations.
type scene struct {
	chosen    plan
	directory string
	entrants  []entrant
	state     *httptest.Server
	balancer  *daemon.Process
	env       []string
}

func newScene(ctx context.Context, chosen plan) (_ *scene, err error) {
	directory, err := os.MkdirTemp("", "alb-bench-")
	if err != nil {
		return nil, err
	}
	// The kernel shows the path of a running provider without symbolic links.
	if directory, err = filepath.EvalSymlinks(directory); err != nil {
		return nil, err
	}
	s := &scene{chosen: chosen, directory: directory, state: httptest.NewServer(&stateStore{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err := s.startBalancer(ctx); err != nil {
		return nil, err
	}
	provider, err := s.installProvider()
	if err != nil {
		return nil, err
	}
	ports, err := daemon.FreePorts(ctx, (chosen.resources-1)/3)
	if err != nil {
		return nil, err
	}
	for _, one := range []entrant{{name: "alb", provider: provider}, {name: "floor"}} {
		one.directory = filepath.Join(directory, one.name)
		if err := s.configure(ctx, one, ports); err != nil {
			return nil, err
		}
		s.entrants = append(s.entrants, one)
	}
	return s, nil
}

// startBalancer starts lbserver with quotas high enough for all resources.
func (s *scene) startBalancer(ctx context.Context) error {
	ports, err := daemon.FreePorts(ctx, 2)
	if err != nil {
		return err
	}
	secret := rand.Text()
	arguments := []string{
		fmt.Sprintf("--api-address=127.0.0.1:%d", ports[0]), fmt.Sprintf("--ops-address=127.0.0.1:%d", ports[1]),
		"--data-dir=" + filepath.Join(s.directory, "lbserver"), "--region=" + region, "--drain-timeout=1s",
	}
	for _, kind := range []string{"listeners", "backend-services", "server-groups"} {
		arguments = append(arguments, fmt.Sprintf("--quota-%s=%d", kind, s.chosen.resources))
	}
	s.balancer, err = daemon.Start(ctx, daemon.Program{
		Name: "lbserver", Path: s.chosen.lbserver, Args: arguments, Log: filepath.Join(s.directory, "lbserver.log"),
		Env: []string{"LBSERVER_ACCESS_KEY=bench", "LBSERVER_SECRET_KEY=" + secret},
	})
	if err != nil {
		return err
	}
	foreign := func(variable string) bool {
		return strings.HasPrefix(variable, "TF_") || strings.HasPrefix(variable, "ALB_")
	}
	s.env = append(slices.DeleteFunc(os.Environ(), foreign),
		fmt.Sprintf("ALB_ENDPOINT=http://127.0.0.1:%d", ports[0]), "ALB_REGION="+region, "ALB_ACCESS_KEY=bench", "ALB_SECRET_KEY="+secret,
		"TF_CLI_CONFIG_FILE="+filepath.Join(s.directory, "terraform.rc"), "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1")
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return s.balancer.WaitReady(ctx, daemon.Answers(fmt.Sprintf("http://127.0.0.1:%d/readyz", ports[1])))
}

// installProvider puts the provider into a mirror, for Terraform and for OpenTofu, and returns the path of its file.
func (s *scene) installProvider() (string, error) {
	mirror := filepath.Join(s.directory, "mirror")
	settings := fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror)
	if err := os.WriteFile(filepath.Join(s.directory, "terraform.rc"), []byte(settings), 0o600); err != nil {
		return "", err
	}
	name := filepath.Join("alb-project", "alb", providerVersion, runtime.GOOS+"_"+runtime.GOARCH, "terraform-provider-alb_v"+providerVersion)
	installed := filepath.Join(mirror, "registry.terraform.io", name)
	other := filepath.Join(mirror, "registry.opentofu.org", name)
	for _, file := range []string{installed, other} {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return "", err
		}
	}
	if err := copyProgram(s.chosen.provider, installed); err != nil {
		return "", err
	}
	return installed, os.Symlink(installed, other) // processes are found by the name of the program that they run
}

func copyProgram(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()                                                     //nolint:errcheck // it was only read
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o700) //nolint:gosec // a program is executable
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}

// configure writes the configuration of an entrant and initializes it.
func (s *scene) configure(ctx context.Context, one entrant, ports []int) error {
	text, err := configurations.ReadFile("config/" + one.name + ".tf")
	if err != nil {
		return err
	}
	variables, err := json.Marshal(map[string]any{"address": address, "ports": ports})
	if err != nil {
		return err
	}
	err = errors.Join(
		os.Mkdir(one.directory, 0o700),
		os.WriteFile(filepath.Join(one.directory, "main.tf"), text, 0o600),
		os.WriteFile(filepath.Join(one.directory, "terraform.tfvars.json"), variables, 0o600),
	)
	if err != nil {
		return err
	}
	_, err = s.terraform(ctx, one, "init", "-backend-config=address="+s.state.URL+"/"+one.name)
	return err
}

func (s *scene) close() error {
	var problems []error
	if s.balancer != nil {
		problems = append(problems, s.balancer.Stop(patience))
	}
	s.state.Close()
	return errors.Join(append(problems, os.RemoveAll(s.directory))...)
}
