package main

import (
	"runtime"
	"testing"
	"time"
)

// While little is alive the heap may have its room, and from half of that on twice what is alive.
func TestRoomyHeap(t *testing.T) {
	for live, most := range map[uint64]uint64{
		1 << 20: roomyHeap, 30 << 20: roomyHeap, 100 << 20: roomyHeap, roomyHeap / 2: roomyHeap, 300 << 20: 600 << 20,
		2 << 30: 4 << 30,
	} {
		target := live + live*uint64(percentFor(live))/100
		if target > most || target < most*99/100 {
			t.Errorf("%d bytes are alive, and the heap is collected at %d, want %d", live, target, most)
		}
	}
	if got := percentFor(0); got != 100 {
		t.Errorf("nothing is known to be alive, and the heap may grow by %d %%", got)
	}
}

func TestAfterEachCollection(t *testing.T) {
	done := make(chan bool, 100)
	afterEachCollection(func() { done <- true })
	for n := range 3 {
		runtime.GC()
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Fatalf("nothing was done after collection %d", n+1)
		}
	}
}
