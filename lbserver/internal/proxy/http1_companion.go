package proxy

import (
	"fmt"
	"runtime/debug"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/engine"
)

// companion is a task that runs at the same time as its exchange, on the same connections: an upload, or one direction of a
// tunnel.
type companion struct {
	engine.Spawned
	broken *companionError
}

// companionError is a panic in a companion.
type companionError struct {
	cause any
	stack []byte
}

func (e *companionError) Error() string {
	return fmt.Sprintf("%v, in a task that ran along with the request, at\n%s", e.cause, e.stack)
}

// accompany runs a task at the same time as the exchange. A panic in the task closes both connections, so that whatever the
// exchange waits for ends too, and goes on in Wait: it costs what a panic in the exchange itself costs.
func (x *exchange) accompany(task func()) *companion {
	c := &companion{}
	c.Spawned = x.engine.Spawn(func() {
		defer func() {
			if cause := recover(); cause != nil {
				c.broken = &companionError{cause, debug.Stack()}
				x.session.abandonByBug()
			}
		}()
		task()
	})
	x.companion = c
	return c
}

// Wait returns when the task has ended.
func (c *companion) Wait() {
	c.Spawned.Wait()
	if c.broken != nil {
		panic(c.broken)
	}
}

// abort ends an exchange that a panic has broken, and whose connections have been closed. Its companion uses their buffers,
// so it ends first.
func (x *exchange) abort() {
	if x.companion != nil {
		x.companion.Spawned.Wait()
	}
	x.attempt.Drop()
}
