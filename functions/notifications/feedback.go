package notifications

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"

	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/request"
)

// FeedbackStore is what hearing of mail needs of the store.
type FeedbackStore interface {
	Suppress(ctx context.Context, p registrar.Suppression) error
}

// Report is what the mail provider tells of one mail.
type Report struct {
	Kind         string // "Bounce", "Complaint" or another, of which nothing follows
	Detail       string // of a bounce its type and subtype, of a complaint what it is of
	Mail         string // id of the mail's record, if it carried one
	Correlation  string
	Suppressions []registrar.Suppression
}

// Feedback makes the work of the function notifications-feedback. To suppress an address twice is as good as once, so reports
// need no claim.
func Feedback(s consumer.Settings, store FeedbackStore) consumer.Handler {
	return consumer.Each(s, consumer.Work[Report]{
		Name: "notifications-feedback",
		Read: func(m consumer.Message) (Report, error) {
			r, err := ReadReport(m.Body)
			r.Correlation = cmp.Or(r.Correlation, m.ID)
			return r, err
		},
		Cause: func(r Report) request.Info {
			return request.Info{Correlation: r.Correlation}
		},
		Do: func(ctx context.Context, r Report) error {
			for _, p := range r.Suppressions {
				if err := store.Suppress(ctx, p); err != nil {
					return fmt.Errorf("suppress an address: %w", err)
				}
			}
			s.Log.InfoContext(ctx, "feedback on a mail", "kind", r.Kind, "detail", r.Detail, "mail", r.Mail, "suppressed", len(r.Suppressions))
			return nil
		},
	})
}

// envelope is what a queue gets of a topic (SNS developer guide, "Fanout to Amazon SQS queues").
type envelope struct {
	Type    string
	Message string
}

// recipient is one of those that a report is about.
type recipient struct {
	Address string `json:"emailAddress"`
}

// event is what is read of an event of SES (SES developer guide, "Contents of event data that Amazon SES publishes to Amazon
// SNS"). Identities that notify without a configuration set name its kind notificationType.
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

// validated begins what SES sends to a topic when it is first told of it.
const validated = "Successfully validated SNS topic"

// ReadReport reads a message of the topic that SES publishes to.
func ReadReport(body []byte) (Report, error) {
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
		return Report{}, fmt.Errorf("no event of the mail provider: %w", err)
	}
	r := Report{
		Kind: cmp.Or(e.EventType, e.NotificationType), Mail: first(e.Mail.Tags["mail"]), Correlation: first(e.Mail.Tags["correlation"]),
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
			r.suppress(e.Bounce.Recipients, registrar.SuppressedForBounce, e.Bounce.ID, e.Bounce.Timestamp)
		}
	case "Complaint":
		if e.Complaint == nil {
			return r, errors.New("a complaint that does not say of what")
		}
		r.Detail = e.Complaint.Feedback
		if e.Complaint.Feedback != "not-spam" { // a reader who takes a complaint back
			r.suppress(e.Complaint.Recipients, registrar.SuppressedForComplaint, e.Complaint.ID, e.Complaint.Timestamp)
		}
	}
	return r, nil
}

func (r *Report) suppress(recipients []recipient, reason registrar.SuppressionReason, id string, at time.Time) {
	for _, of := range recipients {
		address := of.Address
		if parsed, err := mail.ParseAddress(address); err == nil { // some stand with a name
			address = parsed.Address
		}
		r.Suppressions = append(r.Suppressions, registrar.Suppression{
			Address: registrar.HashAddress(address), Reason: reason, Feedback: id, At: registrar.Instant(at),
		})
	}
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}
