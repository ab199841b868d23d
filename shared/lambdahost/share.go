package lambdahost

import (
	"runtime"
	"runtime/debug"
	"strconv"
)

// oneProcessor is the memory, in MB, with which a function has the time of one whole processor (Lambda developer guide,
// "Configure Lambda function memory"). With less it has a part of one, though it sees two.
const oneProcessor = 1769

// share is how the Go runtime uses what a function has.
type share struct {
	processors  int   // GOMAXPROCS
	percent     int   // GOGC
	memoryLimit int64 // GOMEMLIMIT, in bytes
}

// shareOf is the share of a function with so much memory, in MB.
//
// With a part of a processor, threads side by side only use it up sooner: they wake, spin and steal from each other, a
// quarter of a request's time. And a request leaves some hundred KB of garbage beside a live heap of two or three MB,
// which the collector by default may only double: it would run every ten requests. So it may grow further, as long as
// it has room: near the function's memory the collector works as often as it must.
func shareOf(memory int) share {
	const percent, ofMemory, megabyte = 400, 75, 1 << 20
	return share{
		processors: max(1, memory/oneProcessor), percent: percent,
		memoryLimit: int64(memory) * megabyte * ofMemory / 100,
	}
}

// takeShare sets the Go runtime to a function's memory, as Lambda says it. What the environment says by Go's own
// variables stays, and all does where nobody says how much memory there is. A start has Lambda's full speed, and does
// not go through this.
func takeShare(getenv func(string) string) {
	memory, err := strconv.Atoi(getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"))
	if err != nil || memory <= 0 {
		return
	}
	s := shareOf(memory)
	if getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(min(s.processors, runtime.GOMAXPROCS(0)))
	}
	if getenv("GOGC") == "" {
		debug.SetGCPercent(s.percent)
	}
	if getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(s.memoryLimit)
	}
}
