//go:build unix

package main

import "syscall"

// rotateKey is the signal that has a new key seal persistence cookies.
const rotateKey = syscall.SIGUSR2
