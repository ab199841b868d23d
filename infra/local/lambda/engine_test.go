package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/infra/local/lambda"
	localsqs "example.com/registrar/infra/local/sqs"
)

// desk is a mapping over the embedded SQS: a queue that hides messages for 30 seconds, whose dead letters are those
// that were received three times.
type desk struct {
	*testing.T
	client     *sqs.Client
	url, dead  string
	arn        string
	begin      time.Time
	mu         sync.Mutex
	deliveries []string // "second body"
}

func openDesk(t *testing.T, suffix string) *desk {
	t.Helper()
	d := &desk{T: t, begin: time.Now(), client: sqs.New(sqs.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://sqs.local"), HTTPClient: inprocess.Client(
			localsqs.New(localsqs.Options{})),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})}
	create := func(name string, attributes map[string]string) string {
		if suffix != "" {
			attributes["FifoQueue"] = "true"
		}
		made, err := d.client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(name + suffix),
			Attributes: attributes})
		if err != nil {
			t.Fatal(err)
		}
		return *made.QueueUrl
	}
	const arn = "arn:aws:sqs:us-east-1:000000000000:"
	d.arn, d.dead = arn+"desk"+suffix, create("dead", map[string]string{})
	d.url = create("desk", map[string]string{
		"VisibilityTimeout": "30", "RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":3}`,
			arn+"dead"+suffix),
	})
	return d
}

func (d *desk) send(body, group string) {
	d.Helper()
	in := &sqs.SendMessageInput{QueueUrl: &d.url, MessageBody: &body}
	if group != "" {
		in.MessageGroupId, in.MessageDeduplicationId = &group, aws.String(body)
	}
	if _, err := d.client.SendMessage(d.Context(), in); err != nil {
		d.Fatal(err)
	}
}

// run lets a function have the messages for so long; do says which of a batch it failed, or fails itself.
func (d *desk) run(until time.Duration, p *lambda.QueuePoller, do func(bodies []string) (failed []string, err error)) {
	d.Helper()
	ctx, cancel := context.WithCancel(d.Context())
	defer cancel()
	time.AfterFunc(until, cancel)
	p.Client, p.QueueURL, p.QueueARN, p.Visibility, p.ReportBatchItemFailures = d.client, d.url, d.arn, 30*time.Second,
		true
	p.Function = function(func(_ context.Context, payload []byte) ([]byte, error) {
		var event events.SQSEvent
		if err := json.Unmarshal(payload, &event); err != nil {
			return nil, err
		}
		var bodies []string
		ids := map[string]string{}
		d.mu.Lock()
		for _, r := range event.Records {
			bodies = append(bodies, r.Body)
			ids[r.Body] = r.MessageId
			d.deliveries = append(d.deliveries, fmt.Sprintf("%.0f %s", time.Since(d.begin).Seconds(), r.Body))
		}
		d.mu.Unlock()
		failed, err := do(bodies)
		if err != nil {
			return nil, err
		}
		var answer events.SQSEventResponse
		for _, body := range failed {
			answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: ids[body]})
		}
		return json.Marshal(answer)
	})
	if err := p.Run(ctx); err != nil {
		d.Fatal(err)
	}
}

// left are the bodies of the messages in a queue, whether hidden or not.
func (d *desk) left(url string) []string {
	d.Helper()
	time.Sleep(time.Hour)
	var bodies []string
	for {
		got, err := d.client.ReceiveMessage(d.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10})
		if err != nil {
			d.Fatal(err)
		}
		if len(got.Messages) == 0 {
			return bodies
		}
		for _, m := range got.Messages {
			bodies = append(bodies, *m.Body)
		}
	}
}

// A function that fails leaves its messages to their visibility timeout, time and again, and then to the dead letters;
// those that it does not fail are gone.
func TestAFailureIsLeftToTheVisibilityTimeout(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(bodies []string) ([]string, error)
		want []string
		dead []string
	}{
		"the whole batch": {func([]string) ([]string, error) { return nil, errors.New("no") },
			[]string{"0 a", "0 b", "30 a", "30 b", "60 a", "60 b"}, []string{"a", "b"}},
		"the process died": {func([]string) ([]string, error) { return nil, &lambda.FunctionError{Type: lambda.TypeExit} },
			[]string{"0 a", "0 b", "30 a", "30 b", "60 a", "60 b"}, []string{"a", "b"}},
		"one of the batch": {func([]string) ([]string, error) { return []string{"b"}, nil }, []string{"0 a", "0 b", "30 b",
			"60 b"}, []string{"b"}},
		"nothing": {func([]string) ([]string, error) { return nil, nil }, []string{"0 a", "0 b"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := openDesk(t, "")
				d.send("a", "")
				d.send("b", "")
				d.run(10*time.Minute, &lambda.QueuePoller{}, c.do)
				if diff := cmp.Diff(c.want, d.deliveries); diff != "" {
					t.Errorf("deliveries (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(c.dead, d.left(d.dead)); diff != "" || len(d.left(d.url)) > 0 {
					t.Errorf("left are %v, dead (-want +got):\n%s", d.left(d.url), diff)
				}
			})
		})
	}
}

// Of a FIFO queue the messages of a group come in their order, one batch of it at a time, whatever fails; other groups
// go on.
func TestFIFOGroupsKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const groups, each = 5, 30
		d := openDesk(t, ".fifo")
		for n := range each {
			for g := range groups {
				d.send(fmt.Sprintf("%d:%d", g, n), strconv.Itoa(g))
			}
		}
		var mu sync.Mutex
		next, busy, most, calls := map[string]int{}, map[string]bool{}, 0, 0
		d.run(time.Hour, &lambda.QueuePoller{MaxConcurrency: 10}, func(bodies []string) (failed []string, err error) {
			mine, stopped := map[string]bool{}, map[string]bool{}
			mu.Lock()
			calls++
			fails := calls%7 == 0 // the last message of the batch, once in a while
			for _, body := range bodies {
				group, _, _ := parts(body)
				if busy[group] && !mine[group] {
					t.Errorf("two batches have group %s at once", group)
				}
				busy[group], mine[group] = true, true
			}
			most = max(most, len(busy))
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			defer mu.Unlock()
			for i, body := range bodies {
				group, n, err := parts(body)
				if err != nil || n != next[group] && !stopped[group] {
					t.Errorf("group %s: %d came, %d was next (%v)", group, n, next[group], err)
				}
				if stopped[group] || fails && i == len(bodies)-1 {
					stopped[group] = true
					failed = append(failed, body)
					continue
				}
				next[group] = n + 1
			}
			for group := range mine {
				delete(busy, group)
			}
			return failed, nil
		})
		for g := range groups {
			if next[strconv.Itoa(g)] != each {
				t.Errorf("group %d: %d of %d messages were handled", g, next[strconv.Itoa(g)], each)
			}
		}
		if left := slices.Concat(d.left(d.url), d.left(d.dead)); len(left) > 0 || most < 2 || calls < 14 {
			t.Errorf("left are %v; at most %d groups at once, %d calls", left, most, calls)
		}
	})
}

// parts reads "group:number".
func parts(body string) (group string, n int, err error) {
	_, err = fmt.Sscanf(body, "%1s:%d", &group, &n)
	return group, n, err
}
