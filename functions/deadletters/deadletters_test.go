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

func TestList_SaysWhyInAnyCase(t *testing.T) {
	long := strings.Repeat("x", 4095) + "é" + strings.Repeat("y", 5000) // whose 4,096th byte is half a character
	all := letters{
		{Message: "m", Reason: "told", Receives: 1, Body: []byte("{}")},
		{Message: "m", Moved: true, Receives: 5, Body: []byte(`{"specversion":"1.0","id":"e","source":"/registrar","type":"registrar.course.updated.v9","time":"2026-11-24T13:00:00Z","subject":"course/c","correlationid":"cor"}`)},
		{Message: "m", Moved: true, Receives: 5, Reason: "told before", Body: []byte(long)},
		{Message: "m", Body: []byte("")},
	}
	w := httptest.NewRecorder()
	api.Handler(slog.New(slog.DiscardHandler), deadletters.List(all)).
		ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/queues/work/dead-letters", http.NoBody))
	var got struct{ Items []deadletters.DeadLetter }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Items) != len(all) {
		t.Fatalf("%v: %s", err, w.Body)
	}
	for i, parts := range [][]string{{"told"}, {"after 5 deliveries", "killed"}, {"after 5 deliveries", "told before"}, {"nobody said"}} {
		for _, part := range parts {
			if !strings.Contains(got.Items[i].Reason, part) {
				t.Errorf("letter %d: reason %q lacks %q", i, got.Items[i].Reason, part)
			}
		}
	}
	if l := got.Items[1]; l.Event == nil || l.Event.Type != "course.updated" || l.Event.ID != "e" || l.Event.Record != "course/c" || l.Correlation != "cor" {
		t.Errorf("of an event: %+v %+v", l, l.Event)
	}
	if l := got.Items[0]; l.Event != nil || l.Correlation != "m" {
		t.Errorf("of no event: %+v", l)
	}
	if l := got.Items[2]; len(l.Body) != 4095 || !utf8.ValidString(l.Body) || l.BodyBytes != len(long) {
		t.Errorf("%d bytes of %d are shown, of %d", len(l.Body), l.BodyBytes, len(long))
	}
}
