// Package feedback reads what Amazon SES reports about mail that it took: that it bounced, or that its reader
// complained. The report comes through an SNS topic to a queue. It names addresses, so such a message must not be shown
// as it is. A [Report] has no addresses.
//
// It knows the form of these messages and the domain's suppressions, nothing of queues. Start with [Read].
package feedback

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"
	"time"

	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/registrar"
)

// Report is the mail provider's report about one mail.
type Report struct {
	Kind   string // "Bounce", "Complaint" or another, of which nothing follows
	Detail string // of a bounce its type and subtype, of a complaint its type
	// The tags that the mail was sent with (package mail). Each is empty if the mail had none.
	Mail         string // id of its record
	Event        string // id of the event that it was sent for
	Correlation  string
	Suppressions []mail.Suppression
}

// envelope is the message that a queue gets from a topic (SNS developer guide, "Fanout to Amazon SQS queues").
type envelope struct {
	Type    string
	Message string
}

// recipient is one recipient in a report.
type recipient struct {
	Address string `json:"emailAddress"`
}

// event is the part that is read of an event of SES (SES developer guide, "Contents of event data that Amazon SES
// publishes to Amazon SNS"). Identities that notify without a configuration set name its kind notificationType.
type event struct {
	EventType        string `json:"eventType"`
	NotificationType string `json:"notificationType"`
	Bounce           *struct {
		Type       string      `json:"bounceType"`
		SubType    string      `json:"bounceSubType"`
		Recipients []recipient `json:"bouncedRecipients"`
		Timestamp  time.Time   `json:"timestamp"`
		ID         string      `json:"feedbackId"`
	} `json:"bounce"`
	Complaint *struct {
		Feedback   string      `json:"complaintFeedbackType"`
		Recipients []recipient `json:"complainedRecipients"`
		Timestamp  time.Time   `json:"timestamp"`
		ID         string      `json:"feedbackId"`
	} `json:"complaint"`
	Mail struct {
		Tags map[string][]string `json:"tags"`
	} `json:"mail"`
}

// validated is the beginning of the message that SES sends to a topic when the topic is set up.
const validated = "Successfully validated SNS topic"

// Read reads a message of the topic that SES publishes to. When it cannot read all of it, the report has the part that
// it could read. The error repeats nothing of the message.
func Read(body []byte) (Report, error) {
	var outer envelope
	if err := json.Unmarshal(body, &outer); err != nil {
		return Report{}, fmt.Errorf("no message of a topic: %w", err)
	}
	if outer.Type != "Notification" || outer.Message == "" {
		return Report{}, errors.New("no notification of a topic")
	}
	if strings.HasPrefix(outer.Message, validated) {
		return Report{Kind: "Validation"}, nil
	}
	var e event
	if err := json.Unmarshal([]byte(outer.Message), &e); err != nil {
		var noTime *time.ParseError
		if errors.As(err, &noTime) { // it would repeat what stands there
			err = errors.New("its time cannot be read")
		}
		return Report{}, fmt.Errorf("no event of the mail provider: %w", err)
	}
	tags := e.Mail.Tags
	r := Report{
		Kind: cmp.Or(e.EventType, e.NotificationType), Mail: first(tags["mail"]), Event: first(tags["event"]),
		Correlation: first(tags["correlation"]),
	}
	switch r.Kind {
	case "":
		return r, errors.New("an event of the mail provider that does not say its kind")
	case "Bounce":
		if e.Bounce == nil {
			return r, errors.New("a bounce that does not say of what")
		}
		r.Detail = e.Bounce.Type + " " + e.Bounce.SubType
		if e.Bounce.Type == "Permanent" { // others may go on: a full mailbox is empty another day
			r.suppress(e.Bounce.Recipients, mail.SuppressedForBounce, e.Bounce.ID, e.Bounce.Timestamp)
		}
	case "Complaint":
		if e.Complaint == nil {
			return r, errors.New("a complaint that does not say of what")
		}
		r.Detail = e.Complaint.Feedback
		if e.Complaint.Feedback != "not-spam" { // a reader who takes a complaint back
			r.suppress(e.Complaint.Recipients, mail.SuppressedForComplaint, e.Complaint.ID, e.Complaint.Timestamp)
		}
	}
	return r, nil
}

func (r *Report) suppress(recipients []recipient, reason mail.SuppressionReason, id string, at time.Time) {
	for _, of := range recipients {
		address := of.Address
		if parsed, err := netmail.ParseAddress(address); err == nil { // some stand with a name
			address = parsed.Address
		}
		r.Suppressions = append(r.Suppressions, mail.Suppression{
			Address: mail.HashAddress(address), Reason: reason, Feedback: id, At: registrar.Instant(at),
		})
	}
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}
