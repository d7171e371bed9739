package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

const (
	// slowClients is how many connections are held by clients that stop in the middle of something.
	slowClients = 10_000
	// slowFor is how long they are watched: within the 10 s that lbserver leaves for a head.
	slowFor = 5 * time.Second
	// bytesOfSlow is what lbserver may hold for one of them on average: a third each holds a part of a head, a part of a body, and
	// a large buffer of a body that it does not read.
	bytesOfSlow = 64 << 10
	// bytesOfGone is what one may leave behind for good (measured: 890). The runtime keeps its record of a goroutine, 480 bytes, for
	// another one and never gives back any, and an upload has had two; tables that have grown stay as they are.
	bytesOfGone = 1 << 10
	// spareDescriptors are for everything else that a process has open.
	spareDescriptors = 1000
)

// crowd opens slow connections, and measures good clients beside them.
func (s *scene) crowd(ctx context.Context, wanted int) error {
	count, err := affordable(wanted)
	if err != nil {
		return err
	}
	if count < wanted {
		fmt.Printf("ONLY %d SLOW CLIENTS INSTEAD OF %d: raise the limit of open files (ulimit -Hn)\n", count, wanted)
	}
	return s.beside(ctx, slowFor, fmt.Sprintf("beside %d slow clients", count), float64(count)*bytesOfSlow+heapSlack,
		func(ctx context.Context) (stop func(), err error) {
			var open []net.Conn
			stop = func() {
				for _, each := range open {
					_ = each.Close() // of no use any more
				}
			}
			for i := range count {
				connection, err := dawdle(ctx, strings.TrimPrefix(s.depotURL, "http://"), i)
				if err != nil {
					stop()
					return nil, fmt.Errorf("slow client %d: %w", i, err)
				}
				open = append(open, connection)
			}
			return stop, nil
		})
}

// affordable is how many slow clients the limit of open files allows: one descriptor each here and at lbserver, and for two of
// three another one at both ends of the connection to the depot.
func affordable(wanted int) (int, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("ask for the limit of open files: %w", err)
	}
	most := (int64(limit.Max) - spareDescriptors) * 3 / 5
	return int(max(0, min(int64(wanted), most))), nil
}

// dawdle opens a connection and stops in the middle of a head, of a body, or before reading an answer.
func dawdle(ctx context.Context, address string, number int) (net.Conn, error) {
	const host = " HTTP/1.1\r\nHost: depot\r\n"
	raw := [...]string{
		"GET /" + host + "A: b",
		"POST /take" + host + "Content-Length: 1000\r\n\r\nsome",
		"GET /give?n=100000000" + host + "\r\n",
	}[number%3]
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4 << 10) // or the kernel reads for the client
	}
	if _, err := io.WriteString(connection, raw); err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	return connection, nil
}
