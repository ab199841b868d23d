package feedback_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/mail/feedback"
)

// topic puts an event into the envelope of a topic.
func topic(message string) []byte {
	text, err := json.Marshal(map[string]string{"Type": "Notification", "MessageId": "m",
		"TopicArn": "arn:aws:sns:us-east-1:1:t", "Message": message})
	if err != nil {
		panic(err)
	}
	return text
}

func bounce(kind, addresses string) string {
	return fmt.Sprintf(`{"eventType":"Bounce","bounce":{"bounceType":%q,"bounceSubType":"General",`+
		`"bouncedRecipients":[%s],"timestamp":"2026-11-24T13:00:00.123Z",`+
		`"feedbackId":"f-1"},"mail":{"tags":{"mail":["m-1"],"event":["e-1"],"correlation":["c-1"]}}}`, kind, addresses)
}

func TestWhatFollowsFromFeedback(t *testing.T) {
	const one = `{"emailAddress":"ann@example.edu","status":"5.1.1"}`
	ann := mail.HashAddress("ann@example.edu")
	for name, c := range map[string]struct {
		message string
		want    string // addresses and reasons
	}{
		"a hard bounce":            {bounce("Permanent", one), "ann bounce"},
		"a soft bounce":            {bounce("Transient", one), ""},
		"a bounce of nobody knows": {bounce("Undetermined", one), ""},
		"with a name":              {bounce("Permanent", `{"emailAddress":"Ann Able <Ann@Example.edu>"}`), "ann bounce"},
		"of two": {bounce("Permanent", one+`,{"emailAddress":"bob@example.edu"}`),
			"ann bounce other bounce"},
		"of nobody": {bounce("Permanent", ""), ""},
		"in the older form": {strings.Replace(bounce("Permanent", one), "eventType", "notificationType", 1),
			"ann bounce"},
		"a complaint": {`{"eventType":"Complaint","complaint":{"complainedRecipients":[` + one +
			`],"complaintFeedbackType":"abuse","timestamp":"2026-11-24T13:00:00Z"}}`, "ann complaint"},
		"a complaint without a kind": {`{"eventType":"Complaint","complaint":{"complainedRecipients":[` + one +
			`],"timestamp":"2026-11-24T13:00:00Z"}}`, "ann complaint"},
		"a complaint taken back": {`{"eventType":"Complaint","complaint":{"complainedRecipients":[` + one +
			`],"complaintFeedbackType":"not-spam","timestamp":"2026-11-24T13:00:00Z"}}`, ""},
		"a delivery": {`{"eventType":"Delivery","delivery":{"recipients":["ann@example.edu"]},"mail":{}}`,
			""},
		"the topic was tried": {"Successfully validated SNS topic for Amazon SES event publishing.", ""},
	} {
		r, err := feedback.Read(topic(c.message))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []string
		for _, p := range r.Suppressions {
			who := "other"
			if p.Address == ann {
				who = "ann"
			}
			if p.At.IsZero() {
				t.Errorf("%s: no time", name)
			}
			got = append(got, who, string(p.Reason))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
	r, err := feedback.Read(topic(bounce("Permanent", one)))
	if err != nil || r.Mail != "m-1" || r.Event != "e-1" || r.Correlation != "c-1" ||
		r.Suppressions[0].Feedback != "f-1" ||
		!r.Suppressions[0].At.Equal(time.Date(2026, 11, 24, 13, 0, 0, 123e6, time.UTC)) {
		t.Errorf("report: %+v, %v", r, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(topic(bounce("Permanent", `{"emailAddress":"ann@example.edu"}`)))
	f.Add(topic("Successfully validated SNS topic"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := feedback.Read(body)
		if err == nil && r.Kind == "" {
			t.Errorf("%q was taken for %+v", body, r)
		}
	})
}
