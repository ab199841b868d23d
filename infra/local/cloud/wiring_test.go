package cloud_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"example.com/registrar/functions"
	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/faults"
	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/infra/local/ses"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/mail/carrier"
	"github.com/aws/aws-lambda-go/events"
	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// A queue of uploads is told of what arrives under its prefix, and of nothing else in the bucket.
func TestUploadsAreAnnouncedByPrefix(t *testing.T) {
	if outside() {
		t.Skip("left out: an engine outside this process announces by itself")
	}
	c := open(t)
	queues := sqs.New(sqs.Options{
		Region: cloud.Region, BaseEndpoint: aws.String("http://sqs.local"), HTTPClient: inprocess.Client(c.cloud.SQS),
		Credentials: credentials.StaticCredentialsProvider{Value: cloud.Credentials()},
	})
	for _, f := range functions.All() {
		if f.Queue == nil || f.Queue.Uploads == "" {
			continue
		}
		queue, err := queues.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: &f.Queue.Name})
		if err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]string{functions.FailedPrefix + "a": "0", "not-" + f.Queue.Uploads + "a": "0",
			f.Queue.Uploads + "a": "1"} {
			file, size := text("x")
			c.put(http.MethodPut, "http://s3.local/"+cloud.Bucket+"/"+key, nil, file, size)
			got, err := queues.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
				QueueUrl: queue.QueueUrl, AttributeNames: []types.QueueAttributeName{
					types.QueueAttributeNameApproximateNumberOfMessages},
			})
			if err != nil {
				t.Fatal(err)
			}
			if n := got.Attributes["ApproximateNumberOfMessages"]; n != want {
				t.Errorf("after %s the queue %s has %s messages, want %s", key, f.Queue.Name, n, want)
			}
			if _, err := queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// waiting is how many messages a queue of the manifest's has, that of the function for which is holds.
func waiting(t *testing.T, c *cloud.Cloud, is func(functions.Queue) bool) string {
	t.Helper()
	queues := sqs.New(sqs.Options{
		Region: cloud.Region, BaseEndpoint: aws.String("http://sqs.local"), HTTPClient: inprocess.Client(c.SQS),
		Credentials: credentials.StaticCredentialsProvider{Value: cloud.Credentials()},
	})
	for _, f := range functions.All() {
		if f.Queue == nil || !is(*f.Queue) {
			continue
		}
		queue, err := queues.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: &f.Queue.Name})
		if err != nil {
			t.Fatal(err)
		}
		got, err := queues.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
			QueueUrl: queue.QueueUrl, AttributeNames: []types.QueueAttributeName{
				types.QueueAttributeNameApproximateNumberOfMessages},
		})
		if err != nil {
			t.Fatal(err)
		}
		return got.Attributes["ApproximateNumberOfMessages"]
	}
	t.Fatal("there is no such queue")
	return ""
}

// sender is a function that sends a mail which bounces.
type sender struct{ *carrier.Carrier }

// Invoke implements [lambda.Function].
func (s sender) Invoke(ctx context.Context, _ []byte) ([]byte, error) {
	_, err := s.Send(ctx, mail.Letter{To: "bounce@simulator.amazonses.com", Subject: "S", Text: "T"})
	return nil, err
}

// What has arrived is announced, and what was sent bounces, though the client has hung up or the function was killed.
func TestAnnouncementsOutliveWhoCausedThem(t *testing.T) {
	const rule, seed, calls = "lambda:sender kill=100%", 1, 100
	rules, err := faults.Parse(rule)
	if err != nil {
		t.Fatal(err)
	}
	injector := faults.New(rules, seed, slog.New(slog.DiscardHandler))
	c, err := cloud.Open(t.Context(), cloud.Options{System: api.RealSystem(), SQSAddress: "http://sqs.local",
		S3Address: "http://s3.local", Faults: injector})
	if err != nil {
		t.Fatal(err)
	}
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	uploads := func(q functions.Queue) bool { return q.Uploads != "" }
	for _, f := range functions.All() {
		if f.Queue == nil || !uploads(*f.Queue) {
			continue
		}
		file, size := text("x")
		r := httptest.NewRequestWithContext(gone, http.MethodPut, "http://s3.local/"+cloud.Bucket+"/"+f.Queue.Uploads+"a",
			file)
		r.Header.Set("Content-Length", strconv.FormatInt(size, 10))
		w := httptest.NewRecorder()
		if c.S3.ServeHTTP(w, r); w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if got := waiting(t, c, uploads); got != "1" {
		t.Errorf("of one upload %s are announced", got)
	}

	killed := injector.Function("sender",
		sender{c.Adapters(functions.Function{Name: "notifications-send", Mails: true}).Carrier})
	for range calls { // each lives for some requests, some for none
		if _, err := killed.Invoke(t.Context(), nil); err == nil {
			t.Fatal("a killed function answered")
		}
	}
	sent := len(c.Engines.SES.(*ses.Engine).Sent())
	if got := waiting(t, c, func(q functions.Queue) bool { return q.Feedback }); sent == 0 || sent == calls ||
		got != strconv.Itoa(sent) {
		t.Errorf("of %d mails to an address that bounces %s did", sent, got)
	}
}

// standIn is what TestMain runs as when the Runtime API calls: it answers what it finds around it.
func standIn() {
	awslambda.Start(func(context.Context, json.RawMessage) (events.APIGatewayV2HTTPResponse, error) {
		body, err := json.Marshal(os.Environ())
		return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusOK, Body: string(body)}, err
	})
}

// With LAMBDA=processes each function has its own binary, and the memory, the settings and the engines of its line in
// the manifest; all together they have as many calls at once as they may.
func TestProcessesAreOfTheManifest(t *testing.T) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for _, f := range functions.All() {
		if err := errors.Join(os.Mkdir(filepath.Join(folder, f.Name), 0o700),
			os.Symlink(binary, filepath.Join(folder, f.Name, "bootstrap"))); err != nil {
			t.Fatal(err)
		}
	}
	telemetry := map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_BSP_SCHEDULE_DELAY": "500",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318"}
	for name, value := range telemetry {
		t.Setenv(name, value)
	}
	var log bytes.Buffer
	c, err := cloud.Open(t.Context(), cloud.Options{
		Getenv: func(name string) string { return telemetry[name] }, Log: slog.New(slog.NewTextHandler(&log, nil)),
		System: api.RealSystem(), Processes: folder, Concurrency: 1, Output: io.Discard,
		DynamoDBAddress: "http://dynamodb.local", SQSAddress: "http://sqs.local", S3Address: "http://s3.local",
		SESAddress: "http://ses.local",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	ask := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		c.API.ServeHTTP(w, httptest.NewRequest(method, path, http.NoBody))
		return w
	}
	for _, f := range functions.All() {
		if f.Name != "terms-list" && f.Name != "imports-create" {
			continue
		}
		operation := f.Operations(functions.Adapters{})[0]
		var env []string
		if w := ask(operation.Method, operation.Path); json.Unmarshal(w.Body.Bytes(), &env) != nil {
			t.Fatalf("%s: %d %s", f.Name, w.Code, w.Body)
		}
		want := append(c.Environment(f), "AWS_LAMBDA_FUNCTION_NAME="+f.Name, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE="+
			strconv.Itoa(f.Memory))
		for name, value := range telemetry {
			want = append(want, name+"="+value)
		}
		for _, variable := range want {
			if !slices.Contains(env, variable) {
				t.Errorf("%s does not find %s among %v", f.Name, variable, env)
			}
		}
		if !strings.Contains(log.String(), `msg="cold start" function=`+f.Name+` milliseconds=`) {
			t.Errorf("no cold start of %s in the log:\n%s", f.Name, &log)
		}
	}
	var answers sync.WaitGroup
	codes := make([]int, 20)
	for i := range codes {
		answers.Go(func() { codes[i] = ask(http.MethodGet, "/v1/terms").Code })
	}
	answers.Wait()
	if !slices.Contains(codes, http.StatusOK) || !slices.Contains(codes, http.StatusServiceUnavailable) {
		t.Errorf("20 calls at once, where one may be: %v", codes)
	}
}
