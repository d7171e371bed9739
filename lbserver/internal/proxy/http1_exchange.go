package proxy

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/engine"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/forward"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/http1"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/persistence"
)

// defaultHeadTimeout is what a client has from the first byte of a request head to its end (product: 408 after 10 s). All
// other waits, on both sides, are bounded by the listener's idle timeout.
const defaultHeadTimeout = 10 * time.Second

// statusClientGone is logged for a request whose client went away before it was sent a status: nginx's number for it.
const statusClientGone = 499

// exchange is one request and its response. It is straight-line code over a session and a connection to a server, holds all
// buffers that a request needs, and is used again for another request, of any session.
type exchange struct {
	exchangeState
	attempt forward.Attempt
	upload  upload
	request http1.Request

	// Memory that is used again:
	forwarded []byte // field lines that tell the server of the client's connection
	scratch   persistence.Scratch
	response  http1.Response
	entry     Entry
}

// exchangeState is what of an exchange is zero at the beginning of each request.
type exchangeState struct {
	proxy    *Proxy
	session  *http1Session
	conn     engine.Conn // the session's
	engine   engine.Engine
	settings *settings
	origin   origin

	// head is the request's head as received. It lies in the session's input until that is needed for the body; then
	// headBuffer is what it lies in.
	head       []byte
	headBuffer []byte
	// out is the request as sent to the server (the head, and those bytes of the body that came with it), then likewise the
	// response; nil for a request without a body that has been sent, which can be made again.
	out         []byte
	requestBody body
	companion   *companion // the last task that ran at the same time as the exchange; nil for none

	writeBroken bool // the server did not take the whole request
	continued   bool // the server has sent 100
	early       bool // the server answered before it was sent the whole request

	input        window // from the server
	responseBody body
	moved        atomic.Int64 // nanoseconds since begun; when a byte of a body last came from a side, or was taken by one

	begun     time.Time // when the head was complete; until then, when its first byte came
	requestID uint64    // 0 for none yet
	status    int       // sent to the client; 0 for none yet
	received  int64
	sent      int64
	// failure says in words what went wrong, failureStatus which status to answer with; 0 or statusClientGone if nobody is
	// left to answer.
	failure       string
	failureStatus int
	complete      bool // the client got a whole response
	linger        bool // the client may still be sending
	malformed     bool // what it sends has no meaning
}

// exchanges is a free list of exchanges.
type exchanges struct{ pool sync.Pool }

func (e *exchanges) get() *exchange {
	if x, ok := e.pool.Get().(*exchange); ok {
		return x
	}
	return new(exchange)
}

func (e *exchanges) put(x *exchange) { e.pool.Put(x) }

// begin prepares an exchange that was reset.
func (x *exchange) begin(p *Proxy, s *http1Session) {
	x.proxy, x.session, x.conn, x.engine = p, s, s.conn, s.engine
	x.settings = s.listener.settings.Load()
	x.origin.client = s.client
	x.request.Reset()
	x.attempt.Begin(p.forwarder, s.engine, s.conn)
	x.begun = x.engine.Now()
}

// run carries the request of which the first bytes are there, and reports whether another may follow.
func (x *exchange) run() (keep bool) {
	keep = x.carry()
	x.finish(x.session.listener.Counters)
	if in := &x.session.input; !keep && x.linger {
		if in.bytes == nil {
			in.bytes = x.proxy.buffers.get(smallBuffer)
		}
		x.conn.Linger(in.bytes, x.lingerLimits())
	}
	return keep
}

// lingerLimits gives a client that is in the middle of a request body more time than one that is not.
func (x *exchange) lingerLimits() engine.LingerLimits {
	if x.head == nil || x.malformed || x.requestBody.ended {
		return engine.LingerShort()
	}
	return engine.LingerLong()
}

// carry reads the request, has it answered and lets go of the server, whose connection may have been kept.
func (x *exchange) carry() (keep bool) {
	counters := x.session.listener.Counters
	if !x.readHead() {
		if x.status != 0 {
			counters.Requests.Add(1)
		}
		return false
	}
	x.findOrigin()
	counters.Requests.Add(1)
	counters.InFlight.Add(1)
	defer counters.InFlight.Add(-1)
	keep = x.forward()
	x.stopUpload()
	x.attempt.Drop()
	return keep
}

// finish counts and logs the request.
func (x *exchange) finish(counters *Counters) {
	counters.BytesReceived.Add(uint64(x.received))
	counters.BytesSent.Add(uint64(x.sent))
	if x.status != 0 {
		counters.countResponse(x.status)
	}
	if !x.complete && x.head != nil {
		counters.Aborted.Add(1)
	}
	if x.attempt.Retries > 0 {
		counters.Retries.Add(uint64(x.attempt.Retries))
	}
	if x.proxy.accessLog != nil {
		x.logAccess()
	}
}

func (x *exchange) logAccess() {
	status := x.status
	if status == 0 && x.failureStatus == statusClientGone {
		status = statusClientGone
	}
	x.entry = Entry{
		Time: x.begun, Duration: x.engine.Now().Sub(x.begun), Shard: x.engine.Shard(), RequestID: x.id(),
		ListenerID: x.session.listener.ID, Client: x.origin.client,
		Status: status, BytesReceived: x.received, BytesSent: x.sent, Retries: x.attempt.Retries, Failure: x.failure,
	}
	if x.head != nil {
		x.entry.Method = x.request.MethodText(x.head)
		x.entry.Target = x.request.Target(x.head)
		x.entry.Host = x.request.Host(x.head)
		x.entry.UserAgent = x.request.Field(x.head, "user-agent")
		x.entry.Version10 = x.request.Version10
	}
	if x.attempt.Eligible != nil {
		x.entry.BackendServiceID = x.attempt.Eligible.Object.ID
	}
	if endpoint := x.attempt.Endpoint; endpoint != nil {
		x.entry.ServerID, x.entry.ServerAddress = endpoint.ID, endpoint.Address
	}
	x.proxy.accessLog.Log(&x.entry)
	x.entry = Entry{} // it refers to buffers
}

// reset gives back what the exchange holds, and forgets the request.
func (x *exchange) reset() {
	pool := &x.proxy.buffers
	if x.headBuffer != nil {
		pool.put(x.headBuffer)
	}
	x.releaseOut()
	x.input.release(pool)
	if x.upload.started() {
		x.upload = upload{}
	}
	x.exchangeState = exchangeState{}
}

// id names the request in error pages and logs, by 16 hexadecimal digits. It is made when it is first needed, which it is
// for few requests.
func (x *exchange) id() uint64 {
	if x.requestID == 0 {
		x.requestID = rand.Uint64() | 1<<63 //nolint:gosec // a name, not a secret
	}
	return x.requestID
}

// forward gives the request to a server and the response to the client, and reports whether the client's connection may
// carry another request.
func (x *exchange) forward() (keep bool) {
	if x.request.ForwardsExhausted() {
		return x.answerExhausted()
	}
	x.attempt.SetService(x.settings.service, x.origin.client.Addr())
	if !x.attempt.HasServers() {
		return x.answer(503, forward.ErrNoServer.Error(), true)
	}
	x.readCookie()
	if err := x.render(); err != nil {
		x.refuse(err)
		return false
	}
	x.attempt.Patience = x.settings.idleTimeout
	x.attempt.Repeatable = x.requestBody.ended && x.request.Method.Idempotent() // RFC 9110, 9.2.2
	for {
		if err := x.attempt.Reach(); err != nil {
			x.failUnreached(err)
			return x.answerFailed()
		}
		switch x.converse() {
		case conversationAnswered:
			return x.deliver()
		case conversationStale:
			x.attempt.Resend()
		default:
			return x.answerFailed()
		}
	}
}

// readCookie makes the attempt prefer the server that one of the client's cookies names.
func (x *exchange) readCookie() {
	name := x.attempt.CookieName()
	if name == "" {
		return
	}
	values := x.request.Cookies(x.head, name)
	for value, ok := values.Next(); ok && !x.attempt.ReadCookie(&x.scratch, value, x.begun); {
		value, ok = values.Next()
	}
}

// failUnreached says why there is no answer from a server.
func (x *exchange) failUnreached(err error) {
	if errors.Is(err, forward.ErrAbandoned) {
		x.failAbandoned()
		return
	}
	x.failureStatus, x.failure = 502, err.Error()
	switch {
	case errors.Is(err, forward.ErrTimeout):
		x.failureStatus = 504
	case errors.Is(err, forward.ErrNoServer):
		x.failureStatus = 503
	}
}

// render makes the request as the server gets it, with those bytes of its body that are there.
func (x *exchange) render() error {
	eligible := x.attempt.Eligible
	x.forwarded = x.appendForwarded(x.forwarded[:0])
	rewrite := http1.RequestRewrite{
		CookieName:    eligible.CookieName,
		ClientAddress: x.session.client.Addr(),
		Forwarded:     x.forwarded,
		KeepForwarded: x.session.trusted,
		ForwardedHost: eligible.Object.ForwardedHost && x.origin.kept&http1.ForwardedHost == 0,
	}
	if x.request.Host(x.head) == nil {
		rewrite.DefaultHost = x.session.localAddress()
	}
	x.out = x.request.AppendTo(x.emptyOut(), x.head, &rewrite)
	var err error
	before := x.out
	x.out, err = x.requestBody.appendAvailable(x.out, &x.session.input)
	x.received += int64(len(x.out) - len(before))
	return err
}

// emptyOut is out for something new.
func (x *exchange) emptyOut() []byte {
	if x.out == nil {
		x.out = x.proxy.buffers.get(mediumBuffer)
	}
	return x.out[:0]
}

func (x *exchange) releaseOut() {
	if x.out != nil {
		x.proxy.buffers.put(x.out)
		x.out = nil
	}
}

// draining reports whether the client's connection is to be closed after this response.
func (x *exchange) draining() bool { return x.session.listener.draining.Load() }
