// Package queue is SQS as Registrar uses it: events are sent to queues, consumers change the visibility of messages or
// send them to the dead letters, and operators look at dead letters.
//
// It knows the AWS SDK and the domain's events in their envelope. Start with [Open], for a queue that a function sends
// to, and [OpenConsumer], for the one that feeds it.
package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/consumer/cloudevents"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/telemetry"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"
)

// Client is what this package needs of the SDK's client.
type Client interface {
	SendMessage(ctx context.Context, in *sqs.SendMessageInput, o ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
	SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput,
		o ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
	ChangeMessageVisibility(ctx context.Context, in *sqs.ChangeMessageVisibilityInput,
		o ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error)
}

// Queue is a queue to send to. It is safe for concurrent use.
type Queue struct {
	client Client
	url    string
}

// New makes a queue over a client.
func New(client Client, url string) *Queue { return &Queue{client: client, url: url} }

// Variable names the environment variable that holds a queue's address, for example AUDIT_QUEUE_URL.
func Variable(name string) string {
	return strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(name)) + "_QUEUE_URL"
}

// Open makes a queue that the environment configures by the name of its address: see [Variable].
func Open(sdk aws.Config, getenv func(string) string, name string) (*Queue, error) {
	url := getenv(Variable(name))
	if url == "" {
		return nil, fmt.Errorf("configuration of the queue %s: %s is not set", name, Variable(name))
	}
	return New(sqs.NewFromConfig(sdk), url), nil
}

// Limits of SendMessageBatch (SQS developer guide, "Message quotas").
const (
	maxBatch      = 10
	maxBatchBytes = 1 << 20
)

// SendEvents sends events, ten in a request, and returns for each why it was not sent; nil when all were sent. Messages
// that SQS could not take because of its own trouble are sent once more. [registrar.ErrBusy] when the trouble may pass.
func (q *Queue) SendEvents(ctx context.Context, events []registrar.Event) []error {
	errs := make([]error, len(events))
	failed := false
	for first := 0; first < len(events); {
		n, entries, err := q.nextBatch(events[first:])
		if err != nil {
			errs[first], failed = err, true
		}
		for i, err := range q.sendBatch(ctx, entries) {
			failed = true
			if at, unknown := strconv.Atoi(i); unknown == nil && at >= 0 && at < n {
				errs[first+at] = err
				continue
			}
			for at := range n { // SQS names no message of the batch, so it may be any of them
				errs[first+at] = cmp.Or(errs[first+at], err)
			}
		}
		first += n
	}
	if !failed {
		return nil
	}
	return errs
}

// nextBatch makes a batch of the first events, at most ten and at most a mebibyte. An event that cannot be written is a
// batch of its own, without entries.
func (q *Queue) nextBatch(events []registrar.Event) (n int, entries []types.SendMessageBatchRequestEntry, err error) {
	size := 0
	for _, e := range events {
		body, err := cloudevents.Marshal(e)
		if err != nil {
			if n == 0 {
				return 1, nil, err
			}
			break
		}
		if n == maxBatch || n > 0 && size+len(body) > maxBatchBytes {
			break
		}
		entries = append(entries, types.SendMessageBatchRequestEntry{
			Id: aws.String(strconv.Itoa(n)), MessageBody: aws.String(string(body)), MessageSystemAttributes: traced(e.Trace),
		})
		n, size = n+1, size+len(body)
	}
	return n, entries, nil
}

// traced is the attribute that passes an X-Ray trace on (SQS developer guide, "Message system attributes").
func traced(trace string) map[string]types.MessageSystemAttributeValue {
	if trace == "" {
		return nil
	}
	return map[string]types.MessageSystemAttributeValue{
		string(types.MessageSystemAttributeNameForSendsAWSTraceHeader): {DataType: aws.String("String"),
			StringValue: aws.String(trace)},
	}
}

// sendBatch sends entries, and sends those once more that failed through no fault of their own. It returns why the
// others were not sent, by id.
func (q *Queue) sendBatch(ctx context.Context, entries []types.SendMessageBatchRequestEntry) map[string]error {
	if len(entries) == 0 {
		return nil
	}
	failed := map[string]error{}
	const attempts = 2
	for attempt := 1; len(entries) > 0 && attempt <= attempts; attempt++ {
		out, err := q.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &q.url, Entries: entries})
		if err != nil { // the SDK tried again already
			for _, e := range entries {
				failed[*e.Id] = fmt.Errorf("send events: %w", busyOr(ctx, err))
			}
			return failed
		}
		for _, e := range entries {
			delete(failed, *e.Id)
		}
		again := map[string]bool{}
		for _, f := range out.Failed {
			err := fmt.Errorf("send an event: %s: %s", aws.ToString(f.Code), aws.ToString(f.Message))
			if !f.SenderFault {
				err = fmt.Errorf("%w: %w", registrar.ErrBusy, err)
			}
			failed[aws.ToString(f.Id)], again[aws.ToString(f.Id)] = err, !f.SenderFault
		}
		rest := entries[:0:0]
		for _, e := range entries {
			if again[*e.Id] {
				rest = append(rest, e)
			}
		}
		entries = rest
	}
	return failed
}

// busyOr makes ErrBusy of an error that may pass, as the SDK judges it after its retries: SQS is throttling, in
// trouble, or cannot be reached. Other errors last until somebody repairs their cause: a queue that does not exist, a
// missing right.
func busyOr(ctx context.Context, err error) error {
	if ctx.Err() != nil || retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary {
		return fmt.Errorf("%w: %w", registrar.ErrBusy, err)
	}
	return err
}

// Send sends a message that is not an event.
func (q *Queue) Send(ctx context.Context, body []byte) error {
	if _, err := q.client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: &q.url, MessageBody: aws.String(string(body)), MessageSystemAttributes: traced(telemetry.Onward(ctx).Trace),
	}); err != nil {
		return fmt.Errorf("send a message: %w", err)
	}
	return nil
}

// Refused implements [registrar.Auditor]: it returns when the queue has the event.
func (q *Queue) Refused(ctx context.Context, e registrar.Event) error {
	by := telemetry.Onward(ctx)
	e.Request, e.Correlation, e.Trace, e.OnBehalfOf = by.ID, by.Correlation, by.Trace, by.OnBehalfOf
	if errs := q.SendEvents(ctx, []registrar.Event{e}); errs != nil {
		return errs[0]
	}
	return nil
}

// Consumer is the queue that feeds a function, and its dead letters. It implements [consumer.Queue].
type Consumer struct {
	Queue

	dead string // address of the dead-letter queue
}

// NewConsumer makes one over a client.
func NewConsumer(client Client, url, deadLetters string) *Consumer {
	return &Consumer{Queue: Queue{client, url}, dead: deadLetters}
}

// OpenConsumer reads what a function must know of the queue that feeds it, and names every variable that is missing or
// wrong: QUEUE_URL, DEAD_LETTER_QUEUE_URL, QUEUE_RECEIVES (the queue's maxReceiveCount), QUEUE_VISIBILITY (seconds).
// The caller adds the claims to the settings.
func OpenConsumer(sdk aws.Config, getenv func(string) string, log *slog.Logger) (consumer.Settings, error) {
	var wrong []string
	variable := func(name string) string {
		if getenv(name) == "" {
			wrong = append(wrong, name+" is not set")
		}
		return getenv(name)
	}
	number := func(name string) int {
		n, err := strconv.Atoi(variable(name))
		if getenv(name) != "" && (err != nil || n < 1) {
			wrong = append(wrong, name+" is no number from 1")
		}
		return n
	}
	url, dead := variable("QUEUE_URL"), variable("DEAD_LETTER_QUEUE_URL")
	receives, visibility := number("QUEUE_RECEIVES"), number("QUEUE_VISIBILITY")
	if len(wrong) > 0 {
		return consumer.Settings{}, errors.New("configuration of the consumer: " + strings.Join(wrong, "; "))
	}
	return consumer.Settings{
		Queue: NewConsumer(sqs.NewFromConfig(sdk), url, dead), Receives: receives,
		Visibility: time.Duration(visibility) * time.Second,
		Clock:      time.Now, NewID: uuid.NewString, Log: log,
	}, nil
}

// ChangeVisibility implements [consumer.Queue].
func (c *Consumer) ChangeVisibility(ctx context.Context, m consumer.Message, d time.Duration) error {
	_, err := c.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &c.url, ReceiptHandle: aws.String(m.Receipt),
		VisibilityTimeout: int32(d.Round(time.Second).Seconds()), // 12 h at most
	})
	if err != nil {
		return fmt.Errorf("change a message's visibility: %w", err)
	}
	return nil
}

// The attributes of a dead letter that a consumer sent there.
const (
	attributeReason   = "reason"
	attributeMessage  = "message" // the message's first id
	attributeReceives = "receives"
	attributeDeadAt   = "buriedAt"
	longestReason     = 2000 // bytes
)

// SendToDeadLetters implements [consumer.Queue]. The letter has the reason and the id of the message.
func (c *Consumer) SendToDeadLetters(ctx context.Context, m consumer.Message, reason string) error {
	text := func(s string) types.MessageAttributeValue {
		return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(s)}
	}
	in := &sqs.SendMessageInput{
		QueueUrl: &c.dead, MessageBody: aws.String(string(m.Body)), MessageSystemAttributes: traced(m.Trace),
		MessageAttributes: map[string]types.MessageAttributeValue{
			attributeReason: text(legible(reason)), attributeMessage: text(m.ID),
			attributeReceives: text(strconv.Itoa(m.Receives)),
			attributeDeadAt:   text(time.Now().UTC().Format(time.RFC3339)),
		},
	}
	inGroup(in, m.Group, m.ID)
	if _, err := c.client.SendMessage(ctx, in); err != nil {
		return fmt.Errorf("send a message to the dead letters: %w", err)
	}
	return nil
}

// inGroup puts a message into a group, if there is one. In a FIFO queue, a message with the same id is sent once within
// five minutes. Standard queues may have groups, and refuse ids (SQS API reference, SendMessage).
func inGroup(in *sqs.SendMessageInput, group, id string) {
	if group == "" {
		return
	}
	in.MessageGroupId = aws.String(group)
	if strings.HasSuffix(aws.ToString(in.QueueUrl), ".fifo") {
		in.MessageDeduplicationId = aws.String(id)
	}
}

// legible makes a text that SQS takes in an attribute: not empty, bounded, and of the characters of XML 1.0.
func legible(reason string) string {
	reason = strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r', r >= ' ' && r <= 0xD7FF, r >= 0xE000 && r <= 0xFFFD, r >= 0x10000:
			return r
		}
		return ' '
	}, strings.ToValidUTF8(reason, "?"))
	if len(reason) > longestReason {
		reason = strings.ToValidUTF8(reason[:longestReason], "")
	}
	if reason == "" {
		return "unknown"
	}
	return reason
}
