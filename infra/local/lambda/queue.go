package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// SQSClient is what a [QueuePoller] needs of SQS; [*sqs.Client] has it.
type SQSClient interface {
	ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, o ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessageBatch(ctx context.Context, in *sqs.DeleteMessageBatchInput, o ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
}

// QueuePoller is an event source mapping: it takes messages from a standard queue, hands them to a function, and deletes
// those that the function was done with. The others come back when their visibility timeout, the queue's own, has passed.
//
// Not faithful: no batching window, so a batch is what one receive brings; no backing off when a function fails; no FIFO
// queues; no filters.
type QueuePoller struct {
	Client   SQSClient
	QueueURL string
	QueueARN string // the event's eventSourceARN and awsRegion
	Function Function
	// BatchSize is the most messages in a batch: 1 to 10,000 as with Lambda, 10 when 0. One receive brings at most ten, and
	// without a batching window Lambda waits for no more, so that anything over ten means ten.
	BatchSize      int
	MaxConcurrency int // batches at once, each with a poller of its own; 5 when 0, with which Lambda begins
	// ReportBatchItemFailures says that the function's answer names the messages that it failed. Without it an answer, of
	// whatever kind, means that the whole batch succeeded.
	ReportBatchItemFailures bool
	Log                     *slog.Logger // nil: nobody is told
}

const (
	maxReceive    = 10 // SQS, ReceiveMessage: MaxNumberOfMessages
	maxBatch      = 10_000
	longPoll      = 20              // seconds, the longest that SQS waits
	receiveRetry  = 1 * time.Second // after a receive that failed
	startedPolls  = 5               // developer guide, "Scaling for standard queues"
	arnParts      = 6
	arnRegionPart = 3
)

// Run polls until ctx ends, then waits for the batches in flight and returns nil. It returns an error at once when the
// poller's fields make no sense. A receive or a delete that fails is logged, and polling goes on.
func (q *QueuePoller) Run(ctx context.Context) error {
	parts := strings.SplitN(q.QueueARN, ":", arnParts)
	switch {
	case q.Client == nil || q.Function == nil || q.QueueURL == "":
		return fmt.Errorf("poll queue %s: it needs a client, a queue address and a function", q.QueueARN)
	case len(parts) != arnParts || parts[2] != "sqs":
		return fmt.Errorf("poll queue: %q is no ARN of a queue", q.QueueARN)
	case q.BatchSize < 0 || q.BatchSize > maxBatch || q.MaxConcurrency < 0:
		return fmt.Errorf("poll queue %s: a batch size of %d (1 to %d) or a concurrency of %d is not possible",
			q.QueueARN, q.BatchSize, maxBatch, q.MaxConcurrency)
	}
	log := q.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	polls := q.MaxConcurrency
	if polls == 0 {
		polls = startedPolls
	}
	var pollers sync.WaitGroup
	for range polls {
		pollers.Go(func() { q.poll(ctx, log.With("queue", q.QueueARN), parts[arnRegionPart]) })
	}
	pollers.Wait()
	return nil
}

// poll receives a batch, has it worked off, and receives the next.
func (q *QueuePoller) poll(ctx context.Context, log *slog.Logger, region string) {
	size := min(q.BatchSize, maxReceive)
	if size == 0 {
		size = maxReceive
	}
	for ctx.Err() == nil {
		received, err := q.Client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: aws.String(q.QueueURL), MaxNumberOfMessages: int32(size), WaitTimeSeconds: longPoll,
			MessageAttributeNames:       []string{"All"},
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		})
		switch {
		case err != nil && ctx.Err() != nil:
			return
		case err != nil:
			log.Error("messages could not be received", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(receiveRetry):
			}
		case len(received.Messages) > 0:
			// What was received is worked off, even when ctx ends meanwhile.
			q.work(context.WithoutCancel(ctx), log, region, received.Messages)
		}
	}
}

// work hands a batch to the function and deletes what succeeded.
func (q *QueuePoller) work(ctx context.Context, log *slog.Logger, region string, batch []types.Message) {
	event, err := json.Marshal(q.event(region, batch))
	if err != nil {
		log.Error("a batch could not be written as an event", "messages", len(batch), "error", err)
		return
	}
	answer, err := q.Function.Invoke(ctx, event)
	if err != nil {
		log.Error("the function failed a batch", "messages", len(batch), "error", err)
		return
	}
	failed := map[string]bool{}
	if q.ReportBatchItemFailures {
		if failed, err = batchItemFailures(answer, batch); err != nil {
			log.Error("the function's answer fails its whole batch", "messages", len(batch), "error", err)
			return
		}
	}
	var entries []types.DeleteMessageBatchRequestEntry
	for i, m := range batch {
		if !failed[aws.ToString(m.MessageId)] {
			entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle})
		}
	}
	if len(failed) > 0 {
		log.Warn("the function failed messages of a batch", "messages", len(batch), "failed", len(failed))
	}
	if len(entries) == 0 {
		return
	}
	deleted, err := q.Client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: aws.String(q.QueueURL), Entries: entries})
	if err != nil {
		log.Error("messages could not be deleted and will come again", "messages", len(entries), "error", err)
		return
	}
	for _, entry := range deleted.Failed {
		log.Error("a message could not be deleted and will come again", "code", aws.ToString(entry.Code), "reason", aws.ToString(entry.Message))
	}
}

// event is the batch as Lambda hands it to a function. One difference remains: [events.SQSMessage] writes an empty
// md5OfMessageAttributes where AWS leaves it out.
func (q *QueuePoller) event(region string, batch []types.Message) events.SQSEvent {
	event := events.SQSEvent{Records: make([]events.SQSMessage, 0, len(batch))}
	for _, m := range batch {
		attributes := make(map[string]events.SQSMessageAttribute, len(m.MessageAttributes))
		for name, a := range m.MessageAttributes {
			attributes[name] = events.SQSMessageAttribute{
				StringValue: a.StringValue, BinaryValue: a.BinaryValue, DataType: aws.ToString(a.DataType),
				StringListValues: []string{}, BinaryListValues: [][]byte{}, // SQS has no lists yet; Lambda writes empty ones
			}
		}
		system := m.Attributes
		if system == nil {
			system = map[string]string{}
		}
		event.Records = append(event.Records, events.SQSMessage{
			MessageId: aws.ToString(m.MessageId), ReceiptHandle: aws.ToString(m.ReceiptHandle), Body: aws.ToString(m.Body),
			Md5OfBody: aws.ToString(m.MD5OfBody), Md5OfMessageAttributes: aws.ToString(m.MD5OfMessageAttributes),
			Attributes: system, MessageAttributes: attributes,
			EventSource: "aws:sqs", EventSourceARN: q.QueueARN, AWSRegion: region,
		})
	}
	return event
}

// batchItemFailures reads which messages an answer fails. An error means: the whole batch (developer guide, "Implementing
// partial batch responses": an answer that is no JSON of this form, an identifier that is empty, null or of no message, or
// an entry whose key is misspelt). Names are compared exactly, as AWS does and encoding/json's structs do not: a misspelt
// batchItemFailures is no failure at all, and must show here before it loses messages there.
func batchItemFailures(answer []byte, batch []types.Message) (map[string]bool, error) {
	failed := map[string]bool{}
	if len(bytes.TrimSpace(answer)) == 0 {
		return failed, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(answer, &members); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	var failures []map[string]json.RawMessage
	if list := members["batchItemFailures"]; list != nil {
		if err := json.Unmarshal(list, &failures); err != nil {
			return nil, fmt.Errorf("read batchItemFailures: %w", err)
		}
	}
	known := map[string]bool{}
	for _, m := range batch {
		known[aws.ToString(m.MessageId)] = true
	}
	for _, failure := range failures {
		var id string
		if err := json.Unmarshal(failure["itemIdentifier"], &id); err != nil {
			return nil, fmt.Errorf("read an itemIdentifier: %w", err)
		}
		if id == "" || !known[id] {
			return nil, fmt.Errorf("itemIdentifier %q is of no message in the batch", id)
		}
		failed[id] = true
	}
	return failed, nil
}
