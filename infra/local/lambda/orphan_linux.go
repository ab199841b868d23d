package lambda

import "syscall"

// attributes put a process in a group of its own, so that Ctrl-C in a terminal does not end it in the middle of a call,
// and let it end with the thread that started it, so that a local cloud that is killed leaves none behind: a frozen one
// would never notice (prctl(2), PR_SET_PDEATHSIG).
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
