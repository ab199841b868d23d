package lambda

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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
	ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, o ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput,
		error)
	DeleteMessageBatch(ctx context.Context, in *sqs.DeleteMessageBatchInput,
		o ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
}

// QueuePoller is an event source mapping: it takes messages from a queue, standard or FIFO, hands them to a function,
// and deletes those that the function was done with. The others come back when their visibility timeout, the queue's
// own, has passed.
//
// A FIFO queue keeps the messages of a group in order and gives out none while some of them are with a consumer; the
// poller adds that a group is in one batch at a time even when a function outlasts the visibility timeout. Which
// messages failed is the function's to say: it ought to stop at the first failure of a group and report the rest of it
// too. As on AWS, only what it does not report is deleted.
//
// Simplified: concurrency begins with five batches at once, grows by one with each batch that succeeded, where AWS adds
// up to 300 a minute, and shrinks by one with each receive that brings nothing. When a function fails a batch it is
// halved, where AWS reduces it "gradually"; not with ReportBatchItemFailures, with which AWS does not back off either.
// There are no filters.
type QueuePoller struct {
	Client   SQSClient
	QueueURL string
	QueueARN string // the event's eventSourceARN and awsRegion; a FIFO queue's name ends in .fifo
	Function Function
	// BatchSize is the most messages in a batch: 1 to 10,000, FIFO to 10; 10 when 0. One receive brings at most ten, so
	// that over ten a window of a second at least is needed. A batch is also full at 6 MB.
	BatchSize int
	// MaximumBatchingWindow is how long after its first message a batch may wait for more: whole seconds, 0 to 300; 0 for
	// FIFO.
	MaximumBatchingWindow time.Duration
	MaxConcurrency        int // batches at once, to 1,000; 5 when 0, with which Lambda begins
	// ReportBatchItemFailures says that the function's answer names the messages that it failed. Without it an answer, of
	// whatever kind, means that the whole batch succeeded.
	ReportBatchItemFailures bool
	// Visibility is the queue's visibility timeout, 30 seconds when 0: so long after its receive a batch that was
	// throttled is tried again, after pauses that grow, and then left to the queue.
	Visibility time.Duration
	// LongPoll is how long a receive waits for a message: whole seconds, 1 to 20; 20 when 0.
	LongPoll time.Duration
	// AwaitReceives says that Run, before it returns, waits for the receives under way instead of breaking them off: there
	// are engines which hand a message to a caller that has gone, and then it is out of sight until its visibility
	// timeout.
	AwaitReceives bool
	Log           *slog.Logger // nil: nothing is logged
}

const (
	maxReceive        = 10 // SQS, ReceiveMessage: MaxNumberOfMessages
	longPoll          = 20 * time.Second
	receiveRetry      = 1 * time.Second // after a receive that failed
	startedPolls      = 5               // developer guide, "Scaling for standard queues"
	defaultVisibility = 30 * time.Second
)

// Run polls until ctx ends, then waits for the batches in flight and returns nil. It returns an error at once when the
// poller's fields make no sense. A receive or a delete that fails is logged, and polling goes on.
func (q *QueuePoller) Run(ctx context.Context) error {
	parts := strings.SplitN(q.QueueARN, ":", arnParts)
	fifo := strings.HasSuffix(q.QueueARN, ".fifo")
	switch {
	case q.Client == nil || q.Function == nil || q.QueueURL == "":
		return fmt.Errorf("poll queue %s: it needs a client, a queue address and a function", q.QueueARN)
	case len(parts) != arnParts || parts[arnService] != "sqs":
		return fmt.Errorf("poll queue: %q is no ARN of a queue", q.QueueARN)
	case q.BatchSize < 0 || q.BatchSize > maxBatch || q.MaxConcurrency < 0 || q.MaxConcurrency > maxPollers ||
		q.Visibility < 0:
		return fmt.Errorf("poll queue %s: a batch size of %d (1 to %d), a concurrency of %d (1 to %d) or a visibility "+
			"timeout of %s is not possible",
			q.QueueARN, q.BatchSize, maxBatch, q.MaxConcurrency, maxPollers, q.Visibility)
	case q.LongPoll < 0 || q.LongPoll > longPoll || q.LongPoll%time.Second != 0:
		return fmt.Errorf("poll queue %s: a long poll of %s is not whole seconds up to %s", q.QueueARN, q.LongPoll, longPoll)
	case q.MaximumBatchingWindow < 0 || q.MaximumBatchingWindow > maxWindow || q.MaximumBatchingWindow%time.Second != 0:
		return fmt.Errorf("poll queue %s: a batching window of %s is not whole seconds up to %s", q.QueueARN,
			q.MaximumBatchingWindow, maxWindow)
	case fifo && (q.BatchSize > maxReceive || q.MaximumBatchingWindow > 0):
		return fmt.Errorf("poll queue %s: a FIFO queue has batches of at most %d and no batching window", q.QueueARN,
			maxReceive)
	case q.BatchSize > maxReceive && q.MaximumBatchingWindow == 0:
		return fmt.Errorf("poll queue %s: batches over %d need a batching window", q.QueueARN, maxReceive)
	}
	p := &queuePolls{QueuePoller: q, fifo: fifo, region: parts[arnRegionPart], log: q.Log, groups: map[string]bool{},
		size: cmp.Or(q.BatchSize, maxReceive), visibility: cmp.Or(q.Visibility, defaultVisibility), wait: cmp.Or(q.LongPoll,
			longPoll)}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	p.log = p.log.With("queue", q.QueueARN)
	most := cmp.Or(q.MaxConcurrency, startedPolls)
	p.scale = newScale(min(startedPolls, most), most)
	var polls sync.WaitGroup
	for p.scale.begin(ctx) {
		polls.Go(func() {
			defer p.scale.end()
			p.poll(ctx)
		})
	}
	polls.Wait()
	return nil
}

// queuePolls is a QueuePoller that runs.
type queuePolls struct {
	*QueuePoller

	fifo       bool
	region     string
	log        *slog.Logger
	size       int
	visibility time.Duration
	wait       time.Duration // of a receive
	scale      *scale

	mu     sync.Mutex
	groups map[string]bool // FIFO: message groups in a batch under way
}

// message is one of a batch, with its record of the event.
type message struct {
	types.Message

	record []byte
}

func (m message) id() string    { return aws.ToString(m.MessageId) }
func (m message) group() string { return m.Attributes[messageGroup] }

const messageGroup = string(types.MessageSystemAttributeNameMessageGroupId)

// poll gathers a batch and has it worked off.
func (p *queuePolls) poll(ctx context.Context) {
	batch, received := p.gather(ctx)
	if p.fifo {
		var release func()
		batch, release = p.claim(batch)
		defer release()
	}
	// What was received is worked off, even when ctx ends meanwhile.
	for len(batch) > 0 {
		n := fitting(batch, p.size, func(m message) int { return len(m.record) })
		p.work(context.WithoutCancel(ctx), batch[:n], received.Add(p.visibility))
		batch = batch[n:]
	}
}

// gather receives until the batch is full or its window is over. It tells when the first messages came. No receive is
// given up half way, for its messages would be out of sight for nothing; so none is asked to wait longer than the
// window.
func (p *queuePolls) gather(ctx context.Context) (batch []message, received time.Time) {
	wait, size := p.wait, 0
	for {
		more, err := p.receive(ctx, min(p.size-len(batch), maxReceive), wait)
		switch {
		case err != nil && ctx.Err() != nil:
			return batch, received
		case err != nil:
			p.log.Error("messages could not be received", "error", err)
			pause(ctx, receiveRetry)
			return batch, received
		case len(batch) == 0 && len(more) == 0:
			p.scale.idle()
			return nil, received
		case len(batch) == 0:
			received = time.Now()
		}
		for _, m := range more {
			record, err := json.Marshal(p.record(p.region, m))
			if err != nil {
				p.log.Error("a message could not be written as a record", "messageId", aws.ToString(m.MessageId), "error", err)
				continue
			}
			batch = append(batch, message{m, record})
			size += len(record) + len(",")
		}
		left := p.MaximumBatchingWindow - time.Since(received)
		if len(batch) >= p.size || size >= MaxPayload || left <= 0 || ctx.Err() != nil {
			return batch, received
		}
		if wait = min(left.Truncate(time.Second), p.wait); wait == 0 {
			pause(ctx, left) // SQS waits whole seconds
			return batch, received
		}
	}
}

func (p *queuePolls) receive(ctx context.Context, most int, wait time.Duration) ([]types.Message, error) {
	if p.AwaitReceives {
		ctx = context.WithoutCancel(ctx)
	}
	received, err := p.Client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl:                    aws.String(p.QueueURL),
		MaxNumberOfMessages:         int32(most),
		WaitTimeSeconds:             int32(wait.Seconds()),
		MessageAttributeNames:       []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})
	if err != nil {
		return nil, err
	}
	return received.Messages, nil
}

// claim takes the groups of a batch, and leaves out the messages of those that another batch has: they came again
// because their visibility timeout passed, and will once more. release gives the groups back.
func (p *queuePolls) claim(batch []message) (claimed []message, release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	mine := map[string]bool{}
	for _, m := range batch {
		group := m.group()
		if p.groups[group] && !mine[group] {
			p.log.Warn("a message came again while its group is being worked on", "messageId", m.id(), "group", group)
			continue
		}
		p.groups[group], mine[group] = true, true
		claimed = append(claimed, m)
	}
	return claimed, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for group := range mine {
			delete(p.groups, group)
		}
	}
}

// work hands a batch to the function and deletes what succeeded.
func (p *queuePolls) work(ctx context.Context, batch []message, until time.Time) {
	records, known := make([][]byte, len(batch)), map[string]bool{}
	for i, m := range batch {
		records[i], known[m.id()] = m.record, true
	}
	answer, err := p.invoke(ctx, payload(records), until)
	if err != nil {
		p.log.Error("the function failed a batch", "messages", len(batch), "error", err)
		if !p.ReportBatchItemFailures {
			p.scale.failed()
		}
		return
	}
	failed := map[string]bool{}
	if p.ReportBatchItemFailures {
		if failed, err = batchItemFailures(answer, known); err != nil {
			p.log.Error("the function's answer fails its whole batch", "messages", len(batch), "error", err)
			return
		}
	}
	p.scale.succeeded()
	if len(failed) > 0 {
		p.log.Warn("the function failed messages of a batch", "messages", len(batch), "failed", len(failed))
	}
	var entries []types.DeleteMessageBatchRequestEntry
	stopped := map[string]bool{}
	for i, m := range batch {
		if failed[m.id()] {
			stopped[m.group()] = true
			continue
		}
		if p.fifo && stopped[m.group()] {
			p.log.Error("the function failed a message but not one after it in its group, which is out of order now",
				"messageId", m.id(), "group", m.group())
		}
		entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)),
			ReceiptHandle: m.ReceiptHandle})
	}
	for some := range slices.Chunk(entries, maxReceive) {
		p.remove(ctx, some)
	}
}

// invoke asks the function, again after a while as long as it is throttled and the messages are out of sight.
func (p *queuePolls) invoke(ctx context.Context, event []byte, until time.Time) ([]byte, error) {
	for attempt := 1; ; attempt++ {
		answer, err := p.Function.Invoke(ctx, event)
		var told *FunctionError
		if !errors.As(err, &told) || !told.Throttled() || time.Now().Add(backoff(attempt)).After(until) {
			return answer, err
		}
		p.scale.failed()
		pause(ctx, backoff(attempt))
	}
}

func (p *queuePolls) remove(ctx context.Context, entries []types.DeleteMessageBatchRequestEntry) {
	deleted, err := p.Client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: aws.String(p.QueueURL),
		Entries: entries})
	if err != nil {
		p.log.Error("messages could not be deleted and will come again", "messages", len(entries), "error", err)
		return
	}
	for _, entry := range deleted.Failed {
		p.log.Error("a message could not be deleted and will come again", "code", aws.ToString(entry.Code), "reason",
			aws.ToString(entry.Message))
	}
}

// record is a message as Lambda hands it to a function. One difference remains: [events.SQSMessage] writes an empty
// md5OfMessageAttributes where AWS leaves it out.
func (q *QueuePoller) record(region string, m types.Message) events.SQSMessage {
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
	return events.SQSMessage{
		MessageId: aws.ToString(m.MessageId), ReceiptHandle: aws.ToString(m.ReceiptHandle), Body: aws.ToString(m.Body),
		Md5OfBody: aws.ToString(m.MD5OfBody), Md5OfMessageAttributes: aws.ToString(m.MD5OfMessageAttributes),
		Attributes: system, MessageAttributes: attributes,
		EventSource: "aws:sqs", EventSourceARN: q.QueueARN, AWSRegion: region,
	}
}

// scale is how many polls there may be at once. It moves between one and most.
type scale struct {
	least, most int           // least: what an idle queue is polled by
	changed     chan struct{} // holds one when there may be room

	mu            sync.Mutex
	allowed, busy int
}

func newScale(least, most int) *scale {
	return &scale{least: least, most: most, allowed: least, changed: make(chan struct{}, 1)}
}

// begin waits for room for one more poll, or returns false when ctx has ended.
func (s *scale) begin(ctx context.Context) bool {
	for ctx.Err() == nil {
		s.mu.Lock()
		free := s.busy < s.allowed
		if free {
			s.busy++
		}
		s.mu.Unlock()
		if free {
			return true
		}
		select {
		case <-ctx.Done():
		case <-s.changed:
		}
	}
	return false
}

func (s *scale) end() { s.change(func() { s.busy-- }) }

func (s *scale) succeeded() { s.change(func() { s.allowed = min(s.allowed+1, s.most) }) }

func (s *scale) failed() { s.change(func() { s.allowed = max(s.allowed/2, 1) }) }

// idle goes back to what an idle queue is polled by.
func (s *scale) idle() {
	s.change(func() {
		if s.allowed > s.least {
			s.allowed--
		}
	})
}

func (s *scale) change(do func()) {
	s.mu.Lock()
	do()
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default: // it is told already
	}
}
