package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/daemon"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
)

const (
	region = "local"
	// checkSpeedup turns the example's health check every 5 s into one every half second.
	checkSpeedup = 10
	// startPatience is how long a program may take to become ready.
	startPatience = 15 * time.Second
	// stopPatience is how long a program may take to end; lbserver drains within it.
	stopPatience = 10 * time.Second
)

// sample is a web server behind the load balancer.
type sample struct {
	name    string
	weight  int
	port    int
	process *daemon.Process
}

func (s *sample) address() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// stage is everything the demo sets up: a directory, the programs, their ports and keys.
type stage struct {
	binaries  string // the directory that `make build` writes to
	directory string
	terraform *terraform

	accessKey, secretKey string
	api, operations, web int // ports

	samples  []*sample
	balancer *daemon.Process
}

// newStage makes the demo's directory, with the example's configuration in it, and chooses ports.
func newStage(ctx context.Context, root, terraformBinary string) (*stage, error) {
	directory := filepath.Join(root, demoDirectory)
	if err := os.RemoveAll(directory); err != nil {
		return nil, fmt.Errorf("removing what an earlier demo left: %w", err)
	}
	if err := os.Mkdir(directory, 0o700); err != nil {
		return nil, fmt.Errorf("making the demo's directory: %w", err)
	}
	ports, err := daemon.FreePorts(ctx, 6)
	if err != nil {
		return nil, err
	}
	set := &stage{
		binaries: filepath.Join(root, "bin"), directory: directory,
		accessKey: "demo", secretKey: rand.Text(),
		api: ports[0], operations: ports[1], web: ports[2],
		samples: []*sample{
			{name: "large", weight: 5, port: ports[3]},
			{name: "medium", weight: 3, port: ports[4]},
			{name: "small", weight: 2, port: ports[5]},
		},
	}
	set.terraform = &terraform{binary: terraformBinary, directory: filepath.Join(directory, "sticky-web")}
	set.terraform.env = append(withoutPrefixes(os.Environ(), "TF_", "ALB_"), set.terraformEnv()...)
	return set, set.writeConfiguration(filepath.Join(root, "examples", "sticky-web"))
}

// terraformEnv returns what Terraform needs to find the provider that was just built, and the provider's keys.
func (s *stage) terraformEnv() []string {
	return []string{
		"TF_CLI_CONFIG_FILE=" + filepath.Join(s.directory, "terraform.rc"),
		"TF_IN_AUTOMATION=1",
		"CHECKPOINT_DISABLE=1",
		"ALB_ACCESS_KEY=" + s.accessKey,
		"ALB_SECRET_KEY=" + s.secretKey,
	}
}

// writeConfiguration copies the example and sets its variables to this stage's ports.
func (s *stage) writeConfiguration(example string) error {
	if err := copyConfiguration(example, s.terraform.directory); err != nil {
		return fmt.Errorf("copying %s: %w", example, err)
	}
	type server struct {
		Address string `json:"address"`
		Port    int    `json:"port"`
		Weight  int    `json:"weight"`
	}
	servers := map[string]server{}
	for _, sample := range s.samples {
		servers[sample.name] = server{Address: "127.0.0.1", Port: sample.port, Weight: sample.weight}
	}
	variables, err := json.MarshalIndent(map[string]any{
		"endpoint": s.endpoint(), "region": region, "listener_port": s.web, "servers": servers,
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the example's variables: %w", err)
	}
	overrides := fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"alb-project/alb\" = %q\n  }\n  direct {}\n}\n", s.binaries)
	exports := "export " + strings.Join(quoted(s.terraformEnv()), "\nexport ") + "\n"
	return errors.Join(
		os.WriteFile(filepath.Join(s.terraform.directory, "terraform.tfvars.json"), append(variables, '\n'), 0o600),
		os.WriteFile(filepath.Join(s.directory, "terraform.rc"), []byte(overrides), 0o600),
		os.WriteFile(filepath.Join(s.directory, "env"), []byte(exports), 0o600),
	)
}

// copyConfiguration copies the .tf files, but no state or variables that someone who tried the example left there.
func copyConfiguration(from, to string) error {
	files, err := filepath.Glob(filepath.Join(from, "*.tf"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("no .tf files there; run this in the root of the repository: %w", fs.ErrNotExist)
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(file)), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) endpoint() string { return fmt.Sprintf("http://127.0.0.1:%d", s.api) }
func (s *stage) url() string      { return fmt.Sprintf("http://127.0.0.1:%d/", s.web) }

// client returns a client of the control API with the stage's keys.
func (s *stage) client() (*client.Client, error) {
	return client.New(client.Config{
		Endpoint: s.endpoint(), Region: region, AccessKey: s.accessKey, SecretKey: s.secretKey,
		RequestTimeout: 5 * time.Second, UserAgent: "terraform-provider-alb-demo",
	})
}

// startSample starts a web server, or starts it again on the same port, and returns when it answers.
func (s *stage) startSample(ctx context.Context, which *sample) error {
	process, err := daemon.Start(ctx, daemon.Program{
		Name: which.name,
		Path: filepath.Join(s.binaries, "sampleserver"),
		Args: []string{"-name", which.name, "-address", which.address()},
		Log:  filepath.Join(s.directory, which.name+".log"),
	})
	if err != nil {
		return err
	}
	which.process = process
	return s.ready(ctx, process, "http://"+which.address()+"/health")
}

// startBalancer starts lbserver and returns when it is ready.
func (s *stage) startBalancer(ctx context.Context) error {
	process, err := daemon.Start(ctx, daemon.Program{
		Name: "lbserver",
		Path: filepath.Join(s.binaries, "lbserver"),
		Args: []string{
			fmt.Sprintf("--api-address=127.0.0.1:%d", s.api),
			fmt.Sprintf("--ops-address=127.0.0.1:%d", s.operations),
			"--data-dir=" + filepath.Join(s.directory, "lbserver-data"),
			"--region=" + region,
			fmt.Sprintf("--check-speedup=%d", checkSpeedup),
			"--access-log=" + filepath.Join(s.directory, "access.log"),
		},
		Env: []string{"LBSERVER_ACCESS_KEY=" + s.accessKey, "LBSERVER_SECRET_KEY=" + s.secretKey},
		Log: filepath.Join(s.directory, "lbserver.log"),
	})
	if err != nil {
		return err
	}
	s.balancer = process
	return s.ready(ctx, process, fmt.Sprintf("http://127.0.0.1:%d/readyz", s.operations))
}

func (s *stage) ready(ctx context.Context, process *daemon.Process, url string) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	return process.WaitReady(ctx, daemon.Answers(url))
}

// processes returns the programs that were started and not killed for good.
func (s *stage) processes() []*daemon.Process {
	var started []*daemon.Process
	if s.balancer != nil {
		started = append(started, s.balancer)
	}
	for _, sample := range s.samples {
		if sample.process != nil {
			started = append(started, sample.process)
		}
	}
	return started
}

// stop ends every program, the load balancer first.
func (s *stage) stop() error {
	var problems []error
	for _, process := range s.processes() {
		problems = append(problems, process.Stop(stopPatience))
	}
	return errors.Join(problems...)
}

func withoutPrefixes(environment []string, prefixes ...string) []string {
	return slices.DeleteFunc(environment, func(variable string) bool {
		return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(variable, prefix) })
	})
}

// quoted puts the values of NAME=value in single quotes, for a shell.
func quoted(environment []string) []string {
	lines := make([]string, 0, len(environment))
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		lines = append(lines, name+"='"+strings.ReplaceAll(value, "'", `'\''`)+"'")
	}
	return lines
}
