package loop

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls of the steady state are made without telling Go's scheduler: none of them can block, since the sockets are
// non-blocking and the timeout is 0. That saves the scheduler's bookkeeping, and its monitor, which calls of some microseconds
// keep awake, and which moves their processors from thread to thread: a fifth of the CPU if each request opens a
// connection (measured).

// pollNow takes the events that are there, and returns their number.
func pollNow(epoll int, events []unix.EpollEvent) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])),
		uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0 // EINTR: the next turn asks again
	}
	return int(n)
}

// yieldProcessor lets other threads that want this processor run first.
func yieldProcessor() { _, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }

func receive(descriptor int32, p []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(descriptor), uintptr(unsafe.Pointer(unsafe.SliceData(p))),
		uintptr(len(p)), 0, 0, 0)
	return int(n), errno
}

func send(descriptor int32, p []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(descriptor), uintptr(unsafe.Pointer(unsafe.SliceData(p))),
		uintptr(len(p)), unix.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}

// peek reports whether there is a byte to read, and leaves it there.
func peek(descriptor int32) (int, unix.Errno) {
	var one [1]byte
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(descriptor), uintptr(unsafe.Pointer(&one[0])), 1,
		unix.MSG_PEEK, 0, 0)
	return int(n), errno
}

// control makes an epoll descriptor watch another one, or watch it for other events.
func control(epoll, operation, descriptor int, event *unix.EpollEvent) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(epoll), uintptr(operation), uintptr(descriptor),
		uintptr(unsafe.Pointer(event)), 0, 0)
	return asError(errno)
}

// closeDescriptor closes a socket. It does not wait: the only lingering that is ever set is of no time.
func closeDescriptor(descriptor int32) error {
	_, _, errno := unix.RawSyscall(unix.SYS_CLOSE, uintptr(descriptor), 0, 0)
	return asError(errno)
}

// acknowledged reports whether the peer of a socket has acknowledged all that was sent (SIOCOUTQ, tcp(7)).
func acknowledged(descriptor int32) bool {
	var left int32
	_, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(descriptor), unix.SIOCOUTQ, uintptr(unsafe.Pointer(&left)))
	return errno == 0 && left == 0
}

func shutdownWrite(descriptor int32) error {
	_, _, errno := unix.RawSyscall(unix.SYS_SHUTDOWN, uintptr(descriptor), unix.SHUT_WR, 0)
	return asError(errno)
}

// accept takes a connection from a listening socket.
func accept(listening int) (descriptor int, from netip.AddrPort, err error) {
	var address unix.RawSockaddrInet6 // has room for IPv4's
	size := uint32(unsafe.Sizeof(address))
	n, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listening), uintptr(unsafe.Pointer(&address)),
		uintptr(unsafe.Pointer(&size)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return 0, netip.AddrPort{}, errno
	}
	return int(n), addressOf(&address), nil
}

// localAddress is this side's address of a socket; the zero one if it has none.
func localAddress(descriptor int32) netip.AddrPort {
	var address unix.RawSockaddrInet6
	size := uint32(unsafe.Sizeof(address))
	_, _, errno := unix.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(descriptor), uintptr(unsafe.Pointer(&address)),
		uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return netip.AddrPort{}
	}
	return addressOf(&address)
}

// addressOf reads an address in the kernel's form: the port in the network's byte order, IPv4's address behind it.
func addressOf(raw *unix.RawSockaddrInet6) netip.AddrPort {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&raw.Port))[:])
	switch raw.Family {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(raw)).Addr), port)
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16(raw.Addr).Unmap(), port)
	}
	return netip.AddrPort{}
}

// asError avoids an error that is not nil for errno 0.
func asError(errno unix.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}
