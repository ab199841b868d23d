//go:build !linux

package lambda

import "syscall"

// attributes put a process in a group of its own, so that Ctrl-C in a terminal does not end it in the middle of a call.
// Other systems have no way to end it with the one that started it: a local cloud that is killed may leave processes
// behind.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
