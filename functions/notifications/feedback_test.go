package notifications_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/mail"
)

// topic puts an event into the envelope of a topic.
func topic(t *testing.T, message string) string {
	t.Helper()
	text, err := json.Marshal(map[string]string{"Type": "Notification", "Message": message})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestWhatIsNoFeedbackIsDead(t *testing.T) {
	m := openMailroom(t)
	const bounce = `{"eventType":"Bounce","bounce":{"bounceType":"Permanent","bouncedRecipients":[{` +
		`"emailAddress":"ann@example.edu"}],"timestamp":"2026-11-24T13:00:00Z"}}`
	for name, body := range map[string]string{
		"no JSON": "{", "no envelope": bounce, "another type": `{"Type":"SubscriptionConfirmation","Message":"x"}`,
		"an empty message": topic(t, ""), "a message that is no JSON": topic(t, "hello"), "no kind": topic(t, `{"mail":{}}`),
		"a bounce without its facts": topic(t, `{"eventType":"Bounce"}`), "a complaint without its facts": topic(t,
			`{"eventType":"Complaint"}`),
		"a bounce of another form": topic(t, `{"eventType":"Bounce","bounce":"x"}`),
		"an address for a time":    topic(t, strings.Replace(bounce, "2026-11-24T13:00:00Z", "ann@example.edu", 1)),
	} {
		if failed := m.feedback.HandleBatch(t.Context(),
			[]consumer.Message{{ID: name, Body: []byte(body), Receives: 1}}); len(failed) > 0 || m.dead[name] == "" {
			t.Errorf("%s: not dead at once", name)
		}
		if strings.Contains(m.dead[name], "ann@") {
			t.Errorf("%s: the reason has the address: %s", name, m.dead[name])
		}
	}
	if log := m.log.String(); strings.Contains(log, "ann@") {
		t.Errorf("the log has the address: %s", log)
	}
}

// When an address was suppressed is what an operator goes by. A time that the mail provider cannot mean is not kept.
func TestATimeOfFeedbackThatCannotBeTrueIsNotUsed(t *testing.T) {
	m := openMailroom(t)
	now := m.clock().UTC()
	for _, c := range []struct {
		told string
		want time.Time
	}{
		{now.Add(-time.Hour).Format(time.RFC3339), now.Add(-time.Hour)},
		{"1970-01-21T18:45:25Z", now}, {"9999-12-31T23:59:59-12:00", now}, {"0001-01-01T00:00:00Z", now},
		{now.Add(time.Hour).Format(time.RFC3339), now},
	} {
		body := topic(t, `{"eventType":"Bounce","bounce":{"bounceType":"Permanent","timestamp":"`+c.told+
			`","bouncedRecipients":[{"emailAddress":"ann@example.edu"}]}}`)
		if failed := m.feedback.HandleBatch(t.Context(),
			[]consumer.Message{{ID: c.told, Body: []byte(body), Receives: 1}}); len(failed) > 0 || m.dead[c.told] != "" {
			t.Fatalf("%s: failed: %v %s", c.told, failed, m.dead[c.told])
		}
		facts, err := m.store.MailFacts(t.Context(), "m", mail.OfStudent("s"), mail.HashAddress("ann@example.edu"))
		if err != nil || !facts.Suppression.At.Equal(c.want) {
			t.Errorf("%s: suppressed at %v, want %v, %v", c.told, facts.Suppression.At, c.want, err)
		}
	}
	if log := m.log.String(); strings.Count(log, "not near the function's clock") != 4 || strings.Contains(log, "ann@") {
		t.Errorf("the log:\n%s", log)
	}
}
