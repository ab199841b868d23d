package main

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
)

// What a process below uses is counted with its parent's, while it runs and when it has ended.
func TestUsedCountsWhatIsBelow(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processor time of other processes is read from Linux's /proc")
	}
	before, err := used(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; read -r line")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	const little, pause = 20 * time.Millisecond, 10 * time.Millisecond
	during := before
	for during.processor < before.processor+little { // a loop of a hundred thousand takes longer than that anywhere
		if during, err = used(os.Getpid()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(pause)
	}
	if during.processes != before.processes+1 || during.bytes <= 0 {
		t.Errorf("%d processes with %d bytes, %d before", during.processes, during.bytes, before.processes)
	}
	_ = in.Close() // which ends it
	_ = c.Wait()   // with the status of read
	after, err := used(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if after.processes != before.processes || after.processor < during.processor {
		t.Errorf("%d processes and %s afterwards, %d and %s before it had ended", after.processes, after.processor,
			during.processes, during.processor)
	}
}
