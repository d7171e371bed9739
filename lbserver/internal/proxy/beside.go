package proxy

import (
	"fmt"
	"runtime/debug"
)

// besideError is a panic in what ran beside an exchange.
type besideError struct {
	cause any
	stack []byte
}

// Error implements error.
func (e *besideError) Error() string {
	return fmt.Sprintf("%v, beside the exchange at\n%s", e.cause, e.stack)
}

// alongside runs task beside the exchange; wait returns when it has ended. A panic in task ends both connections, so that
// whatever the exchange waits for ends too, and goes on in wait: it costs what one in the exchange itself costs.
func (x *exchange) alongside(task func()) (wait func()) {
	var broken *besideError
	x.besideEnded = x.beside(func() {
		defer func() {
			if cause := recover(); cause != nil {
				broken = &besideError{cause, debug.Stack()}
				x.c.abandonHere()
			}
		}()
		task()
	})
	return func() {
		x.besideEnded()
		if broken != nil {
			panic(broken)
		}
	}
}

// abort ends an exchange that a panic has broken, and whose connections have been closed. What runs beside it uses their
// buffers, so it ends first.
func (x *exchange) abort() {
	if x.besideEnded != nil {
		x.besideEnded()
	}
	x.uncount()
}
