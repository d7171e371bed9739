package faultfs

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// Mount is a mounted disk: the time between switching the power on and off.
type Mount struct {
	Directory string
	unmount   func()
}

// Mount switches the power on and mounts the disk, until Unmount or the end of the test. Where that is not possible the
// test fails if it runs in CI and is skipped elsewhere.
func (d *Disk) Mount(tb testing.TB) *Mount {
	tb.Helper()
	d.powerOn()
	directory := tb.TempDir()
	server, err := fs.Mount(directory, &node{disk: d, inode: d.root}, &fs.Options{
		MountOptions: fuse.MountOptions{DirectMount: true, FsName: "faultfs", Name: "faultfs"},
		RootStableAttr: &fs.StableAttr{
			Mode: syscall.S_IFDIR, Ino: d.root.number,
		},
	})
	if err != nil {
		const missing = "a FUSE file system cannot be mounted, so no power was cut and no disk failed: " +
			"run as root or install fusermount3 (apt-get install fuse3), with /dev/fuse: %v"
		if os.Getenv("CI") == "true" {
			tb.Fatalf(missing, err)
		}
		tb.Skipf("NOT RUN: "+missing, err)
	}
	release := guard(tb, directory)
	m := &Mount{Directory: directory, unmount: sync.OnceFunc(func() {
		if err := server.Unmount(); err != nil { // a program still uses it
			if err := syscall.Unmount(directory, syscall.MNT_DETACH); err != nil {
				tb.Errorf("unmount %s: %v", directory, err)
			}
		}
		server.Wait()
		release()
	})}
	tb.Cleanup(m.Unmount)
	return m
}

// Unmount unmounts the disk. No program may use it any more.
func (m *Mount) Unmount() { m.unmount() }

// guard unmounts a directory if this process ends without doing so, for instance by the timeout of go test. It returns
// what ends the guard.
func guard(tb testing.TB, directory string) (release func()) {
	tb.Helper()
	const script = `read -r _; umount -l "$1" || fusermount3 -uz "$1"`
	command := exec.Command("sh", "-c", script, "sh", directory) //nolint:noctx // it outlives the test if it has to
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}    // an interrupt from the terminal is not for it
	input, err := command.StdinPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		tb.Errorf("guard the mount: %v", err)
		return func() {}
	}
	return func() {
		_ = input.Close()
		_ = command.Wait() // fails, since nothing is mounted any more
	}
}

// CopyTo writes what the disk has into a directory of another one.
func (d *Disk) CopyTo(directory string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.root.copyTo(directory)
}

func (i *inode) copyTo(directory string) error {
	for name, target := range i.entries.durable {
		path := filepath.Join(directory, name)
		var err error
		if target.mode&syscall.S_IFMT == syscall.S_IFDIR {
			err = errors.Join(os.Mkdir(path, 0o700), target.copyTo(path))
		} else {
			err = os.WriteFile(path, target.content.durable, os.FileMode(target.mode&0o777))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Replace gives a file that is durable another content, which is durable too.
func (d *Disk) Replace(path string, text []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	target := d.root
	for name := range strings.SplitSeq(path, "/") {
		if target = target.entries.durable[name]; target == nil {
			return &os.PathError{Op: "replace", Path: path, Err: syscall.ENOENT}
		}
	}
	target.content = content{shown: bytes.Clone(text), durable: bytes.Clone(text)}
	return nil
}
