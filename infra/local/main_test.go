package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"example.com/registrar/infra/local/client"
)

// The test binary is also `make run`: with LOCAL in its environment it is that.
func TestMain(m *testing.M) {
	if os.Getenv("LOCAL") == "" {
		os.Exit(m.Run())
	}
	if err := run(context.Background(), os.Getenv, io.Discard, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// start runs the local cloud as a process of its own and waits until it answers.
func start(t *testing.T, port int, dataDir string) *exec.Cmd {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), "LOCAL=1", "SEED=none", "PORT="+strconv.Itoa(port), "DATA_DIR="+dataDir)
	logs, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = logs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		if answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/health", port)); err == nil {
			answer.Body.Close()
			return cmd
		}
		time.Sleep(50 * time.Millisecond)
	}
	text, _ := os.ReadFile(logs.Name())
	t.Fatalf("it does not come up: %s", text)
	return nil
}

// TestKilledInTheMiddle kills the local cloud while 64 clients write, again and again: nothing that was acknowledged is
// missing, and nothing is half done. SOAK says how often (2).
func TestKilledInTheMiddle(t *testing.T) {
	rounds := 2
	if text := os.Getenv("SOAK"); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	const clients = 64
	dataDir := t.TempDir()
	port := 20_000 + rand.IntN(20_000)
	var mu sync.Mutex
	acknowledged := make(map[string]bool)
	for round := range rounds {
		cmd := start(t, port, dataDir)
		api := client.New(fmt.Sprintf("http://127.0.0.1:%d", port), clients)
		var wg sync.WaitGroup
		for n := range clients {
			wg.Go(func() {
				for k := 0; ; k++ {
					number := fmt.Sprintf("K%d-%d-%d", round, n, k)
					err := api.Do(t.Context(), http.MethodPost, "/v1/students", map[string]string{
						"number": number, "givenName": "G", "familyName": "F", "email": number + "@example.edu",
					}, nil)
					if err != nil {
						return // it was killed
					}
					mu.Lock()
					acknowledged[number] = true
					mu.Unlock()
				}
			})
		}
		time.Sleep(time.Duration(300+rand.IntN(700)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		_ = cmd.Wait() // it was killed
	}
	cmd := start(t, port, dataDir)
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	api := client.New(fmt.Sprintf("http://127.0.0.1:%d", port), 1)
	type student struct{ Number, Email string }
	all, err := client.All[student](t.Context(), api, "/v1/students", url.Values{})
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]bool, len(all))
	for _, s := range all {
		found[s.Number] = true
		// A student is three items, written in one transaction: the names must be taken.
		var problem *client.Problem
		err := api.Do(t.Context(), http.MethodPost, "/v1/students", map[string]string{"number": s.Number, "givenName": "G", "familyName": "F"}, nil)
		if !asProblem(err, &problem) || problem.Code != "NAME_TAKEN" {
			t.Fatalf("the number of student %s is free: %v", s.Number, err)
		}
	}
	for number := range acknowledged {
		if !found[number] {
			t.Errorf("student %s was acknowledged and is missing", number)
		}
	}
	t.Logf("killed %d times: %d acknowledged, %d found", rounds, len(acknowledged), len(found))
	if len(acknowledged) < clients {
		t.Error("too few writes for the test to say much")
	}
}

func asProblem(err error, into **client.Problem) bool {
	problem, ok := err.(*client.Problem) //nolint:errorlint // the client wraps nothing around it
	*into = problem
	return ok
}
