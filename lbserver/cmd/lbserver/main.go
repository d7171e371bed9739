// Command lbserver is an application load balancer with a control API: see the README.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/alb-project/terraform-provider-alb/lbserver"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/networks"
)

// version is set by the release build.
var version = "dev"

// signalEcho is the time within which a second signal counts as a repetition of the first: timeout(1), and shells and
// supervisors that signal a process and then its group, send two.
const signalEcho = 200 * time.Millisecond

// flags are lbserver's flags. Each is also an environment variable: LBSERVER_ and the flag's name in capitals.
type flags struct {
	APIAddress  string     `name:"api-address" default:"127.0.0.1:9080" placeholder:"HOST:PORT" help:"Address of the control API (default ${default}). One that is not loopback needs TLS or --api-insecure." group:"Addresses"`
	OpsAddress  string     `name:"ops-address" default:"127.0.0.1:9081" placeholder:"HOST:PORT" help:"Address of /healthz, /readyz and /metrics, which need no key (default ${default})." group:"Addresses"`
	VIP         netip.Addr `name:"vip" default:"127.0.0.1" placeholder:"ADDRESS" help:"Address on which the listeners of the first load balancer, alb-default, take traffic (default ${default}). Used when a new data directory is set up." group:"Addresses"`
	APITLSCert  string     `name:"api-tls-cert" placeholder:"FILE" help:"PEM certificate chain of the control API." group:"Addresses"`
	APITLSKey   string     `name:"api-tls-key" placeholder:"FILE" help:"PEM key of the control API." group:"Addresses"`
	APIInsecure bool       `name:"api-insecure" help:"Serve the control API without TLS on an address that is not loopback." group:"Addresses"`

	AccessKey string `name:"access-key" placeholder:"KEY" help:"Access key that API calls are signed with. Without keys a pair is made at first start and kept in the data directory." group:"State and access"`
	SecretKey string `name:"secret-key" placeholder:"KEY" help:"Secret key that API calls are signed with; better given as LBSERVER_SECRET_KEY." group:"State and access"`
	DataDir   string `name:"data-dir" default:"./lbserver-data" placeholder:"DIR" help:"Directory of the store and the generated keys (default ${default})." group:"State and access"`
	Region    string `name:"region" default:"local" placeholder:"NAME" help:"Region that the API answers for (default ${default})." group:"State and access"`

	TargetCIDRs    []network     `name:"target-cidrs" placeholder:"CIDR,…" help:"Networks in which servers may lie (default: the private ranges and loopback). Link-local addresses are always refused." group:"Traffic"`
	TrustedProxies []network     `name:"trusted-proxies" placeholder:"CIDR,…" help:"Networks or addresses of proxies and TLS terminators in front of the listeners: their X-Forwarded-Proto, -Port and -Host are kept, and their X-Forwarded-For names the client (default: none)." group:"Traffic"`
	Instances      string        `name:"instances" placeholder:"FILE" help:"Inventory: JSON file that gives instance ids their addresses; read again when it changes." group:"Traffic"`
	CheckSpeedup   int           `name:"check-speedup" default:"1" placeholder:"N" help:"Divide the intervals and timeouts of health checks by N, for tests; a timeout stays at least 1 s (default ${default})." group:"Traffic"`
	DrainTimeout   time.Duration `name:"drain-timeout" default:"30s" placeholder:"DURATION" help:"How long requests in flight may continue at a stop, and when their listener is turned off or deleted; 0 ends them at once (default ${default})." group:"Traffic"`
	MaxLingering   int           `name:"max-lingering" default:"1000" placeholder:"N" help:"How many connections may linger: they were answered before the client had sent its whole request, and are read on for up to 30 s, so that the client gets the answer; 0 closes them at once (default ${default})." group:"Traffic"`
	MaxWaiting     int           `name:"max-waiting" default:"1000" placeholder:"N" help:"Requests of one backend service that may wait, up to 3 s each, for a server to accept connections while all refuse them; the others get a 502 at once (default ${default})." group:"Traffic"`

	AccessLog string `name:"access-log" default:"off" placeholder:"-|PATH|off" help:"Where to write a line for each request; SIGHUP opens the file again (default ${default})." group:"Logs"`
	LogFormat string `name:"log-format" default:"text" enum:"text,json" placeholder:"text|json" help:"Format of both logs (default ${default})." group:"Logs"`
	LogLevel  string `name:"log-level" default:"info" enum:"debug,info,warn,error" placeholder:"debug|info|warn|error" help:"Least important level of the server's log (default ${default})." group:"Logs"`

	Quotas quotas `embed:"" prefix:"quota-" group:"Quotas"`

	Version kong.VersionFlag `name:"version" env:"-" help:"Print the version and exit."`
}

// network is a network or an address, as package networks reads it.
type network netip.Prefix

// UnmarshalText implements [encoding.TextUnmarshaler].
func (n *network) UnmarshalText(text []byte) error {
	parsed, err := networks.Parse(string(text))
	*n = network(parsed)
	return err
}

func prefixes(list []network) []netip.Prefix {
	all := make([]netip.Prefix, len(list))
	for i, each := range list {
		all[i] = netip.Prefix(each)
	}
	return all
}

type quotas struct {
	LoadBalancers   int `name:"load-balancers" default:"5" placeholder:"N" help:"Load balancers (default ${default})."`
	Listeners       int `name:"listeners" default:"20" placeholder:"N" help:"Listeners on each load balancer (default ${default})."`
	BackendServices int `name:"backend-services" default:"20" placeholder:"N" help:"Backend services on each load balancer (default ${default})."`
	ServerGroups    int `name:"server-groups" default:"20" placeholder:"N" help:"Server groups on each load balancer (default ${default})."`
	Servers         int `name:"servers" default:"100" placeholder:"N" help:"Servers in each server group (default ${default})."`
}

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "lbserver:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout, stderr io.Writer) error {
	var options flags
	parser, err := kong.New(&options,
		kong.Name("lbserver"),
		kong.Description("An application load balancer with a control API.\n\n"+
			"Every flag is also an environment variable: LBSERVER_ and its name, such as LBSERVER_DATA_DIR.\n\n"+
			"SIGTERM or SIGINT stops it when the requests in flight are done, a second one at once. SIGHUP opens the access log again. "+
			"SIGUSR2 rotates the key that seals the session cookies."),
		kong.DefaultEnvars("LBSERVER"),
		kong.Vars{"version": "lbserver " + buildVersion()},
		kong.Writers(stdout, stderr),
	)
	if err != nil {
		return fmt.Errorf("set up the flags: %w", err)
	}
	if _, err := parser.Parse(args); err != nil {
		return fmt.Errorf("%w (lbserver --help lists the flags)", err)
	}
	config, err := options.config(stderr)
	if err != nil {
		return err
	}
	return serve(config)
}

// serve runs until a signal stops it: the first SIGTERM or SIGINT drains, a second one stops at once. SIGHUP reopens
// the access log, SIGUSR2 rotates the key of the persistence cookies.
func serve(config lbserver.Config) error {
	// Signals that arrive while the server is being made wait in the channel. SIGPIPE is ignored: a reader of the logs
	// that goes away must not end the traffic.
	signal.Ignore(syscall.SIGPIPE)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, rotateKey)
	defer signal.Stop(signals)
	server, err := lbserver.New(config)
	if err != nil {
		return err
	}
	ctx, drain := context.WithCancel(context.Background())
	defer drain()

	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	var rotations sync.WaitGroup // a rotation may wait for the store
	defer rotations.Wait()
	var first time.Time
	for {
		select {
		case err := <-done:
			return err
		case received := <-signals:
			switch {
			case received == syscall.SIGHUP:
				server.ReopenLogs()
			case received == rotateKey:
				rotations.Go(func() {
					if err := server.RotatePersistenceKey(ctx); err != nil {
						config.Log.Error("the keys stay as they were", "error", err)
					}
				})
			case !first.IsZero() && time.Since(first) < signalEcho:
			case ctx.Err() == nil:
				first = time.Now()
				config.Log.Info("stopping: waiting for requests in flight; a second signal stops at once",
					"signal", received.String(), "drain_timeout", config.DrainTimeout)
				drain()
			default:
				config.Log.Warn("stopping at once", "signal", received.String())
				return errors.Join(errors.New("stopped by a second signal before requests in flight were done"), server.Close())
			}
		}
	}
}

func (f *flags) config(logTo io.Writer) (lbserver.Config, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(strings.ToUpper(f.LogLevel))); err != nil {
		return lbserver.Config{}, fmt.Errorf("--log-level: %w", err)
	}
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler = slog.NewTextHandler(logTo, options)
	if f.LogFormat == "json" {
		handler = slog.NewJSONHandler(logTo, options)
	}
	config := lbserver.DefaultConfig()
	config.APIAddress = f.APIAddress
	config.OpsAddress = f.OpsAddress
	config.VIP = f.VIP
	config.DataDir = f.DataDir
	config.Region = f.Region
	config.AccessKey, config.SecretKey = f.AccessKey, f.SecretKey
	config.APITLSCert, config.APITLSKey = f.APITLSCert, f.APITLSKey
	config.APIInsecure = f.APIInsecure
	if len(f.TargetCIDRs) > 0 {
		config.AllowedNetworks = prefixes(f.TargetCIDRs)
	}
	config.TrustedProxies = prefixes(f.TrustedProxies)
	config.Inventory = f.Instances
	config.CheckSpeedup = f.CheckSpeedup
	config.DrainTimeout = f.DrainTimeout
	config.MaxLingering = f.MaxLingering
	config.MaxWaiting = f.MaxWaiting
	config.AccessLog = f.AccessLog
	config.AccessLogJSON = f.LogFormat == "json"
	config.Quotas = lbserver.Quotas(f.Quotas)
	config.Log = slog.New(handler)
	config.Version = buildVersion()
	return config, nil
}

// buildVersion returns the release's version, or the module's if installed with `go install`.
func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && version == "dev" && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return version
}
