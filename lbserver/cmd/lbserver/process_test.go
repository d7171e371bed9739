package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/daemon"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
	"github.com/alb-project/terraform-provider-alb/internal/sampleserver"
)

// A test binary that finds actAsLBServer in its environment acts as lbserver itself: the tests below start, signal and
// kill real processes.
const actAsLBServer = "TEST_ACT_AS_LBSERVER"

const patience = 20 * time.Second

func TestMain(m *testing.M) {
	if os.Getenv(actAsLBServer) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// process is a running lbserver.
type process struct {
	*daemon.Process
	*client.Client
	t          *testing.T
	directory  string
	operations string
}

var (
	apiInLog        = regexp.MustCompile(`msg="lbserver is up".* api=(\S+) operations=(\S+)`)
	errNotUp        = errors.New("its log does not say that it is up")
	processSequence struct {
		sync.Mutex
		number int
	}
)

// launch starts lbserver on a data directory and waits until it is up, or fails with what it printed.
func launch(t *testing.T, directory string, args ...string) (*process, error) {
	t.Helper()
	processSequence.Lock()
	processSequence.number++
	name := fmt.Sprintf("lbserver-%d", processSequence.number)
	processSequence.Unlock()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	started, err := daemon.Start(t.Context(), daemon.Program{
		Name: name,
		Path: path,
		Args: append([]string{"--api-address", "127.0.0.1:0", "--ops-address", "127.0.0.1:0", "--data-dir", directory}, args...),
		Env:  []string{actAsLBServer + "=1"},
		Log:  filepath.Join(t.TempDir(), name+".log"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = started.Kill() })
	p := &process{Process: started, t: t, directory: directory}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return p, started.WaitReady(ctx, p.connect)
}

func mustLaunch(t *testing.T, directory string, args ...string) *process {
	t.Helper()
	p, err := launch(t, directory, args...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *process) log() string {
	p.t.Helper()
	text, err := p.Log()
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

func (p *process) connect(context.Context) error {
	found := apiInLog.FindStringSubmatch(p.log())
	if found == nil {
		return errNotUp
	}
	p.operations = "http://" + found[2]
	var keys struct {
		AccessKey string `json:"access_key"`
		SecretKey string `json:"secret_key"`
	}
	text, err := os.ReadFile(filepath.Join(p.directory, "credentials.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &keys); err != nil {
		return err
	}
	p.Client, err = client.New(client.Config{
		Endpoint: "http://" + found[1], Region: "local", AccessKey: keys.AccessKey, SecretKey: keys.SecretKey,
		RequestTimeout: patience,
	})
	return err
}

// chain creates a listener on a free port, with a backend service and a server group with one server.
func (p *process) chain(server *sampleserver.Server) (url string) {
	p.t.Helper()
	ctx := p.t.Context()
	loadBalancers, err := p.LoadBalancers(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	loadBalancer := &loadBalancers[0].ID
	address, portText, err := net.SplitHostPort(server.Address())
	if err != nil {
		p.t.Fatal(err)
	}
	serverPort, err := strconv.Atoi(portText)
	if err != nil {
		p.t.Fatal(err)
	}
	ports, err := daemon.FreePorts(ctx, 1)
	if err != nil {
		p.t.Fatal(err)
	}
	group, err := p.CreateServerGroup(ctx, lbapi.CreateServerGroup{
		Name: new("servers"), LoadBalancerID: loadBalancer, Type: new(lbapi.GroupOfAddresses),
	})
	if err == nil {
		err = p.RegisterServers(ctx, group, []lbapi.RegisterServer{{Type: new(lbapi.ServerAddress), Address: &address, Port: &serverPort}})
	}
	var backendService string
	if err == nil {
		backendService, err = p.CreateBackendService(ctx, lbapi.CreateBackendService{
			Name: new("web"), LoadBalancerID: loadBalancer, Protocol: new(lbapi.HTTP), Port: new(80),
			ServerGroupIDs: &[]string{group}, HealthCheck: &lbapi.HealthCheckSpec{Protocol: new(lbapi.TCP)},
		})
	}
	if err == nil {
		_, err = p.CreateListener(ctx, lbapi.CreateListener{
			Name: new("http"), LoadBalancerID: loadBalancer, Protocol: new(lbapi.HTTP), Port: &ports[0],
			BackendServiceID: &backendService,
		})
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return fmt.Sprintf("http://127.0.0.1:%d", ports[0])
}

func webServer(t *testing.T) *sampleserver.Server {
	t.Helper()
	server, err := sampleserver.Start(context.Background(), "a", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

func get(t *testing.T, url string) (status int, body string, err error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := (&http.Client{Transport: transport, Timeout: patience}).Do(request)
	if err != nil {
		return 0, "", err
	}
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), errors.Join(err, response.Body.Close())
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s without success for %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// count returns a number of repetitions from the environment, or short: short runs in every test, CI sets the full
// number.
func count(t *testing.T, variable string, short int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return short
	}
	number, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return number
}

// The test kills lbserver LBSERVER_KILLS times, each time after LBSERVER_KILL_WRITES acknowledged writes by concurrent
// clients of the API.
func TestEveryAcknowledgedWriteSurvivesKill(t *testing.T) {
	t.Parallel()
	kills, writes := count(t, "LBSERVER_KILLS", 2), count(t, "LBSERVER_KILL_WRITES", 100)
	directory := t.TempDir()
	total, groups := 0, map[string]writtenGroup{}
	for life := range kills {
		p := mustLaunch(t, directory, "--quota-server-groups", "1000000")
		p.expect(groups)
		total += p.writeUntilKilled(life, writes, groups)
	}
	mustLaunch(t, directory).expect(groups)
	t.Logf("%d kills, %d acknowledged writes, all there", kills, total)
}

// writtenGroup is a server group that was acknowledged: its name, and the number that its description was last set to.
type writtenGroup struct {
	name   string
	number int
}

// expect checks that every acknowledged write is there. A last write whose acknowledgement was lost may be there or
// not.
func (p *process) expect(groups map[string]writtenGroup) {
	p.t.Helper()
	for id, written := range groups {
		found, err := p.ServerGroup(p.t.Context(), id)
		if err != nil || found.Name != written.name {
			p.t.Fatalf("of %d acknowledged server groups, %s (%s) is lost: %+v, %v", len(groups), id, written.name, found, err)
		}
		if found.Description != strconv.Itoa(written.number) && found.Description != strconv.Itoa(written.number+1) {
			p.t.Fatalf("%s (%s) has description %q, but %d was acknowledged", id, written.name, found.Description, written.number)
		}
	}
}

// writeUntilKilled makes 8 clients create server groups and change each nine times, kills lbserver in the middle of it
// after this many acknowledgements, adds the acknowledged changes to groups and returns how many writes those were.
func (p *process) writeUntilKilled(life, writes int, groups map[string]writtenGroup) int {
	p.t.Helper()
	loadBalancers, err := p.LoadBalancers(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	var (
		clients sync.WaitGroup
		mu      sync.Mutex
		total   int
		enough  = make(chan struct{})
	)
	acknowledge := func(id string, written writtenGroup) {
		mu.Lock()
		defer mu.Unlock()
		groups[id] = written
		if total++; total == writes {
			close(enough)
		}
	}
	for writer := range 8 {
		clients.Go(func() {
			for i := 0; ; i++ {
				written := writtenGroup{name: fmt.Sprintf("g-%d-%d-%d", life, writer, i)}
				id, err := p.CreateServerGroup(p.t.Context(), lbapi.CreateServerGroup{
					Name: &written.name, LoadBalancerID: &loadBalancers[0].ID, Description: new("0"),
				})
				for err == nil && written.number < 9 {
					acknowledge(id, written)
					written.number++
					err = p.PatchServerGroup(p.t.Context(), id, lbapi.PatchServerGroup{Description: new(strconv.Itoa(written.number))})
				}
				if err != nil {
					return // killed
				}
				acknowledge(id, written)
			}
		})
	}
	select {
	case <-enough:
	case <-time.After(time.Duration(writes)*50*time.Millisecond + patience):
		p.t.Errorf("the clients did not get %d acknowledgements", writes)
	}
	if err := p.Kill(); err != nil {
		p.t.Fatal(err)
	}
	clients.Wait()
	return total
}

func TestConfigurationAndTrafficComeBackAfterARestart(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	first := mustLaunch(t, directory)
	url := first.chain(webServer(t))
	if err := first.Stop(patience); err != nil {
		t.Fatal(err)
	}
	if _, _, err := get(t, url); err == nil {
		t.Fatal("the port is still open")
	}
	mustLaunch(t, directory)
	if status, body, err := get(t, url); status != http.StatusOK || err != nil {
		t.Errorf("after the restart: %d %q %v", status, body, err)
	}
}

func TestAPortTakenAtStartUpIsReportedAndTriedAgain(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	first := mustLaunch(t, directory)
	url := first.chain(webServer(t))
	if err := first.Stop(patience); err != nil {
		t.Fatal(err)
	}
	var config net.ListenConfig
	thief, err := config.Listen(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer thief.Close()

	second := mustLaunch(t, directory)
	status, body, err := get(t, second.operations+"/readyz")
	if status != http.StatusServiceUnavailable || err != nil || !strings.Contains(body, "another process, or lbserver's own API or operations address, holds the port") {
		t.Errorf("/readyz while the port is taken: %d %q %v", status, body, err)
	}
	if err := thief.Close(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "lbserver to take its port", func() bool {
		status, _, err := get(t, second.operations+"/readyz")
		return status == http.StatusOK && err == nil
	})
	if status, body, err := get(t, url); status != http.StatusOK || err != nil {
		t.Errorf("traffic: %d %q %v", status, body, err)
	}
}

func TestStartUpErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	held := mustLaunch(t, t.TempDir())
	apiAddress := apiInLog.FindStringSubmatch(held.log())[1]
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		directory string
		args      []string
		want      []string
	}{
		"data directory in use":  {held.directory, nil, []string{"in use by another process", "data directory of its own"}},
		"API port taken":         {t.TempDir(), []string{"--api-address", apiAddress}, []string{"API address", apiAddress, "--api-address"}},
		"public API without TLS": {t.TempDir(), []string{"--api-address", "0.0.0.0:0"}, []string{"not loopback", "--api-insecure"}},
		"half a pair of keys":    {t.TempDir(), []string{"--access-key", "a"}, []string{"secret key"}},
		"data directory a file":  {file, nil, []string{"data directory"}},
		"broken inventory":       {t.TempDir(), []string{"--instances", file}, []string{file}},
		"missing certificate":    {t.TempDir(), []string{"--api-tls-cert", "x.pem", "--api-tls-key", "y.pem"}, []string{"x.pem"}},
		"access log in nowhere":  {t.TempDir(), []string{"--access-log", "/nonexistent/log"}, []string{"access log", "/nonexistent/log"}},
		"unknown flag":           {t.TempDir(), []string{"--frobnicate"}, []string{"--frobnicate", "--help"}},
		"no quota":               {t.TempDir(), []string{"--quota-servers=-1"}, []string{"quota of servers -1", "1 or more"}},
		"region of two":          {t.TempDir(), []string{"--region=a/b"}, []string{`region must be of visible ASCII characters other than "/" and ",", got "a/b"`}},
		"access key of two":      {t.TempDir(), []string{"--access-key=a,b", "--secret-key=s"}, []string{"access key must be of visible ASCII", `got "a,b"`}},
		"negative lingering":     {t.TempDir(), []string{"--max-lingering=-1"}, []string{"lingering connections -1", "0, which closes them at once, or more"}},
		"negative waiting":       {t.TempDir(), []string{"--max-waiting=-1"}, []string{"waiting requests -1", "0, which lets none wait, or more"}},
		"negative drain timeout": {t.TempDir(), []string{"--drain-timeout=-1s"}, []string{"drain timeout -1s", "0, which ends requests in flight at once, or more"}},
		"a proxy of no network":  {t.TempDir(), []string{"--trusted-proxies=10.0.0.0/8,10.0.0.0/33"}, []string{"--trusted-proxies", `"10.0.0.0/33"`}},
		"a proxy by its name":    {t.TempDir(), []string{"--trusted-proxies=localhost"}, []string{"--trusted-proxies", `"localhost"`, "CIDR"}},
		"a server in no network": {t.TempDir(), []string{"--target-cidrs=10.0.0"}, []string{"--target-cidrs", `"10.0.0"`}},
		"no region":              {t.TempDir(), []string{"--region="}, []string{"region is empty"}},
		"environment variable":   {t.TempDir(), []string{"--check-speedup", "0"}, []string{"check speed-up 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := launch(t, test.directory, test.args...)
			if err == nil {
				t.Fatal("lbserver started")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("want %q in: %v", want, err)
				}
			}
		})
	}
}

func TestSIGTERMFinishesRequestsInFlight(t *testing.T) {
	t.Parallel()
	server := webServer(t)
	p := mustLaunch(t, t.TempDir())
	url := p.chain(server)
	type result struct {
		status int
		err    error
	}
	slow := make(chan result, 1)
	go func() {
		status, _, err := get(t, url+"/slow?for=1s")
		slow <- result{status, err}
	}()
	waitFor(t, "the request to reach the server", func() bool { return server.Requests() > 0 })
	if err := p.Stop(patience); err != nil { // fails unless the exit status is 0
		t.Error(err)
	}
	if got := <-slow; got.status != http.StatusOK || got.err != nil {
		t.Errorf("the request in flight ended with %d, %v", got.status, got.err)
	}
}

func TestSIGUSR2RotatesTheKeyOfTheCookies(t *testing.T) {
	t.Parallel()
	p := mustLaunch(t, t.TempDir())
	if err := syscall.Kill(p.PID(), syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the new key", func() bool { return strings.Contains(p.log(), "a new key seals persistence cookies") })
	if err := p.Stop(patience); err != nil {
		t.Error(err)
	}
}

func TestADrainTimeoutOfZeroEndsRequestsAtOnce(t *testing.T) {
	t.Parallel()
	server := webServer(t)
	p := mustLaunch(t, t.TempDir(), "--drain-timeout", "0")
	url := p.chain(server)
	ended := make(chan error, 1)
	go func() {
		_, _, err := get(t, url+"/slow?for=15s")
		ended <- err
	}()
	waitFor(t, "the request to reach the server", func() bool { return server.Requests() > 0 })
	if err := p.Stop(patience); err != nil { // fails unless the exit status is 0
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("the request in flight was finished")
	}
}

func TestASecondSignalStopsAtOnce(t *testing.T) {
	t.Parallel()
	server := webServer(t)
	p := mustLaunch(t, t.TempDir())
	url := p.chain(server)
	go func() { _, _, _ = get(t, url+"/slow?for=15s") }()
	waitFor(t, "the request to reach the server", func() bool { return server.Requests() > 0 })
	for _, says := range []string{"a second signal stops at once", "stopping at once"} {
		// Signals right after the first count as its echo, so the second is sent until it has an effect.
		waitFor(t, says, func() bool {
			if strings.Contains(p.log(), says) {
				return true
			}
			_ = syscall.Kill(p.PID(), syscall.SIGINT)
			time.Sleep(50 * time.Millisecond)
			return strings.Contains(p.log(), says)
		})
	}
	err := p.Stop(patience)
	if err == nil || !strings.Contains(err.Error(), "second signal") {
		t.Errorf("want a failure that names the second signal, got %v", err)
	}
}
