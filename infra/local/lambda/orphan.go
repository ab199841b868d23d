//go:build !linux

package lambda

import "syscall"

// attributes are none: other systems have no way to end a process with the one that started it, and a local cloud that is
// killed leaves its functions' processes behind.
func attributes() *syscall.SysProcAttr { return nil }
