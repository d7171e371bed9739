package health_test

import (
	"bufio"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/health"
)

// pythonServer serves a page by Python's http.server, which logs what it makes of each connection.
const pythonServer = `
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = sys.argv[1]
    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Length', '60000')
        self.end_headers()
        for _ in range(60):
            self.wfile.write(b'x' * 1000)
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
`

func TestChecksLeaveNoErrorInTheLogOfAPythonServer(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("python3 is missing, so no server's log was read: apt-get install python3")
		}
		t.Skip("NOT RUN: python3 is missing, so no server's log was read: apt-get install python3")
	}
	for _, version := range []string{"HTTP/1.0", "HTTP/1.1"} {
		for name, check := range map[string]lbapi.HealthCheck{"http": httpCheck(), "tcp": tcpCheck()} {
			t.Run(version+" "+name, func(t *testing.T) {
				t.Parallel()
				address, stop := startPython(t, python, version)
				f := newFleet(t, health.Options{Speedup: speedup}, check, address)
				f.checked(17)
				f.checker.Close()
				f.requireStatus(lbapi.Healthy, "after 17 checks")
				log := stop()
				// A busy machine may let a TCP check be seen; without the precaution, all are.
				if faults := strings.Count(log, "Traceback"); faults > 4 || faults > 0 && name == "http" {
					t.Errorf("%d of 17 checks are errors to the server:\n%s", faults, log)
				}
			})
		}
	}
}

// startPython starts the server; stop ends it and returns what it logged.
func startPython(t *testing.T, python, version string) (address netip.AddrPort, stop func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	log, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	command := exec.CommandContext(t.Context(), python, "-c", pythonServer, version)
	command.Stderr = log
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Wait() })
	port, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return netip.MustParseAddrPort("127.0.0.1:" + strings.TrimSpace(port)), func() string {
		_ = command.Process.Kill()
		_ = command.Wait()
		logged, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(logged)
	}
}
