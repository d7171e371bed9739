package loop

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Dial makes c, which must be the zero Connection, a connection to an address. It fails with os.ErrDeadlineExceeded after the
// timeout, and with net.ErrClosed if c is closed meanwhile.
func (l *Loop) Dial(c *Connection, address netip.AddrPort, timeout time.Duration) error {
	family := unix.AF_INET6
	if address.Addr().Unmap().Is4() {
		family = unix.AF_INET
	}
	descriptor, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	_ = unix.SetsockoptInt(descriptor, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // as net does; it can't fail on TCP
	err = unix.Connect(descriptor, socketAddress(address))
	pending := errors.Is(err, unix.EINPROGRESS) || errors.Is(err, unix.EINTR)
	if err != nil && !pending {
		_ = unix.Close(descriptor) // of no use
		return os.NewSyscallError("connect", err)
	}
	if err := l.Adopt(c, descriptor, address); err != nil {
		_ = unix.Close(descriptor) // of no use
		return err
	}
	if !pending {
		return nil
	}
	if err := c.awaitConnected(timeout); err != nil {
		_ = c.Close() // of no use
		return err
	}
	return nil
}

func (c *Connection) awaitConnected(timeout time.Duration) error {
	c.writable = false
	c.WriteWithin(timeout)
	c.writer = c.loop.current
	c.loop.arm(&c.timer, c.writeBy)
	c.writer.giveWay()
	switch {
	case c.closed:
		return net.ErrClosed
	case !c.writable:
		return os.ErrDeadlineExceeded
	}
	failure, err := unix.GetsockoptInt(int(c.descriptor), unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && failure != 0 {
		err = unix.Errno(failure)
	}
	return os.NewSyscallError("connect", err)
}

func socketAddress(address netip.AddrPort) unix.Sockaddr {
	ip := address.Addr().Unmap()
	if ip.Is4() {
		return &unix.SockaddrInet4{Port: int(address.Port()), Addr: ip.As4()}
	}
	return &unix.SockaddrInet6{Port: int(address.Port()), Addr: ip.As16()}
}

// RemoteAddr is the peer's address.
func (c *Connection) RemoteAddr() netip.AddrPort { return c.remote }

// LocalAddr is this side's address; the zero one of a closed connection.
func (c *Connection) LocalAddr() netip.AddrPort {
	if c.closed {
		return netip.AddrPort{}
	}
	return localAddress(c.descriptor)
}

// duplicate returns a descriptor of a socket that Go's runtime does not know.
func duplicate(bound *net.TCPListener) (descriptor int, err error) {
	raw, err := bound.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("take over a listening socket: %w", err)
	}
	controlErr := raw.Control(func(original uintptr) {
		descriptor, err = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err == nil {
		err = controlErr
	}
	if err != nil {
		return 0, fmt.Errorf("take over a listening socket: %w", err)
	}
	return descriptor, nil
}
