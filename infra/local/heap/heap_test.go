package heap

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

// The collector's own rule is back once half of the room is alive, and not before.
func TestRoomyHeap(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	t.Cleanup(func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
	Roomy()
	const off = math.MaxUint64 // as metrics tell it
	now := func() (percent, limit uint64) {
		both := []metrics.Sample{{Name: "/gc/gogc:percent"}, {Name: "/gc/gomemlimit:bytes"}}
		metrics.Read(both)
		return both[0].Value.Uint64(), both[1].Value.Uint64()
	}
	for range 3 {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	if percent, limit := now(); percent != off || limit != roomyHeap {
		t.Errorf("with little alive: GOGC %d, limit %d", percent, limit)
	}
	alive := make([]byte, roomyHeap/2+1)
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		runtime.GC()
		if percent, limit := now(); percent == 100 && limit == math.MaxInt64 {
			break
		} else if time.Since(began) > time.Minute {
			t.Fatalf("with half of it alive: GOGC %d, limit %d", percent, limit)
		}
	}
	runtime.KeepAlive(alive)
}

func TestAfterCollections(t *testing.T) {
	done, left := make(chan bool, 100), 3
	afterCollections(func() bool {
		left--
		done <- true
		return left > 0
	})
	for n := range 3 {
		for began := time.Now(); len(done) == 0; time.Sleep(time.Millisecond) {
			runtime.GC() // again: one may come before the next is waited for
			if time.Since(began) > time.Minute {
				t.Fatalf("nothing was done after collection %d", n+1)
			}
		}
		<-done
	}
	runtime.GC()
	runtime.GC()
	if len(done) > 0 {
		t.Error("something was done after it had said no")
	}
}
