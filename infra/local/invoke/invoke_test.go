package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/registrar/functions"
	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/lambda"
	"example.com/registrar/shared/api"
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

// recorder passes requests on, and remembers what they asked for.
type recorder struct {
	next http.Handler

	mu   sync.Mutex
	seen []string
}

// ServeHTTP implements [http.Handler].
func (r *recorder) ServeHTTP(w http.ResponseWriter, asked *http.Request) {
	r.mu.Lock()
	r.seen = append(r.seen, asked.Method+" "+asked.Header.Get("X-Amz-Target"))
	r.mu.Unlock()
	r.next.ServeHTTP(w, asked)
}

// The engines that the environment names stay as they are: what runs on them has set its queues, and wants no sample
// data.
func TestWhatRunsIsLeftAlone(t *testing.T) {
	running, err := cloud.Open(t.Context(), cloud.Options{
		System: api.RealSystem(), SQSAddress: "http://sqs.local", S3Address: "http://s3.local", Visibility: 20 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_REGION", cloud.Region)
	t.Setenv("AWS_ACCESS_KEY_ID", cloud.Credentials().AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", cloud.Credentials().SecretAccessKey)
	engines := map[string]http.Handler{"DYNAMODB": running.DynamoDB, "SQS": running.SQS, "S3": running.S3,
		"SESV2": running.SES}
	recorders := map[string]*recorder{}
	for name, engine := range engines {
		recorders[name] = &recorder{next: engine}
		server := httptest.NewServer(recorders[name])
		defer server.Close()
		t.Setenv("AWS_ENDPOINT_URL_"+name, server.URL)
	}
	surround := func(own string) {
		around, err := surround(t.Context(), func(name string) string {
			if name == "AWS_ENDPOINT_URL_"+own {
				return ""
			}
			return os.Getenv(name)
		})
		if err != nil {
			t.Fatalf("with a %s of its own: %v", own, err)
		}
		around.close()
	}
	surround("")
	for name := range engines {
		surround(name)
	}
	reads := []string{"POST DynamoDB_20120810.DescribeTable", "POST AmazonSQS.GetQueueUrl",
		"POST AmazonSQS.GetQueueAttributes"}
	for name, r := range recorders {
		for _, asked := range r.seen {
			if !slices.Contains(reads, asked) {
				t.Errorf("%s was asked for %s", name, asked)
			}
		}
	}
	if len(recorders["DYNAMODB"].seen) == 0 || len(recorders["SQS"].seen) == 0 {
		t.Error("what runs was not even found")
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
		if sample, err := eventFor(f, filepath.Join("events", f.Name+".json")); err != nil ||
			string(sample) == string(event) {
			t.Errorf("%s: a file that is named: %s, %v", f.Name, sample, err)
		}
	}
}
