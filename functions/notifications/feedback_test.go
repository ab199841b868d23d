package notifications_test

import (
	"encoding/json"
	"strings"
	"testing"

	"example.com/registrar/shared/consumer"
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
	const bounce = `{"eventType":"Bounce","bounce":{"bounceType":"Permanent","bouncedRecipients":[{"emailAddress":"ann@example.edu"}],"timestamp":"2026-11-24T13:00:00Z"}}`
	for name, body := range map[string]string{
		"no JSON": "{", "no envelope": bounce, "another type": `{"Type":"SubscriptionConfirmation","Message":"x"}`,
		"an empty message": topic(t, ""), "a message that is no JSON": topic(t, "hello"), "no kind": topic(t, `{"mail":{}}`),
		"a bounce of nothing": topic(t, `{"eventType":"Bounce"}`), "a complaint of nothing": topic(t, `{"eventType":"Complaint"}`),
		"a bounce of another form": topic(t, `{"eventType":"Bounce","bounce":"x"}`),
		"an address for a time":    topic(t, strings.Replace(bounce, "2026-11-24T13:00:00Z", "ann@example.edu", 1)),
	} {
		if failed := m.feedback.HandleBatch(t.Context(), []consumer.Message{{ID: name, Body: []byte(body), Receives: 1}}); len(failed) > 0 || m.buried[name] == "" {
			t.Errorf("%s: not dead at once", name)
		}
		if strings.Contains(m.buried[name], "ann@") {
			t.Errorf("%s: the reason has the address: %s", name, m.buried[name])
		}
	}
	if log := m.log.String(); strings.Contains(log, "ann@") {
		t.Errorf("the log has the address: %s", log)
	}
}
