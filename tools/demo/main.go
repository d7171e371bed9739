// Command demo shows the whole way from terraform apply to balanced, sticky, health-checked traffic, with real programs
// on loopback. `make demo` runs it. It checks every claim that it prints and fails if one is wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// demoDirectory holds everything the demo writes, in the root of the repository.
const demoDirectory = ".demo"

func main() {
	keep := flag.Bool("keep", false, "leave everything running at the end, and say how to reach it")
	stop := flag.Bool("stop", false, "stop what an earlier -keep left running")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	tell := func() error { return demonstrate(ctx, *keep) }
	if *stop {
		tell = func() error { return end(ctx) }
	}
	err := tell()
	if err == nil {
		return
	}
	cancel()
	fmt.Fprintln(os.Stderr, "\ndemo:", err)
	os.Exit(1) //nolint:gocritic // cancel was called
}

func end(ctx context.Context) error {
	directory, err := filepath.Abs(demoDirectory)
	if err != nil {
		return fmt.Errorf("looking for the demo: %w", err)
	}
	stopped, err := stopKept(ctx, directory)
	if err != nil {
		return err
	}
	fmt.Printf("%d programs stopped\n", stopped)
	return nil
}

func demonstrate(ctx context.Context, keep bool) (err error) {
	root, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("looking for the repository: %w", err)
	}
	if running, err := findKept(ctx, filepath.Join(root, demoDirectory)); err != nil {
		return err
	} else if len(running) > 0 {
		return errors.New(`a demo that was kept is still running; "make demo-stop" ends it`)
	}
	binary := os.Getenv("TERRAFORM")
	if binary == "" {
		return errors.New("TERRAFORM does not name the Terraform or OpenTofu to use; `make demo` sets it")
	}
	started := time.Now()
	set, err := newStage(ctx, root, binary)
	if err != nil {
		return err
	}
	visitor := newVisitor(set.url())
	defer visitor.close()
	told := &story{screen: newScreen(os.Stdout), stage: set, visitor: visitor}
	if err := told.tell(ctx); err != nil {
		return abandoned(ctx, set, err)
	}
	if keep {
		return told.keep()
	}
	if err := told.destroy(ctx); err != nil {
		return abandoned(ctx, set, err)
	}
	told.screen.printf("\n%s in %.0f s. Next: README.md, or make demo KEEP=1 to look around.\n",
		told.screen.paint(bold, "Done"), time.Since(started).Seconds())
	if err := os.RemoveAll(set.directory); err != nil {
		return fmt.Errorf("removing the demo's directory: %w", err)
	}
	return nil
}

// abandoned stops the programs of a demo that was not completed. The logs stay unless the user interrupted it.
func abandoned(ctx context.Context, set *stage, reason error) error {
	stopped := set.stop()
	if ctx.Err() != nil {
		return errors.Join(errors.New("interrupted; everything it started is stopped"), stopped, os.RemoveAll(set.directory))
	}
	return errors.Join(reason, stopped, fmt.Errorf("the programs' logs are in %s", filepath.Join(demoDirectory, "*.log")))
}

// relative shortens a path for a reader in the repository's root.
func relative(path string) string {
	root, err := os.Getwd()
	if err != nil {
		return path
	}
	short, err := filepath.Rel(root, path)
	if err != nil {
		return path
	}
	return short
}
