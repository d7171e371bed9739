//go:build !unix

package main

import "syscall"

// rotateKey is a signal that never arrives.
const rotateKey = syscall.Signal(-1)
