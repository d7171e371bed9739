//go:build !unix

package main

import "syscall"

// rotateKey is a signal that never comes.
const rotateKey = syscall.Signal(-1)
