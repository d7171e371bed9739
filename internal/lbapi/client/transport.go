package client

import (
	"context"
	"io"
	"net"
	"net/http"

	"github.com/hashicorp/go-cleanhttp"
)

// keptConnections is how many idle connections are kept: enough for all calls that Terraform makes at once, which are
// 10 by default or the value of -parallelism. The pool's own default is the number of processors plus one; all other
// calls would have to dial.
const keptConnections = 64

// transport lets an attempt to change something finish once it has a connection, even if its context is canceled
// meanwhile: the server carries out the change anyway, and without the answer nobody would know the id of what it made.
// The deadline of the context and the request timeout still bound the attempt. Reads end at once.
type transport struct{ *http.Transport }

func newTransport() transport {
	pool := cleanhttp.DefaultPooledTransport()
	pool.DisableCompression = true // an answer has the announced length, and every header sent is signed
	pool.MaxIdleConns, pool.MaxIdleConnsPerHost = keptConnections, keptConnections
	pool.DialContext = cancelable(pool.DialContext)
	return transport{pool}
}

// attemptContext is the key under which a detached context holds the one it was made from.
type attemptContext struct{}

// RoundTrip sends the request. A change gets a context that ignores cancellation once it is connected.
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

// detached returns a context with the values and the deadline of ctx, but without its cancellation.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithDeadline(context.WithoutCancel(ctx), deadline)
	}
	return context.WithCancel(context.WithoutCancel(ctx))
}

// cancelable makes the dialing for a detached attempt end with the attempt's own context: nothing has been sent yet.
// Canceling the attempt instead would leave a moment in which it is sent anyway.
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
			return nil, attempt.Err() // the dialer would report a deadline as a cancellation
		}
		return conn, err
	}
}

type dialContext = func(ctx context.Context, network, address string) (net.Conn, error)

// detachedBody releases the context of its attempt when it is closed.
type detachedBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b detachedBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}
