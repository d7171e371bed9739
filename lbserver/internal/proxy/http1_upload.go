package proxy

import (
	"errors"
	"os"
	"sync/atomic"
	"time"
)

// How far an upload is, or how it ended.
const (
	uploadNone int32 = iota
	uploadRunning
	uploadLast          // the last bytes are being written
	uploadDone          // the whole body has been sent to the server
	uploadServerGone    // the server closed or reset its connection; it may have answered
	uploadServerSlow    // the server took nothing for the idle timeout
	uploadClientEnded   // the client ended its side before the end of the body
	uploadClientGone    // the client's connection broke
	uploadClientSlow    // the client sent nothing for the idle timeout
	uploadClientInvalid // the client broke the chunked coding
	uploadStopped       // the exchange needs no more of the body
)

// How far the answer to an upload is.
const (
	answerNone int32 = iota
	answerBegun
	answerSent
)

// lastPieceTime is what the last piece of a body gets to be taken by a server that has answered, before the answer counts as an
// early one: the server may have read the piece before the task that wrote it has noted that.
const lastPieceTime = 50 * time.Millisecond

// upload is the rest of a request body on its way to the server, while the response is on its way back. As long as it runs it
// owns the session's input, the reading side of the client's connection, the writing side of the server's, and the
// exchange's requestBody.
type upload struct {
	task     *companion // nil if there is none
	state    atomic.Int32
	answer   atomic.Int32
	stop     atomic.Bool
	let      atomic.Bool // the client may send, or does so: it does not wait for 100
	received int64       // for the exchange, after wait
	err      error       // of uploadClientInvalid, for the exchange after it has seen that state
}

func (u *upload) started() bool { return u.task != nil }

// running reports whether the upload has not ended.
func (u *upload) running() bool {
	state := u.state.Load()
	return state == uploadRunning || state == uploadLast
}

// flows reports whether the client still has something to send, and may.
func (u *upload) flows() bool { return u.state.Load() == uploadRunning && u.let.Load() }

// answered notes how far the answer is.
func (u *upload) answered(answer int32) {
	if u.started() {
		u.answer.Store(answer)
	}
}

// keepHead gives the session's input another buffer, of at least that size, and keeps the one in which the head lies, so that
// the head stays readable while more is read.
func (x *exchange) keepHead(size int) {
	if x.headBuffer != nil {
		return
	}
	in := &x.session.input
	next := x.proxy.buffers.get(max(size, len(in.unread())))
	n := copy(next, in.unread())
	x.headBuffer = in.bytes
	*in = window{bytes: next, end: n}
}

// startUpload lets the rest of the body flow.
func (x *exchange) startUpload() {
	x.keepHead(smallBuffer) // a client that sends little at a time holds no more
	x.upload.let.Store(!x.request.ExpectContinue || x.received > int64(len(x.head)))
	x.move()
	x.upload.state.Store(uploadRunning)
	x.upload.task = x.accompany(x.uploadBody)
}

// uploadBody runs at the same time as the rest of the exchange.
func (x *exchange) uploadBody() {
	state := x.copyRequestBody()
	x.upload.state.Store(state)
	switch answer := x.upload.answer.Load(); {
	case answer == answerSent:
		_ = x.attempt.Backend.Close() // wakes the exchange, which waits for nothing else
	case state == uploadClientEnded && answer == answerBegun:
		_ = x.attempt.Backend.CloseWrite() // the client may read the answer to its end (RFC 9112, 9.5)
	case state >= uploadServerSlow && state != uploadStopped:
		_ = x.attempt.Backend.Close() // it is of no use any more, and closing it wakes the exchange
	}
}

func (x *exchange) copyRequestBody() int32 {
	in, server := &x.session.input, x.attempt.Backend
	for {
		before := len(in.unread())
		piece, err := x.requestBody.next(in)
		if err != nil {
			x.upload.err = err
			return uploadClientInvalid
		}
		x.upload.received += int64(before - len(in.unread()))
		if x.requestBody.ended {
			x.upload.state.Store(uploadLast)
		}
		if len(piece) > 0 {
			switch _, err := x.pass(server, piece); {
			case errors.Is(err, os.ErrDeadlineExceeded):
				return uploadServerSlow
			case err != nil:
				return uploadServerGone
			}
		}
		if x.requestBody.ended {
			return uploadDone
		}
		if before > len(in.unread()) {
			continue
		}
		if state := x.readRequestBody(in); state != uploadRunning {
			return state
		}
	}
}

func (x *exchange) readRequestBody(in *window) int32 {
	in.compact()
	for wait := x.settings.idleTimeout; ; {
		x.conn.ReadWithin(wait)
		// stopUpload sets stop, then interrupts reading: either the flag is seen here, or the deadline set above is overruled.
		if x.upload.stop.Load() {
			return uploadStopped
		}
		err := in.fill(x.conn)
		switch {
		case err == nil:
			x.move()
			x.upload.let.Store(true)
			if in.full() && len(in.bytes) < largeBuffer {
				in.resize(&x.proxy.buffers, largeBuffer)
			}
			return uploadRunning
		case x.upload.stop.Load():
			return uploadStopped
		case ended(err):
			return uploadClientEnded
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return uploadClientGone
		case !x.upload.let.Load(): // the server's time runs
		case x.idleLeft() <= 0:
			return uploadClientSlow
		default:
			wait = x.idleLeft()
		}
	}
}

// bodySent reports whether the whole request body has been read from the client, and sent to the server.
func (x *exchange) bodySent() bool {
	if !x.upload.started() {
		return x.requestBody.ended
	}
	if x.upload.state.Load() == uploadLast {
		x.upload.task.WaitFor(lastPieceTime)
	}
	return x.upload.state.Load() == uploadDone
}

// finishUpload lets an upload go on that was answered early. It ends with the body, or when the server ends its side, which its
// answer alone does not mean, or when neither side moves. A client that may not go on hears at once that it gets nothing more.
func (x *exchange) finishUpload(mayGoOn bool) {
	if !mayGoOn {
		_ = x.conn.CloseWrite() // fails if the client is gone, which the upload finds out
	}
	x.upload.answered(answerSent)
	for server := x.attempt.Backend; x.upload.running() && x.upload.let.Load() && x.input.empty(); {
		server.ReadWithin(x.settings.idleTimeout)
		err := server.Await()
		if err == nil {
			err = x.input.fill(server)
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
	}
	x.stopUpload()
}

// stopUpload ends the upload, if there is one that has not ended; the connection to the server is of no use then. bodySent
// reports afterwards whether it was complete. The session's input is the exchange's own again.
func (x *exchange) stopUpload() {
	if x.upload.running() {
		x.upload.stop.Store(true)
		x.conn.InterruptRead()
		if x.attempt.Backend != nil {
			_ = x.attempt.Backend.Close() // ends a write that the server does not read
		}
	}
	x.joinUpload()
}

// joinUpload waits for the end of the upload, if there is one.
func (x *exchange) joinUpload() {
	if x.upload.started() {
		x.upload.task.Wait()
		x.received += x.upload.received
		x.upload.received = 0
	}
}
