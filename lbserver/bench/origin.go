package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/daemon"
)

// serverHeader is the response header in which the origin says on which port it was asked.
const serverHeader = "X-Server"

// nginxServers serve small bodies from memory, and a file of 1 MiB at /large.
type nginxServers struct {
	process   *daemon.Process
	listening []int
}

func (n *nginxServers) ports() []int { return n.listening }
func (n *nginxServers) close() error { return n.process.Stop(stopPatience) }

// startServers starts nginx as origin, on hosts or on 127.0.0.1.
func (e *environment) startServers(ctx context.Context, directory string, hosts ...string) (_ *nginxServers, err error) {
	ports, err := daemon.FreePorts(ctx, serverCount)
	if err != nil {
		return nil, err
	}
	own := filepath.Join(directory, "origin")
	if err := os.MkdirAll(filepath.Join(own, "temporary"), 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(own, "large"), make([]byte, largeBody), 0o600); err != nil {
		return nil, err
	}
	if len(hosts) == 0 {
		hosts = []string{"127.0.0.1"}
	}
	with := settings{Directory: own}
	for _, host := range hosts {
		for _, port := range ports {
			with.Servers = append(with.Servers, fmt.Sprintf("%s:%d", host, port))
		}
	}
	servers := &nginxServers{listening: ports}
	servers.process, err = e.start(ctx, "nginx", "origin.conf", with, "-e", "stderr", "-p", own, "-c")
	if err != nil {
		return nil, err
	}
	for _, port := range ports {
		if err := waitForPort(ctx, servers.process, port); err != nil {
			return nil, errors.Join(err, servers.close())
		}
	}
	return servers, nil
}

// drainingServers read a request to its end before they answer. nginx would write the body to a file for that.
type drainingServers struct {
	servers   []*http.Server
	ended     []chan error
	listening []int
}

func (d *drainingServers) ports() []int { return d.listening }

func startDrainingServers(ctx context.Context) (_ *drainingServers, err error) {
	made := new(drainingServers)
	defer func() {
		if err != nil {
			err = errors.Join(err, made.close())
		}
	}()
	for range serverCount {
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp4", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("starting a server for uploads: %w", err)
		}
		address, err := netip.ParseAddrPort(listener.Addr().String())
		if err != nil {
			return nil, errors.Join(err, listener.Close())
		}
		port := int(address.Port())
		server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
			if _, err := io.Copy(io.Discard, request.Body); err != nil {
				answer.WriteHeader(http.StatusBadRequest)
				return
			}
			answer.Header().Set(serverHeader, fmt.Sprint(port))
			_, _ = io.WriteString(answer, "ok") // the client checks what it received
		})}
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(listener) }()
		made.servers, made.ended, made.listening = append(made.servers, server), append(made.ended, ended), append(made.listening, port)
	}
	return made, nil
}

func (d *drainingServers) close() error {
	var problems []error
	for i, server := range d.servers {
		problems = append(problems, server.Close())
		if err := <-d.ended[i]; !errors.Is(err, http.ErrServerClosed) {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// loopback returns the addresses of ports on 127.0.0.1.
func loopback(ports []int) []netip.AddrPort {
	addresses := make([]netip.AddrPort, len(ports))
	for i, port := range ports {
		addresses[i] = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))
	}
	return addresses
}
