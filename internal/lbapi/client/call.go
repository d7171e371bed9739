package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/signature"
)

// maxResponseBytes bounds how much of an answer is read. The longest regular one, a page of 100 server groups of 100
// servers, is under 4 MiB.
const maxResponseBytes = 8 << 20

const (
	// longestWait is the longest Retry-After that a call waits for. If the server asks for more, the call fails at
	// once.
	longestWait = time.Minute
	// settleTimeout bounds the attempts to learn, after a call's time has run out, whether the server carried it out.
	settleTimeout = 5 * time.Second
)

// request is one call before it is sent.
type request struct {
	operation string // for errors and logs, such as `create listener "web"`
	method    string
	path      string
	query     url.Values
	body      any // nil for none
	creates   bool
}

// do makes one call, with all its attempts, and returns its result. Every error is a *CallError.
func do[R any](ctx context.Context, c *Client, r request) (R, error) {
	call := &call[R]{client: c, request: r, nonce: newNonce()}
	call.url = c.endpoint.String() + r.path
	if len(r.query) > 0 {
		call.url += "?" + r.query.Encode()
	}
	err := call.send(ctx)
	if err == nil {
		c.unusable.Store(false)
		return call.result, nil
	}
	failure := call.failed(err, over(ctx))
	if IsUnusable(failure) {
		c.unusable.Store(true)
	}
	var none R
	return none, failure
}

// call is one call in progress. Its attempts share one nonce, by which the server recognizes a repetition and does
// nothing twice.
type call[R any] struct {
	client *Client
	request
	url   string
	body  []byte
	nonce string

	attempt    int
	started    time.Time     // of this attempt
	answeredAt time.Time     // the server's clock in the last answer; zero if it sent no Date
	last       error         // why the last attempt failed
	asked      time.Duration // the pause that the last answer asks for
	connected  bool          // this attempt had a connection, so it may have been sent
	unknown    bool          // a change was sent, and no answer told its outcome
	result     R
}

// send makes all attempts. If time runs out, or the call is canceled, after a change was sent and before its answer
// arrived, send asks a last time: the id of what the server made must not be lost.
func (c *call[R]) send(ctx context.Context) error {
	err := c.try(ctx)
	if err == nil || !c.unknown || !over(ctx) {
		return err
	}
	settle, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(settleTimeout, c.client.config.RequestTimeout))
	defer cancel()
	if settled := c.try(settle); !c.unknown {
		return settled
	}
	return err
}

// over reports whether a context has ended or is about to: an attempt's own context, which has the same deadline, may
// end before it.
func over(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && time.Until(deadline) <= 0
}

func (c *call[R]) try(ctx context.Context) error {
	retries := c.client.config.MaxRetries
	if c.method == http.MethodGet && c.client.unusable.Load() {
		retries = 0 // another call has just retried without success
	}
	req, err := c.newRequest(ctx)
	if err != nil {
		return err
	}
	sender := retryablehttp.Client{
		HTTPClient:   c.client.http,
		RetryMax:     retries,
		RetryWaitMin: c.client.config.FirstWait,
		RetryWaitMax: c.client.config.LastWait,
		CheckRetry:   c.checkRetry,
		Backoff:      retryablehttp.DefaultBackoff, // Retry-After of a 429 or 503, otherwise doubling
		PrepareRetry: c.sign,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	req.SetResponseHandler(c.handle)
	_, err = sender.Do(req) //nolint:bodyclose // handle reads and closes every body
	if err != nil && !errors.Is(err, ctx.Err()) {
		return err
	}
	// Either handle found the answer final, good or bad, or time ran out: then the earlier failure is the reason.
	if err != nil && c.last == nil {
		return err
	}
	return c.last
}

func (c *call[R]) newRequest(ctx context.Context) (*retryablehttp.Request, error) {
	var content any
	if c.request.body != nil {
		body, err := json.Marshal(c.request.body)
		if err != nil {
			return nil, fmt.Errorf("encode the body: %w", err)
		}
		c.body, content = body, body
	}
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { c.connected = true }})
	req, err := retryablehttp.NewRequestWithContext(traced, c.method, c.url, content)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	if c.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.client.config.UserAgent != "" {
		req.Header.Set("User-Agent", c.client.config.UserAgent)
	}
	return req, c.sign(req.Request)
}

// sign sets the date and signs an attempt. The transport may still be reading an earlier attempt's URL and headers, so
// they are copied first.
func (c *call[R]) sign(req *http.Request) error {
	c.attempt++
	c.started, c.connected = time.Now(), false
	target := *req.URL
	req.URL, req.Header = &target, req.Header.Clone()
	scope := signature.Scope{Region: c.client.config.Region, Service: lbapi.ServiceLoadBalancer}
	signature.Sign(req, c.body, c.client.credentials, scope, c.client.config.Now(), c.nonce)
	return nil
}

// checkRetry is called after every attempt, with the error of the exchange or that of handle.
func (c *call[R]) checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if err == nil {
		return false, nil // handle runs next, or has found the answer final
	}
	if resp == nil { // without an answer handle does not run
		c.log(ctx, nil, err)
		c.unknown = c.unknown || c.connected && c.method != http.MethodGet
		if ctx.Err() == nil || c.last == nil {
			c.last = err
		}
	}
	if ctx.Err() != nil {
		return false, err
	}
	return repeatable(err) && mayWait(ctx, c.asked), nil
}

// mayWait reports whether to wait for the pause that the API asks for: it must be at most longestWait, and end before
// the call's deadline.
func mayWait(ctx context.Context, pause time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return pause <= longestWait && (!ok || pause <= time.Until(deadline))
}

// handle reads an answer. It returns an error only if another attempt may help; it keeps a final error in last.
func (c *call[R]) handle(resp *http.Response) error {
	c.last, c.asked = nil, 0
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		c.answeredAt = at
	}
	err := c.read(resp)
	c.last = err
	c.log(resp.Request.Context(), resp, err)
	if err == nil || !repeatable(err) {
		c.unknown = false
		return nil
	}
	// A 429 comes before the request is looked at; after any other answer the change may be in progress.
	if resp.StatusCode != http.StatusTooManyRequests && c.method != http.MethodGet {
		c.unknown = true
	}
	c.asked = retryAfter(resp)
	return err
}

// retryAfter returns the pause that an answer asks for, or 0.
func retryAfter(resp *http.Response) time.Duration {
	if resp.Header.Get("Retry-After") == "" {
		return 0
	}
	pause := retryablehttp.DefaultBackoff(0, 0, 0, resp)
	if pause < 0 { // more seconds than a duration can hold
		return math.MaxInt64
	}
	return pause
}

func (c *call[R]) read(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxResponseBytes+1))
	if closeErr := resp.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if len(body) > maxResponseBytes {
		return &NotAPIError{StatusCode: resp.StatusCode, What: fmt.Sprintf("more than %d MiB", maxResponseBytes>>20)}
	}
	var envelope lbapi.Envelope[R]
	err = json.Unmarshal(body, &envelope)
	if err != nil || envelope.RequestID == "" || (envelope.Error == nil) != (resp.StatusCode == http.StatusOK) {
		return notAPI(resp, body)
	}
	if envelope.Error != nil {
		envelope.Error.RequestID = envelope.RequestID
		envelope.Error.Code = resp.StatusCode
		return envelope.Error
	}
	c.result = envelope.Result
	return nil
}

func (c *call[R]) log(ctx context.Context, resp *http.Response, err error) {
	if c.client.config.Log == nil {
		return
	}
	attempt := Attempt{
		Operation: c.operation, Method: c.method, URL: c.url, Number: c.attempt,
		Duration: time.Since(c.started), Err: cause(err),
	}
	if resp != nil {
		attempt.Status = resp.StatusCode
		attempt.RequestID = resp.Header.Get(lbapi.HeaderRequestID)
	}
	c.client.config.Log(ctx, attempt)
}

func (c *call[R]) failed(err error, over bool) *CallError {
	address, _, _ := strings.Cut(c.url, "?")
	failure := &CallError{
		Operation: c.operation, Method: c.method, URL: address, Attempts: c.attempt, Err: cause(err),
	}
	failure.Advice = c.client.advice(failure.Err, c.answeredAt, over)
	if c.asked > longestWait {
		failure.Advice = fmt.Sprintf("the API asks to be left alone for %s: try again after that", c.asked)
	}
	if c.creates && c.unknown {
		failure.advise("the server may have created it all the same: look for it before you try again")
	}
	return failure
}

// notAPI describes an answer that is not the API's.
func notAPI(resp *http.Response, body []byte) *NotAPIError {
	what := "something without a content type"
	if contentType := resp.Header.Get("Content-Type"); contentType != "" {
		what = contentType
	}
	tlsPort := resp.StatusCode == http.StatusBadRequest && // the messages of Go's server and of nginx
		(bytes.Contains(body, []byte("HTTP request to an HTTPS server")) ||
			bytes.Contains(body, []byte("plain HTTP request was sent to HTTPS port")))
	return &NotAPIError{StatusCode: resp.StatusCode, What: what, TLSPort: tlsPort}
}
