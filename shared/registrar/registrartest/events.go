package registrartest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/telemetry/request"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Told lists the events of a record or a student, in the store's order.
func Told(t *testing.T, u *University, f registrar.EventFilter) []registrar.Event {
	t.Helper()
	return All(t, 3, func(p registrar.PageRequest) (registrar.Page[registrar.Event], error) {
		return u.Events(t.Context(), f, p)
	})
}

// published lists the events of a span of time that can be published again.
func published(t *testing.T, u *University, from, to time.Time) []registrar.Event {
	t.Helper()
	return All(t, 3, func(p registrar.PageRequest) (registrar.Page[registrar.Event], error) {
		return u.Published(t.Context(), from, to, p)
	})
}

func typesOf(events []registrar.Event) []registrar.EventType {
	types := make([]registrar.EventType, len(events))
	for i, e := range events {
		types[i] = e.Type
	}
	return types
}

func events(t *testing.T, u *University) {
	ctx := request.With(t.Context(), request.Info{
		ID: "req-1", Correlation: "cor-1", Trace: "Root=1-67288e44-0123456789abcdef01234567", Principal: "anonymous",
		OnBehalfOf: "s",
	})
	term, course := u.NewTerm("2025-SPRING"), u.NewCourse("CSCI", "1100", "One")
	section := u.NewSection(term, course, "100", 5)
	student := u.NewStudent("U1", "Ann", "Able")
	renamed := student
	renamed.FamilyName, renamed.Email, renamed.Stamp = "Baker", "ann@example.edu", student.Next(u.at)
	u.Must(u.UpdateStudent(ctx, student, renamed))
	_, err := u.Desk().Enrol(ctx, registrar.EnrolRequest{
		Section: section.ID, Student: student.ID, Actor: registrar.Anonymous(), At: u.at.Add(time.Minute),
	}, registrar.IdempotencyKey{}, nil)
	u.Must(err)
	_, err = u.Drop(section.ID, student.ID)
	u.Must(err)

	ofStudent := Told(t, u, registrar.EventFilter{Student: student.ID})
	if len(ofStudent) != 4 { // the store's clock and the university's differ, so their order says nothing here
		t.Fatalf("%d events of the student: %v", len(ofStudent), typesOf(ofStudent))
	}
	find := func(kind registrar.EventType) registrar.Event {
		i := slices.IndexFunc(ofStudent, func(e registrar.Event) bool { return e.Type == kind })
		if i < 0 {
			t.Fatalf("no event %s: %v", kind, typesOf(ofStudent))
		}
		return ofStudent[i]
	}
	enrolled := find(registrar.RegistrationEnrolled)
	Same(t, "an enrolment's event", enrolled, registrar.Event{
		ID: enrolled.ID, Type: registrar.RegistrationEnrolled, Schema: 1, At: u.at.Add(time.Minute), Actor: "anonymous",
		OnBehalfOf: "s", Request: "req-1",
		Correlation: "cor-1", Trace: "Root=1-67288e44-0123456789abcdef01234567",
		Record: registrar.Record{Kind: registrar.KindSection, ID: string(section.ID)}, Student: student.ID, Version: 1,
		Facts: registrar.Facts{
			"term": string(term.ID), "course": string(course.ID), "crn": "100", "state": "ENROLLED", "attempt": int64(1),
			"credits": int64(400),
		},
	})
	facts, err := find(registrar.RegistrationDropped).Registration()
	u.Must(err)
	Same(t, "a drop's facts", facts, registrar.RegistrationFacts{
		Section: section.ID, Student: student.ID, Term: term.ID, Course: course.ID, CRN: "100", State: registrar.Dropped,
		Attempt: 1, Credits: 400,
	})
	updated := find(registrar.KindStudent.Updated())
	Same(t, "what changed of a student", updated.Texts("changed"), []string{"email", "familyName"})
	if text := fmt.Sprint(ofStudent); strings.Contains(text, "Baker") || strings.Contains(text, "ann@") ||
		strings.Contains(text, "U1") {
		t.Errorf("events tell who the student is: %s", text)
	}

	Same(t, "published in the span of one moment", published(t, u, enrolled.At, enrolled.At.Add(time.Millisecond)),
		[]registrar.Event{enrolled})
	for _, e := range published(t, u, enrolled.At.Add(-24*time.Hour), enrolled.At) {
		if e.ID == enrolled.ID {
			t.Error("a span holds its end")
		}
	}
	begin, end := ofStudent[0].At, ofStudent[len(ofStudent)-1].At
	all := published(t, u, begin, end.Add(time.Millisecond))
	if !slices.IsSortedFunc(all, func(a, b registrar.Event) int { return a.At.Compare(b.At) }) {
		t.Error("published events are not in the order of time")
	}
	for _, e := range ofStudent {
		if n := len(slices.DeleteFunc(slices.Clone(all), func(o registrar.Event) bool { return o.ID != e.ID })); n != 1 {
			t.Errorf("event %s is %d times among those published", e.Type, n)
		}
	}

	other := u.NewSection(term, course, "101", 1)
	u.Must(u.DeleteSection(ctx, other.ID, 0))
	last := Told(t, u, registrar.EventFilter{Record: registrar.Record{Kind: registrar.KindSection, ID: string(other.ID)}})
	Same(t, "a section's life", typesOf(last), []registrar.EventType{"section.created", "section.deleted"})
	if last[1].Version != 2 || last[1].Request != "req-1" {
		t.Errorf("the end of a section: %+v", last[1])
	}
}

// audits writes what a hot section leaves, spread over partitions, and reads it back in order.
func audits(t *testing.T, u *University) {
	const attempts = 40
	section := registrar.Record{Kind: registrar.KindSection, ID: "hot"}
	var refused []registrar.Event
	for n := range attempts {
		e := registrar.RefusedEvent("enrol", "t", "hot", registrar.StudentID(fmt.Sprint("p", n%3)), registrar.Anonymous(),
			u.at.Add(time.Duration(n)*7*time.Hour), registrar.Refusals{registrar.Full("hot"),
				registrar.Refuse(registrar.CreditsOver, "", "")}, u.NewID)
		e.Request, e.Correlation = "req", "cor"
		refused = append(refused, e)
	}
	for range 2 { // delivered twice
		u.Must(u.KeepRefused(t.Context(), refused))
	}
	equal := func(what string, got, want []registrar.Event) {
		t.Helper()
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
	equal("by record", Told(t, u, registrar.EventFilter{Record: section}), refused)
	equal("by record, from and to", Told(t, u, registrar.EventFilter{Record: section, From: refused[4].At,
		To: refused[9].At}), refused[4:9])
	var third []registrar.Event
	for n := 1; n < attempts; n += 3 {
		third = append(third, refused[n])
	}
	equal("by student", Told(t, u, registrar.EventFilter{Student: "p1"}), third)
	equal("by time", Told(t, u, registrar.EventFilter{From: refused[3].At, To: refused[30].At.Add(time.Millisecond)}),
		refused[3:31])
	instant := refused[3].At.Add(200 * time.Microsecond)
	equal("within a millisecond", Told(t, u, registrar.EventFilter{From: instant, To: instant.Add(time.Microsecond)}), nil)
	equal("to the middle of a millisecond", Told(t, u, registrar.EventFilter{Record: section, From: refused[3].At,
		To: instant}), refused[3:4])
	equal("from a far day",
		Told(t, u, registrar.EventFilter{Record: section, From: time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)}), nil)
	equal("what was refused is not published", published(t, u, refused[0].At, refused[30].At), nil)
	if _, err := u.Events(t.Context(), registrar.EventFilter{Record: section}, registrar.PageRequest{Limit: 1,
		Cursor: "forged"}); err == nil {
		t.Error("a forged cursor was taken")
	}
}
