// Package deadletters has what operators do with messages that could not be handled: they see how full each queue is,
// read its dead letters, and send one back or discard it. docs/operations.md says when to do which.
//
// It knows shared/api, the words of shared/consumer for queues, and what it needs of them, as small interfaces, and the
// forms of events and of feedback on mail; no AWS. Start with list.go.
package deadletters

import (
	"cmp"
	"fmt"
	"time"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/consumer/cloudevents"
	"example.com/registrar/shared/mail/feedback"
)

// Queue is a queue as operators see it.
type Queue struct {
	Name        string `json:"name" example:"imports"`
	Waiting     int    `json:"waiting" doc:"Messages to be delivered"`
	Delayed     int    `json:"delayed" doc:"Messages that are not to be delivered yet"`
	InFlight    int    `json:"inFlight" doc:"Messages that were delivered, and are neither done nor back yet"`
	DeadLetters int    `json:"deadLetters" doc:"Messages that were given up"`
}

// DeadLetter is a dead letter as operators see it.
type DeadLetter struct {
	Message     string       `json:"message" format:"uuid" doc:"Id of the message, in its queue and in the log. A message that was delivered twice may have two letters."`
	Reason      string       `json:"reason" doc:"Why it was given up" example:"cannot be read: no CloudEvent: unexpected end of JSON input"`
	Receives    int          `json:"receives,omitempty" doc:"How often it was delivered before; absent when nobody knows" example:"10"`
	At          time.Time    `json:"at" doc:"When its consumer gave it up; when SQS did, which does not tell: when it was sent"`
	Correlation string       `json:"correlation" doc:"What the log lines of its handling have in common"`
	Trace       string       `json:"trace,omitempty" doc:"Its sender's X-Ray trace header"`
	Group       string       `json:"group,omitempty" doc:"Of a FIFO queue: its message group, which it keeps"`
	Event       *LetterEvent `json:"event,omitempty" doc:"When the message is an event: which"`
	// Feedback replaces the body.
	Feedback  *LetterFeedback `json:"feedback,omitempty" doc:"When the message is of the mail provider and can be read: what it tells of which mail"`
	Body      string          `json:"body,omitempty" doc:"The message's beginning, up to 4 KiB; absent when the queue is told of mail that bounced, as that has addresses"`
	BodyBytes int             `json:"bodyBytes" doc:"Length of the whole message"`
}

// LetterEvent is the event in a message.
type LetterEvent struct {
	ID     string    `json:"id" doc:"Also of the claim that its consumer has on it"`
	Type   string    `json:"type" example:"registration.enrolled"`
	Record string    `json:"record" doc:"What it happened to, kind and id" example:"section/0198c0a4-2b6e-7c3d-9a41-5f0e2d7c8b11"`
	At     time.Time `json:"at"`
}

// LetterFeedback is the mail provider's report about a mail, without its recipient. The ids are the tags of the mail.
type LetterFeedback struct {
	Kind   string `json:"kind" example:"Bounce"`
	Detail string `json:"detail,omitempty" doc:"Of a bounce its type and subtype, of a complaint what it is of" example:"Permanent General"`
	Mail   string `json:"mail,omitempty" doc:"Id of the mail" example:"0198c0a4-2b6e-8c3d-9a41-5f0e2d7c8b11"`
	Event  string `json:"event,omitempty" doc:"Id of the event that the mail told of"`
}

// mostBody is how much of a message is shown, in bytes.
const mostBody = 4 << 10

func show(l consumer.DeadLetter) DeadLetter {
	shown := DeadLetter{
		Message: l.Message, Reason: reason(l), Receives: l.Receives, At: l.At, Correlation: l.Message, Trace: l.Trace,
		Group:     l.Group,
		BodyBytes: len(l.Body),
	}
	if l.Feedback {
		// Its body has addresses, and when it has not the expected form, nobody knows where.
		if r, _ := feedback.Read(l.Body); r.Kind != "" { // the reason says what is wrong with it
			shown.Feedback = &LetterFeedback{Kind: r.Kind, Detail: r.Detail, Mail: r.Mail, Event: r.Event}
			shown.Correlation = cmp.Or(r.Correlation, l.Message)
		}
		return shown
	}
	shown.Body = beginning(l.Body)
	if e, err := cloudevents.Unmarshal(l.Body); err == nil {
		shown.Event = &LetterEvent{ID: string(e.ID), Type: string(e.Type), Record: e.Record.String(), At: e.At}
		if e.Correlation != "" {
			shown.Correlation = e.Correlation
		}
	}
	return shown
}

// reason is the consumer's reason, or says why there is none.
func reason(l consumer.DeadLetter) string {
	switch {
	case l.Moved:
		text := fmt.Sprintf("SQS gave it up after %d deliveries, and its consumer never said why: the function was killed, "+
			"ran out of time or "+
			"memory, or could not start", l.Receives)
		if l.Reason != "" {
			text += "; before that, it was dead once because: " + l.Reason
		}
		return text
	case l.Reason == "":
		return "nobody said: it was sent here by neither its consumer nor SQS"
	}
	return l.Reason
}

// beginning is the first part of a text, cut between characters.
func beginning(body []byte) string {
	if len(body) <= mostBody {
		return string(body)
	}
	end := mostBody
	for end > 0 && body[end]&0xC0 == 0x80 { // within a character of UTF-8
		end--
	}
	return string(body[:end])
}

// QueueInput is embedded in the input of an operation on one queue.
type QueueInput struct {
	Queue string `path:"queue" maxLength:"80" pattern:"^[a-z][a-z0-9-]*$" doc:"Name of the queue" example:"imports"`
}

// LetterInput is the input of an operation on one dead letter.
type LetterInput struct {
	QueueInput
	Message api.ID `path:"message" doc:"Id of the message" example:"1a2b36b4-87a3-44ab-83d2-661975830a7d"`
}
