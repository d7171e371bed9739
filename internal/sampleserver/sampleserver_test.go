package sampleserver_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/alb-project/terraform-provider-alb/internal/sampleserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, name string) *sampleserver.Server {
	t.Helper()
	server, err := sampleserver.Start(t.Context(), name, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// send makes one request on a new connection and returns the response with its body read.
func send(t *testing.T, method, url, body string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	request.Header.Set("X-Colour", "blue")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(content)
}

func TestServerSaysWhichOneAnswered(t *testing.T) {
	server := start(t, "red")
	response, body := send(t, http.MethodGet, "http://"+server.Address()+"/any/path", "")
	if body != "red\n" || response.Header.Get(sampleserver.NameHeader) != "red" {
		t.Errorf("got body %q and header %q, want red in both", body, response.Header.Get(sampleserver.NameHeader))
	}
	if server.Requests() != 1 {
		t.Errorf("got %d requests counted, want 1", server.Requests())
	}
}

func TestEchoShowsTheRequestAsItArrived(t *testing.T) {
	server := start(t, "red")
	_, body := send(t, http.MethodPut, "http://"+server.Address()+"/echo?a=%20b", "hello")
	var echo sampleserver.Echo
	if err := json.Unmarshal([]byte(body), &echo); err != nil {
		t.Fatalf("echo is not JSON: %v in %q", err, body)
	}
	if echo.Server != "red" || echo.Method != http.MethodPut || echo.Target != "/echo?a=%20b" || echo.Body != "hello" ||
		echo.Host != server.Address() || echo.Headers.Get("X-Colour") != "blue" {
		t.Errorf("echo differs from what was sent: %+v", echo)
	}
}

func TestHealthIsWhatItWasToldToBe(t *testing.T) {
	server := start(t, "red")
	health := "http://" + server.Address() + "/health"
	steps := []struct {
		method, query string
		want          int
	}{
		{http.MethodGet, "", 200},
		{http.MethodPost, "?status=503", 204},
		{http.MethodGet, "", 503},
		{http.MethodPost, "?status=broken", 400},
		{http.MethodGet, "", 503},
		{http.MethodPost, "?status=200", 204},
		{http.MethodGet, "", 200},
	}
	for _, step := range steps {
		if response, _ := send(t, step.method, health+step.query, ""); response.StatusCode != step.want {
			t.Fatalf("%s /health%s: got %d, want %d", step.method, step.query, response.StatusCode, step.want)
		}
	}
	if server.Requests() != 0 || server.Checks() != 4 {
		t.Errorf("got %d requests and %d checks, want 0 and 4", server.Requests(), server.Checks())
	}
}

func TestClosedServerFreesItsAddressForAnother(t *testing.T) {
	first := start(t, "red")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := sampleserver.Start(t.Context(), "blue", first.Address())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	waited := make(chan error, 1)
	go func() { waited <- second.Wait(ctx) }()
	if _, body := send(t, http.MethodGet, "http://"+second.Address()+"/slow?for=1ms", ""); body != "blue\n" {
		t.Errorf("got %q, want blue", body)
	}
	stop()
	if err := <-waited; err != nil {
		t.Error(err)
	}
}

func TestSlowRefusesWhatIsNoPause(t *testing.T) {
	server := start(t, "red")
	for _, pause := range []string{"", "soon", "-1s", "2m"} {
		if response, _ := send(t, http.MethodGet, "http://"+server.Address()+"/slow?for="+pause, ""); response.StatusCode != http.StatusBadRequest {
			t.Errorf("for=%s: got %d, want 400", pause, response.StatusCode)
		}
	}
}
