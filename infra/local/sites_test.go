package main

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// up runs the local cloud in this process until the test ends, and waits until it answers.
func up(t *testing.T, environment map[string]string, console io.Writer) (out *printed) {
	t.Helper()
	out = &printed{}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, func(name string) string { return environment[name] }, out, console) }()
	for !strings.Contains(out.String(), "Registrar runs") {
		select {
		case err := <-ended:
			stop()
			t.Fatal(err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return out
}

// A second `make run` on the same ports, log or data says what is in its way and what to do, and touches nothing that
// the first one uses. The first one, a clean start with the sample data, has nothing to warn of.
func TestASecondRunLeavesTheFirstAlone(t *testing.T) {
	folder := t.TempDir()
	port := 20_000 + rand.IntN(20_000)
	first := map[string]string{"PORT": strconv.Itoa(port), "LOG_FILE": filepath.Join(folder, "run.log"),
		"DATA_DIR": filepath.Join(folder, "data")}
	var console printed
	out := up(t, first, &console)
	for !strings.Contains(console.String(), "imports-sweep task OK") { // a schedule is overdue at the start
		time.Sleep(10 * time.Millisecond)
	}
	if text := console.String(); strings.Contains(text, "WARN") || strings.Contains(text, "ERROR") {
		t.Errorf("the log of a clean start:\n%s", text)
	}
	if !strings.Contains(out.String(), "/registrations") {
		t.Errorf("the sample data is not there:\n%s", out)
	}
	before, err := os.ReadFile(first["LOG_FILE"])
	if err != nil || len(before) == 0 {
		t.Fatalf("the first one's log: %d bytes, %v", len(before), err)
	}
	for what, c := range map[string]struct {
		change map[string]string
		want   []string
	}{
		"the same": {nil, []string{"port " + strconv.Itoa(port) + " is taken by another Registrar", "PORT=", "Ctrl-C"}},
		"a port of the first's engines": {map[string]string{"PORT": strconv.Itoa(port + 3)},
			[]string{"another Registrar", "on ports " + strconv.Itoa(port) + " to " + strconv.Itoa(port+4)}},
		"the same log": {map[string]string{"PORT": strconv.Itoa(port + 10), "DATA_DIR": ""},
			[]string{"LOG_FILE", "another process writes to", "name another file"}},
		"the same data": {map[string]string{"PORT": strconv.Itoa(port + 10), "LOG_FILE": filepath.Join(folder, "other.log")},
			[]string{"another process has " + first["DATA_DIR"], "another folder"}},
	} {
		second := func(name string) string {
			if value, ok := c.change[name]; ok {
				return value
			}
			return first[name]
		}
		err := run(t.Context(), second, io.Discard, io.Discard)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want it to say %q", what, err, want)
			}
		}
	}
	if after, err := os.ReadFile(first["LOG_FILE"]); err != nil || !bytes.HasPrefix(after, before) {
		t.Errorf("the first one's log held\n%s\nand holds\n%s, %v", before, after, err)
	}
}

// A port of any of the five that another program has is named, and nothing listens on the others.
func TestAPortOfAnotherProgram(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0") // it never answers
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_, text, _ := net.SplitHostPort(other.Addr().String())
	taken, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	environment := map[string]string{"PORT": strconv.Itoa(taken - 2), "SEED": "none"}
	err = run(t.Context(), func(name string) string { return environment[name] }, io.Discard, io.Discard)
	for _, want := range []string{"port " + text + " (SQS)", "another program", "lsof -i :" + text, "PORT="} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want it to say %q", err, want)
		}
	}
	free, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", environment["PORT"]))
	if err != nil {
		t.Fatalf("the port of the API is still taken: %v", err)
	}
	_ = free.Close() // it was only tried
}
