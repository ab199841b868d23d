package emulator

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// testListeners looks at every socket that MiniStack and the functions in it listen on (proc_pid_stat(5),
// proc_pid_fd(5), proc_net(5)). Whoever can reach it may do anything in it, without a password.
func testListeners(t *testing.T) {
	group := os.Getenv("MINISTACK_PID")
	sockets := map[string]bool{} // by inode
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // state, parent, process group, …
		if len(fields) < 3 || fields[2] != group {
			continue
		}
		open, err := filepath.Glob(filepath.Join(filepath.Dir(path), "fd", "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range open {
			if to, err := os.Readlink(file); err == nil && strings.HasPrefix(to, "socket:[") {
				sockets[strings.Trim(to, "socket:[]")] = true
			}
		}
	}
	found := 0
	for file, loopback := range map[string]string{
		"/proc/net/tcp": fmt.Sprintf("%08X", 0x0100007F), "/proc/net/tcp6": strings.Repeat("0", 24) + "01000000",
	} {
		table, err := os.ReadFile(file)
		if err != nil {
			continue // no IPv6
		}
		for line := range strings.Lines(string(table)) {
			const listens = "0A"
			fields := strings.Fields(line) // number, local address, remote address, state, … inode
			if len(fields) < 10 || fields[3] != listens || !sockets[fields[9]] {
				continue
			}
			found++
			address, hex, _ := strings.Cut(fields[1], ":")
			if port, err := strconv.ParseUint(hex, 16, 16); address != loopback {
				t.Errorf("port %d is open on the address %s of %s, %v", port, address, file, err)
			}
		}
	}
	if found == 0 {
		t.Error("MiniStack listens on no socket that this test sees")
	}
}
