package events_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"example.com/registrar/functions/events"
	"example.com/registrar/shared/registrar"
)

// queue keeps what is sent, but for the events whose ids it fails.
type queue struct {
	got   []string
	fails []registrar.EventID
}

func (q *queue) SendEvents(_ context.Context, all []registrar.Event) []error {
	errs := make([]error, len(all))
	for i, e := range all {
		if slices.Contains(q.fails, e.ID) {
			errs[i] = errors.New("not now")
			continue
		}
		q.got = append(q.got, string(e.ID))
	}
	return errs
}

func event(id string, kind registrar.EventType) registrar.Event {
	return registrar.Event{ID: registrar.EventID(id), Type: kind}
}

func TestSend_GoesToThoseWhoAsked(t *testing.T) {
	mail, seats := &queue{}, &queue{}
	relay := events.Relay{
		Subscriptions: events.Subscriptions{
			"mail":  {registrar.RegistrationEnrolled, registrar.ImportEnded},
			"seats": {registrar.RegistrationEnrolled, registrar.RegistrationDropped},
		},
		Queues: map[string]events.Queue{"mail": mail, "seats": seats}, Log: slog.New(slog.DiscardHandler),
	}
	all := []registrar.Event{
		event("1", registrar.RegistrationEnrolled), event("2", "term.created"), event("3", registrar.RegistrationDropped),
		event("4", registrar.ImportEnded),
	}
	if sent := relay.Send(t.Context(), all); sent != 4 {
		t.Errorf("%d sent of 4", sent)
	}
	if !slices.Equal(mail.got, []string{"1", "4"}) || !slices.Equal(seats.got, []string{"1", "3"}) {
		t.Errorf("mail got %q, seats got %q", mail.got, seats.got)
	}
	mail.fails, seats.fails = []registrar.EventID{"4"}, []registrar.EventID{"3"}
	if sent := relay.Send(t.Context(), all); sent != 2 {
		t.Errorf("%d sent when the third and fourth failed; the first that failed counts", sent)
	}
}

func TestImages_ReportTheFirstThatFailed(t *testing.T) {
	for name, test := range map[string]struct {
		images []string
		fails  registrar.EventID
		done   int
		got    string
	}{
		"all well":                   {[]string{"1", "2", "3"}, "", 3, "1 2 3"},
		"another item is no failure": {[]string{"1", "other", "3"}, "", 3, "1 3"},
		"one that cannot be read":    {[]string{"1", "bad", "3"}, "", 1, "1"},
		"one that cannot be sent":    {[]string{"other", "1", "2", "3"}, "2", 2, "1 3"},
		"both":                       {[]string{"1", "2", "bad"}, "1", 0, "2"},
		"none":                       {nil, "", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			q := &queue{}
			if test.fails != "" {
				q.fails = []registrar.EventID{test.fails}
			}
			var logs bytes.Buffer
			relay := events.Relay{
				Subscriptions: events.Subscriptions{"mail": {registrar.RegistrationEnrolled}}, Queues: map[string]events.Queue{
					"mail": q},
				Log: slog.New(slog.NewTextHandler(&logs, nil)),
			}
			var images [][]byte
			for _, i := range test.images {
				images = append(images, []byte(i))
			}
			done := relay.Images(func(image []byte) (registrar.Event, bool, error) {
				switch string(image) {
				case "bad":
					return registrar.Event{}, false, fmt.Errorf("no image")
				case "other":
					return registrar.Event{}, false, nil
				}
				return event(string(image), registrar.RegistrationEnrolled), true, nil
			})(t.Context(), images)
			if done != test.done || strings.Join(q.got, " ") != test.got {
				t.Errorf("done with %d, want %d; sent %q, want %q", done, test.done, q.got, test.got)
			}
			if failed := done < len(test.images); failed != strings.Contains(logs.String(), "level=ERROR") {
				t.Errorf("logged %q", logs.String())
			}
		})
	}
}

func TestSubscriptions_AreReadAsTheyAreWritten(t *testing.T) {
	all := events.Subscriptions{"seats": {registrar.RegistrationDropped, registrar.RegistrationEnrolled},
		"mail": {registrar.ImportEnded}}
	text := all.String()
	if text != "mail=import.ended;seats=registration.dropped,registration.enrolled" {
		t.Errorf("written as %q", text)
	}
	back, err := events.ParseSubscriptions(text)
	if err != nil || back.String() != text {
		t.Errorf("%v, %v", back, err)
	}
	if none, err := events.ParseSubscriptions(""); err != nil || len(none) != 0 {
		t.Errorf("nothing: %v, %v", none, err)
	}
	for _, bad := range []string{"mail", "=term.created", "mail=term.eaten", "mail=term.created;mail=term.deleted",
		"mail="} {
		if got, err := events.ParseSubscriptions(bad); err == nil {
			t.Errorf("%q was read as %v", bad, got)
		}
	}
}
