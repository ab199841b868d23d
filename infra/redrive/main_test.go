package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/registrar/infra/deployment"
	"example.com/registrar/infra/local/inprocess"
	local "example.com/registrar/infra/local/sqs"
	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/queue"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

const base = "http://sqs.local/000000000000/"

// imports is a deployment whose queue of imports has so many dead letters.
func imports(t *testing.T, letters int) *deployment.Deployment {
	t.Helper()
	var engine http.Handler = local.New(local.Options{Endpoint: "http://sqs.local"})
	client := sqs.New(sqs.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://sqs.local"), HTTPClient: inprocess.Client(engine),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
	for _, q := range []*sqs.CreateQueueInput{
		{QueueName: aws.String("imports-dead")},
		{QueueName: aws.String("imports"), Attributes: map[string]string{
			"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:imports-dead","maxReceiveCount":"5"}`,
		}},
	} {
		if _, err := client.CreateQueue(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	for n := range letters {
		if err := queue.NewConsumer(client, base+"imports", base+"imports-dead").SendToDeadLetters(t.Context(),
			consumer.Message{ID: fmt.Sprint(n), Body: []byte("b")}, "why"); err != nil {
			t.Fatal(err)
		}
	}
	return &deployment.Deployment{SQS: client, Resources: deployment.Local{Client: client}}
}

func depth(t *testing.T, d *deployment.Deployment) consumer.Depth {
	t.Helper()
	o := queue.NewOperator(d.SQS, nil, queue.Address{Name: "imports", URL: base + "imports", DeadLetters: base +
		"imports-dead"})
	depths, err := o.Depths(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return depths[0]
}

// A consumer sent them to the dead letters, so SQS does not know where they came from.
func TestRun_MovesAllBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := imports(t, 25)
		var out bytes.Buffer
		if err := run(t.Context(), d, "imports", 10, &out); err != nil {
			t.Fatal(err)
		}
		if got := depth(t, d); got.Dead != 0 || got.Waiting != 25 {
			t.Errorf("afterwards: %+v", got)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) < 3 || lines[len(lines)-1] != "imports: 25 of 25 moved back" {
			t.Errorf("progress:\n%s", out.String())
		}
		out.Reset()
		if err := run(t.Context(), d, "imports", 0, &out); err != nil || out.String() != "imports: 0 of 0 moved back\n" {
			t.Errorf("with nothing to move: %v, %s", err, out.String())
		}
	})
}

func TestRun_AnInterruptLeavesTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := imports(t, 25)
		ctx, cancel := context.WithTimeout(t.Context(), 1200*time.Millisecond)
		defer cancel()
		err := run(ctx, d, "imports", 5, &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), "cancelled") {
			t.Errorf("error %v", err)
		}
		if got := depth(t, d); got.Dead == 0 || got.Waiting == 0 || got.Dead+got.Waiting != 25 {
			t.Errorf("afterwards: %+v", got)
		}
	})
}

func TestRun_SaysWhatItCannotDo(t *testing.T) {
	d := imports(t, 0)
	for name, want := range map[string]string{"exports": "there is no queue",
		"audit": "make run"} {
		if err := run(t.Context(), d, name, 0, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("queue %q: %v, want %q", name, err, want)
		}
	}
}

// A wrong command line is explained before anything is asked for.
func TestCheck(t *testing.T) {
	for _, c := range []struct{ queue, rate, want string }{
		{"", "", "it can be copies, imports"}, {"imports", "fast", "from 1 to 500"}, {"imports", "501", "from 1 to 500"},
		{"imports", "0", "from 1 to 500"},
	} {
		if _, err := check(c.queue, c.rate); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for rate, want := range map[string]int{"": 0, "500": 500} {
		if got, err := check("imports", rate); got != want || err != nil {
			t.Errorf("RATE=%s: %d, %v", rate, got, err)
		}
	}
}
