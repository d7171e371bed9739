// Command sampleserver runs one sample web server until a signal stops it. Its first line of output is the address it
// listens on.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alb-project/terraform-provider-alb/internal/sampleserver"
)

func main() {
	name := flag.String("name", "sample", "what the server calls itself in its answers")
	address := flag.String("address", "127.0.0.1:0", "address and port to listen on; port 0 lets the kernel choose")
	flag.Parse()
	if err := run(*name, *address); err != nil {
		fmt.Fprintln(os.Stderr, "sampleserver:", err)
		os.Exit(1)
	}
}

func run(name, address string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server, err := sampleserver.Start(ctx, name, address)
	if err != nil {
		return err
	}
	fmt.Println(server.Address())
	return server.Wait(ctx)
}
