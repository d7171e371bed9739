package loop

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls of the steady state, made without telling Go's scheduler, which saves its bookkeeping: none of them can block,
// since the sockets are non-blocking and the timeout is 0.

// pollNow takes the events that are there; 0 for none.
func pollNow(epoll int, events []unix.EpollEvent) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])),
		uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0 // EINTR: the next turn asks again
	}
	return int(n)
}

func receive(descriptor int, p []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(descriptor), uintptr(unsafe.Pointer(unsafe.SliceData(p))),
		uintptr(len(p)), 0, 0, 0)
	return int(n), errno
}

func send(descriptor int, p []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(descriptor), uintptr(unsafe.Pointer(unsafe.SliceData(p))),
		uintptr(len(p)), unix.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}

// peek looks for a byte to read and leaves it there.
func peek(descriptor int) (int, unix.Errno) {
	var one [1]byte
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(descriptor), uintptr(unsafe.Pointer(&one[0])), 1,
		unix.MSG_PEEK, 0, 0)
	return int(n), errno
}
