package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/registrar/functions/events"
	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/sample"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// box is a queue that keeps what it is sent, and may refuse it.
type box struct {
	events []registrar.Event
	refuse func(registrar.Event) error
}

func (b *box) SendEvents(_ context.Context, all []registrar.Event) []error {
	errs := make([]error, len(all))
	for i, e := range all {
		if b.refuse != nil {
			errs[i] = b.refuse(e)
		}
		if errs[i] == nil {
			b.events = append(b.events, e)
		}
	}
	return errs
}

// mailAndSeats is a relay to two boxes.
func mailAndSeats(t *testing.T) (relay events.Relay, mail, seats *box) {
	t.Helper()
	mail, seats = &box{}, &box{}
	relay, err := events.New(events.Subscriptions{
		"mail": {registrar.RegistrationEnrolled, registrar.KindStudent.Created()}, "seats": {registrar.RegistrationEnrolled},
	}, func(name string) (events.Queue, error) {
		return map[string]*box{"mail": mail, "seats": seats}[name], nil
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return relay, mail, seats
}

// campus is a store with the sample university, whose registrations are all of one moment in 2024 and whose records of
// today.
func campus(t *testing.T) store {
	t.Helper()
	c, err := cloud.Open(t.Context(), cloud.Options{
		Log: slog.New(slog.DiscardHandler), System: api.RealSystem(), SQSAddress: "http://sqs.local",
		S3Address: "http://s3.local",
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := sample.Fill(t.Context(), c.Store); err != nil {
		t.Fatal(err)
	}
	return c.Store
}

func filter(t *testing.T, w what) registrar.EventFilter {
	t.Helper()
	f, err := w.filter(time.Now().Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRun_SendsASpanToWhoAskedForIt(t *testing.T) {
	s := campus(t)
	relay, mail, seats := mailAndSeats(t)
	var out bytes.Buffer
	if err := run(t.Context(), s, relay, filter(t, what{from: "2024-11-06", to: "2024-11-07"}), false, &out); err != nil {
		t.Fatal(err)
	}
	n := len(seats.events)
	if n < 500 || len(mail.events) != n {
		t.Errorf("%d events for seats, %d for mail", n, len(mail.events))
	}
	ids := map[registrar.EventID]bool{}
	for _, e := range seats.events {
		ids[e.ID] = true
		if e.Type != registrar.RegistrationEnrolled {
			t.Errorf("sent an event of type %s", e.Type)
		}
	}
	want := fmt.Sprintf(" %d  registration.enrolled        → mail\n     %d  registration.enrolled        → seats\n", n, n)
	if len(ids) != n || !strings.Contains(out.String(), want) ||
		!strings.HasSuffix(out.String(), fmt.Sprintf("%d messages sent\n", 2*n)) {
		t.Errorf("%d different events of %d; told:\n%s", len(ids), n, out.String())
	}
	if err := run(t.Context(), s, relay, filter(t, what{from: "2024-11-06T12:00:00.001Z", to: "2024-11-07"}), false,
		&bytes.Buffer{}); err != nil || len(seats.events) != n {
		t.Errorf("from after the moment: %v, %d more", err, len(seats.events)-n)
	}
}

func TestRun_SendsWhatHappenedToOne(t *testing.T) {
	s := campus(t)
	relay, mail, seats := mailAndSeats(t)
	var out bytes.Buffer
	student := sample.ID(sample.KindStudent, 1)
	if err := run(t.Context(), s, relay, filter(t, what{subject: "student/" + student}), false, &out); err != nil {
		t.Fatal(err)
	}
	if len(seats.events) == 0 || len(mail.events) != len(seats.events)+1 ||
		!strings.Contains(out.String(), " 1  student.created              → mail\n") {
		t.Errorf("%d and %d events; told:\n%s", len(mail.events), len(seats.events), out.String())
	}
	section := seats.events[0].Record
	mail.events, seats.events = nil, nil
	if err := run(t.Context(), s, relay, filter(t, what{subject: section.String(), to: "2025-01-01"}), false,
		&out); err != nil {
		t.Fatal(err)
	}
	if len(seats.events) < 2 ||
		slices.ContainsFunc(seats.events, func(e registrar.Event) bool { return e.Record != section }) {
		t.Errorf("of one section: %d events", len(seats.events))
	}
	out.Reset()
	if err := run(t.Context(), s, relay, filter(t, what{subject: section.String()}), true, &out); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, " 1  section.created              → (no queue)\n") ||
		strings.Contains(text, "refused") || !strings.HasSuffix(text, "would be sent\n") {
		t.Errorf("told:\n%s", text)
	}
}

func TestRun_StopsAtWhatCannotBeSentAndSaysHowToGoOn(t *testing.T) {
	s := campus(t)
	relay, _, seats := mailAndSeats(t)
	tries := 0
	seats.refuse = func(e registrar.Event) error {
		if tries++; tries < 100 && e.ID != "" {
			return errors.New("SQS has its bad minute")
		}
		return nil
	}
	var out bytes.Buffer
	span := what{from: "2024-11-06", to: "2024-11-07"}
	if err := run(t.Context(), s, relay, filter(t, span), false, &out); err != nil {
		t.Errorf("a bad minute stopped it: %v", err)
	}
	n := len(seats.events)
	seats.events, seats.refuse = nil, func(registrar.Event) error {
		if len(seats.events) >= 150 {
			return errors.New("no")
		}
		return nil
	}
	out.Reset()
	err := run(t.Context(), s, relay, filter(t, span), false, &out)
	if err == nil || !strings.Contains(err.Error(), "FROM=2024-11-06T12:00:00Z") ||
		!strings.Contains(out.String(), " 150  registration.enrolled        → seats") {
		t.Errorf("%v after %d of %d; told:\n%s", err, len(seats.events), n, out.String())
	}
}

func TestFilter_SaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		what
		want string
	}{
		{what{}, "neither FROM nor SUBJECT"}, {what{from: "yesterday"}, "FROM must be"}, {what{from: "2026-01-01", to: "x"},
			"TO must be"},
		{what{from: "2026-01-02", to: "2026-01-02"}, "TO must be after"}, {what{from: "9999-01-01"}, "TO must be after"},
		{what{subject: "section"}, "it must be kind/id"}, {what{subject: "cat/1"}, "it must be kind/id"},
	} {
		if _, err := c.filter(time.Now()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.what, err, c.want)
		}
	}
	got := filter(t, what{from: "2026-01-01T10:00:00+02:00", to: "2026-01-02", subject: "student/p"})
	if want := (registrar.EventFilter{
		Student: "p", From: time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC), To: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC),
	}); got != want {
		t.Errorf("%+v", got)
	}
}
