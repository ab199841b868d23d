package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usage is what processes have used: processor time since they began, with children that have ended, and the memory
// that is theirs now, shared pages by their share.
type usage struct {
	processor time.Duration
	bytes     int64
	processes int
}

// used is what these processes have used, with all below them. It reads Linux's /proc.
func used(roots ...int) (usage, error) {
	below, err := children()
	if err != nil {
		return usage{}, err
	}
	var u usage
	all := append([]int(nil), roots...)
	for i := 0; i < len(all); i++ {
		all = append(all, below[all[i]]...)
		ticks, err := ticksOf(all[i])
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has ended, and stands in its parent's time
		}
		if err != nil {
			return usage{}, err
		}
		const perSecond = 100 // USER_HZ, on every architecture that Go runs on
		u.processor += time.Duration(ticks) * time.Second / perSecond
		u.bytes += shareOf(all[i])
		u.processes++
	}
	return u, nil
}

// stat gives the fields of /proc/PID/stat from the third on: what comes before may have spaces.
func stat(pid int) ([]string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	_, rest, ok := bytes.Cut(text[bytes.LastIndexByte(text, ')'):], []byte(" "))
	fields := strings.Fields(string(rest))
	const fewest = 15
	if !ok || len(fields) < fewest {
		return nil, fmt.Errorf("/proc/%d/stat cannot be read", pid)
	}
	return fields, nil
}

func children() (map[int][]int, error) {
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil || len(all) == 0 {
		return nil, errors.New("there is no /proc: the processor time of processes is read on Linux alone")
	}
	below := map[int][]int{}
	for _, path := range all {
		pid, err := strconv.Atoi(filepath.Base(path))
		if err != nil {
			continue
		}
		fields, err := stat(pid)
		if err != nil {
			continue // it has ended
		}
		if parent, err := strconv.Atoi(fields[1]); err == nil {
			below[parent] = append(below[parent], pid)
		}
	}
	return below, nil
}

// ticksOf is utime, stime, cutime and cstime together.
func ticksOf(pid int) (ticks int64, err error) {
	fields, err := stat(pid)
	if err != nil {
		return 0, err
	}
	const first, last = 11, 14
	for _, field := range fields[first : last+1] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return ticks, nil
}

// shareOf is the proportional set size; 0 when the process has ended.
func shareOf(pid int) int64 {
	file, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "Pss:"); ok {
			kilobytes, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			const kilo = 1024
			return kilobytes * kilo
		}
	}
	return 0
}

// machine says what this was measured on.
func machine() string {
	model, cores, memory := "unknown processor", 0, ""
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.SplitSeq(string(text), "\n") {
			name, value, _ := strings.Cut(line, ":")
			switch strings.TrimSpace(name) {
			case "model name":
				model = strings.TrimSpace(value)
			case "processor":
				cores++
			}
		}
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		fields := strings.Fields(string(text))
		if kilobytes, err := strconv.Atoi(fields[1]); err == nil {
			memory = fmt.Sprintf(", %d GB", (kilobytes+1<<19)>>20)
		}
	}
	return fmt.Sprintf("%s, %d cores%s", model, cores, memory)
}

// load is how many processes wanted to run, in the mean of the last minute.
func load() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	n, _ := strconv.ParseFloat(first, 64)
	return n
}
