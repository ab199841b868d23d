package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// running starts the program of `make run`, with sample data, and gives the address of its API. It is stopped with the
// test.
func running(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "registrar")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../local").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	var last error
	for try := range 20 {
		port := 40000 + (os.Getpid()*5+try*505)%20000 // five ports one after the other, hardly those of another run
		address := "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		var output bytes.Buffer
		program := exec.Command(binary)
		program.Env = append(os.Environ(), "PORT="+strconv.Itoa(port), "LOG=json")
		program.Stdout, program.Stderr = &output, io.Discard
		if err := program.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- program.Wait() }()
		if last = answering(t.Context(), address, ended); last == nil {
			t.Cleanup(func() {
				if err := errors.Join(program.Process.Signal(syscall.SIGTERM), <-ended); err != nil {
					t.Errorf("the local cloud ended with %v\n%s", err, output.String())
				}
			})
			return address
		}
	}
	t.Fatalf("the local cloud does not start: %v", last)
	return ""
}

// answering waits until the API can answer; an error when its program has ended.
func answering(ctx context.Context, address string, ended <-chan error) error {
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/health", http.NoBody)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-ended:
			return fmt.Errorf("the program ended: %w", cmp.Or(err, io.EOF))
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Schemathesis makes requests of the document, valid ones and others, and finds no answer that the document does not
// promise. SCHEMATHESIS names its command (.ci/tools/schemathesis).
func TestSchemathesis(t *testing.T) {
	command := os.Getenv("SCHEMATHESIS")
	if command == "" {
		t.Skip("SCHEMATHESIS is not set: `make test-integration` runs this")
	}
	folder, err := filepath.Abs("schemathesis")
	if err != nil {
		t.Fatal(err)
	}
	document, err := filepath.Abs("../../" + file)
	if err != nil {
		t.Fatal(err)
	}
	api, work := running(t), t.TempDir()
	try := func(document string, arguments ...string) ([]byte, error) {
		schemathesis := exec.CommandContext(t.Context(), command, append([]string{
			"--config-file", filepath.Join(folder, "schemathesis.toml"), "run", document, "--url", api, "--checks", "all",
			"--no-color",
		}, arguments...)...)
		schemathesis.Dir = work
		schemathesis.Env = append(os.Environ(), "SCHEMATHESIS_HOOKS="+filepath.Join(folder, "exceptions.py"),
			"PYTHONDONTWRITEBYTECODE=1")
		return schemathesis.CombinedOutput()
	}

	// It is awake: it finds a fault that is planted in the document.
	planted := filepath.Join(work, "planted.json")
	whole := read(t).whole
	health := object(whole, "components", "schemas", "Health")
	health["required"] = append(health["required"].([]any), "planted")
	text, err := json.Marshal(whole)
	if err == nil {
		err = os.WriteFile(planted, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if out, err := try(planted, "--include-path", "/health", "--phases", "examples"); err == nil ||
		!strings.Contains(string(out), "planted") {
		t.Fatalf("Schemathesis missed a planted fault: %v\n%s", err, out)
	}

	report := filepath.Join(work, "report.json")
	out, failed := try(document, "--report", "json", "--report-json-path", report)
	var outcome struct {
		Seconds    float64                                      `json:"running_time"`
		Operations struct{ Total, Tested int }                  `json:"operations"`
		Cases      struct{ Generated int }                      `json:"test_cases"`
		Phases     map[string]struct{ Status string }           `json:"phases"`
		Rates      map[string]map[string]struct{ Accepted int } `json:"valid_rates"`
	}
	text, err = os.ReadFile(report)
	if err == nil {
		err = json.Unmarshal(text, &outcome)
	}
	if err != nil || failed != nil {
		t.Fatalf("Schemathesis: %v, %v\n%s", failed, err, out)
	}
	t.Logf("%d cases of %d operations in %.0f s, all checks: no failure", outcome.Cases.Generated,
		outcome.Operations.Tested, outcome.Seconds)
	if outcome.Cases.Generated < 10000 || outcome.Operations.Tested != len(read(t).operations) {
		t.Errorf("%d cases of %d operations", outcome.Cases.Generated, outcome.Operations.Tested)
	}
	for _, phase := range slices.Sorted(maps.Keys(outcome.Phases)) {
		if status := outcome.Phases[phase].Status; status != "success" {
			t.Errorf("the phase %s: %s", phase, status)
		}
	}
	for operation, phases := range outcome.Rates {
		accepted := 0
		for _, p := range phases {
			accepted += p.Accepted
		}
		if accepted == 0 {
			t.Logf("%s: no request was accepted", operation)
		}
	}
}
