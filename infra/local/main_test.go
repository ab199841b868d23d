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
	"path"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/registrar/infra/local/client"
	"example.com/registrar/infra/local/cloud"
	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// The test binary is also `make run`: with LOCAL in its environment it is that. And it is a function, if the Runtime
// API calls.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv("AWS_LAMBDA_RUNTIME_API") != "":
		awslambda.Start(standIn)
	case os.Getenv("LOCAL") != "":
		main()
	default:
		os.Exit(m.Run())
	}
}

// start runs the local cloud as a process of its own and waits until it answers.
func start(t *testing.T, port int, env ...string) *exec.Cmd {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary)
	cmd.Env = append(append(os.Environ(), "LOCAL=1", "SEED=none", "PORT="+strconv.Itoa(port)), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as in a terminal's foreground
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

// told is what the clients of [TestKilledInTheMiddle] were told. A message is named by its queue and its number there.
type told struct {
	mu       sync.Mutex
	students map[string]bool // acknowledged
	sent     map[string]bool // acknowledged
	deleting map[string]bool // asked for
	deleted  map[string]bool // acknowledged
}

func (t *told) note(in map[string]bool, name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	in[name] = true
}

// wait waits until so many students and messages were acknowledged, and a while longer.
func (t *told) wait(n int, longer time.Duration) {
	for enough := false; !enough; time.Sleep(time.Millisecond) {
		t.mu.Lock()
		enough = len(t.students) >= n && len(t.sent) >= n && len(t.deleted) > 0
		t.mu.Unlock()
	}
	time.Sleep(longer)
}

// register makes students until the cloud is killed.
func (t *told) register(ctx context.Context, api *client.Client, name string) {
	for k := 0; ; k++ {
		number := fmt.Sprintf("%s-%d", name, k)
		err := api.Do(ctx, http.MethodPost, "/v1/students", map[string]string{
			"number": number, "givenName": "G", "familyName": "F", "email": number + "@example.edu",
		}, nil)
		if err != nil {
			return
		}
		t.note(t.students, number)
	}
}

// send sends messages until the cloud is killed, three at once, and after each three receives some and deletes the
// first.
func (t *told) send(ctx context.Context, queues *sqs.Client, queue, name string) {
	address := aws.String(queue)
	for k := 0; ; k += 3 {
		var entries []types.SendMessageBatchRequestEntry
		for i := range 3 {
			body := fmt.Sprintf("%s %s-%06d", path.Base(queue), name, k+i)
			entry := types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: &body}
			if strings.HasSuffix(queue, ".fifo") {
				entry.MessageGroupId, entry.MessageDeduplicationId = &name, aws.String(fmt.Sprintf("%s-%d", name, k+i))
			}
			entries = append(entries, entry)
		}
		if _, err := queues.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: address,
			Entries: entries}); err != nil {
			return
		}
		for _, entry := range entries {
			t.note(t.sent, *entry.MessageBody)
		}
		got, err := queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: address, MaxNumberOfMessages: 2})
		if err != nil {
			return
		}
		for _, m := range got.Messages[:min(1, len(got.Messages))] {
			t.note(t.deleting, *m.Body)
			if _, err := queues.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: address,
				ReceiptHandle: m.ReceiptHandle}); err != nil {
				return
			}
			t.note(t.deleted, *m.Body)
		}
	}
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
	const clients, registering = 64, 40
	dataDir := t.TempDir()
	port := 20_000 + rand.IntN(20_000)
	book := &told{students: map[string]bool{}, sent: map[string]bool{}, deleting: map[string]bool{},
		deleted: map[string]bool{}}
	queues := sqs.New(sqs.Options{
		Region: cloud.Region, Credentials: credentials.StaticCredentialsProvider{Value: cloud.Credentials()},
		RetryMaxAttempts: 1,
		BaseEndpoint:     aws.String(fmt.Sprintf("http://127.0.0.1:%d", port+2)),
	})
	var urls []string
	for round := range rounds {
		cmd := start(t, port, "DATA_DIR="+dataDir)
		api := client.New(fmt.Sprintf("http://127.0.0.1:%d", port), clients)
		urls = makeQueues(t, queues)
		var wg sync.WaitGroup
		for n := range clients {
			name := fmt.Sprintf("K%d-%d", round, n)
			wg.Go(func() {
				if n < registering {
					book.register(t.Context(), api, name)
				} else {
					book.send(t.Context(), queues, urls[n%len(urls)], name)
				}
			})
		}
		book.wait((round+1)*clients, time.Duration(rand.IntN(700))*time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		_ = cmd.Wait() // it was killed
	}
	cmd := start(t, port, "DATA_DIR="+dataDir)
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	book.checkStudents(t, client.New(fmt.Sprintf("http://127.0.0.1:%d", port), 1))
	found := book.checkMessages(t, queues, urls)
	t.Logf("killed %d times: %d students acknowledged; %d messages, %d of them deleted, %d found", rounds,
		len(book.students), len(book.sent), len(book.deleted), found)
}

// makeQueues gives the URLs of a standard and of a FIFO queue.
func makeQueues(t *testing.T, queues *sqs.Client) []string {
	t.Helper()
	var urls []string
	for name, attributes := range map[string]map[string]string{"kept": {}, "kept.fifo": {"FifoQueue": "true"}} {
		attributes["VisibilityTimeout"] = "1"
		made, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
		if err != nil {
			t.Fatal(err)
		}
		urls = append(urls, *made.QueueUrl)
	}
	return urls
}

func (t *told) checkStudents(tt *testing.T, api *client.Client) {
	tt.Helper()
	type student struct{ Number string }
	all, err := client.All[student](tt.Context(), api, "/v1/students", url.Values{})
	if err != nil {
		tt.Fatal(err)
	}
	found := make(map[string]bool, len(all))
	for _, s := range all {
		found[s.Number] = true
		// A student is three items, written in one transaction: the names must be taken.
		var problem *client.Problem
		err := api.Do(tt.Context(), http.MethodPost, "/v1/students", map[string]string{"number": s.Number, "givenName": "G",
			"familyName": "F"}, nil)
		if !asProblem(err, &problem) || problem.Code != "NAME_TAKEN" {
			tt.Fatalf("the number of student %s is free: %v", s.Number, err)
		}
	}
	for number := range t.students {
		if !found[number] {
			tt.Errorf("student %s was acknowledged and is missing", number)
		}
	}
}

// checkMessages receives and deletes all there is. It returns how many messages there were.
func (t *told) checkMessages(tt *testing.T, queues *sqs.Client, urls []string) int {
	tt.Helper()
	found, batches := map[string]bool{}, map[string]int{}
	for _, queue := range urls {
		last := map[string]string{} // of each group
		for {
			got, err := queues.ReceiveMessage(tt.Context(), &sqs.ReceiveMessageInput{
				QueueUrl: &queue, MaxNumberOfMessages: 10, WaitTimeSeconds: 2, VisibilityTimeout: 600,
				MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
			})
			if err != nil {
				tt.Fatal(err)
			}
			if len(got.Messages) == 0 {
				break
			}
			var entries []types.DeleteMessageBatchRequestEntry
			for i, m := range got.Messages {
				body := *m.Body
				if found[body] || t.deleted[body] {
					tt.Errorf("message %q came though it was deleted", body)
				}
				found[body] = true
				batches[batchOf(body)]++
				if group := m.Attributes["MessageGroupId"]; group != "" {
					if body <= last[group] {
						tt.Errorf("message %q came after %q", body, last[group])
					}
					last[group] = body
				}
				entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)),
					ReceiptHandle: m.ReceiptHandle})
			}
			if _, err := queues.DeleteMessageBatch(tt.Context(), &sqs.DeleteMessageBatchInput{QueueUrl: &queue,
				Entries: entries}); err != nil {
				tt.Fatal(err)
			}
		}
	}
	for body := range t.sent {
		if !found[body] && !t.deleting[body] {
			tt.Errorf("message %q was acknowledged and is missing", body)
		}
	}
	for body := range t.deleting {
		if !found[body] {
			batches[batchOf(body)]++
		}
	}
	for batch, n := range batches { // three at once are one change
		if n != 3 {
			tt.Errorf("of batch %s there were %d messages", batch, n)
		}
	}
	return len(found)
}

// batchOf names the three messages that were sent with this one.
func batchOf(body string) string {
	at := strings.LastIndex(body, "-")
	n, _ := strconv.Atoi(body[at+1:]) // send wrote it
	return fmt.Sprint(body[:at], " ", n/3)
}

func asProblem(err error, into **client.Problem) bool {
	problem, ok := err.(*client.Problem) //nolint:errorlint // the client wraps nothing around it
	*into = problem
	return ok
}

func TestSettingsThatMakeNoSense(t *testing.T) {
	for name, wrong := range map[string]string{
		"PORT": "65535", "FAULTS": "dynamo conflict=1%", "LAMBDA_CONCURRENCY": "-1", "VISIBILITY": "1500ms",
		"DATA_SYNC": "no",
		"LAMBDA":    "process", "SEED": "nothing",
	} {
		err := run(t.Context(), func(of string) string {
			if of == name {
				return wrong
			}
			return ""
		}, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), strings.ToLower(name[:4])) && !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%s: %v", name, wrong, err)
		}
	}
}

// What is printed and told to functions is an address that leads there.
func TestHost(t *testing.T) {
	for host, want := range map[string]string{
		"127.0.0.1": "127.0.0.1", "192.168.178.20": "192.168.178.20", "::1": "::1", "localhost": "localhost",
		"0.0.0.0": "127.0.0.1", "::": "127.0.0.1",
	} {
		if got := reachable(host); got != want {
			t.Errorf("what listens at %s is reached at %s, want %s", host, got, want)
		}
	}
	environment := map[string]string{"PORT": strconv.Itoa(20_000 + rand.IntN(20_000)), "SEED": "none", "HOST": "localhost"}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out printed
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, func(name string) string { return environment[name] }, &out, io.Discard) }()
	for !strings.Contains(out.String(), "Registrar runs") {
		select {
		case err := <-ended:
			t.Fatal(err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if text := out.String(); !strings.Contains(text, "http://localhost:") || strings.Contains(text, "127.0.0.1") {
		t.Errorf("it says\n%s", text)
	}
}
