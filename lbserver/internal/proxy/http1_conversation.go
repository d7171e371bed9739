package proxy

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/http1"
)

// conversation is the result of giving a request to a server.
type conversation uint8

const (
	conversationAnswered conversation = iota
	// conversationStale means that the server had closed a kept connection; the request may be sent once more.
	conversationStale
	conversationFailed
)

// converse sends the request and reads the response's head.
func (x *exchange) converse() conversation {
	if x.out == nil {
		_ = x.render() // again, without a body: nothing in it can fail
	}
	server := x.attempt.Backend
	server.WriteWithin(x.settings.idleTimeout)
	_, err := server.Send(x.out)
	if err == nil && !x.requestBody.ended {
		x.startUpload()
	}
	if x.requestBody.framing == http1.FramingNone {
		x.releaseOut() // while the server thinks, others use it
	}
	// A server may answer and close without reading everything: its answer counts, even if writing failed.
	x.writeBroken = err != nil
	return x.readResponse()
}

// readResponse reads up to the final response's head, and passes interim ones on.
func (x *exchange) readResponse() conversation {
	x.input.start, x.input.end = 0, 0
	x.response.Reset()
	heard, interim := false, 0
	since := x.engine.Now()
	for {
		n, err := x.response.Parse(x.input.unread())
		switch {
		case err != nil:
			return x.failServer(502, fmt.Sprintf("the server's response breaks a rule of HTTP: %v", err))
		case n == 0:
			if x.input.bytes != nil && x.input.full() {
				x.growInput(&x.input)
			}
			if err := x.awaitServer(since); err != nil {
				return x.judgeSilence(err, heard)
			}
			heard, x.early = true, !x.bodySent()
		case !x.response.Interim():
			return conversationAnswered
		default:
			if interim++; interim > http1.MaxInterim {
				return x.failServer(502, fmt.Sprintf("the server sent more than %d interim responses", http1.MaxInterim))
			}
			if !x.passInterim(n) {
				return conversationFailed
			}
			x.response.Reset()
			since = x.engine.Now()
		}
	}
}

// awaitServer waits for bytes of a response head. The server's time for the whole head, the idle timeout, runs since a moment, so
// that it can't get more by sending little at a time. While the client still sends its body the time does not run; it does
// while the client waits for 100.
func (x *exchange) awaitServer(since time.Time) error {
	server := x.attempt.Backend
	for {
		server.ReadWithin(max(x.settings.idleTimeout-x.engine.Now().Sub(since), time.Millisecond))
		err := server.Await()
		if err == nil {
			if x.input.bytes == nil {
				x.input.bytes = x.proxy.buffers.get(mediumBuffer)
			}
			err = x.input.fill(server)
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		switch uploaded := x.lastMoved(); {
		case x.upload.flows():
			since = x.engine.Now()
		case uploaded.After(since):
			since = uploaded
		default:
			return err
		}
	}
}

// judgeSilence decides what a server's connection that ended before the response's head did means.
func (x *exchange) judgeSilence(err error, heard bool) conversation {
	switch {
	case x.failClient():
		return conversationFailed
	case x.upload.state.Load() == uploadServerSlow:
		return x.failServer(504, fmt.Sprintf("the server took nothing of the request body for %s", x.settings.idleTimeout))
	case errors.Is(err, os.ErrDeadlineExceeded):
		return x.failServer(504, fmt.Sprintf("the server did not answer within %s", x.settings.idleTimeout))
	case heard:
		return x.failServer(502, "the server closed the connection within the head of its response")
	case x.attempt.MayResend():
		return conversationStale
	default:
		return x.failServer(502, "the server closed the connection before it answered")
	}
}

// failClient says what the client did to end the conversation, and reports whether it did anything.
func (x *exchange) failClient() bool {
	if x.failAbandoned() {
		return true
	}
	switch x.upload.state.Load() {
	case uploadClientEnded, uploadClientGone:
		x.failureStatus, x.failure = statusClientGone, "the client went away before the end of its request"
	case uploadClientSlow:
		x.failureStatus = 408
		x.failure = fmt.Sprintf("the client sent nothing of its request body for %s", x.settings.idleTimeout)
	case uploadClientInvalid:
		x.failureStatus, x.failure, x.malformed = statusOf(x.upload.err), x.upload.err.Error(), true
	default:
		return false
	}
	return true
}

// fail ends a conversation that the client has spoiled.
func (x *exchange) fail(status int, reason string) conversation {
	x.failureStatus, x.failure = status, reason
	return conversationFailed
}

// failServer ends a conversation that the server has spoiled.
func (x *exchange) failServer(status int, reason string) conversation {
	x.attempt.Fault()
	return x.fail(status, reason)
}

// passInterim gives a 1xx response to the client, unless that speaks HTTP/1.0 and does not know them (RFC 9110, 15.2).
func (x *exchange) passInterim(n int) bool {
	head := x.input.unread()[:n]
	defer x.input.use(n)
	if x.response.Status == 100 {
		x.continued = true
		if x.upload.started() {
			x.move() // the client's time begins
			x.upload.let.Store(true)
		}
	}
	if x.request.Version10 {
		return true
	}
	// x.out held the request in case it has to be sent again, which an interim response rules out.
	x.out = x.response.AppendTo(x.emptyOut(), head, &http1.ResponseRewrite{CookieName: x.attempt.Eligible.CookieName, KeepAlive: true})
	return x.writeClient(x.out)
}
