package registrar_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/registrar/shared/registrar"
)

// wrong are the fields that a record's check names.
func wrong(err error) string {
	var fields registrar.FieldErrors
	if err == nil || !errors.As(err, &fields) {
		return ""
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Field + " " + f.Code
	}
	return strings.Join(names, ", ")
}

func aCourse() registrar.Course {
	return registrar.Course{Subject: "CSCI", Number: "1200", Title: "Data Structures",
		Credits: registrar.CreditRange{Min: 400, Max: 400}}
}

func TestCodesOfRealCatalogues(t *testing.T) {
	for _, c := range []struct{ subject, number string }{
		{"CHC/LAT", "101"}, {"I&C SCI", "31"}, {"S&DS", "230"}, {"MATH", "101L"}, {"ETH", "051-0003-00"}, {"AFST", "W#1"},
		{"數學", "1"}, {"COM|LIT", "1%"},
		{"CSCI", strings.Repeat("9", registrar.MaxCode)},
	} {
		course := aCourse()
		course.Subject, course.Number = c.subject, c.number
		if err := course.Validate(); err != nil {
			t.Errorf("%s %s is refused: %v", c.subject, c.number, err)
		}
	}
	for subject, want := range map[string]string{
		"": "subject REQUIRED", " CSCI": "subject FORMAT", "CSCI ": "subject FORMAT", "CS\nCI": "subject FORMAT",
		"\u200b":                                 "subject REQUIRED",
		strings.Repeat("X", registrar.MaxCode+1): "subject TOO_LONG", "CS\u202eIC": "subject FORMAT",
		"CS\x00": "subject FORMAT", "CS\xff": "subject FORMAT",
	} {
		course := aCourse()
		course.Subject = subject
		if got := wrong(course.Validate()); got != want {
			t.Errorf("subject %q: %q, want %q", subject, got, want)
		}
	}
}

func TestFoldCode(t *testing.T) {
	for _, same := range [][2]string{{"I&C SCI 31", "i&c  sci 31"}, {"CHC/LAT", "chc/lat"}, {"é", "É"},
		{"CSCI\u00a01200", "csci 1200"}, {" X ", "x"}} {
		if a, b := registrar.FoldCode(same[0]), registrar.FoldCode(same[1]); a != b {
			t.Errorf("%q and %q are folded to %q and %q", same[0], same[1], a, b)
		}
	}
	for _, other := range [][2]string{{"I&C SCI", "I&CSCI"}, {"051-0003-00", "051000300"}, {"e", "é"}} {
		if a, b := registrar.FoldCode(other[0]), registrar.FoldCode(other[1]); a == b {
			t.Errorf("%q and %q are one code, %q", other[0], other[1], a)
		}
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ given, family, want string }{
		{"Grace", "Hopper", ""},
		{"", "Sukarno", ""}, // one name is enough
		{"Teller", "", ""},
		{"Zoë", "Šimůnek", ""},
		{"علی\u200cرضا", "رضایی", ""}, // a joiner within a name is part of it
		{"", "", "familyName REQUIRED"},
		{"", "\u200b\u200d", "familyName REQUIRED"},
		{"Grace", "\u2800", "familyName REQUIRED"},
		{"Grace", "Hop\nper", "familyName FORMAT"},
		{"Grace", "Hop\u202eper", "familyName FORMAT"}, // would read backwards from there on
		{"Grace", "Hop\u2066per", "familyName FORMAT"},
		{"Grace", "Hopper\u0085", "familyName FORMAT"},
		{"Grace ", "Hopper", "givenName FORMAT"},
		{"Grace", strings.Repeat("ё", 100), ""},
		{"Grace", strings.Repeat("ё", 101), "familyName TOO_LONG"},
	} {
		s := registrar.Student{Number: "U1", GivenName: registrar.Personal(c.given), FamilyName: registrar.Personal(c.family)}
		if got := wrong(s.Validate()); got != c.want {
			t.Errorf("%q %q: %q, want %q", c.given, c.family, got, c.want)
		}
	}
}

func TestProseMayHaveLines(t *testing.T) {
	c := aCourse()
	c.Description = "One line.\n\tAnother."
	if err := c.Validate(); err != nil {
		t.Errorf("a description of two lines is refused: %v", err)
	}
	c.Description, c.School = "One\rline", "School of\nScience"
	if got := wrong(c.Validate()); got != "description FORMAT, school FORMAT" {
		t.Errorf("got %q", got)
	}
}

func TestIsPlaceholder(t *testing.T) {
	for _, name := range []string{
		"Staff", "STAFF", "staff", "TBA", "TBD", "T.B.A.", "t. b. d.", "To Be Announced", "to be determined", "TBA, TBA",
		"Staff/TBA", "The Staff",
		"Instructor TBA", "", " ", "-", "???",
	} {
		if !registrar.IsPlaceholder(name) {
			t.Errorf("%q is taken for a person's name", name)
		}
	}
	for _, name := range []string{"Stafford", "Jane Staff", "Tbakhi", "Ada King", "Na", "陳", "Tobe",
		"Staffan Tba Olsson", "O"} {
		if registrar.IsPlaceholder(name) {
			t.Errorf("%q is taken for nobody", name)
		}
	}
	if got := wrong(registrar.Instructor{Name: "T.B.A."}.Validate()); got != "name FORMAT" {
		t.Errorf("an instructor T.B.A.: %q", got)
	}
}

// The mail provider refuses what is listed last (Amazon SES, SendEmail); so the door does.
func TestValidEmail(t *testing.T) {
	for _, address := range []string{
		"grace.hopper@example.edu", "g@example.edu", "o'neil+cs@mail.example.co.uk", "x@xn--bcher-kva.example", "1@2.edu",
		strings.Repeat("a", registrar.MaxLocalPart) + "@example.edu",
	} {
		if !registrar.ValidEmail(address) {
			t.Errorf("%q is refused", address)
		}
	}
	label := strings.Repeat("d", 63) + "."
	for _, address := range []string{
		"", "grace", "@example.edu", "grace@", "grace@@example.edu", "grace@example", "grace@localhost",
		"grace hopper@example.edu",
		"Grace <grace@example.edu>", "grace@example.edu (Grace)", `"grace hopper"@example.edu`, ".grace@example.edu",
		"grace.@example.edu",
		"gra..ce@example.edu", "grace@-example.edu", "grace@example-.edu", "grace@exa_mple.edu", "grace@example..edu",
		"grace@example.edu.",
		"grace@[192.0.2.1]", "grace@192.0.2.1", "gräce@example.edu", "grace@bücher.example", "a@example.edu,b@example.edu",
		"grace@example.edu\n",
		strings.Repeat("a", registrar.MaxLocalPart+1) + "@example.edu", "g@d" + label + "edu", "g@" + label + label + label +
			label + "edu",
	} {
		if registrar.ValidEmail(address) {
			t.Errorf("%q is taken for an address", address)
		}
		if s := (registrar.Student{Number: "U1", FamilyName: "X", Email: registrar.Personal(address)}); address != "" &&
			wrong(s.Validate()) != "email FORMAT" {
			t.Errorf("a student with the address %q: %q", address, wrong(s.Validate()))
		}
	}
}

// What cannot be stored as it was given is refused, and never becomes "none".
func TestInstantsHaveARange(t *testing.T) {
	west := time.FixedZone("", -12*60*60)
	for _, c := range []struct {
		at   time.Time
		want bool
	}{
		{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), true},
		{registrar.EarliestInstant(), true}, {registrar.EarliestInstant().Add(-time.Nanosecond), false},
		{registrar.LatestInstant(), true}, {registrar.LatestInstant().Add(time.Millisecond), false},
		{time.Date(9999, 12, 31, 23, 59, 59, 0, west), false}, // of the year 10000 in UTC
		{time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), false},
	} {
		if got := registrar.InstantInRange(c.at); got != c.want {
			t.Errorf("%s: %t, want %t", c.at, got, c.want)
		}
		term := registrar.Term{
			Code: "X", Title: "X", Start: "2026-01-01", End: "2026-02-01", TimeZone: "UTC",
			Registration: registrar.Window{Open: c.at}, Deadlines: registrar.Deadlines{LastAdd: c.at, LastDrop: c.at},
		}
		if c.want && c.at.Year() > 2026 { // nothing opens after the term
			term.Registration = registrar.Window{Close: c.at}
		}
		want := map[bool]string{true: "",
			false: "registration.open OUT_OF_RANGE, deadlines.lastAdd OUT_OF_RANGE, deadlines.lastDrop OUT_OF_RANGE"}[c.want]
		if got := wrong(term.Validate()); got != want {
			t.Errorf("a term with %s: %q, want %q", c.at, got, want)
		}
	}
	term := registrar.Term{Code: "X", Title: "X", Start: "0001-01-01", End: "1900-01-02", TimeZone: "UTC"}
	if got := wrong(term.Validate()); got != "start OUT_OF_RANGE" {
		t.Errorf("a term that starts in the year 1: %q", got)
	}
}

func TestMeetings_OccurAndLieInTheTerm(t *testing.T) {
	term := registrar.Term{Start: "2025-01-13", End: "2025-05-10"} // a Monday, and the day after a Friday
	for name, c := range map[string]struct {
		m          registrar.Meeting
		form, term string
	}{
		"all of the term": {registrar.Meeting{Days: days(t, "MR"), Start: 600, End: 700, From: "2025-01-13",
			To: "2025-05-09"}, "", ""},
		"its end day, not in it": {registrar.Meeting{Days: days(t, "MR"), Start: 600, End: 700, From: "2025-01-13",
			To: "2025-05-10"}, "", "to OUT_OF_RANGE"},
		"before it": {registrar.Meeting{Days: days(t, "MR"), Start: 600, End: 700, From: "2025-01-12",
			To: "2025-05-09"}, "", "from OUT_OF_RANGE"},
		"another year": {registrar.Meeting{Days: days(t, "MR"), Start: 600, End: 700, From: "2024-01-15",
			To: "2024-05-01"}, "", "from OUT_OF_RANGE, to OUT_OF_RANGE"},
		"one day of those": {registrar.Meeting{Days: days(t, "MR"), Start: 600, End: 700, From: "2025-01-16",
			To: "2025-01-16"}, "", ""},
		"never": {registrar.Meeting{Days: days(t, "MR"), Start: 600, End: 700, From: "2025-01-17",
			To: "2025-01-19"}, "days OUT_OF_RANGE", ""},
		"the end as the start": {registrar.Meeting{Days: days(t, "MR"), Start: 600, End: 600, From: "2025-01-13",
			To: "2025-05-09"}, "end OUT_OF_RANGE", ""},
		"over midnight": {registrar.Meeting{Days: days(t, "MR"), Start: 1400, End: 60, From: "2025-01-13",
			To: "2025-05-09"}, "end OUT_OF_RANGE", ""},
		"until midnight": {registrar.Meeting{Days: days(t, "MR"), Start: 1400, End: 1440, From: "2025-01-13",
			To: "2025-05-09"}, "", ""},
		"a room with a bell in it": {registrar.Meeting{Days: days(t, "M"), Start: 600, End: 700, From: "2025-01-13",
			To: "2025-05-09", Room: "\a"}, "room FORMAT", ""},
		"a day that is none, and ago": {registrar.Meeting{Days: days(t, "M"), Start: 600, End: 700, From: "2025-02-30",
			To: "0001-01-01"}, "from FORMAT, to OUT_OF_RANGE", "to OUT_OF_RANGE"},
	} {
		if got := wrong(c.m.Validate()); got != c.form {
			t.Errorf("%s: the form is wrong in %q, want %q", name, got, c.form)
		}
		if got := wrong(c.m.FitsIn(term)); got != c.term {
			t.Errorf("%s: does not fit in the term by %q, want %q", name, got, c.term)
		}
	}
	s := registrar.Section{Meetings: []registrar.Meeting{{}, {Days: days(t, "M"), Start: 600, End: 700, From: "2024-01-15",
		To: "2025-05-01"}}}
	if got := wrong(s.FitsIn(term)); got != "meetings[1].from OUT_OF_RANGE" {
		t.Errorf("a section: %q", got)
	}
}
