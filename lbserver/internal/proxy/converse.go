package proxy

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/http1"
)

// conversation is how giving a request to a server went.
type conversation uint8

const (
	conversationAnswered conversation = iota
	// conversationStale is a kept connection that the server had closed; the request may be sent once more.
	conversationStale
	conversationFailed
)

// converse sends the request and reads the response's head.
func (x *exchange) converse() conversation {
	if x.out == nil {
		_ = x.render() // again, without a body: nothing in it can fail
	}
	x.server.WriteWithin(x.proxy.responseTimeout, x.now())
	_, err := x.server.Send(x.out)
	if err == nil && !x.requestBody.ended {
		x.startUpload()
	}
	if x.requestBody.framing == http1.FramingNone {
		x.releaseOut() // while the server thinks others use it
	}
	// A server may answer and close without reading everything: what it said counts, even where writing failed.
	x.writeBroken = err != nil
	return x.readResponse()
}

// readResponse reads up to the final response's head, and passes interim ones on.
func (x *exchange) readResponse() conversation {
	x.input.start, x.input.end = 0, 0
	x.response.Reset()
	heard, interim := false, 0
	since := x.now()
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
			if interim++; interim > maxInterim {
				return x.failServer(502, fmt.Sprintf("the server sent more than %d interim responses", maxInterim))
			}
			if !x.passInterim(n) {
				return x.fail(0, x.failure)
			}
			x.response.Reset()
			since = x.now()
		}
	}
}

// awaitServer waits for bytes of a response head, for which the server's time runs since a moment: it may not make it longer by
// sending little at a time. While the client still sends its body the time does not run; it does while the client waits for 100.
func (x *exchange) awaitServer(since time.Time) error {
	for {
		now := x.now()
		x.server.ReadWithin(max(x.proxy.responseTimeout-now.Sub(since), time.Millisecond), now)
		err := x.server.Await()
		if err == nil {
			if x.input.bytes == nil {
				x.input.bytes = x.proxy.buffers.get(mediumBuffer)
			}
			err = x.input.fill(x.server)
		}
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || x.upload.endedBefore(x.now().Add(-x.proxy.responseTimeout)) {
			return err
		}
		since = x.now()
	}
}

// judgeSilence decides what a server's connection that ended before the response's head did means.
func (x *exchange) judgeSilence(err error, heard bool) conversation {
	switch x.upload.state.Load() {
	case uploadClientGone:
		return x.fail(0, "the client went away before the end of its request")
	case uploadClientSlow:
		return x.fail(408, fmt.Sprintf("the client sent nothing of its request body for %s", x.settings.idleTimeout))
	case uploadClientInvalid:
		return x.fail(statusOf(x.upload.err), x.upload.err.Error())
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return x.failServer(504, fmt.Sprintf("the server did not answer within %s", x.proxy.responseTimeout))
	case heard:
		return x.failServer(502, "the server closed the connection within the head of its response")
	case x.server.Reused() && x.repeatable():
		return conversationStale
	default:
		return x.failServer(502, "the server closed the connection before it answered")
	}
}

// statusOf is what to answer to a request that breaks a rule of HTTP.
func statusOf(err error) int {
	if broken, ok := errors.AsType[*http1.Error](err); ok {
		return broken.Status
	}
	return 400
}

// fail ends a conversation that the client has spoiled.
func (x *exchange) fail(status int, reason string) conversation {
	x.failureStatus, x.failure = status, reason
	return conversationFailed
}

// failServer ends a conversation that the server has spoiled.
func (x *exchange) failServer(status int, reason string) conversation {
	x.endpoint.Counters.ResponseErrors.Add(1)
	return x.fail(status, reason)
}

// passInterim gives a 1xx response to the client, unless that speaks HTTP/1.0 and does not know them (RFC 9110, 15.2).
func (x *exchange) passInterim(n int) bool {
	head := x.input.unread()[:n]
	defer x.input.use(n)
	if x.response.Status == 100 {
		x.continued = true
		if x.upload.started() {
			x.upload.let(x.now())
		}
	}
	if x.request.Version10 {
		return true
	}
	// x.out is still wanted where the request has to be sent again, which an interim response rules out.
	x.out = x.response.AppendTo(x.emptyOut(), head, &http1.ResponseRewrite{CookieName: x.eligible.CookieName, KeepAlive: true})
	return x.writeClient(x.out)
}

// deliver gives the server's final response to the client and reports whether the client's connection may carry another
// request.
func (x *exchange) deliver() (keep bool) {
	head := x.input.unread()
	framing := x.response.Framing(x.request.Method)
	if x.response.Status == 101 {
		x.joinUpload()
		if !x.response.Takes(head, &x.request, x.head) || !x.bodySent() {
			x.failServer(502, "the server changed to another protocol that the request had not asked for")
			return x.answerFailed()
		}
		return x.tunnel()
	}
	x.responseBody = newBody(framing, x.response.ContentLength())
	x.responseBody.plain = x.request.Version10
	stripped := x.request.Version10 && framing == http1.FramingChunked
	keep = x.request.KeepAlive() && !x.draining() && framing != http1.FramingUntilClose && !stripped && !x.early
	x.linger = !keep && (x.request.KeepAlive() || x.early)
	x.renderResponse(head, keep)
	if !x.sendResponse(keep) {
		return false
	}
	x.complete = true
	x.joinUpload()
	if !x.early && x.bodySent() && x.serverReusable(framing) {
		x.keepServer()
	}
	return keep
}

// serverReusable tells whether a server that answered a whole request may be given another on the same connection: it has
// surely read all of the one, and said nothing but the answer. A body that it left there would be the start of the next
// request. One that answers to an expectation by anything but 100 may do so, since not every client holds the body back
// (RFC 9110, 10.1.1: it need not read it, or say whether it will), one whose body means nothing (9.3.1), and one that
// answered early.
func (x *exchange) serverReusable(framing http1.Framing) bool {
	unread := x.writeBroken || x.request.Expects && !x.continued ||
		x.request.Framing != http1.FramingNone && x.request.Method.ContentUndefined()
	return !unread && framing != http1.FramingUntilClose && x.response.KeepAlive() && x.input.empty()
}

// renderResponse puts the response's head as the client gets it into out.
func (x *exchange) renderResponse(head []byte, keep bool) {
	rewrite := http1.ResponseRewrite{
		CookieName: x.eligible.CookieName,
		SetCookie:  x.setCookie(),
		Method:     x.request.Method,
		Version10:  x.request.Version10,
		KeepAlive:  keep,
	}
	x.out = x.response.AppendTo(x.emptyOut(), head, &rewrite)
	x.input.use(x.response.Length())
	x.status = x.response.Status
}

// sendResponse writes the head with what of the body is there, then the rest of the body as it comes.
func (x *exchange) sendResponse(keep bool) bool {
	var err error
	x.out, err = x.responseBody.appendAvailable(x.out, &x.input)
	if keep && err == nil && x.responseBody.ended {
		return x.sendClient(x.out)
	}
	if !x.writeClient(x.out) {
		return false
	}
	if err != nil {
		return x.cutShort(err)
	}
	if x.responseBody.ended {
		return true
	}
	if x.responseBody.framing != http1.FramingLength || x.responseBody.remaining > mediumBuffer {
		x.input.resize(&x.proxy.buffers, largeBuffer)
	}
	for !x.responseBody.ended {
		if err := x.readBody(); err != nil {
			return x.cutShort(err)
		}
		for before := -1; !x.input.empty() && before != len(x.input.unread()) && !x.responseBody.ended; {
			before = len(x.input.unread())
			piece, err := x.responseBody.next(&x.input)
			if !x.writeClient(piece) {
				return false
			}
			if err != nil {
				return x.cutShort(err)
			}
		}
	}
	return true
}

// readBody reads more of the response's body. The end of the connection ends a body until close.
func (x *exchange) readBody() error {
	x.input.compact()
	x.server.ReadWithin(x.proxy.responseTimeout, x.now())
	err := x.input.fill(x.server)
	if ended(err) && x.responseBody.framing == http1.FramingUntilClose {
		x.responseBody.ended = true
		return nil
	}
	return err
}

// cutShort ends a response whose rest can't be had. The client must not take it for whole: a body until close ends by a
// reset, the others by a close before their end.
func (x *exchange) cutShort(err error) bool {
	x.endpoint.Counters.ResponseErrors.Add(1)
	x.failure = "the server's response broke off: " + err.Error()
	x.linger = false
	x.breakOff()
	return false
}

// breakOff sees to it that a client whose response ends by the end of its connection does not take what it got for the whole.
func (x *exchange) breakOff() {
	if x.responseBody.framing == http1.FramingUntilClose || x.responseBody.plain {
		x.linger = false
		x.c.stream.Abort()
	}
}
