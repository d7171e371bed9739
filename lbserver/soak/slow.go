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
	// slowClients is how many connections are held by clients that stop in the middle.
	slowClients = 10_000
	// slowFor is how long they are watched: less than the 10 s that lbserver allows for a head.
	slowFor = 5 * time.Second
	// bytesOfSlow is what lbserver may hold for each on average: a third each of them hold a part of a head, a part of
	// a body, and a large buffer of a body that the client does not read.
	bytesOfSlow = 64 << 10
	// bytesOfGone is what each may leave behind for good (measured: 890). The runtime keeps its record of a goroutine,
	// 480 bytes, for reuse and never releases it, and an upload has had two goroutines; tables that have grown keep
	// their size.
	bytesOfGone = 1 << 10
	// spareDescriptors are for everything else that a process has open.
	spareDescriptors = 1000
)

// crowd opens slow connections, and measures good clients at the same time.
func (s *scene) crowd(ctx context.Context, wanted int) error {
	count, err := affordable(wanted)
	if err != nil {
		return err
	}
	if count < wanted {
		fmt.Printf("ONLY %d SLOW CLIENTS INSTEAD OF %d: raise the limit of open files (ulimit -Hn)\n", count, wanted)
	}
	return s.measureDuring(ctx, slowFor, fmt.Sprintf("beside %d slow clients", count), float64(count)*bytesOfSlow+heapSlack,
		func(ctx context.Context) (stop func(), err error) {
			var open []net.Conn
			stop = func() {
				for _, each := range open {
					_ = each.Close() // closed only to release it
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

// affordable returns how many slow clients the limit of open files allows: one descriptor each here and in lbserver,
// and for two of three clients another one at both ends of the connection to the depot.
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
