package sqs

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settings are a queue's attributes, understood.
type settings struct {
	delay, visibility, retention, wait time.Duration
	maxBytes                           int
	dedupByContent, dedupPerGroup      bool
	deadLetterARN                      string // empty: none
	maxReceives                        int
}

// bounds are the numbers that an attribute allows (API reference, CreateQueue).
func bounds(attribute string) (least, most int, ok bool) {
	switch attribute {
	case "DelaySeconds":
		return 0, 900, true
	case "MaximumMessageSize":
		return 1024, maxMessageBytes, true
	case "MessageRetentionPeriod":
		return 60, 1_209_600, true
	case "ReceiveMessageWaitTimeSeconds":
		return 0, maxWaitSeconds, true
	case "VisibilityTimeout":
		return 0, maxVisibilitySeconds, true
	case "KmsDataKeyReusePeriodSeconds":
		return 60, 86_400, true
	}
	return 0, 0, false
}

func defaults(fifo bool) map[string]string {
	d := map[string]string{
		"DelaySeconds": "0", "MaximumMessageSize": strconv.Itoa(maxMessageBytes), "MessageRetentionPeriod": "345600",
		"ReceiveMessageWaitTimeSeconds": "0", "VisibilityTimeout": "30", "SqsManagedSseEnabled": "true",
	}
	if fifo {
		d["FifoQueue"], d["ContentBasedDeduplication"] = "true", "false"
		d["DeduplicationScope"], d["FifoThroughputLimit"] = "queue", "perQueue"
	}
	return d
}

// isComputed reports whether a queue has the attribute, but nobody can set it.
func isComputed(attribute string) bool {
	switch attribute {
	case "QueueArn", "CreatedTimestamp", "LastModifiedTimestamp", "ApproximateNumberOfMessages",
		"ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed":
		return true
	}
	return false
}

// checkAttribute refuses an attribute that cannot be set, and a value that cannot be read.
func checkAttribute(name, value string, fifo bool) error {
	bad := newFault("InvalidAttributeValue", "Invalid value for the parameter %s.", name)
	if least, most, ok := bounds(name); ok {
		if n, err := strconv.Atoi(value); err != nil || n < least || n > most {
			return bad
		}
		return nil
	}
	oneOf := func(values ...string) error {
		if !slices.Contains(values, value) {
			return bad
		}
		return nil
	}
	switch name {
	case "KmsMasterKeyId":
		return nil
	case "Policy", "RedrivePolicy", "RedriveAllowPolicy":
		if value != "" && !json.Valid([]byte(value)) {
			return bad
		}
		return nil
	case "SqsManagedSseEnabled":
		return oneOf("true", "false")
	}
	if fifo {
		switch name {
		case "FifoQueue":
			return oneOf("true") // a queue's kind never changes
		case "ContentBasedDeduplication":
			return oneOf("true", "false")
		case "DeduplicationScope":
			return oneOf("queue", "messageGroup")
		case "FifoThroughputLimit":
			return oneOf("perQueue", "perMessageGroupId")
		}
	}
	return newFault("InvalidAttributeName", "Unknown Attribute %s.", name)
}

// configure changes attributes of a queue, all or none of them. The engine is locked, if there are changes.
func (e *Engine) configure(q *queue, changes map[string]string) error {
	merged := maps.Clone(q.attributes)
	if merged == nil {
		merged = defaults(q.fifo)
	}
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		if err := checkAttribute(name, changes[name], q.fifo); err != nil {
			return err
		}
		if merged[name] = changes[name]; changes[name] == "" {
			delete(merged, name)
		}
	}
	if merged["FifoThroughputLimit"] == "perMessageGroupId" && merged["DeduplicationScope"] != "messageGroup" {
		return newFault("InvalidAttributeValue",
			"The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup.")
	}
	seconds := func(name string) time.Duration {
		n, _ := strconv.Atoi(merged[name]) // it was checked
		return time.Duration(n) * time.Second
	}
	size, _ := strconv.Atoi(merged["MaximumMessageSize"]) // likewise
	s := settings{
		delay: seconds("DelaySeconds"), visibility: seconds("VisibilityTimeout"), maxBytes: size,
		retention: seconds("MessageRetentionPeriod"), wait: seconds("ReceiveMessageWaitTimeSeconds"),
		dedupByContent: merged["ContentBasedDeduplication"] == "true",
		dedupPerGroup:  merged["DeduplicationScope"] == "messageGroup",
	}
	if policy := merged["RedrivePolicy"]; policy != "" {
		var err error
		if s.deadLetterARN, s.maxReceives, err = e.redrive(q, policy, changes["RedrivePolicy"] != ""); err != nil {
			return err
		}
	}
	q.attributes, q.settings = merged, s
	return nil
}

// redrive reads a redrive policy. A new one must name a queue of the same kind; of an old one that may have been
// deleted since.
func (e *Engine) redrive(q *queue, policy string, isNew bool) (arn string, maxReceives int, err error) {
	var p struct {
		Target string      `json:"deadLetterTargetArn"`
		Max    json.Number `json:"maxReceiveCount"` // AWS takes texts as well
	}
	refuse := func(reason string) error {
		return invalid("Value %s for parameter RedrivePolicy is invalid. Reason: %s", policy, reason)
	}
	if err := json.Unmarshal([]byte(policy), &p); err != nil || p.Target == "" || p.Max == "" {
		return "", 0, refuse("Redrive policy needs deadLetterTargetArn and maxReceiveCount.")
	}
	most, err := strconv.Atoi(p.Max.String())
	if err != nil || most < 1 || most > 1000 {
		return "", 0, refuse("Invalid value for maxReceiveCount: " + p.Max.String() + ", valid values are from 1 to 1000 " +
			"both inclusive.")
	}
	if !isNew {
		return p.Target, most, nil
	}
	switch target := e.queues[e.nameIn(p.Target)]; {
	case target == nil:
		return "", 0, refuse("Dead letter target does not exist.")
	case target.fifo != q.fifo:
		return "", 0, refuse("Dead-letter queue must be same type of queue as the source.")
	case target.name == q.name:
		return "", 0, refuse("Dead-letter queue must be another queue than the source.")
	}
	return p.Target, most, nil
}

type getAttributesInput struct {
	QueueURL       string `json:"QueueUrl"`
	AttributeNames []string
}

func (e *Engine) getQueueAttributes(_ context.Context, in *getAttributesInput) (any, error) {
	for _, name := range in.AttributeNames {
		if name != "All" && !isComputed(name) {
			var f *fault // of the value, which is none here, or of the name
			if err := checkAttribute(name, "", true); errors.As(err, &f) && f.code == "InvalidAttributeName" {
				return nil, err
			}
		}
	}
	now := e.lock()
	defer e.unlock()
	q, err := e.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	q.advance(now)
	all := maps.Clone(q.attributes)
	visible, inFlight, delayed := q.depth()
	maps.Copy(all, map[string]string{
		"QueueArn": e.arn(q.name), "CreatedTimestamp": strconv.FormatInt(q.created.Unix(), 10),
		"LastModifiedTimestamp":       strconv.FormatInt(q.modified.Unix(), 10),
		"ApproximateNumberOfMessages": visible, "ApproximateNumberOfMessagesNotVisible": inFlight,
		"ApproximateNumberOfMessagesDelayed": delayed,
	})
	maps.DeleteFunc(all, func(name, _ string) bool {
		return !slices.Contains(in.AttributeNames, "All") && !slices.Contains(in.AttributeNames, name)
	})
	return struct {
		Attributes map[string]string `json:",omitempty"`
	}{all}, nil
}

type setAttributesInput struct {
	QueueURL   string `json:"QueueUrl"`
	Attributes map[string]string
}

func (e *Engine) setQueueAttributes(_ context.Context, in *setAttributesInput) (any, error) {
	if len(in.Attributes) == 0 {
		return nil, missing("Attribute.Name")
	}
	now := e.lock()
	defer e.unlock()
	q, err := e.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	q.advance(now)
	before := q.settings.delay
	if err := e.configure(q, in.Attributes); err != nil {
		return nil, err
	}
	q.modified, e.dirty = now, true
	q.touched.touchSettings()
	if q.fifo && q.settings.delay != before {
		q.delayAgain()
	}
	return nil, nil
}

// delayAgain applies a new delay to messages that are still delayed, as FIFO queues do and standard queues do not
// (Developer Guide, "Amazon SQS delay queues"): otherwise a younger message could become visible first.
func (q *queue) delayAgain() {
	for _, m := range slices.Clone(q.hidden.items) {
		if !m.inFlight {
			q.touched.touchMessage(m)
			m.due = m.enqueued.Add(q.settings.delay)
			q.hidden.fix(m.index)
		}
	}
	q.notify()
}

// The following name queues: by name, by URL, by ARN.

func (e *Engine) url(name string) string {
	return e.options.Endpoint + "/" + e.options.Account + "/" + name
}

func (e *Engine) arn(name string) string {
	return "arn:aws:sqs:" + e.options.Region + ":" + e.options.Account + ":" + name
}

// nameIn is the name in an ARN of this account and region, or "": in others there are no queues.
func (e *Engine) nameIn(arn string) string {
	if name, ok := strings.CutPrefix(arn, e.arn("")); ok {
		return name
	}
	return ""
}

// nameOf is the last element of a queue's URL.
func nameOf(url string) string { return url[strings.LastIndexByte(url, '/')+1:] }

// find returns the queue of a URL. The engine is locked.
func (e *Engine) find(url string) (*queue, error) {
	if url == "" {
		return nil, missing("QueueUrl")
	}
	if q := e.queues[nameOf(url)]; q != nil {
		return q, nil
	}
	return nil, newFault("QueueDoesNotExist", "The specified queue does not exist.")
}
