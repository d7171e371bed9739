package client

import (
	"context"
	"io"
	"net"
	"net/http"

	"github.com/hashicorp/go-cleanhttp"
)

// keptConnections is how many idle connections are kept: as many as Terraform has calls under way, 10 by default and -parallelism
// at the most. The pool's own number is one for each processor and one more; all others would be dialed for each call.
const keptConnections = 64

// transport lets an attempt to change something run to its end once it has a connection, even when its context is canceled
// meanwhile: the server carries the change out anyway, and without the answer nobody would know the id of what it made. The
// deadline of the context and the request timeout still bound the attempt, and reads end at once.
type transport struct{ *http.Transport }

func newTransport() transport {
	pool := cleanhttp.DefaultPooledTransport()
	pool.DisableCompression = true // an answer is as long as it says, and every header sent is signed
	pool.MaxIdleConns, pool.MaxIdleConnsPerHost = keptConnections, keptConnections
	pool.DialContext = cancelable(pool.DialContext)
	return transport{pool}
}

// attemptContext is the key under which a detached context holds the one it was made from.
type attemptContext struct{}

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	attempt := req.Context()
	if req.Method == http.MethodGet || attempt.Err() != nil {
		return t.Transport.RoundTrip(req)
	}
	ctx, cancel := detached(attempt)
	resp, err := t.Transport.RoundTrip(req.WithContext(context.WithValue(ctx, attemptContext{}, attempt)))
	if err != nil {
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

// cancelable makes the dialing for a detached attempt end with the attempt's own context: nothing has been sent yet. To
// cancel the attempt instead would leave a moment in which it is sent all the same.
func cancelable(dial dialContext) dialContext {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		attempt, ok := ctx.Value(attemptContext{}).(context.Context)
		if !ok {
			return dial(ctx, network, address)
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stop := context.AfterFunc(attempt, cancel) //nolint:contextcheck // both contexts end the dialing, on purpose
		defer stop()
		conn, err := dial(ctx, network, address)
		if err != nil && attempt.Err() != nil {
			return nil, attempt.Err() // the dialer would call a deadline a cancellation
		}
		return conn, err
	}
}

type dialContext = func(ctx context.Context, network, address string) (net.Conn, error)

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
