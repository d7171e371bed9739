package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/signature"
)

// maxResponseBytes bounds what is read of an answer. The longest honest one, a page of 100 server groups of 100 servers,
// is under 4 MiB.
const maxResponseBytes = 8 << 20

// request is one call before it is sent.
type request struct {
	operation string // for errors and logs, such as `create listener "web"`
	method    string
	path      string
	query     url.Values
	body      any // nil for none
}

// do makes one call, with all its attempts, and returns its result. Every error is a *CallError.
func do[R any](ctx context.Context, c *Client, r request) (R, error) {
	call := &call[R]{client: c, request: r, nonce: newNonce()}
	call.url = c.endpoint.String() + r.path
	if len(r.query) > 0 {
		call.url += "?" + r.query.Encode()
	}
	if err := call.send(ctx); err != nil {
		var none R
		return none, call.failed(err)
	}
	return call.result, nil
}

// call is one call under way. Its attempts share one nonce, by which the server knows a resend and does nothing twice.
type call[R any] struct {
	client *Client
	request
	url   string
	body  []byte
	nonce string

	attempt    int
	started    time.Time // of this attempt
	answeredAt time.Time // the server's clock in the last answer, zero if it gave none
	last       error     // why the last attempt failed
	result     R
}

func (c *call[R]) send(ctx context.Context) error {
	req, err := c.newRequest(ctx)
	if err != nil {
		return err
	}
	sender := retryablehttp.Client{
		HTTPClient:   c.client.http,
		RetryMax:     c.client.config.MaxRetries,
		RetryWaitMin: c.client.config.FirstWait,
		RetryWaitMax: c.client.config.LastWait,
		CheckRetry:   c.checkRetry,
		Backoff:      retryablehttp.DefaultBackoff, // Retry-After of a 429 or 503, else doubling
		PrepareRetry: c.sign,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	req.SetResponseHandler(c.handle)
	_, err = sender.Do(req) //nolint:bodyclose // handle reads and closes every body
	if err != nil && !errors.Is(err, ctx.Err()) {
		return err
	}
	// Either handle found the answer final, good or bad, or time ran out: then the reason is the failure before that.
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
	req, err := retryablehttp.NewRequestWithContext(ctx, c.method, c.url, content)
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

// sign dates and signs an attempt. The transport may still be reading an earlier attempt's URL and headers, so they are
// copied first.
func (c *call[R]) sign(req *http.Request) error {
	c.attempt++
	c.started = time.Now()
	target := *req.URL
	req.URL, req.Header = &target, req.Header.Clone()
	scope := signature.Scope{Region: c.client.config.Region, Service: lbapi.ServiceLoadBalancer}
	signature.Sign(req, c.body, c.client.credentials, scope, c.client.config.Now(), c.nonce)
	return nil
}

// checkRetry is asked after every attempt: with the error of the exchange, or with that of handle.
func (c *call[R]) checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if err == nil {
		return false, nil // handle is next, or has found the answer final
	}
	if resp == nil { // no answer: handle will not log it
		c.log(ctx, nil, err)
		if ctx.Err() == nil || c.last == nil {
			c.last = err
		}
	}
	if ctx.Err() != nil {
		return false, err
	}
	return repeatable(err), nil
}

// handle reads an answer. It returns only errors after which another attempt may help; a final one it keeps in last.
func (c *call[R]) handle(resp *http.Response) error {
	c.last = nil
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		c.answeredAt = at
	}
	err := c.read(resp)
	c.last = err
	c.log(resp.Request.Context(), resp, err)
	if err != nil && repeatable(err) {
		return err
	}
	return nil
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

func (c *call[R]) failed(err error) *CallError {
	failure := &CallError{
		Operation: c.operation, Method: c.method, URL: c.url, Attempts: c.attempt, Err: cause(err),
	}
	failure.Advice = c.client.advice(failure.Err, c.answeredAt)
	return failure
}

// notAPI describes an answer that is not the API's.
func notAPI(resp *http.Response, body []byte) *NotAPIError {
	what := "something without a content type"
	if contentType := resp.Header.Get("Content-Type"); contentType != "" {
		what = contentType
	}
	tlsPort := resp.StatusCode == http.StatusBadRequest && // the words of Go's server and of nginx
		(bytes.Contains(body, []byte("HTTP request to an HTTPS server")) ||
			bytes.Contains(body, []byte("plain HTTP request was sent to HTTPS port")))
	return &NotAPIError{StatusCode: resp.StatusCode, What: what, TLSPort: tlsPort}
}
