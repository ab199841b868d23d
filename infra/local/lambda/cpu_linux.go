package lambda

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// processorTime is what all threads of a process had of the processors: its CPU-time clock, as clock_getcpuclockid(3)
// finds it.
func processorTime(pid int) (time.Duration, error) {
	const whole, shift = 2, 3 // CPUCLOCK_SCHED of the whole process, in the kernel's posix-timers.h
	var at unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<shift|whole), &at); err != nil { //nolint:gosec // a pid has 22 bits
		return 0, fmt.Errorf("read the processor time of process %d: %w", pid, err)
	}
	return time.Duration(at.Nano()), nil
}
