package sqs

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

const (
	maxVisibilitySeconds = 43_200 // 12 hours
	maxWaitSeconds       = 20
)

// sent tells of a message that was sent.
type sent struct {
	ID                           string `json:"Id,omitempty"` // in a batch
	MessageID                    string `json:"MessageId"`
	MD5OfMessageBody             string
	MD5OfMessageAttributes       string `json:",omitempty"`
	MD5OfMessageSystemAttributes string `json:",omitempty"`
	SequenceNumber               string `json:",omitempty"`
}

// draft is a message on its way into a queue, or why it cannot go there.
type draft struct {
	content
	delay *int
	size  int
	sent  sent
	err   error
}

func newDraft(in *entry) draft {
	d := draft{delay: in.DelaySeconds, size: in.size()}
	if d.content, d.err = in.content(); d.err == nil {
		d.sent = sent{
			ID: in.ID, MD5OfMessageBody: d.bodyMD5, MD5OfMessageAttributes: attributesMD5(in.MessageAttributes),
			MD5OfMessageSystemAttributes: attributesMD5(in.MessageSystemAttributes),
		}
	}
	return d
}

// sendAll sends the drafts that can be sent, in their order, and notes in each what became of it.
func (e *Engine) sendAll(url string, drafts []draft) error {
	now := e.lock()
	defer e.unlock()
	q, err := e.find(url)
	if err != nil {
		return err
	}
	q.advance(now)
	for i := range drafts {
		if d := &drafts[i]; d.err == nil {
			d.err = e.sendOne(q, d, now)
		}
	}
	return nil
}

func (e *Engine) sendOne(q *queue, d *draft, now time.Time) error {
	if d.size > q.settings.maxBytes {
		return invalid("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.",
			q.settings.maxBytes)
	}
	const otherType = "Value %s for parameter %s is invalid. Reason: The request include parameter that is not valid " +
		"for this queue type."
	delay := q.settings.delay
	var key string
	switch {
	case !q.fifo && d.dedup != "":
		return invalid(otherType, d.dedup, "MessageDeduplicationId")
	case !q.fifo:
		if d.delay != nil {
			delay = time.Duration(*d.delay) * time.Second
		}
	case d.group == "":
		return missing("MessageGroupId")
	case d.delay != nil && *d.delay != 0:
		return invalid(otherType, strconv.Itoa(*d.delay), "DelaySeconds")
	default:
		if d.dedup == "" {
			if !q.settings.dedupByContent {
				return invalid("The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId " +
					"provided explicitly")
			}
			d.dedup = contentID(d.body)
		}
		if key = d.dedup; q.settings.dedupPerGroup {
			key = d.group + "\n" + d.dedup // neither can have a line break
		}
		if earlier, ok := q.sends[key]; ok {
			d.sent.MessageID, d.sent.SequenceNumber = earlier.id, sequence(earlier.order)
			return nil
		}
	}
	e.order, e.dirty = e.order+1, true
	d.sent.MessageID = uuid.NewString()
	if q.fifo {
		d.sent.SequenceNumber = sequence(e.order)
		q.sends[key] = sending{d.sent.MessageID, e.order, now}
		q.recent = append(q.recent, key)
		q.touched.touchSend(key)
	}
	q.arrive(&message{content: d.content, id: d.sent.MessageID, sent: now, enqueued: now}, e.order, now, delay)
	return nil
}

type sendInput struct {
	queueInput
	entry
}

func (e *Engine) sendMessage(_ context.Context, in *sendInput) (any, error) {
	in.ID = ""
	drafts := []draft{newDraft(&in.entry)}
	if err := e.sendAll(in.QueueURL, drafts); err != nil {
		return nil, err
	}
	return drafts[0].sent, drafts[0].err
}

type sendBatchInput struct {
	queueInput
	Entries []entry
}

func (e *Engine) sendMessageBatch(_ context.Context, in *sendBatchInput) (any, error) {
	var ids []string
	var drafts []draft
	total := 0
	for i := range in.Entries {
		ids, total = append(ids, in.Entries[i].ID), total+in.Entries[i].size()
	}
	if err := checkBatch("SendMessageBatchRequestEntry", ids); err != nil {
		return nil, err
	}
	if total > maxMessageBytes {
		return nil, newFault("BatchRequestTooLong", "Batch requests cannot be longer than %d bytes. You have sent %d bytes.",
			maxMessageBytes, total)
	}
	for i := range in.Entries {
		drafts = append(drafts, newDraft(&in.Entries[i]))
	}
	if err := e.sendAll(in.QueueURL, drafts); err != nil {
		return nil, err
	}
	var answer batchAnswer[sent]
	for i, d := range drafts {
		answer.add(ids[i], d.sent, d.err)
	}
	return answer, nil
}

type receiveInput struct {
	queueInput
	AttributeNames              []string // the older name of MessageSystemAttributeNames
	MessageSystemAttributeNames []string
	MessageAttributeNames       []string
	MaxNumberOfMessages         *int
	VisibilityTimeout           *int
	WaitTimeSeconds             *int
	ReceiveRequestAttemptID     string `json:"ReceiveRequestAttemptId"`
}

// received is a message as a receiver gets it.
type received struct {
	MessageID              string `json:"MessageId"`
	ReceiptHandle          string
	Body                   string
	MD5OfBody              string
	Attributes             map[string]string    `json:",omitempty"`
	MessageAttributes      map[string]attribute `json:",omitempty"`
	MD5OfMessageAttributes string               `json:",omitempty"`
}

func (in *receiveInput) check() error {
	for _, p := range []struct {
		name        string
		value       *int
		least, most int
	}{
		{"MaxNumberOfMessages", in.MaxNumberOfMessages, 1, maxBatch},
		{"VisibilityTimeout", in.VisibilityTimeout, 0, maxVisibilitySeconds},
		{"WaitTimeSeconds", in.WaitTimeSeconds, 0, maxWaitSeconds},
	} {
		if p.value != nil && (*p.value < p.least || *p.value > p.most) {
			return invalid("Value %d for parameter %s is invalid. Reason: Must be between %d and %d, if provided.",
				*p.value, p.name, p.least, p.most)
		}
	}
	in.MessageSystemAttributeNames = append(in.MessageSystemAttributeNames, in.AttributeNames...)
	for _, name := range in.MessageSystemAttributeNames {
		switch name {
		case "All", "SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp",
			"SequenceNumber",
			"MessageDeduplicationId", "MessageGroupId", "AWSTraceHeader", "DeadLetterQueueSourceArn", "SqsManagedSseEnabled":
		default:
			return newFault("InvalidAttributeName", "Unknown Attribute %s.", name)
		}
	}
	if in.ReceiveRequestAttemptID != "" {
		return newFault("UnsupportedOperation", "The local cloud does not offer the parameter ReceiveRequestAttemptId")
	}
	return nil
}

// look is what a receiver found in a queue, and how long it should wait when that is nothing.
type look struct {
	fifo     bool
	messages []message
	wait     time.Duration   // in all
	due      time.Duration   // until a hidden message becomes visible, or a task moves one; 0: neither
	changed  <-chan struct{} // closed when it is worth looking again; nil when something was found
}

// receiveMessage takes what there is, or waits for something: until the time is up or the request ends.
func (e *Engine) receiveMessage(ctx context.Context, in *receiveInput) (any, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	var timeUp <-chan time.Time
	for last := false; ctx.Err() == nil; {
		found, err := e.look(in)
		if err != nil {
			return nil, err
		}
		if last || found.wait == 0 || len(found.messages) > 0 {
			return e.receivedFrom(in, found), nil
		}
		if timeUp == nil {
			timer := time.NewTimer(found.wait)
			defer timer.Stop()
			timeUp = timer.C
		}
		last = found.pause(ctx, timeUp)
	}
	return e.receivedFrom(in, look{}), nil // nobody is there to receive
}

// look takes messages out of a queue.
func (e *Engine) look(in *receiveInput) (look, error) {
	now := e.lock()
	defer e.unlock()
	q, err := e.find(in.QueueURL)
	if err != nil {
		return look{}, err
	}
	most, visibility := 1, q.settings.visibility
	if in.MaxNumberOfMessages != nil {
		most = *in.MaxNumberOfMessages
	}
	if in.VisibilityTimeout != nil {
		visibility = time.Duration(*in.VisibilityTimeout) * time.Second
	}
	found := look{fifo: q.fifo, wait: q.settings.wait}
	if in.WaitTimeSeconds != nil {
		found.wait = time.Duration(*in.WaitTimeSeconds) * time.Second
	}
	q.advance(now)
	if q.inFlight >= maxInFlight && !q.fifo && found.wait == 0 { // long polls and FIFO queues just find nothing
		return look{}, newFault("OverLimit", "Too many messages are in flight: up to %d can be received and not deleted.",
			maxInFlight)
	}
	if found.messages = e.next(q, most, visibility, now); len(found.messages) == 0 && found.wait > 0 {
		found.changed = q.listen()
		if q.hidden.Len() > 0 {
			found.due = q.hidden.first().due.Sub(now)
		}
		if t := e.nextMove(); t != nil && (found.due == 0 || t.due().Sub(now) < found.due) {
			found.due = t.due().Sub(now) // it may bring a message here, and who waits sees to it
		}
	}
	return found, nil
}

// pause waits until there may be something to receive. It reports whether the next look is the last one.
func (l *look) pause(ctx context.Context, timeUp <-chan time.Time) bool {
	var due <-chan time.Time
	if l.due > 0 {
		timer := time.NewTimer(l.due)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
	case <-timeUp:
		return true
	case <-due:
	case <-l.changed:
	}
	return false
}

func (e *Engine) receivedFrom(in *receiveInput, found look) any {
	var out struct {
		Messages []received `json:",omitempty"`
	}
	for i := range found.messages {
		m := &found.messages[i]
		attributes := maps.Clone(m.attributes)
		maps.DeleteFunc(attributes, func(name string, _ attribute) bool { return !wanted(in.MessageAttributeNames, name) })
		out.Messages = append(out.Messages, received{
			MessageID: m.id, ReceiptHandle: handleOf(nameOf(in.QueueURL), m.id, m.receives), Body: m.body, MD5OfBody: m.bodyMD5,
			Attributes:        e.systemAttributes(m, found.fifo, in.MessageSystemAttributeNames),
			MessageAttributes: attributes, MD5OfMessageAttributes: attributesMD5(attributes),
		})
	}
	return out
}

// wanted reports whether one of the names asks for the attribute: by its name, a prefix followed by ".*", ".*" or
// "All".
func wanted(names []string, attribute string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		prefix, open := strings.CutSuffix(name, ".*")
		return name == attribute || name == "All" || open && strings.HasPrefix(attribute, prefix)
	})
}

func (e *Engine) systemAttributes(m *message, fifo bool, names []string) map[string]string {
	all := map[string]string{
		"SenderId": e.options.Account, "SentTimestamp": strconv.FormatInt(m.sent.UnixMilli(), 10),
		"ApproximateReceiveCount":          strconv.Itoa(m.receives),
		"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.first.UnixMilli(), 10),
		"MessageGroupId":                   m.group, "MessageDeduplicationId": m.dedup,
		"AWSTraceHeader": m.trace, "DeadLetterQueueSourceArn": m.source,
	}
	if fifo {
		all["SequenceNumber"] = sequence(m.order)
	}
	maps.DeleteFunc(all, func(name, value string) bool {
		return value == "" || !slices.Contains(names, "All") && !slices.Contains(names, name)
	})
	return all
}

// handleOf makes a receipt handle: which queue, which message, and the how manieth receive it was.
func handleOf(queueName, id string, receives int) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s %s %d", queueName, id, receives))
}

// holder finds the message of a handle; nil when it is no longer there. current reports whether it was not received
// again since.
func (q *queue) holder(handle string) (m *message, current bool, err error) {
	if handle == "" {
		return nil, false, missing("ReceiptHandle")
	}
	text, err := base64.StdEncoding.DecodeString(handle)
	parts := strings.Split(string(text), " ")
	if err == nil && len(parts) == 3 && parts[0] == q.name && uuid.Validate(parts[1]) == nil {
		if receives, err := strconv.Atoi(parts[2]); err == nil {
			m = q.messages[parts[1]]
			return m, m != nil && m.receives == receives, nil
		}
	}
	return nil, false, newFault("ReceiptHandleIsInvalid", "The input receipt handle %q is not a valid receipt handle.",
		handle)
}

// handleEntry is about a message that was received, alone or as an entry of a batch.
type handleEntry struct {
	ID                string `json:"Id"`
	ReceiptHandle     string
	VisibilityTimeout *int // where it is changed
}

type handleInput struct {
	queueInput
	handleEntry
}

type handleBatchInput struct {
	queueInput
	Entries []handleEntry
}

// done tells of an entry that succeeded.
type done struct {
	ID string `json:"Id"`
}

// change does something to messages that were received. It returns an error for each.
func (e *Engine) change(
	url string, entries []handleEntry, f func(q *queue, in handleEntry, now time.Time) error,
) ([]error, error) {
	now := e.lock()
	defer e.unlock()
	q, err := e.find(url)
	if err != nil {
		return nil, err
	}
	q.advance(now)
	var errs []error
	for _, in := range entries {
		err := f(q, in, now)
		e.dirty = e.dirty || err == nil
		errs = append(errs, err)
	}
	return errs, nil
}

func (e *Engine) changeOne(in *handleInput, f func(q *queue, in handleEntry, now time.Time) error) (any, error) {
	errs, err := e.change(in.QueueURL, []handleEntry{in.handleEntry}, f)
	if err != nil {
		return nil, err
	}
	return nil, errs[0]
}

func (e *Engine) changeBatch(
	in *handleBatchInput, kind string, f func(q *queue, in handleEntry, now time.Time) error,
) (any, error) {
	var ids []string
	for _, one := range in.Entries {
		ids = append(ids, one.ID)
	}
	if err := checkBatch(kind, ids); err != nil {
		return nil, err
	}
	errs, err := e.change(in.QueueURL, in.Entries, f)
	if err != nil {
		return nil, err
	}
	var answer batchAnswer[done]
	for i, err := range errs {
		answer.add(ids[i], done{ids[i]}, err)
	}
	return answer, nil
}

func (e *Engine) deleteMessage(_ context.Context, in *handleInput) (any, error) {
	return e.changeOne(in, (*queue).delete)
}

func (e *Engine) deleteMessageBatch(_ context.Context, in *handleBatchInput) (any, error) {
	return e.changeBatch(in, "DeleteMessageBatchRequestEntry", (*queue).delete)
}

func (e *Engine) changeMessageVisibility(_ context.Context, in *handleInput) (any, error) {
	return e.changeOne(in, (*queue).changeVisibility)
}

func (e *Engine) changeMessageVisibilityBatch(_ context.Context, in *handleBatchInput) (any, error) {
	return e.changeBatch(in, "ChangeMessageVisibilityBatchRequestEntry", (*queue).changeVisibility)
}

// delete deletes a message. An old handle of a standard queue succeeds and deletes nothing; a FIFO queue refuses
// handles whose visibility timeout has passed (API reference, DeleteMessage; Developer Guide on FIFO queues).
func (q *queue) delete(in handleEntry, _ time.Time) error {
	m, current, err := q.holder(in.ReceiptHandle)
	switch {
	case err != nil || m == nil:
		return err
	case q.fifo && !(current && m.inFlight):
		return invalid("Value %s for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.",
			in.ReceiptHandle)
	case current:
		q.remove(m)
	}
	return nil
}

func (q *queue) changeVisibility(in handleEntry, now time.Time) error {
	if in.VisibilityTimeout == nil {
		return missing("VisibilityTimeout")
	}
	seconds := *in.VisibilityTimeout
	if seconds < 0 || seconds > maxVisibilitySeconds {
		return invalid("Value %d for parameter VisibilityTimeout is invalid. Reason: VisibilityTimeout must be an integer "+
			"between 0 and %d",
			seconds, maxVisibilitySeconds)
	}
	m, current, err := q.holder(in.ReceiptHandle)
	due := now.Add(time.Duration(seconds) * time.Second)
	switch {
	case err != nil:
		return err
	case !current:
		return invalid("Value %s for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not "+
			"available for "+
			"visibility timeout change.", in.ReceiptHandle)
	case !m.inFlight:
		return newFault("MessageNotInflight", "The message is not in flight: its visibility timeout has passed.")
	case due.After(m.received.Add(maxVisibilitySeconds * time.Second)):
		return invalid("Value %d for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the "+
			"message is beyond "+
			"the limit [%d seconds]", seconds, maxVisibilitySeconds)
	}
	q.take(m)
	m.due = due
	if seconds == 0 {
		q.show(m)
	} else {
		q.hide(m, true)
	}
	return nil
}
