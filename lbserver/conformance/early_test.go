package conformance_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
)

// uploadSize is more than the buffers between a client and a server hold.
const uploadSize = 20 << 20

// wantStatuses are what a client must see that uploads to /413, /401 and /502, and to /503 after GET /leave.
const wantStatuses = "413 401 502 503"

// earlySite is an lbserver in front of a server that answers uploads without reading them, as nginx does:
//
//	/413, /401    answered at once, by a response after which the connection closes; lingers
//	/202          answered at once, and read to the end
//	/502          reset without an answer: lbserver answers
//	/leave        takes the server out of its group: lbserver answers what follows, with 503
//	/browser      a page that makes these requests, and shows their statuses
func earlySite(t *testing.T) site {
	t.Helper()
	api, _ := start(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := build(t, api, 0, registration(listener.Addr().String()))
	early := &earlyServer{leave: func() error { return leave(t.Context(), api, s.group) }, got: make(chan int64, 1)}
	s.got = early.got
	early.listen(t, listener)
	return s
}

// leave takes all servers out of a group.
func leave(ctx context.Context, api *client.Client, groupID string) error {
	group, err := api.ServerGroup(ctx, groupID)
	if err != nil {
		return err
	}
	var ids []string
	for _, each := range group.Servers {
		ids = append(ids, each.ID)
	}
	return api.DeregisterServers(ctx, groupID, ids)
}

type earlyServer struct {
	leave func() error
	got   chan int64 // the length of an upload to /202
}

// listen serves until the test ends.
func (s *earlyServer) listen(t *testing.T, listener net.Listener) {
	t.Helper()
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			accepted, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer accepted.Close()
				s.serve(t, accepted.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() { listener.Close(); serving.Wait() })
}

func (s *earlyServer) serve(t *testing.T, connection *net.TCPConn) {
	connection.SetDeadline(time.Now().Add(patience))
	reader := bufio.NewReader(connection)
	request, err := http.ReadRequest(reader)
	if err != nil {
		return
	}
	status, body := http.StatusOK, ""
	switch request.URL.Path {
	case "/202":
		io.WriteString(connection, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
		n, _ := io.Copy(io.Discard, request.Body) // an error shows in the length
		s.got <- n
		return
	case "/502":
		_ = connection.SetLinger(0)
		return
	case "/413":
		status = http.StatusRequestEntityTooLarge
	case "/401":
		status = http.StatusUnauthorized
	case "/leave":
		if err := s.leave(); err != nil {
			t.Errorf("take the server out: %v", err)
		}
	case "/browser":
		page, err := os.ReadFile(filepath.Join("testdata", "early.html"))
		if err != nil {
			t.Error(err)
		}
		body = string(page)
	}
	fmt.Fprintf(connection, "HTTP/1.1 %d %s\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		status, http.StatusText(status), len(body), body)
	_ = connection.CloseWrite()
	_, _ = io.Copy(io.Discard, reader) // up to the end of the other side, or its reset
}

func TestEarlyAnswersToUploads(t *testing.T) {
	file := filepath.Join(t.TempDir(), "upload")
	if err := os.WriteFile(file, make([]byte, uploadSize), 0o600); err != nil {
		t.Fatal(err)
	}
	curl := func(t *testing.T, url string, arguments ...string) string {
		t.Helper()
		return run(t, program(t, "curl"), append(arguments, "--silent", "--show-error", "--noproxy", "*", "--max-time", "30",
			"--output", os.DevNull, "--write-out", "%{http_code}", url)...)
	}
	uploads := func(t *testing.T, url string, post func(url string) string, leave func(url string)) string {
		t.Helper()
		var statuses []string
		for _, path := range []string{"/413", "/401", "/502"} {
			statuses = append(statuses, post(url+path))
		}
		leave(url + "/leave")
		return strings.Join(append(statuses, post(url+"/503")), " ")
	}
	expect := func(t *testing.T, got string) {
		t.Helper()
		if got = strings.TrimSpace(got); got != wantStatuses {
			t.Errorf("got %s, want %s", got, wantStatuses)
		}
	}
	for name, arguments := range map[string][]string{
		"curl":             {"--data-binary", "@" + file, "--header", "Expect:"},
		"curl that waits":  {"--data-binary", "@" + file, "--header", "Expect: 100-continue"},
		"curl with chunks": {"--data-binary", "@" + file, "--header", "Expect:", "--header", "Transfer-Encoding: chunked"},
		"curl that PUTs":   {"--upload-file", file, "--header", "Expect:"},
	} {
		t.Run(name, func(t *testing.T) {
			post := func(url string) string { return curl(t, url, arguments...) }
			s := earlySite(t)
			if status := post(s.url + "/202"); status != "202" {
				t.Errorf("got %s, want 202", status)
			}
			if n := <-s.got; n != uploadSize && name != "curl that waits" { // which sends nothing after an answer that is not 100
				t.Errorf("a server that answered at once got %d of %d bytes", n, uploadSize)
			}
			expect(t, uploads(t, s.url, post, func(url string) { curl(t, url) }))
		})
	}
	t.Run("Go", func(t *testing.T) {
		browser := &http.Client{Transport: &http.Transport{}}
		defer browser.CloseIdleConnections()
		do := func(method, url string, body []byte) string {
			request, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			response, err := browser.Do(request)
			if err != nil {
				return err.Error()
			}
			defer response.Body.Close()
			_, _ = io.Copy(io.Discard, response.Body) // the status counts
			return fmt.Sprint(response.StatusCode)
		}
		body := make([]byte, uploadSize)
		post := func(url string) string { return do(http.MethodPost, url, body) }
		expect(t, uploads(t, earlySite(t).url, post, func(url string) { do(http.MethodGet, url, nil) }))
	})
	for _, each := range []struct{ name, program, file, way string }{
		{"Node fetch", "node", "early.mjs", "fetch"},
		{"Node http", "node", "early.mjs", "http"},
		{"Python", "python3", "early.py", ""},
		{"Java HttpClient", "java", "Early.java", "client"},
		{"Java HttpURLConnection", "java", "Early.java", "connection"},
	} {
		t.Run(each.name, func(t *testing.T) {
			expect(t, run(t, program(t, each.program), filepath.Join("testdata", each.file), earlySite(t).url, each.way))
		})
	}
	t.Run("Chromium", func(t *testing.T) {
		page := chromium(t, program(t, "chromium"), t.TempDir(), earlySite(t).url+"/browser", "statuses")
		if !strings.Contains(page, ">statuses: "+wantStatuses+"<") {
			t.Errorf("the page is %s", page)
		}
	})
}
