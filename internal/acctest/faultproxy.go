package acctest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/signature"
)

// FaultProxy is a proxy in front of a control API that spoils calls as broken networks, gateways and servers do. Calls
// without a planned fault pass unchanged, including their signature. If the server behind it is away, the proxy cuts
// the connection.
type FaultProxy struct {
	Endpoint string

	upstream  atomic.Pointer[url.URL]
	transport *http.Transport

	mu     sync.Mutex
	faults []*plannedFault // under mu
	calls  []Call          // under mu, in the order in which they ended
}

// Call is one attempt of a call that came through a FaultProxy.
type Call struct {
	Method, Path, Nonce string
	Began               time.Time
	Status              int  // what the server answered; 0 if it was not asked or was away
	Lost                bool // the connection was cut instead of an answer
}

// Fault handles one call in place of the proxy, and spoils it.
type Fault func(*Exchange)

type plannedFault struct {
	on    *regexp.Regexp
	times int
	fault Fault
}

// StartFaultProxy runs a proxy in front of the control API at an endpoint until the test ends.
func StartFaultProxy(t *testing.T, endpoint string) *FaultProxy {
	t.Helper()
	p := &FaultProxy{transport: &http.Transport{DisableCompression: true}}
	if err := p.Forward(endpoint); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(p)
	p.Endpoint = server.URL
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		p.transport.CloseIdleConnections()
	})
	return p
}

// Forward sets the endpoint behind the proxy.
func (p *FaultProxy) Forward(endpoint string) error {
	upstream, err := url.Parse(endpoint)
	if err != nil {
		return fmt.Errorf("the endpoint behind the proxy: %w", err)
	}
	p.upstream.Store(upstream)
	return nil
}

// On plans a fault for the next calls, this many times, whose method and path match an expression, such as `^POST
// .*/listeners/$`. Faults are tried in the order in which they were planned.
func (p *FaultProxy) On(expression string, times int, fault Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, &plannedFault{on: regexp.MustCompile(expression), times: times, fault: fault})
}

// Clear removes all planned faults.
func (p *FaultProxy) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = nil
}

// Calls returns the calls so far whose method and path match an expression.
func (p *FaultProxy) Calls(expression string) []Call {
	wanted := regexp.MustCompile(expression)
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []Call
	for _, call := range p.calls {
		if wanted.MatchString(call.Method + " " + call.Path) {
			found = append(found, call)
		}
	}
	return found
}

func (p *FaultProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	e := &Exchange{
		Request: r, proxy: p, writer: w, body: body,
		call: Call{Method: r.Method, Path: r.URL.Path, Nonce: r.Header.Get(signature.HeaderNonce), Began: time.Now()},
	}
	fault := p.next(r.Method + " " + r.URL.Path)
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.calls = append(p.calls, e.call)
	}()
	fault(e)
}

func (p *FaultProxy) next(call string) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, planned := range p.faults {
		if planned.times > 0 && planned.on.MatchString(call) {
			planned.times--
			return planned.fault
		}
	}
	return Pass
}

// Exchange is the call that a fault handles.
type Exchange struct {
	Request *http.Request

	proxy  *FaultProxy
	writer http.ResponseWriter
	body   []byte
	call   Call
}

// Nonce returns the nonce of the call, which all its attempts share.
func (e *Exchange) Nonce() string { return e.call.Nonce }

// Body returns the body of the call.
func (e *Exchange) Body() []byte { return e.body }

// Answer is the server's complete answer to a call.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Ask sends the call to the server and returns its answer, or nil if the server is away.
func (e *Exchange) Ask() *Answer {
	upstream := e.proxy.upstream.Load()
	target := *e.Request.URL
	target.Scheme, target.Host = upstream.Scheme, upstream.Host
	// The server carries out the call whether or not the client is still there.
	ctx := context.WithoutCancel(e.Request.Context())
	req, err := http.NewRequestWithContext(ctx, e.Request.Method, target.String(), bytes.NewReader(e.body))
	if err != nil {
		return nil
	}
	req.URL, req.Host, req.Header = &target, e.Request.Host, e.Request.Header.Clone()
	resp, err := e.proxy.transport.RoundTrip(req)
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil
	}
	e.call.Status = resp.StatusCode
	return &Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}
}

// Deliver sends the client an answer of the server; for nil, it cuts the connection.
func (e *Exchange) Deliver(answer *Answer) {
	if answer == nil {
		e.Cut()
	}
	maps.Copy(e.writer.Header(), answer.Header)
	e.writer.WriteHeader(answer.Status)
	_, _ = e.writer.Write(answer.Body) // the client may have left
}

// Write sends the client an answer made by the proxy.
func (e *Exchange) Write(status int, contentType, body string) {
	e.writer.Header().Set("Content-Type", contentType)
	e.writer.WriteHeader(status)
	_, _ = io.WriteString(e.writer, body) // the client may have left
}

// Cut closes the client's connection. It does not return.
func (e *Exchange) Cut() {
	e.call.Lost = true
	panic(http.ErrAbortHandler)
}

// Pass is the fault that spoils nothing.
func Pass(e *Exchange) { e.Deliver(e.Ask()) }

// LoseReply lets the server carry out the call, and cuts the connection instead of answering.
func LoseReply(e *Exchange) {
	e.Ask()
	e.Cut()
}

// LoseRequest cuts the connection before the server sees the call.
func LoseRequest(e *Exchange) { e.Cut() }

// CutShort lets the server carry out the call, and cuts the connection in the middle of the answer.
func CutShort(e *Exchange) {
	if answer := e.Ask(); answer != nil {
		e.writer.Header().Set("Content-Length", strconv.Itoa(len(answer.Body)))
		_, _ = e.writer.Write(answer.Body[:len(answer.Body)/2]) // cut either way
	}
	e.Cut()
}

// Refuse answers with an error of the API and asks to come back after retryAfter seconds; the server does not see the
// call.
func Refuse(status lbapi.ErrorStatus, retryAfter int) Fault {
	return func(e *Exchange) {
		e.writer.Header().Set("Retry-After", strconv.Itoa(retryAfter))
		e.Write(status.HTTPStatus(), "application/json", fmt.Sprintf(
			`{"requestId":"refused","error":{"code":%d,"status":%q,"message":"the API is in trouble"}}`, status.HTTPStatus(), status))
	}
}

// HTML answers with a web page, as gateways do; the server does not see the call.
func HTML(status int) Fault {
	return func(e *Exchange) {
		e.Write(status, "text/html; charset=utf-8", "<html><body><h1>Company gateway</h1></body></html>")
	}
}

// Hold lets the server carry out the call and signals held. Once release is closed, end finishes the exchange.
func Hold(held chan<- struct{}, release <-chan struct{}, end func(*Exchange, *Answer)) Fault {
	return func(e *Exchange) {
		answer := e.Ask()
		select {
		case held <- struct{}{}:
		case <-release:
		}
		<-release
		end(e, answer)
	}
}

// Deliver is an end for Hold: the answer arrives.
func Deliver(e *Exchange, answer *Answer) { e.Deliver(answer) }

// Lose is an end for Hold: the answer does not arrive.
func Lose(e *Exchange, _ *Answer) { e.Cut() }
