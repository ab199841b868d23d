// Package heap lets the programs of the local cloud use some memory before any of their time goes into collecting it.
// It knows Go's collector alone. Start with [Roomy].
package heap

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// roomyHeap is how much memory there may be before anything is collected, in bytes. The collector's own rule, twice
// what is alive, has it run all the time while little is. Once half of this is alive, that rule holds.
const roomyHeap = 256 << 20

// Roomy has the collector wait until there are 256 MB, for as long as less than half of them is alive. Where
// GOGC or GOMEMLIMIT say something else, they stand. It is called once, by a main.
func Roomy() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	usual := debug.SetGCPercent(-1)
	debug.SetMemoryLimit(roomyHeap)
	afterCollections(func() (again bool) {
		if live() < roomyHeap/2 {
			return true
		}
		debug.SetGCPercent(usual) // first, or there would be no rule at all
		debug.SetMemoryLimit(math.MaxInt64)
		return false
	})
}

// live is how many bytes the last collection left.
func live() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// afterCollections has something done after each collection, until it says no: an object that nobody refers to is found
// by each.
func afterCollections(do func() (again bool)) {
	runtime.AddCleanup(new([64]byte), func(struct{}) {
		if do() {
			afterCollections(do)
		}
	}, struct{}{})
}
