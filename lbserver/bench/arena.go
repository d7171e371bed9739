package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/daemon"
)

//go:embed config
var configurations embed.FS

const (
	bodySize      = 128 // bytes
	serverCount   = 4
	startPatience = 15 * time.Second
	stopPatience  = 15 * time.Second
)

// arena is everything that runs during a benchmark: the origin and the proxies in front of it, on loopback.
type arena struct {
	directory string
	threads   int
	servers   []int // the origin's ports
	origin    *daemon.Process
	proxies   []*proxy
}

// proxy is one of the programs compared.
type proxy struct {
	name    string
	version string
	port    int
	process *daemon.Process
	cookies []string // of each server, to send back; none from a proxy that keeps no sessions
}

func (p *proxy) url() string { return fmt.Sprintf("http://127.0.0.1:%d/", p.port) }

// values are what the configuration files are filled with.
type values struct {
	Threads     int
	ProxyPort   int
	ServerPorts []int
	BodySize    int
	Body        string
}

// newArena starts the origin and the proxies that were asked for. What was started is stopped again on an error.
func newArena(ctx context.Context, directory, lbserver string, threads int, names []string) (_ *arena, err error) {
	ports, err := daemon.FreePorts(ctx, serverCount+len(names))
	if err != nil {
		return nil, err
	}
	made := &arena{directory: directory, threads: threads, servers: ports[:serverCount]}
	defer func() {
		if err != nil {
			err = errors.Join(err, made.close())
		}
	}()
	if err := os.Mkdir(filepath.Join(directory, "temporary"), 0o700); err != nil {
		return nil, err
	}
	made.origin, err = made.startConfigured(ctx, "nginx", "origin.conf", 0, "-e", "stderr", "-p", directory, "-c")
	if err != nil {
		return nil, err
	}
	for _, port := range made.servers {
		if err := waitForPort(ctx, made.origin, port); err != nil {
			return nil, err
		}
	}
	for i, name := range names {
		entrant := &proxy{name: name, port: ports[serverCount+i]}
		if err := made.enter(ctx, entrant, lbserver); err != nil {
			return nil, fmt.Errorf("setting up %s: %w", name, err)
		}
	}
	return made, nil
}

// enter starts a proxy, waits until it serves, and collects its cookies.
func (a *arena) enter(ctx context.Context, entrant *proxy, lbserver string) (err error) {
	keepsSessions := true
	switch entrant.name {
	case "lbserver":
		entrant.version = versionOf(ctx, lbserver, "--version")
		entrant.process, err = a.startLBServer(ctx, lbserver, entrant.port)
	case "haproxy":
		entrant.version = versionOf(ctx, "haproxy", "-v")
		entrant.process, err = a.startConfigured(ctx, "haproxy", "haproxy.cfg", entrant.port, "-db", "-f")
	case "nginx":
		keepsSessions = false
		entrant.version = versionOf(ctx, "nginx", "-v")
		entrant.process, err = a.startConfigured(ctx, "nginx", "nginx.conf", entrant.port, "-e", "stderr", "-p", a.directory, "-c")
	default:
		return errors.New("there is no such proxy here; known are lbserver, haproxy and nginx")
	}
	if err != nil {
		return err
	}
	a.proxies = append(a.proxies, entrant)
	if err := waitForPort(ctx, entrant.process, entrant.port); err != nil {
		return err
	}
	if keepsSessions {
		entrant.cookies, err = collectCookies(ctx, entrant.url(), serverCount)
	}
	return err
}

// startConfigured fills in a configuration file and starts a program on it; the file's path is the last argument.
func (a *arena) startConfigured(ctx context.Context, program, configuration string, port int, arguments ...string) (*daemon.Process, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, fmt.Errorf("%w; on Debian: apt-get install %s", err, debianPackages)
	}
	parsed, err := template.ParseFS(configurations, "config/"+configuration)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	err = parsed.Execute(&text, values{
		Threads: a.threads, ProxyPort: port, ServerPorts: a.servers, BodySize: bodySize, Body: strings.Repeat("x", bodySize),
	})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(a.directory, configuration)
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		return nil, err
	}
	return daemon.Start(ctx, daemon.Program{
		Name: configuration, Path: path, Args: append(arguments, file), Log: file + ".log",
	})
}

func waitForPort(ctx context.Context, process *daemon.Process, port int) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	return process.WaitReady(ctx, func(ctx context.Context) error {
		var dialer net.Dialer
		connection, err := dialer.DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return err
		}
		return connection.Close()
	})
}

// close stops the proxies, then the origin.
func (a *arena) close() error {
	var problems []error
	for _, entrant := range a.proxies {
		problems = append(problems, entrant.process.Stop(stopPatience))
	}
	if a.origin != nil {
		problems = append(problems, a.origin.Stop(stopPatience))
	}
	return errors.Join(problems...)
}

// versionOf is the first line of what a program says of its version, wherever it says it.
func versionOf(ctx context.Context, program, flag string) string {
	out, err := exec.CommandContext(ctx, program, flag).CombinedOutput()
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if err != nil && line == "" {
		return err.Error()
	}
	return strings.TrimSpace(line)
}
