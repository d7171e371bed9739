// Package loop runs connections on event loops, for Linux. A Loop is one goroutine with an epoll descriptor, its connections,
// its timers, and coroutines that run straight-line code over the connections: where a read or write would block, the
// coroutine gives way, and the loop resumes it when the connection is ready. A connection that waits for nobody's code has
// no coroutine, no stack and no buffer.
//
// Everything of a Loop is touched by its own goroutine and its coroutines only, of which one runs at a time, so nothing of
// it takes a lock; Post hands work over from elsewhere. Code on a coroutine must not block in any other way than on its
// connections: it would hold up all others of the loop.
package loop
