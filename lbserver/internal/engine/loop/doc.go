// Package loop runs connections on event loops, for Linux. A Loop is one goroutine with an epoll descriptor, its connections,
// its timers, and coroutines that run straight-line code over the connections: when a read or write would block, the
// coroutine gives way, and the loop resumes it once the connection is ready. A resting connection has no coroutine, no
// stack and no buffer.
//
// Everything of a Loop belongs to its own goroutine and its coroutines, of which one runs at a time, so no lock is needed;
// Post hands work over from elsewhere. Code on a coroutine must wait for nothing but its connections: anything else would
// stop all others of the loop.
package loop
