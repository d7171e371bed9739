//go:build unix

package main

import "syscall"

// rotateKey is the signal that rotates the key of the persistence cookies.
const rotateKey = syscall.SIGUSR2
