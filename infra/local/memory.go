package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// roomyHeap is how large the heap may become before it is collected, in bytes. The collector's own rule, twice what is
// alive, has it run all the time while little is: it took a quarter of the processor while a term was registered. Above
// half of this the rule holds as it is.
const roomyHeap = 384 << 20

// roomy has the collector wait until the heap has roomyHeap, whenever less is alive. Where GOGC or GOMEMLIMIT say
// something else, they stand.
func roomy() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		afterEachCollection(func() { debug.SetGCPercent(percentFor(live())) })
	}
}

// percentFor is GOGC for so many bytes that are alive.
func percentFor(live uint64) int {
	const usual, all = 100, 100
	if live == 0 || live >= roomyHeap/2 {
		return usual
	}
	return int((roomyHeap - live) * all / live) //nolint:gosec // at most roomyHeap × 100
}

// live is how many bytes the last collection left.
func live() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// afterEachCollection has something done then: an object that nobody refers to is found by each.
func afterEachCollection(do func()) {
	runtime.AddCleanup(new([64]byte), func(struct{}) {
		do()
		afterEachCollection(do)
	}, struct{}{})
}
