package dynamo_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/registrartest"
)

// meeting gives a section meetings on the Mondays between two days.
func meeting(s registrar.Section, from, to registrar.Date) registrar.Section {
	s.Meetings = []registrar.Meeting{{Days: 1, Start: 600, End: 660, From: from, To: to}}
	return s
}

func dated(u *registrartest.University, t registrar.Term, start, end registrar.Date) registrar.Term {
	t.Start, t.End, t.Stamp = start, end, t.Next(u.Now())
	return t
}

// A term is not narrowed below the meetings of its sections; what refuses it names one of them, and leaves the
// term as it was.
func TestATermKeepsTheDaysOfItsMeetings(t *testing.T) {
	u, l := lookingUniversity(t, time.Now)
	ctx := t.Context()
	term, course := u.NewTerm("2025-SPRING"), u.NewCourse("CSCI", "1100", "One") // 2025-01-13 to 2025-05-09
	section := meeting(u.SectionOf(term, course, "100", 1), "2025-01-20", "2025-05-05")
	if err := u.CreateSection(ctx, section, registrar.Answer{}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		start, end registrar.Date
		fields     []string
	}{
		{"2025-01-13", "2025-05-05", []string{"end"}}, {"2025-01-21", "2025-05-10", []string{"start"}},
		{"2025-02-01", "2025-02-10", []string{"start", "end"}}, {"2026-01-12", "2026-05-09", []string{"start"}},
	} {
		err := u.UpdateTerm(ctx, term, dated(u, term, c.start, c.end))
		var fields registrar.FieldErrors
		errors.As(err, &fields)
		var named []string
		for _, f := range fields {
			if named = append(named, f.Field); !strings.Contains(f.Detail, "CRN 100 ") {
				t.Errorf("a term from %s to %s: %s", c.start, c.end, f.Detail)
			}
		}
		if !slices.Equal(named, c.fields) {
			t.Errorf("a term from %s to %s: %v, want %v", c.start, c.end, err, c.fields)
		}
	}
	if stored, err := u.Store.Term(ctx, term.ID); err != nil || !stored.SameFacts(term) || stored.Version != term.Version {
		t.Errorf("the term: %+v, %v", stored, err)
	}
	another := meeting(u.SectionOf(term, course, "101", 1), "2025-01-20", "2025-05-05")
	if err := u.CreateSection(ctx, another, registrar.Answer{}); err != nil {
		t.Errorf("a section after the refusals: %v", err)
	}
	narrow := dated(u, term, "2025-01-20", "2025-05-06")
	if err := u.UpdateTerm(ctx, term, narrow); err != nil {
		t.Errorf("a term that holds its meetings still: %v", err)
	}
	l.looked = func() error { return errors.New("the sections were read") }
	if err := u.UpdateTerm(ctx, narrow, dated(u, narrow, "2025-01-13", "2025-05-10")); err != nil {
		t.Errorf("a term that becomes longer: %v", err)
	}
}

// Whoever sets meetings while a term is narrowed comes again, and is held to the new dates afterwards, whatever term
// they read.
func TestASectionIsHeldToTheDatesThatItsTermHasAtLast(t *testing.T) {
	u, l := lookingUniversity(t, time.Now)
	ctx := t.Context()
	term, course := u.NewTerm("2025-SPRING"), u.NewCourse("CSCI", "1100", "One")
	section := meeting(u.SectionOf(term, course, "100", 1), "2025-01-20", "2025-03-31")
	if err := u.CreateSection(ctx, section, registrar.Answer{}); err != nil {
		t.Fatal(err)
	}
	late := meeting(u.SectionOf(term, course, "101", 1), "2025-01-20", "2025-05-05")
	longer := meeting(section, "2025-01-20", "2025-05-05")
	longer.Stamp = section.Next(u.Now())
	l.looked = func() error {
		if err := u.CreateSection(ctx, late, registrar.Answer{}); !errors.Is(err, registrar.ErrBusy) {
			t.Errorf("a section that is made meanwhile: %v", err)
		}
		if err := u.UpdateSection(ctx, section, longer); !errors.Is(err, registrar.ErrBusy) {
			t.Errorf("meetings that are set meanwhile: %v", err)
		}
		return nil
	}
	if err := u.UpdateTerm(ctx, term, dated(u, term, "2025-01-13", "2025-04-01")); err != nil {
		t.Fatal(err)
	}
	var fields registrar.FieldErrors
	err := u.CreateSection(ctx, late, registrar.Answer{})
	if !errors.As(err, &fields) || fields[0].Field != "meetings[0].to" {
		t.Errorf("a section that is made afterwards: %v", err)
	}
	if err := u.UpdateSection(ctx, section, longer); !errors.As(err, &fields) {
		t.Errorf("meetings that are set afterwards: %v", err)
	}
	if err := u.CreateSection(ctx, u.SectionOf(term, course, "102", 1), registrar.Answer{}); err != nil {
		t.Errorf("a section without meetings: %v", err)
	}
}

// Two who narrow a term do not undo each other's marks: the one who was overtaken changes nothing.
func TestATermIsNotNarrowedUnderAnothersMark(t *testing.T) {
	u, l := lookingUniversity(t, time.Now)
	ctx := t.Context()
	term, course := u.NewTerm("2025-SPRING"), u.NewCourse("CSCI", "1100", "One")
	section := meeting(u.SectionOf(term, course, "100", 1), "2025-01-20", "2025-03-31")
	if err := u.CreateSection(ctx, section, registrar.Answer{}); err != nil {
		t.Fatal(err)
	}
	l.looked = func() error {
		var fields registrar.FieldErrors
		if err := u.UpdateTerm(ctx, term, dated(u, term, "2025-01-13", "2025-03-01")); !errors.As(err, &fields) {
			t.Errorf("the other: %v", err)
		}
		late := meeting(u.SectionOf(term, course, "101", 1), "2025-01-20", "2025-05-05")
		return u.CreateSection(ctx, late, registrar.Answer{})
	}
	if err := u.UpdateTerm(ctx, term, dated(u, term, "2025-01-13", "2025-04-01")); !errors.Is(err, registrar.ErrBusy) {
		t.Errorf("the one that was overtaken: %v", err)
	}
	if stored, err := u.Store.Term(ctx, term.ID); err != nil || !stored.SameFacts(term) {
		t.Errorf("the term: %+v, %v", stored, err)
	}
}
