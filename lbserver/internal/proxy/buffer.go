package proxy

import "sync"

// Sizes of buffers, in bytes. A request is read into a small buffer, which almost every head fits in, in one read. A response
// head is read into a medium one, along with the first bytes of its body. A longer body flows through large buffers: they
// cost a third less CPU a byte than 16 KiB (measured).
const (
	smallBuffer  = 4 << 10
	mediumBuffer = 16 << 10
	largeBuffer  = 64 << 10
)

// buffers gives out byte slices of the three sizes.
type buffers struct {
	small, medium, large sync.Pool
}

func (b *buffers) get(size int) []byte {
	switch {
	case size <= smallBuffer:
		if found, ok := b.small.Get().(*[smallBuffer]byte); ok {
			return found[:]
		}
		return make([]byte, smallBuffer)
	case size <= mediumBuffer:
		if found, ok := b.medium.Get().(*[mediumBuffer]byte); ok {
			return found[:]
		}
		return make([]byte, mediumBuffer)
	default:
		if found, ok := b.large.Get().(*[largeBuffer]byte); ok {
			return found[:]
		}
		return make([]byte, largeBuffer)
	}
}

// put takes back a slice of get. One that append has replaced by a larger one is left to the garbage collector.
func (b *buffers) put(slice []byte) {
	switch cap(slice) {
	case smallBuffer:
		b.small.Put((*[smallBuffer]byte)(slice[:smallBuffer]))
	case mediumBuffer:
		b.medium.Put((*[mediumBuffer]byte)(slice[:mediumBuffer]))
	case largeBuffer:
		b.large.Put((*[largeBuffer]byte)(slice[:largeBuffer]))
	}
}

// window is a buffer, with the part of it that has been read from a connection and not been used yet.
type window struct {
	bytes      []byte
	start, end int
}

func (w *window) unread() []byte { return w.bytes[w.start:w.end] }
func (w *window) empty() bool    { return w.start == w.end }
func (w *window) full() bool     { return w.end == len(w.bytes) }

// use passes over n unread bytes.
func (w *window) use(n int) {
	w.start += n
	if w.start == w.end {
		w.start, w.end = 0, 0
	}
}

// compact moves the unread bytes to the front.
func (w *window) compact() {
	if w.start > 0 {
		w.end = copy(w.bytes, w.bytes[w.start:w.end])
		w.start = 0
	}
}

// resize moves the unread bytes to a buffer of another size, which they must fit in.
func (w *window) resize(pool *buffers, size int) {
	next := pool.get(size)
	n := copy(next, w.unread())
	w.release(pool)
	w.bytes, w.start, w.end = next, 0, n
}

// release gives the buffer back; unread bytes are lost.
func (w *window) release(pool *buffers) {
	if w.bytes != nil {
		pool.put(w.bytes)
	}
	*w = window{}
}

// reader is what a window is filled from.
type reader interface {
	Read(p []byte) (int, error)
}

// fill reads once, behind the unread bytes. The window must not be full.
func (w *window) fill(from reader) error {
	n, err := from.Read(w.bytes[w.end:])
	w.end += n
	if n > 0 {
		return nil // an error shows again at the next read
	}
	return err
}
