// Package daemon runs programs in the background for the demo, the benchmark and tests. Each gets its own process
// group, so that a Ctrl-C reaches only its owner, who then stops the programs in the right order. A program's output
// goes to a log file, which errors quote.
package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"
)

// readyPoll is the pause between two checks of a program that is starting.
const readyPoll = 20 * time.Millisecond

// logTail is how many bytes from the end of a program's log an error quotes.
const logTail = 2048

// Program says what to run. Log is the path of the file that receives both outputs; an existing file is emptied.
type Program struct {
	Name string // as messages call it
	Path string
	Args []string
	Env  []string // complete: nothing is inherited
	Log  string
}

// Process is a running program. Its owner calls Stop or Kill, or leaves it running on purpose.
type Process struct {
	program Program
	command *exec.Cmd
	killed  atomic.Bool   // killed by us: its end is not a failure
	exited  chan struct{} // closed when the program ended, after err was set
	err     error
}

// Start runs a program. ctx applies only to the start: the program outlives it.
func Start(ctx context.Context, program Program) (*Process, error) {
	log, err := os.OpenFile(program.Log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("starting %s: its log: %w", program.Name, err)
	}
	defer log.Close() //nolint:errcheck // nothing was written through this descriptor
	command := exec.CommandContext(context.WithoutCancel(ctx), program.Path, program.Args...)
	command.Env = program.Env
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", program.Name, err)
	}
	process := &Process{program: program, command: command, exited: make(chan struct{})}
	go process.reap()
	return process, nil
}

func (p *Process) reap() {
	p.err = p.command.Wait()
	close(p.exited)
}

// Name returns the name that messages use.
func (p *Process) Name() string { return p.program.Name }

// Path returns the program's file.
func (p *Process) Path() string { return p.program.Path }

// PID returns the id of the program's process, which is also that of its process group.
func (p *Process) PID() int { return p.command.Process.Pid }

// WaitReady calls ready every 20 ms until it returns nil. It fails if ctx ends or the program ends; the error contains
// the last error of ready and the end of the program's log.
func (p *Process) WaitReady(ctx context.Context, ready func(context.Context) error) error {
	poll := time.NewTicker(readyPoll)
	defer poll.Stop()
	for {
		failure := ready(ctx)
		if failure == nil {
			return nil
		}
		select {
		case <-poll.C:
		case <-p.exited:
			return fmt.Errorf("%s ended (%w) before it was ready:\n%s", p.program.Name, errors.Join(failure, p.err), p.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w:\n%s", p.program.Name, errors.Join(ctx.Err(), failure), p.tail())
		}
	}
}

// Answers returns a function for WaitReady: it succeeds if a GET of url is answered with 200.
func Answers(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return fmt.Errorf("asking %s: %w", url, err)
		}
		request.Close = true
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return fmt.Errorf("asking %s: %w", url, err)
		}
		if err := response.Body.Close(); err != nil {
			return fmt.Errorf("asking %s: %w", url, err)
		}
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", url, response.Status)
		}
		return nil
	}
}

// Log returns what the program has written so far.
func (p *Process) Log() ([]byte, error) { return os.ReadFile(p.program.Log) }

func (p *Process) tail() []byte {
	text, err := p.Log()
	if err != nil {
		return []byte(err.Error())
	}
	return bytes.TrimSpace(text[max(0, len(text)-logTail):])
}

// Stop asks the program to end and waits; after patience it kills the program. Stop returns nil if the program ended
// with status 0, by the signal sent here, or earlier by Kill.
func (p *Process) Stop(patience time.Duration) error {
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		return errors.Join(fmt.Errorf("%s did not stop within %s", p.program.Name, patience), p.Kill())
	}
	if p.killed.Load() {
		return nil
	}
	if exit, ok := errors.AsType[*exec.ExitError](p.err); ok {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGTERM {
			return nil
		}
	}
	if p.err != nil {
		return fmt.Errorf("%s stopped badly: %w:\n%s", p.program.Name, p.err, p.tail())
	}
	return nil
}

// Kill ends the program and its children as kill -9 does, and waits until they are gone.
func (p *Process) Kill() error {
	p.killed.Store(true)
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.exited
	return nil
}

// signal signals the whole group, so that a program's workers don't survive it.
func (p *Process) signal(signal syscall.Signal) error {
	select {
	case <-p.exited:
		return nil
	default:
	}
	if err := syscall.Kill(-p.PID(), signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("sending %s to %s: %w", signal, p.program.Name, err)
	}
	return nil
}

// FreePorts returns distinct ports of 127.0.0.1 that the kernel reports as free, for programs that must be given one.
func FreePorts(ctx context.Context, count int) (_ []int, err error) {
	// All are held until the last is found, otherwise the kernel might return one twice.
	held := make([]net.Listener, 0, count)
	defer func() {
		for _, listener := range held {
			err = errors.Join(err, listener.Close())
		}
	}()
	ports := make([]int, count)
	for i := range ports {
		var config net.ListenConfig
		listener, listenErr := config.Listen(ctx, "tcp4", "127.0.0.1:0")
		if listenErr != nil {
			return nil, fmt.Errorf("looking for a free port: %w", listenErr)
		}
		held = append(held, listener)
		address, ok := listener.Addr().(*net.TCPAddr)
		if !ok {
			return nil, fmt.Errorf("looking for a free port: %s is no TCP address", listener.Addr())
		}
		ports[i] = address.Port
	}
	return ports, nil
}
