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
	uploadServerGone    // the server reads no more; it may have answered
	uploadClientGone    // the client closed its connection before the end of the body
	uploadClientSlow    // the client sent nothing for the idle timeout
	uploadClientInvalid // the client broke the chunked coding
	uploadStopped       // the exchange needs no more of the body
)

// upload is the rest of a request body on its way to the server, while the response is on its way back. As long as it runs it
// owns the session's input, the reading side of the client's connection, the writing side of the server's, and the
// exchange's requestBody.
type upload struct {
	task     *companion // nil if there is none
	state    atomic.Int32
	stop     atomic.Bool
	letAt    atomic.Int64 // Unix nanoseconds; when the client was allowed to send, or did; 0 while it waits for 100
	endedAt  atomic.Int64 // Unix nanoseconds
	received int64        // for the exchange, after wait
	err      error        // of uploadClientInvalid, for the exchange after it has seen that state
}

func (u *upload) started() bool { return u.task != nil }

// let notes that the client need not wait for 100, or not any longer.
func (u *upload) let(now time.Time) { u.letAt.CompareAndSwap(0, now.UnixNano()) }

// letBefore reports whether the client was allowed to send before the moment.
func (u *upload) letBefore(moment time.Time) bool {
	at := u.letAt.Load()
	return at != 0 && at <= moment.UnixNano()
}

// endedBefore reports whether there is no upload that the client could go on with, and none that ended after the moment.
func (u *upload) endedBefore(moment time.Time) bool {
	if !u.started() || u.letAt.Load() == 0 {
		return true
	}
	at := u.endedAt.Load()
	return at != 0 && at <= moment.UnixNano()
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
	if !x.request.ExpectContinue || x.received > int64(len(x.head)) {
		x.upload.let(x.engine.Now())
	}
	x.upload.state.Store(uploadRunning)
	x.upload.task = x.accompany(x.uploadBody)
}

// uploadBody runs at the same time as the rest of the exchange.
func (x *exchange) uploadBody() {
	state := x.copyRequestBody()
	x.upload.endedAt.Store(x.engine.Now().UnixNano())
	x.upload.state.Store(state)
	if state == uploadClientGone || state == uploadClientSlow || state == uploadClientInvalid {
		// The server can't get the rest: its connection is of no use, and closing it wakes the exchange.
		_ = x.attempt.Backend.Close()
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
			server.WriteWithin(x.proxy.responseTimeout)
			if _, err := server.Write(piece); err != nil {
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
	x.conn.ReadWithin(x.settings.idleTimeout)
	// joinUpload sets stop, then interrupts reading: either the flag is seen here, or the deadline set above is overruled.
	if x.upload.stop.Load() {
		return uploadStopped
	}
	err := in.fill(x.conn)
	switch {
	case err == nil:
		x.upload.let(x.engine.Now())
		if in.full() && len(in.bytes) < largeBuffer {
			in.resize(&x.proxy.buffers, largeBuffer)
		}
		return uploadRunning
	case x.upload.stop.Load():
		return uploadStopped
	case errors.Is(err, os.ErrDeadlineExceeded) && !x.upload.letBefore(x.engine.Now().Add(-x.settings.idleTimeout)):
		return uploadRunning // the server's time runs, or the client's has begun since
	case errors.Is(err, os.ErrDeadlineExceeded):
		return uploadClientSlow
	default:
		return uploadClientGone
	}
}

// bodySent reports whether the whole request body has been read from the client, and sent to the server except for what is
// being written now.
func (x *exchange) bodySent() bool {
	if !x.upload.started() {
		return x.requestBody.ended
	}
	state := x.upload.state.Load()
	return state == uploadLast || state == uploadDone
}

// joinUpload ends the upload, if there is one; bodySent reports afterwards whether it was complete. The session's input is the
// exchange's own again.
func (x *exchange) joinUpload() {
	if !x.upload.started() {
		return
	}
	switch x.upload.state.Load() {
	case uploadRunning:
		x.upload.stop.Store(true)
		x.conn.InterruptRead()
		if x.attempt.Backend != nil {
			_ = x.attempt.Backend.Close() // ends a write that the server does not read
		}
		x.upload.task.Wait()
	case uploadLast:
		x.awaitLastPiece()
	default:
		x.upload.task.Wait()
	}
	x.received += x.upload.received
	x.upload.received = 0
}

// awaitLastPiece gives a server that has answered a while to take the last piece of the request body. The client, whose
// next request waits meanwhile, has done all that it had to.
func (x *exchange) awaitLastPiece() {
	if server := x.attempt.Backend; server != nil && !x.upload.task.WaitFor(lastPieceTimeout) {
		_ = server.Close() // ends the write
		x.upload.task.Wait()
		x.upload.state.Store(uploadServerGone)
		return
	}
	x.upload.task.Wait()
}
