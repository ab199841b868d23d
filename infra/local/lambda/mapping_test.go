package lambda_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"example.com/registrar/infra/local/lambda"
)

// arrivals is a queue to which messages come at their times; what was received never comes again.
type arrivals struct {
	mu       sync.Mutex
	begin    time.Time
	at       []time.Duration
	messages []types.Message
	asked    []string // "most/seconds" of each receive
	removed  [][]string
}

func (q *arrivals) ReceiveMessage(
	ctx context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options),
) (*sqs.ReceiveMessageOutput, error) {
	q.mu.Lock()
	q.asked = append(q.asked, fmt.Sprintf("%d/%d", in.MaxNumberOfMessages, in.WaitTimeSeconds))
	q.mu.Unlock()
	deadline := time.Now().Add(time.Duration(in.WaitTimeSeconds) * time.Second)
	for {
		q.mu.Lock()
		n := 0
		for n < len(q.messages) && n < int(in.MaxNumberOfMessages) && time.Since(q.begin) >= q.at[n] {
			n++
		}
		got := q.messages[:n]
		q.messages, q.at = q.messages[n:], q.at[n:]
		q.mu.Unlock()
		if n > 0 || !time.Now().Before(deadline) {
			return &sqs.ReceiveMessageOutput{Messages: got}, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (q *arrivals) DeleteMessageBatch(
	_ context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options),
) (*sqs.DeleteMessageBatchOutput, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var handles []string
	for _, e := range in.Entries {
		handles = append(handles, *e.ReceiptHandle)
	}
	q.removed = append(q.removed, handles)
	return &sqs.DeleteMessageBatchOutput{}, nil
}

// arrive lets n messages come at a time.
func (q *arrivals) arrive(at time.Duration, n int) {
	for range n {
		q.messages = append(q.messages, messagesOf("m"+strconv.Itoa(len(q.messages)))...)
		q.at = append(q.at, at)
	}
}

// batchesOf runs a poller for so long, and says when the function was called with how many messages.
func batchesOf(t *testing.T, q *arrivals, p *lambda.QueuePoller, until time.Duration) []string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(until, cancel)
	q.begin = time.Now()
	var mu sync.Mutex
	var calls []string
	p.Client, p.QueueURL, p.QueueARN, p.MaxConcurrency = q, "http://queue", queueARN, 1
	p.Function = function(func(_ context.Context, payload []byte) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, fmt.Sprintf("%s %d", time.Since(q.begin), len(idsOf(t, payload))))
		return nil, nil
	})
	if err := p.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return calls
}

func idsOf(t *testing.T, payload []byte) []string {
	t.Helper()
	if len(payload) > lambda.MaxPayload {
		t.Errorf("an event of %d bytes", len(payload))
	}
	var event events.SQSEvent
	if err := json.Unmarshal(payload, &event); err != nil {
		t.Error(err)
	}
	var ids []string
	for _, r := range event.Records {
		ids = append(ids, r.MessageId)
	}
	return ids
}

func TestQueueBatchingWindow(t *testing.T) {
	for name, c := range map[string]struct {
		size    int
		arrive  map[time.Duration]int
		until   time.Duration
		want    []string
		asked   []string
		removed []int
	}{
		"full at once": {size: 25, arrive: map[time.Duration]int{0: 25}, until: 5 * time.Second,
			want: []string{"0s 25"}, asked: []string{"10/20", "10/10", "5/10", "10/20"}, removed: []int{10, 10, 5}},
		"full before its time": {size: 12, arrive: map[time.Duration]int{0: 3, 4 * time.Second: 20}, until: 5 * time.Second,
			want: []string{"4s 12", "5s 11"}, asked: []string{"10/20", "9/10", "10/20", "2/10", "1/10"}, removed: []int{10, 2,
				10, 1}},
		"time is up": {size: 100, arrive: map[time.Duration]int{0: 3, 4 * time.Second: 2, 11 * time.Second: 1},
			until: 22 * time.Second,
			want:  []string{"10s 5", "21s 1"}, asked: []string{"10/20", "10/10", "10/6", "10/20", "10/10", "10/20"},
			removed: []int{5, 1}},
		"less than a second left": {size: 100, arrive: map[time.Duration]int{0: 1, 9500 * time.Millisecond: 1},
			until: 11 * time.Second,
			want:  []string{"10s 2"}, asked: []string{"10/20", "10/10", "10/20"}, removed: []int{2}},
		"small batches wait too": {size: 2, arrive: map[time.Duration]int{0: 1, 5 * time.Second: 2}, until: 12 * time.Second,
			want: []string{"5s 2", "12s 1"}, asked: []string{"2/20", "1/10", "2/20", "1/10"}, removed: []int{2, 1}},
		"the end comes first": {size: 100, arrive: map[time.Duration]int{0: 4}, until: 3 * time.Second,
			want: []string{"3s 4"}, asked: []string{"10/20", "10/10"}, removed: []int{4}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := &arrivals{}
				for at := time.Duration(0); at < time.Minute; at += 100 * time.Millisecond {
					q.arrive(at, c.arrive[at])
				}
				got := batchesOf(t, q, &lambda.QueuePoller{BatchSize: c.size, MaximumBatchingWindow: 10 * time.Second}, c.until)
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(c.asked, q.asked); diff != "" {
					t.Errorf("receives (-want +got):\n%s", diff)
				}
				var removed []int
				for _, handles := range q.removed {
					removed = append(removed, len(handles))
				}
				if diff := cmp.Diff(c.removed, removed); diff != "" {
					t.Errorf("deleted at once (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// What does not fit into one event goes into several.
func TestQueueLargeMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &arrivals{}
		q.arrive(0, 10)
		for i := range q.messages {
			q.messages[i].Body = aws.String(strings.Repeat("x", 1<<20))
		}
		if diff := cmp.Diff([]string{"0s 5", "0s 5"}, batchesOf(t, q, &lambda.QueuePoller{}, time.Second)); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}

// grouped makes messages "group/id".
func grouped(names ...string) []types.Message {
	all := messagesOf(names...)
	for i, name := range names {
		group, _, _ := strings.Cut(name, "/")
		all[i].Attributes = map[string]string{"MessageGroupId": group}
	}
	return all
}

func TestFIFODeletesWhatSucceeded(t *testing.T) {
	for name, c := range map[string]struct {
		failed  []string
		deleted []string
		told    bool // that the order is broken
	}{
		"nothing failed":            {nil, []string{"A/1", "B/1", "A/2", "B/2", "A/3"}, false},
		"the rest of a group":       {[]string{"a/2", "a/3"}, []string{"A/1", "B/1", "B/2"}, false},
		"a group as a whole":        {[]string{"a/1", "a/2", "a/3"}, []string{"B/1", "B/2"}, false},
		"one in the midst, as told": {[]string{"a/2"}, []string{"A/1", "B/1", "B/2", "A/3"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			var log bytes.Buffer
			var seen, deleted []string
			batch := grouped("a/1", "b/1", "a/2", "b/2", "a/3")
			p := lambda.QueuePoller{QueueURL: "http://queue", QueueARN: queueARN + ".fifo", MaxConcurrency: 1,
				ReportBatchItemFailures: true,
				Log:                     slog.New(slog.NewTextHandler(&log, nil)),
				Function: function(func(_ context.Context, payload []byte) ([]byte, error) {
					seen = idsOf(t, payload)
					var answer events.SQSEventResponse
					for _, id := range c.failed {
						answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: id})
					}
					return json.Marshal(answer)
				}),
				Client: queue{
					receive: func(context.Context, *sqs.ReceiveMessageInput) (*sqs.ReceiveMessageOutput, error) {
						out := &sqs.ReceiveMessageOutput{Messages: batch}
						if batch == nil {
							cancel()
						}
						batch = nil
						return out, nil
					},
					remove: func(_ context.Context, in *sqs.DeleteMessageBatchInput) (*sqs.DeleteMessageBatchOutput, error) {
						for _, e := range in.Entries {
							deleted = append(deleted, *e.ReceiptHandle)
						}
						return &sqs.DeleteMessageBatchOutput{}, nil
					},
				},
			}
			if err := p.Run(ctx); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"a/1", "b/1", "a/2", "b/2", "a/3"}, seen); diff != "" {
				t.Errorf("order of the batch (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.deleted, deleted); diff != "" {
				t.Errorf("deleted (-want +got):\n%s", diff)
			}
			if strings.Contains(log.String(), "out of order") != c.told {
				t.Errorf("log: %s", &log)
			}
		})
	}
}

// A group whose batch is still under way when its messages come again is left alone; other groups go on.
func TestFIFOOneBatchOfAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		begin := time.Now()
		receives := []struct {
			at    time.Duration
			batch []types.Message
		}{
			{0, grouped("a/1", "a/2")}, {time.Second, grouped("a/1", "b/1", "a/2", "b/2")}, {2 * time.Second, grouped("a/1")},
			{20 * time.Second, grouped("a/1", "a/2")},
		}
		var mu sync.Mutex
		var calls []string
		p := lambda.QueuePoller{QueueURL: "http://queue", QueueARN: queueARN + ".fifo", MaxConcurrency: 3,
			ReportBatchItemFailures: true,
			Function: function(func(_ context.Context, payload []byte) ([]byte, error) {
				mu.Lock()
				calls = append(calls, fmt.Sprintf("%s %s", time.Since(begin), idsOf(t, payload)))
				mu.Unlock()
				time.Sleep(10 * time.Second)
				return nil, errors.New("failed, so that nothing is deleted")
			}),
			Client: queue{receive: func(ctx context.Context, _ *sqs.ReceiveMessageInput) (*sqs.ReceiveMessageOutput, error) {
				mu.Lock()
				if len(receives) == 0 {
					mu.Unlock()
					<-ctx.Done()
					return nil, ctx.Err()
				}
				next := receives[0]
				receives = receives[1:]
				mu.Unlock()
				time.Sleep(next.at - time.Since(begin))
				return &sqs.ReceiveMessageOutput{Messages: next.batch}, nil
			}},
		}
		if err := p.Run(ctx); err != nil {
			t.Fatal(err)
		}
		want := []string{"0s [a/1 a/2]", "1s [b/1 b/2]", "20s [a/1 a/2]"}
		if diff := cmp.Diff(want, calls); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}

// How many calls run at once, second by second: each call takes one, and messages never end.
func TestQueueConcurrency(t *testing.T) {
	for name, c := range map[string]struct {
		most    int
		partial bool
		err     error
		want    []int
	}{
		"grows with success":  {most: 12, want: []int{5, 10, 12, 12, 12}},
		"never over the most": {most: 2, want: []int{2, 2, 2}},
		"shrinks with failures": {most: 12, err: &lambda.FunctionError{Type: "errorString"},
			want: []int{5, 1, 1, 1}},
		"stays with partial batch failures": {most: 12, partial: true, err: &lambda.FunctionError{Type: "errorString"},
			want: []int{5, 5, 5, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				var mu sync.Mutex
				busy := 0
				p := lambda.QueuePoller{QueueURL: "http://queue", QueueARN: queueARN, MaxConcurrency: c.most,
					ReportBatchItemFailures: c.partial,
					Function: function(func(context.Context, []byte) ([]byte, error) {
						mu.Lock()
						busy++
						mu.Unlock()
						time.Sleep(time.Second)
						mu.Lock()
						busy--
						mu.Unlock()
						return nil, c.err
					}),
					Client: queue{
						receive: func(context.Context, *sqs.ReceiveMessageInput) (*sqs.ReceiveMessageOutput, error) {
							return &sqs.ReceiveMessageOutput{Messages: messagesOf("a")}, nil
						},
						remove: func(context.Context, *sqs.DeleteMessageBatchInput) (*sqs.DeleteMessageBatchOutput, error) {
							return &sqs.DeleteMessageBatchOutput{}, nil
						},
					},
				}
				done := make(chan error)
				go func() { done <- p.Run(ctx) }()
				time.Sleep(500 * time.Millisecond)
				var got []int
				for range c.want {
					synctest.Wait()
					mu.Lock()
					got = append(got, busy)
					mu.Unlock()
					time.Sleep(time.Second)
				}
				cancel()
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("calls at once (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// After a rush an idle queue is polled by five again.
func TestQueueConcurrencyFalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		q := &arrivals{begin: time.Now()}
		q.arrive(0, 100)
		var mu sync.Mutex
		most, waiting := 0, 0
		p := lambda.QueuePoller{QueueURL: "http://queue", QueueARN: queueARN, MaxConcurrency: 20, BatchSize: 1,
			Function: function(func(context.Context, []byte) ([]byte, error) { time.Sleep(time.Second); return nil, nil }),
			Client: queue{remove: func(ctx context.Context, in *sqs.DeleteMessageBatchInput) (*sqs.DeleteMessageBatchOutput,
				error) {
				return q.DeleteMessageBatch(ctx, in)
			}, receive: func(ctx context.Context, in *sqs.ReceiveMessageInput) (*sqs.ReceiveMessageOutput, error) {
				mu.Lock()
				waiting++
				most = max(most, waiting)
				mu.Unlock()
				defer func() { mu.Lock(); waiting--; mu.Unlock() }()
				return q.ReceiveMessage(ctx, in)
			}},
		}
		done := make(chan error)
		go func() { done <- p.Run(ctx) }()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		mu.Lock()
		if most != 20 || waiting != 5 || len(q.removed) != 100 {
			t.Errorf("%d polls at most and %d at last, %d deletes", most, waiting, len(q.removed))
		}
		mu.Unlock()
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

// A batch that is throttled is tried again while its messages are out of sight.
func TestQueueThrottled(t *testing.T) {
	for name, c := range map[string]struct {
		throttles int
		want      []string
		deleted   int
	}{
		"for a while":  {2, []string{"0s", "1s", "3s"}, 1},
		"for too long": {99, []string{"0s", "1s", "3s", "7s"}, 0}, // the next would be at 15 s
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(12*time.Second, cancel)
				q := &arrivals{begin: time.Now()}
				q.arrive(0, 1)
				var calls []string
				p := lambda.QueuePoller{Client: q, QueueURL: "http://queue", QueueARN: queueARN, Visibility: 10 * time.Second,
					Function: function(func(context.Context, []byte) ([]byte, error) {
						calls = append(calls, time.Since(q.begin).String())
						if len(calls) <= c.throttles {
							return nil, &lambda.FunctionError{Type: lambda.TypeThrottled}
						}
						return nil, nil
					})}
				if err := p.Run(ctx); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, calls); diff != "" || len(q.removed) != c.deleted {
					t.Errorf("%d deletes; calls (-want +got):\n%s", len(q.removed), diff)
				}
			})
		})
	}
}

func TestThrottledIsOneOfLambdasOwn(t *testing.T) {
	for kind, want := range map[string]bool{lambda.TypeThrottled: true, lambda.TypeTimedOut: false, "": false} {
		if (&lambda.FunctionError{Type: kind}).Throttled() != want {
			t.Errorf("%q: not %t", kind, want)
		}
	}
}
