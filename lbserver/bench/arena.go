package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net"
	"net/netip"
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
	largeBody     = 1 << 20
	serverCount   = 4
	startPatience = 15 * time.Second
	stopPatience  = 15 * time.Second
)

// knownProxies returns the names of the entrants that most rows have.
func knownProxies() []string { return []string{"lbserver", "haproxy", "haproxy-tcp", "nginx"} }

// Names of entrants that only some rows have.
const (
	direct          = "direct" // no proxy: the cost of the load and of the servers alone
	lbserverLogging = "lbserver, log on"
)

// origin are the servers behind the proxies.
type origin interface {
	ports() []int
	close() error
}

// arena is everything that runs during a row: the origin and the proxies in front of it, on loopback.
type arena struct {
	*environment
	directory string
	origin    origin
	proxies   map[string]*proxy
}

// proxy is one of the programs compared.
type proxy struct {
	name      string
	address   netip.AddrPort
	process   *daemon.Process // nil for direct
	balancer  *balancer       // set for lbserver
	cookies   []string        // one for each server, to send back; none for a proxy that keeps no sessions
	directory string
}

func (p *proxy) url() string { return "http://" + p.address.String() }

// usage returns what the proxy has consumed so far.
func (p *proxy) usage() (usage, error) {
	if p.process == nil {
		return usage{}, nil
	}
	return groupUsage("/proc", p.process.PID())
}

// newArena starts nginx as origin, and the proxies. If it fails, it stops what it has started.
func (e *environment) newArena(ctx context.Context, names ...string) (*arena, error) {
	directory, err := e.subdirectory()
	if err != nil {
		return nil, err
	}
	servers, err := e.startServers(ctx, directory)
	if err != nil {
		return nil, err
	}
	return e.newArenaOf(ctx, directory, servers, names...)
}

// newArenaOf starts proxies in front of an origin, which the arena then owns.
func (e *environment) newArenaOf(ctx context.Context, directory string, servers origin, names ...string) (_ *arena, err error) {
	made := &arena{environment: e, directory: directory, origin: servers, proxies: map[string]*proxy{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, made.close())
		}
	}()
	ports, err := daemon.FreePorts(ctx, len(names))
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		entrant := &proxy{name: name, address: loopback(ports)[i], directory: filepath.Join(directory, fmt.Sprint(i))}
		if err := os.MkdirAll(filepath.Join(entrant.directory, "temporary"), 0o700); err != nil {
			return nil, err
		}
		made.proxies[name] = entrant
		if err := made.enter(ctx, entrant); err != nil {
			return nil, fmt.Errorf("setting up %s: %w", name, err)
		}
	}
	return made, nil
}

// enter starts a proxy, waits until it serves, and collects its cookies.
func (a *arena) enter(ctx context.Context, entrant *proxy) (err error) {
	keepsSessions := true
	switch entrant.name {
	case "haproxy":
		entrant.process, err = a.startConfigured(ctx, entrant, "haproxy", "haproxy.cfg", "-db", "-f")
	case "haproxy-tcp":
		keepsSessions = false
		entrant.process, err = a.startConfigured(ctx, entrant, "haproxy", "haproxy-tcp.cfg", "-db", "-f")
	case "nginx":
		keepsSessions = false
		entrant.process, err = a.startConfigured(ctx, entrant, "nginx", "nginx.conf", "-e", "stderr", "-p", entrant.directory, "-c")
	case direct:
		entrant.address = loopback(a.origin.ports())[0]
		return nil
	default:
		err = a.startSite(ctx, entrant)
	}
	if err != nil {
		return err
	}
	if err := waitForPort(ctx, entrant.process, int(entrant.address.Port())); err != nil {
		return err
	}
	if keepsSessions {
		entrant.cookies, err = collectCookies(ctx, entrant.url()+"/", serverCount)
	}
	return err
}

// startSite starts lbserver with one site: the counterpart of config/haproxy.cfg.
func (a *arena) startSite(ctx context.Context, entrant *proxy) (err error) {
	arguments := []string{"--access-log=off"}
	if entrant.name == lbserverLogging {
		arguments = []string{"--access-log=" + filepath.Join(entrant.directory, "access.log"), "--log-format=json"}
	}
	entrant.balancer, err = a.startLBServer(ctx, entrant.name, entrant.directory, arguments...)
	if err != nil {
		return err
	}
	entrant.process = entrant.balancer.process
	_, err = entrant.balancer.site(ctx, site{name: "bench", port: int(entrant.address.Port()), servers: loopback(a.origin.ports()), checked: true})
	return err
}

// settings are the values that the configuration files are filled with.
type settings struct {
	Threads     int
	ProxyPort   int
	ServerPorts []int
	Servers     []string // host:port
	Directory   string
	BodySize    int
	Body        string
}

func (a *arena) startConfigured(ctx context.Context, entrant *proxy, program, configuration string, arguments ...string) (*daemon.Process, error) {
	return a.start(ctx, program, configuration, settings{
		ProxyPort: int(entrant.address.Port()), ServerPorts: a.origin.ports(), Directory: entrant.directory,
	}, arguments...)
}

// start fills in a configuration file and starts a program on it; the file's path is the last argument.
func (e *environment) start(ctx context.Context, program, configuration string, with settings, arguments ...string) (*daemon.Process, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, fmt.Errorf("%w; on Debian: apt-get install %s", err, debianPackages)
	}
	parsed, err := template.ParseFS(configurations, "config/"+configuration)
	if err != nil {
		return nil, err
	}
	with.Threads, with.BodySize, with.Body = e.plan.threads, bodySize, strings.Repeat("x", bodySize)
	var text strings.Builder
	if err := parsed.Execute(&text, with); err != nil {
		return nil, err
	}
	file := filepath.Join(with.Directory, configuration)
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
		if entrant.balancer != nil {
			entrant.balancer.api.Close()
		}
		if entrant.process != nil {
			problems = append(problems, entrant.process.Stop(stopPatience))
		}
	}
	return errors.Join(append(problems, a.origin.close())...)
}
