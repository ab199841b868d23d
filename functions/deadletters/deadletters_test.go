package deadletters_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"example.com/registrar/functions/deadletters"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/consumer"
)

// letters are all that there are.
type letters []consumer.DeadLetter

func (l letters) Letters(context.Context, string, int) ([]consumer.DeadLetter, int, error) {
	return l, len(l), nil
}

// shown is what the operation answers about letters, and its text.
func shown(t *testing.T, all letters) (items []deadletters.DeadLetter, text string) {
	t.Helper()
	w := httptest.NewRecorder()
	api.Handler(slog.New(slog.DiscardHandler), deadletters.List(all)).
		ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/queues/work/dead-letters", http.NoBody))
	var got struct{ Items []deadletters.DeadLetter }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Items) != len(all) {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return got.Items, w.Body.String()
}

func TestList_SaysWhyInAnyCase(t *testing.T) {
	long := strings.Repeat("x", 4095) + "é" + strings.Repeat("y", 5000) // whose 4,096th byte is half a character
	all := letters{
		{Message: "m", Reason: "told", Receives: 1, Body: []byte("{}")},
		{Message: "m", Moved: true, Receives: 5, Body: []byte(`{"specversion":"1.0","id":"e","source":"/registrar",` +
			`"type":"registrar.course.updated.v9","time":"2026-11-24T13:00:00Z","subject":"course/c","correlationid":"cor"}`)},
		{Message: "m", Moved: true, Receives: 5, Reason: "told before", Body: []byte(long)},
		{Message: "m", Body: []byte("")},
	}
	got, _ := shown(t, all)
	for i, parts := range [][]string{{"told"}, {"after 5 deliveries", "killed"}, {"after 5 deliveries", "told before"},
		{"nobody said"}} {
		for _, part := range parts {
			if !strings.Contains(got[i].Reason, part) {
				t.Errorf("letter %d: reason %q lacks %q", i, got[i].Reason, part)
			}
		}
	}
	if l := got[1]; l.Event == nil || l.Event.Type != "course.updated" || l.Event.ID != "e" ||
		l.Event.Record != "course/c" || l.Correlation != "cor" {
		t.Errorf("of an event: %+v %+v", l, l.Event)
	}
	if l := got[0]; l.Event != nil || l.Correlation != "m" {
		t.Errorf("of no event: %+v", l)
	}
	if l := got[2]; len(l.Body) != 4095 || !utf8.ValidString(l.Body) || l.BodyBytes != len(long) {
		t.Errorf("%d bytes of %d are shown, of %d", len(l.Body), l.BodyBytes, len(long))
	}
}

// What the mail provider tells names addresses, also where it is not as it should be.
func TestList_OfFeedbackShowsNoBody(t *testing.T) {
	const bounce = `{"eventType":"Bounce","bounce":{"bounceType":"Permanent","bounceSubType":"General",` +
		`"bouncedRecipients":[{"emailAddress":"ann@example.edu"}]},` +
		`"mail":{"destination":["ann@example.edu"],"tags":{"mail":["m-1"],"event":["e-1"],"correlation":["cor"]}}}`
	topic, err := json.Marshal(map[string]string{"Type": "Notification", "Message": bounce})
	if err != nil {
		t.Fatal(err)
	}
	got, text := shown(t, letters{
		{Message: "m", Reason: "told", Feedback: true, Body: topic},
		{Message: "m", Reason: "told", Feedback: true, Body: []byte(bounce)},              // without the topic's envelope
		{Message: "m", Reason: "told", Feedback: true, Body: []byte(`ann@example.edu {`)}, // nobody knows what it is
	})
	if strings.Contains(text, "ann@") {
		t.Errorf("the address is shown: %s", text)
	}
	want := deadletters.LetterFeedback{Kind: "Bounce", Detail: "Permanent General", Mail: "m-1", Event: "e-1"}
	if f := got[0].Feedback; f == nil || *f != want || got[0].Correlation != "cor" || got[0].BodyBytes != len(topic) {
		t.Errorf("of a bounce: %+v, %+v", got[0], f)
	}
	for _, l := range got[1:] {
		if l.Feedback != nil || l.Correlation != "m" || l.BodyBytes == 0 {
			t.Errorf("of what cannot be read: %+v", l)
		}
	}
}
