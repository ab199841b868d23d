package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/registrar/functions"
	"example.com/registrar/infra/local/lambda"
)

// TestEveryBinaryAnswersItsEvent runs what `make build` built. BINARIES names the folder.
func TestEveryBinaryAnswersItsEvent(t *testing.T) {
	binaries := os.Getenv("BINARIES")
	if binaries == "" {
		t.Skip("left out: BINARIES names no folder of built functions (make test-integration does)")
	}
	root := filepath.Join("..", "..", "..")
	if !filepath.IsAbs(binaries) {
		binaries = filepath.Join(root, binaries)
	}
	around, err := surround(t.Context(), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	defer around.close()
	for _, f := range functions.All() {
		t.Run(f.Name, func(t *testing.T) {
			event, err := os.ReadFile(filepath.Join(root, "events", f.Name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var logs strings.Builder
			process, err := lambda.StartProcess(t.Context(), lambda.ProcessOptions{
				Binary: filepath.Join(binaries, f.Name, "bootstrap"), Name: f.Name, Memory: f.Memory, Timeout: f.Timeout,
				Env: around.env(f), Stdout: &logs, Stderr: &logs,
			})
			if err != nil {
				t.Fatalf("%v\n%s", err, logs.String())
			}
			defer process.Close()
			answer, err := process.Invoke(t.Context(), event)
			if err != nil {
				t.Fatalf("%v\n%s", err, logs.String())
			}
			var got struct {
				StatusCode int   `json:"statusCode"`
				Failures   []any `json:"batchItemFailures"`
			}
			if err := json.Unmarshal(answer, &got); err != nil {
				t.Fatalf("%v: %s", err, answer)
			}
			if f.Operations != nil && (got.StatusCode < 200 || got.StatusCode > 299) || len(got.Failures) > 0 {
				t.Errorf("answer: %s\n%s", answer, logs.String())
			}
			t.Logf("init %s, first invocation %s", process.InitDuration(), process.Duration())
		})
	}
}

// What a schedule sends is made anew, so that the registry does not hold it for done; everything else has its sample.
func TestAScheduledFunctionIsDueNow(t *testing.T) {
	t.Chdir(filepath.Join("..", "..", ".."))
	for _, f := range functions.All() {
		event, err := eventFor(f, "")
		if err != nil {
			t.Fatal(err)
		}
		var told struct{ Due time.Time }
		if err := json.Unmarshal(event, &told); err != nil {
			t.Errorf("%s: %v: %s", f.Name, err, event)
		}
		if now := time.Since(told.Due) < time.Minute; now != (f.Schedule != nil) {
			t.Errorf("%s is sent %s", f.Name, event)
		}
		if f.Schedule == nil {
			continue
		}
		if sample, err := eventFor(f, filepath.Join("events", f.Name+".json")); err != nil || string(sample) == string(event) {
			t.Errorf("%s: a file that is named: %s, %v", f.Name, sample, err)
		}
	}
}
