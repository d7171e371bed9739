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

// upload is the rest of a request body on its way to the server, beside the response's way back. While it runs it owns the
// client connection's input and reading side, the server connection's writing side, and the exchange's requestBody.
type upload struct {
	wait     func() // returns when the upload has ended; nil where there is none
	state    atomic.Int32
	stop     atomic.Bool
	letAt    atomic.Int64 // Unix nanoseconds; when the client was let send, or did; 0 while it waits for 100
	endedAt  atomic.Int64 // Unix nanoseconds
	received int64        // for the exchange, after wait
	err      error        // of uploadClientInvalid, for the exchange after it has seen that state
}

func (u *upload) started() bool { return u.wait != nil }

func (u *upload) reset() {
	u.wait, u.received, u.err = nil, 0, nil
	u.state.Store(uploadNone)
	u.stop.Store(false)
	u.letAt.Store(0)
	u.endedAt.Store(0)
}

// let notes that the client need not wait for 100, or no longer.
func (u *upload) let(now time.Time) { u.letAt.CompareAndSwap(0, now.UnixNano()) }

// letBefore tells that the client was let send before the moment.
func (u *upload) letBefore(moment time.Time) bool {
	at := u.letAt.Load()
	return at != 0 && at <= moment.UnixNano()
}

// endedBefore tells that there is no upload that the client could go on with, and that none has ended after the moment.
func (u *upload) endedBefore(moment time.Time) bool {
	if !u.started() || u.letAt.Load() == 0 {
		return true
	}
	at := u.endedAt.Load()
	return at != 0 && at <= moment.UnixNano()
}

// keepHead gives the client connection's input a buffer of at least that size, and keeps the one in which the head lies, so
// that the head stays readable while more is read.
func (x *exchange) keepHead(size int) {
	if x.headBuffer != nil {
		return
	}
	next := x.proxy.buffers.get(max(size, len(x.c.input.unread())))
	n := copy(next, x.c.input.unread())
	x.headBuffer = x.c.input.bytes
	x.c.input = window{bytes: next, end: n}
}

// startUpload lets the rest of the body flow.
func (x *exchange) startUpload() {
	x.keepHead(smallBuffer) // a client that sends little at a time holds no more
	if !x.request.ExpectContinue || x.received > int64(len(x.head)) {
		x.upload.let(x.now())
	}
	x.upload.state.Store(uploadRunning)
	x.upload.wait = x.alongside(x.uploadBody)
}

// uploadBody runs beside the exchange.
func (x *exchange) uploadBody() {
	state := x.copyRequestBody()
	x.upload.endedAt.Store(x.now().UnixNano())
	x.upload.state.Store(state)
	if state == uploadClientGone || state == uploadClientSlow || state == uploadClientInvalid {
		// The server can't get the rest: its connection is worth nothing, and closing it wakes the exchange.
		_ = x.server.Close()
	}
}

func (x *exchange) copyRequestBody() int32 {
	in := &x.c.input
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
			x.server.WriteWithin(x.proxy.responseTimeout, x.now())
			if _, err := x.server.Write(piece); err != nil {
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
	x.c.stream.ReadWithin(x.settings.idleTimeout, x.now())
	// Whoever sets stop interrupts reading after it: either the flag is seen here, or the deadline set above is overruled.
	if x.upload.stop.Load() {
		return uploadStopped
	}
	err := in.fill(x.c.stream)
	switch {
	case err == nil:
		x.upload.let(x.now())
		if in.full() && len(in.bytes) < largeBuffer {
			in.resize(&x.proxy.buffers, largeBuffer)
		}
		return uploadRunning
	case x.upload.stop.Load():
		return uploadStopped
	case errors.Is(err, os.ErrDeadlineExceeded) && !x.upload.letBefore(x.now().Add(-x.settings.idleTimeout)):
		return uploadRunning // the server's time runs, or the client's has begun since
	case errors.Is(err, os.ErrDeadlineExceeded):
		return uploadClientSlow
	default:
		return uploadClientGone
	}
}

// bodySent tells that the whole request body has been read from the client, and sent to the server but for what is being
// written now.
func (x *exchange) bodySent() bool {
	if !x.upload.started() {
		return x.requestBody.ended
	}
	state := x.upload.state.Load()
	return state == uploadLast || state == uploadDone
}

// joinUpload ends the upload, if there is one; bodySent tells afterwards how far it came. The client's input is the exchange's
// own again.
func (x *exchange) joinUpload() {
	if !x.upload.started() {
		return
	}
	switch x.upload.state.Load() {
	case uploadRunning:
		x.upload.stop.Store(true)
		x.c.stream.InterruptRead()
		if x.server != nil {
			_ = x.server.Close() // ends a write that the server does not take
		}
		x.upload.wait()
	case uploadLast:
		x.awaitLastPiece()
	default:
		x.upload.wait()
	}
	x.received += x.upload.received
	x.upload.received = 0
}

// awaitLastPiece gives a server that has answered a while to take the last piece of the request body. The client, whose
// next request waits meanwhile, has done all that it had to.
func (x *exchange) awaitLastPiece() {
	if x.server == nil {
		x.upload.wait()
		return
	}
	server := x.server
	giveUp := time.AfterFunc(lastPieceTimeout, func() { x.touch(func() { _ = server.Close() }) }) // ends the write
	x.upload.wait()
	if !giveUp.Stop() {
		x.upload.state.Store(uploadServerGone) // or will be gone at any moment
	}
}
