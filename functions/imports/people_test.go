package imports_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/registrartest"
)

func ofNoTerm(im *intake.Import) { im.Term = "" }

// brings applies a file of people for good, which comes from a bucket that can be read again.
func (o *office) brings(kind intake.Kind, file string, with ...func(*intake.Import)) intake.Import {
	o.T.Helper()
	id := o.asked(kind, append(with, ofNoTerm)...)
	objects := o.Objects
	o.Objects = again{file}
	defer func() { o.Objects = objects }()
	if err := o.Apply(o.T.Context(), id); err != nil {
		o.T.Fatal(err)
	}
	im, err := o.Import(o.T.Context(), id)
	if err != nil {
		o.T.Fatal(err)
	}
	return im
}

// twice applies a file dry, for good and once more: the second says what the first foretold, and the third changes
// nothing.
func (o *office) twice(kind intake.Kind, file string) intake.Import {
	o.T.Helper()
	dry := o.brings(kind, file, dryRun)
	if n := len(o.changes(dry)); n != dry.Changed.Created+dry.Changed.Updated {
		o.T.Errorf("%d changes are listed of %+v", n, dry.Changed)
	}
	im := o.brings(kind, file)
	if dry.State != im.State || dry.Rows != im.Rows || dry.Changed != im.Changed {
		o.T.Errorf(
			"foretold %s, %+v, %+v; done %s, %+v, %+v",
			dry.State,
			dry.Rows,
			dry.Changed,
			im.State,
			im.Rows,
			im.Changed,
		)
	}
	events := o.peopleEvents()
	if events == 0 {
		o.T.Error("no event tells of people")
	}
	more := o.brings(kind, file)
	if more.Changed.Created+more.Changed.Updated != 0 || more.Rows.Refused != im.Rows.Refused {
		o.T.Errorf("the same file again: %+v, %+v", more.Rows, more.Changed)
	}
	if n := o.peopleEvents(); n != events {
		o.T.Errorf("the same file again left %d events", n-events)
	}
	return im
}

// peopleEvents counts what happened to people.
func (o *office) peopleEvents() (n int) {
	o.T.Helper()
	filter := registrar.EventFilter{From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)}
	for _, e := range registrartest.All(o.T, registrar.MaxPage,
		func(p registrar.PageRequest) (registrar.Page[registrar.Event], error) {
			return o.Events(o.T.Context(), filter, p)
		}) {
		if e.Record.Kind == registrar.KindStudent || e.Record.Kind == registrar.KindInstructor {
			n++
		}
	}
	return n
}

// told gives the problems as text: row, column, whether it is refused.
func (o *office) told(im intake.Import) string {
	o.T.Helper()
	var all []string
	for _, p := range o.problems(im) {
		all = append(all, fmt.Sprintf("%d %s %v", p.Row, p.Field, p.Refused))
	}
	return strings.Join(all, ", ")
}

// A file of students makes and changes students, by number; what it does not say stays; who is gone becomes inactive.
func TestApply_Students(t *testing.T) {
	o := openOffice(t)
	var file strings.Builder
	file.WriteString("number,given_name,family_name,email,status\n")
	for n := range 120 {
		fmt.Fprintf(&file, "S%03d,Given%d,Family%d,s%d@example.edu,\n", n, n, n, n)
	}
	file.WriteString(
		"S200,,Suharto,,active\nS201,A,B,not an " +
			"address,\nS000,A,B,,\nS202,A,B,S1@example.edu,\n,A,B,,\nS203,,,,\nS204,A,B,,deleted\nS205,A,B,,perhaps\nbroken\n",
	)
	im := o.twice(intake.KindStudents, file.String())
	if want := (intake.Rows{Read: 129, Applied: 121, Refused: 7,
		Skipped: 1}); im.State != intake.Finished ||
		im.Rows != want ||
		im.Changed.Created != 121 ||
		im.Format != "people-csv" {
		t.Errorf("%s (%s), %s: %+v, %+v", im.State, im.Reason, im.Format, im.Rows, im.Changed)
	}
	if want := "123 email true, 124 number true, 125 email true, 126 number true, 127 family_name true, 129 status " +
		"true, 130  true"; o.told(
		im,
	) != want {
		t.Errorf("%s, want %s", o.told(im), want)
	}
	changed := "EMAIL,Status,number,given " +
		"name\n,,s001,Other\nnew@example.edu,inactive,S002,\n,,S003,\n,tobedeleted,S999,X\ns4@example.edu,,S005,\n"
	im = o.twice(intake.KindStudents, changed)
	if want := (intake.Changes{Updated: 2, Unchanged: 1}); im.Changed != want || im.Rows.Refused != 1 ||
		im.Rows.Skipped != 1 {
		t.Errorf("%+v, %+v, %s", im.Rows, im.Changed, o.told(im))
	}
	now, err := o.StudentsByNumber(t.Context(), []string{"S001", "S002", "S003"})
	if err != nil {
		t.Fatal(err)
	}
	if p := now["S001"]; p.GivenName != "Other" || p.Email != "s1@example.edu" || !p.Active || p.Version != 2 {
		t.Errorf("the first: %q, %q, active: %v, version %d", string(p.GivenName), string(p.Email), p.Active, p.Version)
	}
	if p := now["S002"]; p.GivenName != "Given2" || p.Email != "new@example.edu" || p.Active {
		t.Errorf("the second: %q, %q, active: %v", string(p.GivenName), string(p.Email), p.Active)
	}
	if p := now["S003"]; p.Version != 1 {
		t.Errorf("the third, of whom nothing is said, has version %d", p.Version)
	}
}

// Canvas and OneRoster say the same in their own words; what is no student is left out, and a password stays where it
// is.
func TestApply_StudentsOfOtherSystems(t *testing.T) {
	for format, file := range map[string]string{
		"oneroster-users-csv": "sourcedId,status,role,givenName,familyName,identifier,email,password\n" +
			"1,active,student,Grace,Hopper,U1,g@example.edu,hunter2\n" +
			"2,active,teacher,Ada,King,E1,,hunter2\n",
		"canvas-users-csv": "user_id,login_id,password,first_name,last_name,email,status,declared_user_type\n" +
			"U1,g,hunter2,Grace,Hopper,g@example.edu,active,student\n" +
			"E1,a,hunter2,Ada,King,,active,teacher\n",
	} {
		o := openOffice(t)
		im := o.twice(intake.KindStudents, file)
		if im.Format != format || im.Rows != (intake.Rows{Read: 2, Applied: 1, Skipped: 1}) {
			t.Errorf("%s: %s, %+v", format, im.Format, im.Rows)
		}
		p, err := o.StudentsByNumber(t.Context(), []string{"U1"})
		if err != nil || p["U1"].FamilyName != "Hopper" || p["U1"].Email != "g@example.edu" {
			t.Errorf("%s: %v, %d students", format, err, len(p))
		}
		im = o.twice(intake.KindInstructors, file)
		if im.Rows != (intake.Rows{Read: 2, Applied: 1, Skipped: 1}) || im.Changed.Created != 1 {
			t.Errorf("%s, of instructors: %+v, %+v", format, im.Rows, im.Changed)
		}
	}
}

// A schedule makes provisional records of bare names. Whoever is the only one to go by such a name claims it, with
// sections and all; where two may be meant it stays, and the report says so. Placeholders make nobody.
func TestApply_InstructorsClaimProvisionalRecords(t *testing.T) {
	o := openOffice(t)
	if im, err := o.applies(o.asked(intake.KindSections),
		strings.NewReader(header+row("1", "R", "King/Li/Grace Hopper/Staff/Smith"))); err != nil ||
		im.State != intake.Finished {
		t.Fatalf("%v, %s", err, im.Reason)
	}
	named := func(name string) registrar.Instructor {
		byName, err := o.ImportedInstructors(t.Context(), []string{name})
		if err != nil {
			t.Fatal(err)
		}
		return byName[name]
	}
	before := named("King")
	if !before.Provisional || named("Staff").ID != "" {
		t.Errorf("a bare surname's record is provisional: %v; Staff is %q", before.Provisional, named("Staff").ID)
	}
	known := registrar.Instructor{
		ID:    "known",
		Name:  "Kim Smith",
		Email: "kim@example.edu",
		Stamp: registrar.Stamp{}.Next(o.Now()),
	}
	if err := o.CreateInstructor(t.Context(), known, registrar.Answer{}); err != nil {
		t.Fatal(err)
	}
	im := o.twice(intake.KindInstructors, "number,name,email\n"+
		"E1,Ada King,ada@example.edu\n"+ // claims King
		"E2,Bo Li,\nE3,Al Li,\n"+ // may both be Li
		",Grace Hopper,grace@example.edu\n"+ // claims Grace Hopper
		"E4,Jane Smith,\n"+ // Kim Smith, who is not in the file, may be Smith too
		",T.B.A.,\n,Carl Gauss,\n,,x@example.edu\nE5,Emmy Noether,ada@example.edu\n")
	if want := (intake.Changes{Created: 4, Updated: 2}); im.Changed != want || im.Rows.Refused != 3 {
		t.Errorf("%+v, %+v: %+v", im.Rows, im.Changed, o.problems(im))
	}
	if want := "3 name false, 4 name false, 6 name false, 7 name true, 9 name true, 10 email true"; o.told(im) != want {
		t.Errorf("%s, want %s", o.told(im), want)
	}
	king := named("King")
	if king.ID != before.ID || king.Provisional || king.Number != "E1" || king.Name != "Ada King" {
		t.Errorf("King is %q, number %q, provisional: %v", string(king.Name), string(king.Number), king.Provisional)
	}
	if !named("Li").Provisional || !named("Smith").Provisional || named("Grace Hopper").Provisional ||
		!named("Carl Gauss").Provisional {
		t.Error("who is known by a name alone is provisional, and nobody else")
	}
	if im, err := o.applies(o.asked(intake.KindSections),
		strings.NewReader(header+row("1", "R", "King/Li/Grace Hopper/Staff/Smith"))); err != nil ||
		im.Changed.Created+im.Changed.Updated != 0 {
		t.Errorf("%v: the schedule again changed %+v", err, im.Changed)
	}
}

// A file that has no column for a part of the name keeps this part. A number of which a spreadsheet lost digits is
// nobody's.
func TestApply_PeopleKeepWhatTheFileHasNoColumnFor(t *testing.T) {
	o := openOffice(t)
	o.brings(intake.KindStudents, "number,given_name,family_name\n77,Ada,King\n78,Bo,Li\n")
	im := o.brings(intake.KindStudents, "number,family_name\n77.0,Lovelace\n'78,Li\n1.23E+11,Ng\n")
	people, err := o.StudentsByNumber(t.Context(), []string{"77", "78"})
	if err != nil {
		t.Fatal(err)
	}
	ada, bo := people["77"], people["78"]
	if ada.GivenName != "Ada" || ada.FamilyName != "Lovelace" || bo.GivenName != "Bo" ||
		im.Changed != (intake.Changes{Updated: 1, Unchanged: 1}) ||
		im.Rows.Refused != 1 {
		t.Errorf("%+v, %+v, %+v, %+v", ada, bo, im.Rows, im.Changed)
	}
	const short = "short form of a long number"
	if told := o.problems(im); len(told) != 1 || told[0].Row != 4 || !strings.Contains(told[0].Reason, short) {
		t.Errorf("%+v", told)
	}
	o.brings(intake.KindInstructors, "number,name\nE1,Ada King\n")
	o.brings(intake.KindInstructors, "number,family_name,email\nE1,KING,ada@example.edu\n")
	instructors, err := o.InstructorsByNumber(t.Context(), []string{"E1"})
	if err != nil || instructors["E1"].Name != "Ada King" || instructors["E1"].Email != "ada@example.edu" {
		t.Errorf("%v, %+v", err, instructors)
	}
	im, err = o.applies(
		o.asked(intake.KindRegistrations),
		strings.NewReader("student_number,term,crn\n1.23E+11,2025-SPRING,100\n"),
	)
	if told := o.problems(im); err != nil || len(told) != 1 || !strings.Contains(told[0].Reason, short) {
		t.Errorf("%v, %+v", err, told)
	}
}

// What is kept of a file of instructors has a bound: their names are counted before anything is done.
func TestApply_TooManyInstructors(t *testing.T) {
	o := openOffice(t)
	im := o.brings(intake.KindInstructors, "name\nAda King\n"+strings.Repeat("a\n", 500_000))
	if im.State != intake.Failed || !strings.Contains(im.Reason, "more than 500,000 rows") ||
		im.Changed.Created != 0 {
		t.Errorf("%s (%s), %+v", im.State, im.Reason, im.Changed)
	}
}

// Files of all kinds are read alike: in Windows-1252, of which a note is made once, or in UTF-8 of any form; what is
// stored is NFC without the space around it.
func TestApply_ReadsTheLettersOfAllKinds(t *testing.T) {
	o := openOffice(t)
	windows := strings.NewReplacer("é", "\xe9", "ü", "\xfc", "Ü", "\xdc", "\u00a0", "\xa0").Replace
	decomposed := strings.NewReplacer("é", "e\u0301", "ü", "u\u0308", "Ü", "U\u0308").Replace
	const (
		students    = "number,givenName,familyName\nÜ1, José , Müller\u00a0\nU2,Bo,Li\n"
		instructors = "number,name\nÜ9,Renée Dübel\n"
		enrolments  = "student_number,term,crn\nÜ1 , 2025-SPRING,100\n"
	)
	section := strings.Replace(row("100", "R", "Renée Dübel"), "Kites", "Ütopia", 1)
	for _, form := range []struct {
		name string
		of   func(string) string
		note bool
	}{{"decomposed", decomposed, false}, {"Windows-1252", windows, true}, {"composed", func(s string) string { return s },
		false}} {
		for kind, file := range map[intake.Kind]string{intake.KindStudents: students,
			intake.KindInstructors: instructors} {
			im := o.brings(kind, form.of(file))
			o.wantLetters(form.name, form.note, im)
			if form.name != "decomposed" && im.Changed.Created+im.Changed.Updated > 0 {
				t.Errorf("%s, %s: %+v: another form of the same letters is other text", form.name, kind, im.Changed)
			}
		}
		o.wantLetters(form.name, form.note, o.imports(strings.NewReader(header+form.of(section))))
		im, err := o.applies(o.asked(intake.KindRegistrations), strings.NewReader(form.of(enrolments)))
		if err != nil || im.Rows.Applied != 1 {
			t.Errorf("%s: %v, %+v", form.name, err, im.Rows)
		}
		o.wantLetters(form.name, form.note, im)
	}
	found, err := o.StudentsByNumber(t.Context(), []string{"Ü1"})
	if s := found["Ü1"]; err != nil || s.GivenName != "José" || s.FamilyName != "Müller" {
		t.Errorf("%v, %+v", err, s)
	}
}

// wantLetters wants the note on a file in Windows-1252 once, and nothing that is refused.
func (o *office) wantLetters(form string, want bool, im intake.Import) {
	o.T.Helper()
	notes := 0
	for _, p := range o.problems(im) {
		if strings.Contains(p.Reason, "Windows-1252") && p.Row == 1 && !p.Refused {
			notes++
		} else if p.Refused {
			o.T.Errorf("%s, %s: row %d, %s: %s", form, im.Kind, p.Row, p.Field, p.Reason)
		}
	}
	if want != (notes == 1) || notes > 1 {
		o.T.Errorf("%s, %s: %d notes on the letters, want one: %t", form, im.Kind, notes, want)
	}
}
