package lambda_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"example.com/registrar/infra/local/lambda"
)

const queueARN = "arn:aws:sqs:eu-north-1:000000000000:registrations"

// queue is a client whose answers the tests make.
type queue struct {
	receive func(ctx context.Context, in *sqs.ReceiveMessageInput) (*sqs.ReceiveMessageOutput, error)
	remove  func(ctx context.Context, in *sqs.DeleteMessageBatchInput) (*sqs.DeleteMessageBatchOutput, error)
}

func (q queue) ReceiveMessage(
	ctx context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options),
) (*sqs.ReceiveMessageOutput, error) {
	return q.receive(ctx, in)
}

func (q queue) DeleteMessageBatch(
	ctx context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options),
) (*sqs.DeleteMessageBatchOutput, error) {
	return q.remove(ctx, in)
}

// function is a lambda.Function made of a func.
type function func(ctx context.Context, payload []byte) ([]byte, error)

func (f function) Invoke(ctx context.Context, payload []byte) ([]byte, error) { return f(ctx, payload) }

// messagesOf makes a message for each id, its receipt handle in capitals.
func messagesOf(ids ...string) []types.Message {
	var all []types.Message
	for _, id := range ids {
		all = append(all, types.Message{MessageId: aws.String(id), ReceiptHandle: aws.String(strings.ToUpper(id)),
			Body: aws.String("{}")})
	}
	return all
}

// run polls a queue that has these messages once, until the queue is empty, and returns the handles that were deleted.
func run(t *testing.T, p *lambda.QueuePoller, batch []types.Message) []string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var deleted []string
	p.QueueURL, p.QueueARN, p.MaxConcurrency = "http://queue", queueARN, 1
	p.Client = queue{
		receive: func(context.Context, *sqs.ReceiveMessageInput) (*sqs.ReceiveMessageOutput, error) {
			if batch == nil {
				cancel()
			}
			out := &sqs.ReceiveMessageOutput{Messages: batch}
			batch = nil
			return out, nil
		},
		remove: func(_ context.Context, in *sqs.DeleteMessageBatchInput) (*sqs.DeleteMessageBatchOutput, error) {
			if *in.QueueUrl != "http://queue" {
				t.Errorf("deleted from %s", *in.QueueUrl)
			}
			for _, entry := range in.Entries {
				deleted = append(deleted, *entry.ReceiptHandle)
			}
			return &sqs.DeleteMessageBatchOutput{}, nil
		},
	}
	if err := p.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return deleted
}

func TestQueueEvent(t *testing.T) {
	var got []byte
	run(t, &lambda.QueuePoller{Function: function(func(_ context.Context, payload []byte) ([]byte, error) {
		got = payload
		return nil, nil
	})}, []types.Message{{
		MessageId: aws.String("m1"), ReceiptHandle: aws.String("r1"), Body: aws.String(`{"a":"<ä>"}`),
		MD5OfBody:              aws.String("b5"),
		MD5OfMessageAttributes: aws.String("a5"),
		Attributes:             map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": "1730728800000"},
		MessageAttributes: map[string]types.MessageAttributeValue{
			"kind": {DataType: aws.String("String"), StringValue: aws.String("enrol")},
			"raw":  {DataType: aws.String("Binary"), BinaryValue: []byte{0, 1}},
		},
	}, {MessageId: aws.String("m2"), ReceiptHandle: aws.String("r2"), Body: aws.String("x"), MD5OfBody: aws.String("x5")}})
	want := strings.Join([]string{
		`{"Records":[{"messageId":"m1","receiptHandle":"r1","body":"{\"a\":\"\u003cä\u003e\"}","md5OfBody":"b5",` +
			`"md5OfMessageAttributes":"a5",`,
		`"attributes":{"ApproximateReceiveCount":"1","SentTimestamp":"1730728800000"},`,
		`"messageAttributes":{"kind":{"stringValue":"enrol","stringListValues":[],"binaryListValues":[],`,
		`"dataType":"String"},`,
		`"raw":{"binaryValue":"AAE=","stringListValues":[],"binaryListValues":[],"dataType":"Binary"}},`,
		`"eventSourceARN":"` + queueARN + `","eventSource":"aws:sqs","awsRegion":"eu-north-1"},`,
		`{"messageId":"m2","receiptHandle":"r2","body":"x","md5OfBody":"x5","md5OfMessageAttributes":"","attributes":{},` +
			`"messageAttributes":{},`,
		`"eventSourceARN":"` + queueARN + `","eventSource":"aws:sqs","awsRegion":"eu-north-1"}]}`,
	}, "")
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}

func TestQueueDeletesWhatSucceeded(t *testing.T) {
	all := []string{"A", "B", "C"}
	for name, c := range map[string]struct {
		answer  string
		err     error
		partial bool
		want    []string
	}{
		"no answer":              {partial: true, want: all},
		"blank":                  {partial: true, answer: " \n", want: all},
		"null":                   {partial: true, answer: `null`, want: all},
		"an empty object":        {partial: true, answer: `{}`, want: all},
		"a null list":            {partial: true, answer: `{"batchItemFailures":null}`, want: all},
		"an empty list":          {partial: true, answer: `{"batchItemFailures":[]}`, want: all},
		"a list by another name": {partial: true, answer: `{"BatchItemFailures":[{"itemIdentifier":"a"}]}`, want: all},
		"one failed": {partial: true, answer: `{"batchItemFailures":[{"itemIdentifier":"b"}]}`,
			want: []string{"A", "C"}},
		"one failed twice": {partial: true,
			answer: `{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"b"}]}`, want: []string{"A", "C"}},
		"each failed": {partial: true,
			answer: `{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"c"},{"itemIdentifier":"b"}]}`},
		"a stranger among them": {partial: true,
			answer: `{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"z"}]}`},
		"an empty identifier":         {partial: true, answer: `{"batchItemFailures":[{"itemIdentifier":""}]}`},
		"a null identifier":           {partial: true, answer: `{"batchItemFailures":[{"itemIdentifier":null}]}`},
		"an identifier misspelt":      {partial: true, answer: `{"batchItemFailures":[{"ItemIdentifier":"b"}]}`},
		"a null entry":                {partial: true, answer: `{"batchItemFailures":[null]}`},
		"a list of texts":             {partial: true, answer: `{"batchItemFailures":["b"]}`},
		"no JSON":                     {partial: true, answer: `oops`},
		"no object":                   {partial: true, answer: `"ok"`},
		"an error":                    {partial: true, err: errors.New("no")},
		"an error, no partial":        {err: errors.New("no")},
		"failures, but no partial":    {answer: `{"batchItemFailures":[{"itemIdentifier":"b"}]}`, want: all},
		"any answer, without partial": {answer: `oops`, want: all},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, &lambda.QueuePoller{ReportBatchItemFailures: c.partial,
				Function: function(func(context.Context, []byte) ([]byte, error) {
					return []byte(c.answer), c.err
				})}, messagesOf("a", "b", "c"))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("deleted (-want +got):\n%s", diff)
			}
		})
	}
}

func TestQueueReceive(t *testing.T) {
	for size, want := range map[int]int32{0: 10, 1: 1, 10: 10, 10_000: 10} {
		ctx, cancel := context.WithCancel(t.Context())
		var got *sqs.ReceiveMessageInput
		p := lambda.QueuePoller{QueueURL: "http://queue", QueueARN: queueARN, BatchSize: size,
			MaximumBatchingWindow: time.Second, MaxConcurrency: 1, Function: function(nil), Client: queue{
				receive: func(_ context.Context, in *sqs.ReceiveMessageInput) (*sqs.ReceiveMessageOutput, error) {
					got = in
					cancel()
					return &sqs.ReceiveMessageOutput{}, nil
				},
			}}
		if err := p.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if got.MaxNumberOfMessages != want || got.WaitTimeSeconds != 20 || got.VisibilityTimeout != 0 ||
			*got.QueueUrl != "http://queue" ||
			!slices.Equal(got.MessageAttributeNames, []string{"All"}) || !slices.Equal(got.MessageSystemAttributeNames,
			[]types.MessageSystemAttributeName{"All"}) {
			t.Errorf("a batch size of %d received with %+v", size, *got)
		}
	}
}

func TestQueueAwaitsItsReceives(t *testing.T) {
	for _, await := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		var worked, deleted int
		p := lambda.QueuePoller{QueueURL: "http://queue", QueueARN: queueARN, MaxConcurrency: 1, LongPoll: time.Second,
			AwaitReceives: await,
			Function:      function(func(context.Context, []byte) ([]byte, error) { worked++; return nil, nil }),
			Client: queue{
				receive: func(receiving context.Context, in *sqs.ReceiveMessageInput) (*sqs.ReceiveMessageOutput, error) {
					if cancel(); receiving.Err() != nil {
						return nil, receiving.Err()
					}
					if in.WaitTimeSeconds != 1 {
						t.Errorf("a receive waits %d s", in.WaitTimeSeconds)
					}
					return &sqs.ReceiveMessageOutput{Messages: messagesOf("a")}, nil
				},
				remove: func(_ context.Context, in *sqs.DeleteMessageBatchInput) (*sqs.DeleteMessageBatchOutput, error) {
					deleted += len(in.Entries)
					return &sqs.DeleteMessageBatchOutput{}, nil
				},
			}}
		if err := p.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int{true: 1}[await]; worked != want || deleted != want {
			t.Errorf("awaiting its receives is %t: %d messages were worked off, %d deleted, want %d", await, worked, deleted,
				want)
		}
	}
}

func TestQueueFieldsThatMakeNoSense(t *testing.T) {
	good := lambda.QueuePoller{Client: queue{}, QueueURL: "http://queue", QueueARN: queueARN, Function: function(nil)}
	for name, change := range map[string]func(p *lambda.QueuePoller){
		"no client":            func(p *lambda.QueuePoller) { p.Client = nil },
		"no function":          func(p *lambda.QueuePoller) { p.Function = nil },
		"no address":           func(p *lambda.QueuePoller) { p.QueueURL = "" },
		"no ARN":               func(p *lambda.QueuePoller) { p.QueueARN = "registrations" },
		"a topic":              func(p *lambda.QueuePoller) { p.QueueARN = "arn:aws:sns:us-east-1:000000000000:x" },
		"a large batch":        func(p *lambda.QueuePoller) { p.BatchSize = 10_001 },
		"a negative batch":     func(p *lambda.QueuePoller) { p.BatchSize = -1 },
		"negative concurrency": func(p *lambda.QueuePoller) { p.MaxConcurrency = -1 },
		"much concurrency":     func(p *lambda.QueuePoller) { p.MaxConcurrency = 1_001 },
		"negative visibility":  func(p *lambda.QueuePoller) { p.Visibility = -1 },
		"a long long poll":     func(p *lambda.QueuePoller) { p.LongPoll = 21 * time.Second },
		"a split long poll":    func(p *lambda.QueuePoller) { p.LongPoll = 1500 * time.Millisecond },
		"large, no window":     func(p *lambda.QueuePoller) { p.BatchSize = 11 },
		"a negative window":    func(p *lambda.QueuePoller) { p.MaximumBatchingWindow = -time.Second },
		"a long window":        func(p *lambda.QueuePoller) { p.MaximumBatchingWindow = 301 * time.Second },
		"parts of a second":    func(p *lambda.QueuePoller) { p.MaximumBatchingWindow = 1500 * time.Millisecond },
		"FIFO with a window":   func(p *lambda.QueuePoller) { p.QueueARN += ".fifo"; p.MaximumBatchingWindow = time.Second },
		"FIFO, a large batch": func(p *lambda.QueuePoller) {
			p.QueueARN += ".fifo"
			p.BatchSize = 11
			p.MaximumBatchingWindow = time.Second
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := good
			change(&p)
			if err := p.Run(t.Context()); err == nil {
				t.Error("it ran")
			}
		})
	}
}

// When the context ends, an empty receive is given up at once, and a batch in flight is worked off and deleted.
func TestQueueStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		received, deleted := 0, []string{}
		p := lambda.QueuePoller{QueueURL: "http://queue", QueueARN: queueARN, MaxConcurrency: 3,
			Client: queue{
				receive: func(ctx context.Context, _ *sqs.ReceiveMessageInput) (*sqs.ReceiveMessageOutput, error) {
					mu.Lock()
					received++
					n := received
					mu.Unlock()
					if n <= 2 {
						return &sqs.ReceiveMessageOutput{Messages: messagesOf("m" + strconv.Itoa(n))}, nil
					}
					<-ctx.Done()
					return nil, ctx.Err()
				},
				remove: func(ctx context.Context, in *sqs.DeleteMessageBatchInput) (*sqs.DeleteMessageBatchOutput, error) {
					mu.Lock()
					defer mu.Unlock()
					deleted = append(deleted, *in.Entries[0].ReceiptHandle)
					return &sqs.DeleteMessageBatchOutput{}, ctx.Err()
				},
			},
			Function: function(func(ctx context.Context, _ []byte) ([]byte, error) {
				time.Sleep(10 * time.Second)
				return nil, ctx.Err()
			}),
		}
		time.AfterFunc(time.Second, cancel)
		begin := time.Now()
		if err := p.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took != 10*time.Second { // simulated time: two batches at once, and nothing after them
			t.Errorf("stopped after %s", took)
		}
		slices.Sort(deleted)
		if diff := cmp.Diff([]string{"M1", "M2"}, deleted); diff != "" || received != 3 {
			t.Errorf("received %d times, deleted (-want +got):\n%s", received, diff)
		}
	})
}

// A queue that fails is asked again a second later; what could not be deleted is told.
func TestQueueThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var log bytes.Buffer
		var at []time.Duration
		begin, removals := time.Now(), 0
		p := lambda.QueuePoller{QueueURL: "http://queue", QueueARN: queueARN, MaxConcurrency: 1,
			Log:      slog.New(slog.NewTextHandler(&log, nil)),
			Function: function(func(context.Context, []byte) ([]byte, error) { return nil, nil }),
			Client: queue{
				receive: func(context.Context, *sqs.ReceiveMessageInput) (*sqs.ReceiveMessageOutput, error) {
					at = append(at, time.Since(begin))
					switch len(at) {
					case 1:
						return nil, errors.New("no such queue")
					case 4:
						cancel()
						return nil, ctx.Err()
					default:
						return &sqs.ReceiveMessageOutput{Messages: messagesOf("a")}, nil
					}
				},
				remove: func(context.Context, *sqs.DeleteMessageBatchInput) (*sqs.DeleteMessageBatchOutput, error) {
					if removals++; removals == 1 {
						return nil, errors.New("the line broke")
					}
					return &sqs.DeleteMessageBatchOutput{Failed: []types.BatchResultErrorEntry{{Id: aws.String("0"),
						Code: aws.String("ReceiptHandleIsInvalid")}}}, nil
				},
			},
		}
		if err := p.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]time.Duration{0, time.Second, time.Second, time.Second}, at); diff != "" {
			t.Errorf("received at (-want +got):\n%s", diff)
		}
		for _, told := range []string{"no such queue", "the line broke", "ReceiptHandleIsInvalid"} {
			if !strings.Contains(log.String(), told) {
				t.Errorf("the log does not tell %q: %s", told, &log)
			}
		}
	})
}
