package lbserver

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/signature"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/networks"
)

// Config is the configuration of a Server. Start from DefaultConfig.
type Config struct {
	// APIAddress is where the control API listens, as host:port; port 0 lets the kernel choose.
	APIAddress string
	// OpsAddress is where /healthz, /readyz and /metrics are served, unauthenticated.
	OpsAddress string
	// VIP is the address of the load balancer that a new server starts with.
	VIP netip.Addr
	// DataDir holds the store and, if no keys are given, the generated pair. It is made with mode 0700.
	DataDir string
	// Region is the one region that the API answers for.
	Region string

	// AccessKey and SecretKey sign API calls. With neither, a pair is made at first start and kept in DataDir.
	AccessKey, SecretKey string
	// APITLSCert and APITLSKey are PEM files; with them the API speaks TLS only.
	APITLSCert, APITLSKey string
	// APIInsecure allows an API address that is not loopback without TLS.
	APIInsecure bool

	// AllowedNetworks are the networks in which servers may lie. Link-local addresses are always refused.
	AllowedNetworks []netip.Prefix
	// Inventory is the file that resolves instance ids to addresses; empty for none.
	Inventory string
	// CheckSpeedup divides the intervals of health checks, and their timeouts down to 1 s, for tests; 1 or more.
	CheckSpeedup int
	// TrustedProxies are the networks of proxies and TLS terminators in front of the listeners. What these say of their
	// clients counts: X-Forwarded-Proto, -Port and -Host are kept, and X-Forwarded-For names the client.
	TrustedProxies []netip.Prefix
	// DrainTimeout is how long requests in flight may go on when the server stops, and when their listener is turned off or
	// deleted; 0 ends them at once.
	DrainTimeout time.Duration
	// MaxLingering bounds the connections that were answered before the client had sent its whole request, and are read on, at
	// most for 30 s, so that the client gets the answer. Of the client with most of them the oldest is closed first; 0 closes
	// them at once.
	MaxLingering int
	// MaxWaiting is how many requests of one backend service may wait, up to 3 s each, for a server to accept connections
	// while all refuse them; the others get a 502 at once, and so do all with 0.
	MaxWaiting int
	// AccessLog is "-" for standard output, a file's path, or "off".
	AccessLog string
	// AccessLogJSON writes the access log as JSON objects instead of text.
	AccessLogJSON bool

	Quotas Quotas

	// Now is the clock for the dates of calls, objects and answers, and for the age of stored answers and cookies; nil means
	// time.Now. It is for tests.
	Now func() time.Time
	// Log takes the server's own log; nil discards it.
	Log *slog.Logger
	// Version is shown in the log and the metrics.
	Version string
}

// Quotas bound what one server holds. Source: api.md, "Load balancers".
type Quotas struct {
	LoadBalancers   int
	Listeners       int // on each load balancer
	BackendServices int // on each load balancer
	ServerGroups    int // on each load balancer
	Servers         int // in each server group
}

// DefaultConfig is the configuration of an lbserver without flags, which serves on loopback only.
func DefaultConfig() Config {
	return Config{
		APIAddress:      "127.0.0.1:9080",
		OpsAddress:      "127.0.0.1:9081",
		VIP:             netip.AddrFrom4([4]byte{127, 0, 0, 1}),
		DataDir:         "./lbserver-data",
		Region:          "local",
		AllowedNetworks: DefaultAllowedNetworks(),
		CheckSpeedup:    1,
		DrainTimeout:    30 * time.Second,
		MaxLingering:    1000,
		MaxWaiting:      1000,
		AccessLog:       "off",
		Quotas: Quotas{
			LoadBalancers:   5,
			Listeners:       20,
			BackendServices: 20,
			ServerGroups:    20,
			Servers:         100,
		},
		Log: slog.New(slog.DiscardHandler),
	}
}

// DefaultAllowedNetworks are the private ranges and loopback. Source: api.md, "Server groups".
func DefaultAllowedNetworks() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"),
		netip.MustParsePrefix("172.16.0.0/12"),
		netip.MustParsePrefix("192.168.0.0/16"),
		netip.MustParsePrefix("100.64.0.0/10"),
		netip.MustParsePrefix("127.0.0.0/8"),
		netip.MustParsePrefix("::1/128"),
		netip.MustParsePrefix("fc00::/7"),
	}
}

// plain puts the addresses and networks in their plain form: an IPv4-mapped one is the IPv4 one that it stands for.
func (c *Config) plain() (err error) {
	c.VIP = c.VIP.Unmap()
	if c.AllowedNetworks, err = networks.PlainSet(c.AllowedNetworks); err != nil {
		return fmt.Errorf("networks of servers (--target-cidrs): %w", err)
	}
	if c.TrustedProxies, err = networks.PlainSet(c.TrustedProxies); err != nil {
		return fmt.Errorf("networks of trusted proxies (--trusted-proxies): %w", err)
	}
	return nil
}

// check judges what can be judged before anything is opened.
func (c *Config) check() error {
	api, err := netip.ParseAddrPort(c.APIAddress)
	if err != nil {
		return fmt.Errorf("API address %q: want an IP address and a port, such as 127.0.0.1:9080", c.APIAddress)
	}
	if _, err := netip.ParseAddrPort(c.OpsAddress); err != nil {
		return fmt.Errorf("operations address %q: want an IP address and a port, such as 127.0.0.1:9081", c.OpsAddress)
	}
	if (c.APITLSCert == "") != (c.APITLSKey == "") {
		return errors.New("the API's TLS needs both a certificate and a key; only one is given")
	}
	if !api.Addr().IsLoopback() && c.APITLSCert == "" && !c.APIInsecure {
		return fmt.Errorf("API address %s is not loopback: give a TLS certificate and key (--api-tls-cert, "+
			"--api-tls-key), or accept plain HTTP with --api-insecure", api)
	}
	if (c.AccessKey == "") != (c.SecretKey == "") {
		return errors.New("an access key needs a secret key and the other way round; only one is given")
	}
	if reason := signature.InvalidName(c.AccessKey); reason != "" {
		return fmt.Errorf("the access key %s", reason)
	}
	if !c.VIP.IsValid() {
		return errors.New("the VIP is missing")
	}
	if reason := lbapi.InvalidAddress(c.VIP.String()); reason != "" {
		return fmt.Errorf("the VIP %s", reason)
	}
	if c.Region == "" {
		return errors.New("the region is empty; it is a part of every URL of the API")
	}
	if reason := signature.InvalidName(c.Region); reason != "" {
		return fmt.Errorf("the region %s", reason)
	}
	for kind, quota := range map[string]int{
		"load balancers": c.Quotas.LoadBalancers, "listeners": c.Quotas.Listeners, "servers": c.Quotas.Servers,
		"backend services": c.Quotas.BackendServices, "server groups": c.Quotas.ServerGroups,
	} {
		if quota < 1 {
			return fmt.Errorf("quota of %s %d: want 1 or more; there is no value for unlimited", kind, quota)
		}
	}
	if c.CheckSpeedup < 1 {
		return fmt.Errorf("check speed-up %d: want 1 or more", c.CheckSpeedup)
	}
	if c.DrainTimeout < 0 {
		return fmt.Errorf("drain timeout %s: want 0, which ends requests in flight at once, or more", c.DrainTimeout)
	}
	if c.MaxLingering < 0 {
		return fmt.Errorf("maximum of lingering connections %d: want 0, which closes them at once, or more", c.MaxLingering)
	}
	if c.MaxWaiting < 0 {
		return fmt.Errorf("waiting requests %d: want 0, which lets none wait, or more", c.MaxWaiting)
	}
	return nil
}
