package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/registrar/functions"
	"example.com/registrar/infra/local/cloud"
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// worker is the function whose work a stop comes upon: it has a queue, and the table besides.
const worker = "imports-apply"

// Files that a stand-in leaves beside its binary: its process's id once it works, and how its work ended.
const begun, done = "begun", "done"

// standIn is what TestMain runs as in the place of all functions. The worker works as many milliseconds as its message
// says, and needs the table all the time.
func standIn(_ context.Context, event events.SQSEvent) (answer struct {
	StatusCode        int                          `json:"statusCode"`
	BatchItemFailures []events.SQSBatchItemFailure `json:"batchItemFailures"`
}, err error) {
	answer.StatusCode = http.StatusOK
	for _, m := range event.Records {
		work, err := strconv.Atoi(m.Body)
		if err != nil {
			continue
		}
		if err := os.WriteFile(begun, []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
			return answer, err
		}
		said := "well"
		const pause = 20 * time.Millisecond
		for end := time.Now().Add(time.Duration(work) * time.Millisecond); time.Now().Before(end); time.Sleep(pause) {
			table, err := http.Get(os.Getenv("AWS_ENDPOINT_URL_DYNAMODB"))
			if err != nil {
				said = err.Error()
				break
			}
			table.Body.Close()
		}
		if err := os.WriteFile(done, []byte(said), 0o600); err != nil {
			return answer, err
		}
	}
	return answer, nil
}

// atWork starts `make run` with processes and has the worker work for so long. It gives the worker's folder, and its
// process's id.
func atWork(t *testing.T, work time.Duration) (cmd *exec.Cmd, folder string, pid int) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for _, f := range functions.All() {
		folder := filepath.Join(".build", "local", f.Name)
		if err := errors.Join(os.MkdirAll(folder, 0o700),
			os.Symlink(binary, filepath.Join(folder, "bootstrap"))); err != nil {
			t.Fatal(err)
		}
	}
	port := 20_000 + rand.IntN(20_000)
	cmd = start(t, port, "LAMBDA=processes")
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended, unless the test failed
	queues := sqs.New(sqs.Options{
		Region: cloud.Region, Credentials: credentials.StaticCredentialsProvider{Value: cloud.Credentials()},
		BaseEndpoint: aws.String(fmt.Sprintf("http://127.0.0.1:%d", port+2)),
	})
	url := fmt.Sprintf("http://127.0.0.1:%d/%s/imports", port+2, cloud.Account)
	if _, err := queues.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url,
		MessageBody: aws.String(strconv.Itoa(int(work.Milliseconds())))}); err != nil {
		t.Fatal(err)
	}
	folder = filepath.Join(".build", "local", worker)
	for range 1000 {
		text, err := os.ReadFile(filepath.Join(folder, begun))
		if err == nil && json.Unmarshal(text, &pid) == nil {
			return cmd, folder, pid
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the worker does not begin")
	return nil, "", 0
}

// interrupt does what a terminal does at Ctrl-C: it signals all of the group.
func interrupt(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
}

// Ctrl-C waits for the call that is under way, which has the engines until it has ended.
func TestCtrlC(t *testing.T) {
	cmd, folder, _ := atWork(t, 2*time.Second)
	interrupt(t, cmd)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if said, err := os.ReadFile(filepath.Join(folder, done)); string(said) != "well" {
		t.Errorf("the call ended with %q, %v", said, err)
	}
}

// A second Ctrl-C waits for nothing, and leaves nothing behind where there is a way to.
func TestCtrlCTwice(t *testing.T) {
	cmd, _, pid := atWork(t, 10*time.Minute)
	interrupt(t, cmd)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		t.Fatalf("it did not wait for the call: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	interrupt(t, cmd)
	select {
	case err := <-ended:
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || !strings.Contains(exit.Error(), "interrupt") {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("it waits for the call")
	}
	for range 500 {
		if syscall.Kill(pid, 0) != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the worker lives on")
}
