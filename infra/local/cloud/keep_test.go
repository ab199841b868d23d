package cloud_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/infra/local/lambda"
	"example.com/registrar/shared/api"
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// The test binary is also a local cloud to be killed, with DATA_DIR and WRITERS in its environment, and a function.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv("AWS_LAMBDA_RUNTIME_API") != "":
		standIn()
	case os.Getenv("WRITERS") == "":
		os.Exit(m.Run())
	}
	if err := write(context.Background(), os.Getenv("WRITERS"), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// keptCloud is a local cloud with a folder, whose stream is relayed to a queue: a message for each student that is
// made.
type keptCloud struct {
	*cloud.Cloud
	relay  *lambda.StreamPoller
	queues *sqs.Client
	queue  *string
	seen   func() // is called when the relay has sent something; may be nil
}

func openKept(ctx context.Context, dataDir string) (*keptCloud, error) {
	c := &keptCloud{}
	var err error
	if c.Cloud, err = cloud.Open(ctx, cloud.Options{
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})), System: api.RealSystem(),
		SQSAddress: "http://sqs.local", S3Address: "http://s3.local", DataDir: dataDir, Unthrottled: true,
	}); err != nil {
		return nil, err
	}
	c.queues = sqs.New(sqs.Options{
		Region: cloud.Region, BaseEndpoint: aws.String("http://sqs.local"), HTTPClient: inprocess.Client(c.SQS),
		Credentials: credentials.StaticCredentialsProvider{Value: cloud.Credentials()},
	})
	made, err := c.queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("made")})
	if err != nil {
		return nil, err
	}
	c.queue = made.QueueUrl
	streams := &lambda.HTTPStreams{Client: inprocess.Client(c.DynamoDB), Endpoint: "http://dynamodb.local"}
	arns, err := streams.ListStreams(ctx, cloud.Table)
	if err != nil || len(arns) != 1 {
		return nil, fmt.Errorf("streams of the table: %v, %w", arns, err)
	}
	c.relay = &lambda.StreamPoller{
		Client: streams, ARN: arns[0], Function: c, StartingPosition: lambda.TrimHorizon, Positions: c.Engines.Positions,
		Name:                  "test",
		Filter:                lambda.StreamFilter{EventNames: []string{"INSERT"}, KeyPrefixes: []string{"STUDENT#"}},
		ParallelizationFactor: 4, BatchSize: 10,
	}
	return c, nil
}

// Invoke implements [lambda.Function].
func (c *keptCloud) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var event events.DynamoDBEvent
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, err
	}
	in := &sqs.SendMessageBatchInput{QueueUrl: c.queue}
	for i, r := range event.Records {
		if number, ok := r.Change.NewImage["number"]; ok { // the student itself, and no other item of it
			in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)),
				MessageBody: aws.String(number.String())})
		}
	}
	if len(in.Entries) == 0 {
		return nil, nil
	}
	if _, err := c.queues.SendMessageBatch(ctx, in); err != nil {
		return nil, err
	}
	if c.seen != nil {
		c.seen()
	}
	return nil, nil
}

// write makes students, 64 at a time, and prints the number of each that was acknowledged, until it is killed.
func write(ctx context.Context, name string, out io.Writer) error {
	c, err := openKept(ctx, os.Getenv("DATA_DIR"))
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- c.relay.Run(ctx) }()
	var mu sync.Mutex
	const writers = 64
	for n := range writers {
		go func() {
			for k := 0; ; k++ {
				number := fmt.Sprintf("%s-%d-%d", name, n, k)
				if status := c.makeStudent(ctx, number); status != http.StatusCreated {
					failed <- fmt.Errorf("student %s: %d", number, status)
					return
				}
				mu.Lock()
				fmt.Fprintln(out, number)
				mu.Unlock()
			}
		}()
	}
	return <-failed
}

func (c *keptCloud) makeStudent(ctx context.Context, number string) int {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/students",
		strings.NewReader(`{"number":"`+number+`","givenName":"G","familyName":"F"}`))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	c.API.ServeHTTP(w, r)
	return w.Code
}

// all receives and deletes every message there is, and counts each.
func (c *keptCloud) all(t *testing.T) map[string]int {
	t.Helper()
	found := map[string]int{}
	for {
		got, err := c.queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: c.queue, MaxNumberOfMessages: 10,
			VisibilityTimeout: 600})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Messages) == 0 {
			return found
		}
		for _, m := range got.Messages {
			found[*m.Body]++
		}
	}
}

// TestWhatWasCommittedIsRelayed kills a local cloud while 64 writers make students and the table's stream is relayed to
// a queue, again and again: for every student that was acknowledged there is a message. SOAK says how often (2).
func TestWhatWasCommittedIsRelayed(t *testing.T) {
	if outside() {
		t.Skip("left out: an engine outside this process is not killed with it")
	}
	rounds := 2
	if text := os.Getenv("SOAK"); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	dataDir := t.TempDir()
	var acknowledged []string
	for round := range rounds {
		acknowledged = append(acknowledged, killed(t, dataDir, fmt.Sprintf("K%d", round))...)
	}
	before, after := relayedNow(t, dataDir)
	twice := 0
	for _, number := range acknowledged {
		n := before[number] + after[number]
		if n == 0 {
			t.Errorf("student %s was acknowledged and not relayed", number)
		}
		if n > 1 {
			twice++
		}
	}
	t.Logf("killed %d times: %d students acknowledged; %d relayed before the last kill, %d after, %d more than once",
		rounds,
		len(acknowledged), len(before), len(after), twice)
	if len(acknowledged) < 64 || len(before) == 0 {
		t.Error("too little happened for the test to say much")
	}
	if _, again := relayedNow(t, dataDir); len(again) > 0 {
		t.Errorf("%d students were relayed once more: the position was not kept", len(again))
	}
}

// relayedNow opens the folder, and gives what had been relayed and has not been looked at, and what still had to be.
func relayedNow(t *testing.T, dataDir string) (before, after map[string]int) {
	t.Helper()
	c, err := openKept(t.Context(), dataDir)
	if err != nil {
		t.Fatal(err)
	}
	before = c.all(t)
	ctx, stop := context.WithCancel(t.Context())
	relayed := make(chan struct{}, 1)
	c.seen = func() {
		select {
		case relayed <- struct{}{}:
		default: // it is told already
		}
	}
	done := make(chan error, 1)
	go func() { done <- c.relay.Run(ctx) }()
	for quiet := false; !quiet; { // the relay looks four times a second
		select {
		case <-relayed:
		case <-time.After(2 * time.Second):
			quiet = true
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	after = c.all(t)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	return before, after
}

// killed runs a local cloud for a while, and gives the numbers of the students that it acknowledged.
func killed(t *testing.T, dataDir, name string) (acknowledged []string) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), "WRITERS="+name, "DATA_DIR="+dataDir)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	const most = 500
	lines, last := bufio.NewScanner(out), 64+rand.IntN(most)
	var relayed <-chan time.Time // by then some is: the stream is polled four times a second
	for lines.Scan() {
		acknowledged = append(acknowledged, lines.Text())
		if relayed == nil {
			relayed = time.After(time.Second)
		}
		if len(acknowledged) == last {
			<-relayed              // what is acknowledged meanwhile stands in the pipe, and is read after the death
			_ = cmd.Process.Kill() // Wait tells how it ended
		}
	}
	var ended *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &ended) || ended.ExitCode() != -1 {
		t.Fatalf("the local cloud was not killed: %v", err)
	}
	return acknowledged
}

// A folder has one process, and the next one when that has ended.
func TestOneProcessHasAFolder(t *testing.T) {
	dataDir := t.TempDir()
	first, err := openKept(t.Context(), dataDir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openKept(t.Context(), dataDir); err == nil || !strings.Contains(err.Error(), "another process has") {
		t.Errorf("two have the folder: %v", err)
	}
	if status := first.makeStudent(t.Context(), "1"); status != http.StatusCreated {
		t.Fatal(status)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	next, err := openKept(t.Context(), dataDir)
	if err != nil {
		t.Fatal(err)
	}
	if status := next.makeStudent(t.Context(), "1"); status != http.StatusConflict {
		t.Errorf("the same student again: %d", status)
	}
	if err := next.Close(); err != nil {
		t.Fatal(err)
	}
}
