package ses

import (
	"context"
	"encoding/json"
	"net/mail"
	"strings"
	"time"

	"github.com/google/uuid"
)

// simulator is the domain of the addresses that are not delivered to (developer guide, "Using the mailbox simulator").
const simulator = "simulator.amazonses.com"

const eventTime = "2006-01-02T15:04:05.000Z"

// feedback publishes what becomes of a mail to the mailbox simulator, if a configuration set asks for it.
func (e *Engine) feedback(ctx context.Context, m Mail) {
	if m.ConfigurationSet == "" || e.options.Publish == nil {
		return
	}
	for _, to := range m.To {
		address, err := mail.ParseAddress(to)
		if err != nil {
			continue // it was parsed before
		}
		local, domain, _ := strings.Cut(strings.ToLower(address.Address), "@")
		scenario, _, _ := strings.Cut(local, "+")
		if domain != simulator {
			continue
		}
		kind, report := e.report(scenario, address.Address)
		if kind == "" {
			continue
		}
		envelope, err := e.envelope(m, kind, report)
		if err == nil {
			err = e.options.Publish(ctx, envelope)
		}
		if err != nil {
			e.options.Log.ErrorContext(ctx, "feedback could not be published", "kind", kind, "error", err)
		}
	}
}

// report is the part of an event that tells of a bounce or a complaint (developer guide, "Contents of event data").
func (e *Engine) report(scenario, address string) (kind string, report map[string]any) {
	now := e.options.Now().UTC().Format(eventTime)
	id := "01000000" + uuid.NewString() + "-000000"
	bounce := func(kind, sub string, recipient map[string]string) map[string]any {
		recipient["emailAddress"] = address
		return map[string]any{
			"bounceType": kind, "bounceSubType": sub, "bouncedRecipients": []any{recipient}, "timestamp": now, "feedbackId": id,
			"reportingMTA": "dsn; a8-96.smtp-out.amazonses.com",
		}
	}
	switch scenario {
	case "bounce":
		return "Bounce", bounce("Permanent", "General", map[string]string{
			"action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown",
		})
	case "suppressionlist":
		return "Bounce", bounce("Permanent", "Suppressed", map[string]string{
			"action": "failed", "status": "5.1.1",
			"diagnosticCode": "Amazon SES has suppressed sending to this address because it has a recent history of bouncing " +
				"as an invalid address.",
		})
	case "ooto":
		return "Bounce", bounce("Transient", "General", map[string]string{})
	case "complaint":
		return "Complaint", map[string]any{
			"complainedRecipients": []any{map[string]string{"emailAddress": address}}, "timestamp": now, "feedbackId": id,
			"userAgent": "Amazon SES Mailbox Simulator", "complaintFeedbackType": "abuse",
		}
	}
	return "", nil
}

// envelope is an event as SNS delivers it to a queue, without raw delivery (SNS developer guide, "Fanout to Amazon SQS
// queues").
func (e *Engine) envelope(m Mail, kind string, report map[string]any) ([]byte, error) {
	tags := map[string][]string{"ses:configuration-set": {m.ConfigurationSet}}
	for _, t := range m.Tags {
		tags[t.Name] = append(tags[t.Name], t.Value)
	}
	headers := []map[string]string{
		{"name": "From", "value": m.From}, {"name": "To", "value": strings.Join(m.To, ", ")}, {"name": "Subject",
			"value": m.Subject},
	}
	for _, h := range m.Headers {
		headers = append(headers, map[string]string{"name": h.Name, "value": h.Value})
	}
	identity := m.From
	if address, err := mail.ParseAddress(m.From); err == nil {
		identity = address.Address
	}
	message, err := json.Marshal(map[string]any{
		"eventType": kind, strings.ToLower(kind): report,
		"mail": map[string]any{
			"timestamp": m.At.Format(eventTime), "source": m.From, "sourceArn": "arn:aws:ses:" + e.options.Region + ":" +
				e.options.Account + ":identity/" + identity,
			"sendingAccountId": e.options.Account, "messageId": m.ID, "destination": m.To, "headersTruncated": false,
			"headers":       headers,
			"commonHeaders": map[string]any{"from": []string{m.From}, "to": m.To, "messageId": m.ID, "subject": m.Subject},
			"tags":          tags,
		},
	})
	if err != nil {
		return nil, err
	}
	topic := "arn:aws:sns:" + e.options.Region + ":" + e.options.Account + ":mail-feedback"
	host := "https://sns." + e.options.Region + ".amazonaws.com/"
	return json.Marshal(struct {
		Type             string
		MessageId        string
		TopicArn         string
		Subject          string
		Message          string
		Timestamp        string
		SignatureVersion string
		Signature        string
		SigningCertURL   string
		UnsubscribeURL   string
	}{
		Type: "Notification", MessageId: uuid.NewString(), TopicArn: topic, Subject: "Amazon SES Email Event Notification",
		Message: string(message), Timestamp: e.options.Now().UTC().Format(time.RFC3339Nano), SignatureVersion: "1",
		Signature:      "none: local",
		SigningCertURL: host + "none", UnsubscribeURL: host + "?Action=Unsubscribe&SubscriptionArn=" + topic + ":" +
			uuid.NewString(),
	})
}
