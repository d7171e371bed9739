package client

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
)

// transport lets an attempt to change something run to its end once it has a connection, even when its context is canceled
// meanwhile: the server carries the change out anyway, and without the answer nobody would know the id of what it made. The
// deadline of the context and the request timeout still bound the attempt, and reads end at once.
type transport struct{ *http.Transport }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodGet {
		return t.Transport.RoundTrip(req)
	}
	ctx, cancel := detached(req.Context())
	stop := context.AfterFunc(req.Context(), cancel)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { stop() }})
	resp, err := t.Transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		stop()
		cancel()
		return nil, err
	}
	resp.Body = detachedBody{resp.Body, cancel}
	return resp, nil
}

// detached is a context with the values and the deadline of another one, but without its cancellation.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithDeadline(context.WithoutCancel(ctx), deadline)
	}
	return context.WithCancel(context.WithoutCancel(ctx))
}

// detachedBody frees the context of its attempt when it is closed.
type detachedBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

// Close implements io.Closer.
func (b detachedBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}
