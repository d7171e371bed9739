package proxy

import (
	"fmt"
	"net/netip"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/http1"
)

// deliver gives the server's final response to the client and reports whether the client's connection may carry another
// request.
func (x *exchange) deliver() (keep bool) {
	head := x.input.unread()
	framing := x.response.Framing(x.request.Method)
	if x.response.Status == 101 {
		x.stopUpload()
		if !x.response.Takes(head, &x.request, x.head) || !x.bodySent() {
			x.failServer(502, "the server changed to another protocol that the request had not asked for")
			return x.answerFailed()
		}
		return x.tunnel()
	}
	x.responseBody = newBody(framing, x.response.ContentLength())
	x.responseBody.plain = x.request.Version10
	x.responseBody.chunked.Forgiving = true
	stripped := x.request.Version10 && framing == http1.FramingChunked
	ends := !x.request.KeepAlive() || x.draining() || framing == http1.FramingUntilClose || stripped
	keep = !ends && !x.early
	says := keep || !ends && x.mayGoOn()
	x.renderResponse(head, says)
	var err error
	if x.out, err = x.responseBody.appendAvailable(x.out, &x.input); err != nil {
		x.failServer(502, fmt.Sprintf("the server's response breaks a rule of HTTP: %v", err))
		return x.answerFailed()
	}
	x.countCookie()
	x.upload.answered(answerBegun)
	if !x.sendResponse(keep) {
		return false
	}
	x.complete = true
	x.leaveServer(framing, says)
	x.linger = !keep && (x.request.KeepAlive() || !x.requestBody.ended)
	return keep
}

// leaveServer ends the use of the server's connection after the whole response: with the end of an upload that was answered
// early, or else for another request, if it may have one.
func (x *exchange) leaveServer(framing http1.Framing, mayGoOn bool) {
	if x.early {
		x.finishUpload(mayGoOn)
		return
	}
	x.joinUpload()
	if x.serverReusable(framing) {
		x.attempt.Keep(x.response.Bodiless(x.request.Method))
	} else {
		x.attempt.Discard()
	}
}

// mayGoOn reports whether a client that is answered early is not told that its connection will close, since clients such as curl
// stop sending if they are: if it has something left to send, and the server doesn't say so either. The connection closes even
// so, when the upload has ended: a proxy in front of us that sees no body where we do (0.CL) would send the next client's
// request, of which we took the beginning for the body.
func (x *exchange) mayGoOn() bool { return x.response.KeepAlive() && x.upload.flows() }

// serverReusable reports whether a server that answered a whole request may get another on the same connection: it must have
// read all of the first, and sent nothing but the answer. A body that it left unread would be the start of the next request.
// A server may leave one that answers to an expectation by anything but 100, since not every client holds the body back
// (RFC 9110, 10.1.1: it need not read it, or say whether it will), one that ignores a body without a meaning (9.3.1), and
// one that answered early.
func (x *exchange) serverReusable(framing http1.Framing) bool {
	unread := x.writeBroken || x.request.Expects && !x.continued ||
		x.request.Framing != http1.FramingNone && x.request.Method.ContentUndefined()
	return !unread && framing != http1.FramingUntilClose && x.response.KeepAlive() && x.input.empty()
}

// countCookie counts the client's cookie and session, once the server's answer is about to be sent to it.
func (x *exchange) countCookie() {
	if x.attempt.CountCookie() {
		// The port is the connection's even so: it distinguishes the clients behind one address.
		client := netip.AddrPortFrom(x.origin.client.Addr(), x.session.client.Port())
		x.attempt.CountSession(client, x.request.Field(x.head, "x-forwarded-for"))
	}
}

// renderResponse puts the response's head as the client gets it into out.
func (x *exchange) renderResponse(head []byte, keep bool) {
	rewrite := http1.ResponseRewrite{
		CookieName: x.attempt.Eligible.CookieName,
		SetCookie:  x.attempt.SetCookie(x.origin.https),
		Method:     x.request.Method,
		Version10:  x.request.Version10,
		KeepAlive:  keep,
	}
	x.out = x.response.AppendTo(x.emptyOut(), head, &rewrite)
	x.input.use(x.response.Length())
	x.status = x.response.Status
}

// sendResponse writes out, the head with those bytes of the body that are there, then the rest of the body as it comes.
func (x *exchange) sendResponse(keep bool) bool {
	if keep && x.responseBody.ended {
		return x.sendClient(x.out)
	}
	if !x.writeClient(x.out) {
		return false
	}
	if x.responseBody.ended {
		return true
	}
	if x.responseBody.framing != http1.FramingLength || x.responseBody.remaining > mediumBuffer {
		x.input.resize(&x.proxy.buffers, largeBuffer)
	}
	x.move() // the time of both sides begins
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
	err := x.fill(&x.input, x.attempt.Backend)
	if ended(err) && x.responseBody.framing == http1.FramingUntilClose {
		x.responseBody.ended = true
		return nil
	}
	return err
}

// cutShort ends a response whose server broke off. The client must not take it for whole: a body until close ends by a reset,
// the others by a close before their end.
func (x *exchange) cutShort(err error) bool {
	if !x.failClient() {
		x.attempt.Fault()
		x.failure = "the server's response broke off: " + err.Error()
	}
	x.breakOff()
	return false
}

// breakOff resets the connection of a client whose response ends with the connection, so that the client does not take what it
// got for the whole.
func (x *exchange) breakOff() {
	if x.responseBody.framing == http1.FramingUntilClose || x.responseBody.plain {
		x.conn.Abort()
	}
}
