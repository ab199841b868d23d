package imports_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"example.com/registrar/functions/imports"
	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/registrartest"
)

func dryRun(im *intake.Import) { im.DryRun = true }

func atMost(percent int) func(*intake.Import) {
	return func(im *intake.Import) { im.MaxRefusedPercent = &percent }
}

func (o *office) changes(im intake.Import) []intake.Change {
	o.T.Helper()
	return registrartest.All(o.T, 7, func(p registrar.PageRequest) (registrar.Page[intake.Change], error) {
		return o.ImportChanges(o.T.Context(), im, p)
	})
}

// readOnly is a store in which nothing but an import's own report may be written.
type readOnly struct {
	imports.Store
	t *testing.T
}

func (r readOnly) wrote(what string) error {
	r.t.Errorf("%s was written", what)
	return nil
}

func (r readOnly) CreateCourse(context.Context, registrar.Course, registrar.Answer) error {
	return r.wrote("a course")
}
func (r readOnly) UpdateCourse(context.Context, registrar.Course, registrar.Course) error {
	return r.wrote("a course")
}
func (r readOnly) CreateSection(context.Context, registrar.Section, registrar.Answer) error {
	return r.wrote("a section")
}
func (r readOnly) UpdateSection(context.Context, registrar.Section, registrar.Section) error {
	return r.wrote("a section")
}
func (r readOnly) InstructorsByName(context.Context, []string) (map[string]registrar.InstructorID, []string, error) {
	return nil, nil, r.wrote("an instructor")
}
func (r readOnly) CommitRegistration(context.Context, registrar.RegistrationChange, registrar.Answer) error {
	return r.wrote("a registration")
}
func (r readOnly) KeepDecision(context.Context, registrar.ImportID, intake.Decision) error {
	return r.wrote("a decision")
}
func (r readOnly) Refused(context.Context, registrar.Event) error { return r.wrote("a refusal") }

// foretells applies a file dry, and then for good: what the first says is what the second does.
func (o *office) foretells(kind intake.Kind, file string) (dry intake.Import) {
	t := o.T.(*testing.T)
	t.Helper()
	store, audit := o.Applier.Store, o.Audit
	o.Applier.Store, o.Audit = readOnly{store, t}, readOnly{store, t}
	dry, err := o.applies(o.asked(kind, dryRun), strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	o.Applier.Store, o.Audit = store, audit
	wet, err := o.applies(o.asked(kind), strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if dry.State != wet.State || dry.Rows != wet.Rows || dry.Changed != wet.Changed || dry.Reason != wet.Reason {
		t.Errorf(
			"foretold: %s (%s), %+v, %+v; done: %s (%s), %+v, %+v",
			dry.State,
			dry.Reason,
			dry.Rows,
			dry.Changed,
			wet.State,
			wet.Reason,
			wet.Rows,
			wet.Changed,
		)
	}
	if before, after := o.problems(dry), o.problems(wet); !slices.Equal(before, after) {
		t.Errorf("problems foretold: %+v; told: %+v", before, after)
	}
	if listed := len(o.changes(dry)); listed != dry.Changed.Created+dry.Changed.Updated || listed != dry.Listed {
		t.Errorf("%d changes are listed of %+v", listed, dry.Changed)
	}
	if n := len(o.changes(wet)); n != 0 {
		t.Errorf("an import that was no dry run lists %d changes", n)
	}
	return dry
}

// A dry run writes nothing but its report, and the real run does what it says: sections.
func TestDryRun_ForetellsSections(t *testing.T) {
	o := openOffice(t)
	var file strings.Builder
	file.WriteString(header)
	for n := range 70 { // more than a batch, whose instructors come again
		file.WriteString(
			strings.Replace(
				row(fmt.Sprint(n+1), "R", fmt.Sprintf("Ada King/Person %d", n%20)),
				"CSCI-1100",
				fmt.Sprintf("CSCI-%d", 1000+n/2),
				1,
			),
		)
	}
	first := o.foretells(intake.KindSections, file.String())
	if want := (intake.Changes{Created: 70 + 35 + 21}); first.Changed != want {
		t.Errorf("%+v, want %+v", first.Changed, want)
	}
	changed := strings.Replace(
		strings.Replace(file.String(), "R,Ada King/Person 3,30", "Another room,Ada King/Person 3,31", 1),
		"Title",
		"Other",
		1,
	)
	second := o.foretells(intake.KindSections, changed+"x,,,,,,,,,,,,,,,,,\n")
	var listed []string
	for _, c := range o.changes(second) {
		listed = append(listed, fmt.Sprintf("%d %s %s %s", c.Row, c.Record, c.Effect, c.Fields))
	}
	want := []string{
		"2 course updated [title]",
		"2 section updated [title]",
		"3 section updated [title]",
		"5 section updated [capacity meetings]",
	}
	if !slices.Equal(listed, want) || second.Rows.Refused != 1 {
		t.Errorf("%q, want %q; %+v", listed, want, second.Rows)
	}
}

// The same, of registrations: the seats, the schedule and the credits that rows before would take count.
func TestDryRun_ForetellsRegistrations(t *testing.T) {
	o := openOffice(t)
	full := o.NewSection(o.term, o.NewCourse("CSCI", "1100", "One"), "100", 2)
	o.NewSection(o.term, o.NewCourse("CSCI", "1200", "Two"), "200", 50)
	other := o.NewSection(o.term, o.NewCourse("CSCI", "1300", "Three"), "300", 50)
	twin := o.SectionOf(
		o.term,
		registrar.Course{ID: other.Course, Subject: "CSCI", Number: "1300", Title: "Three", Credits: other.Credits},
		"301",
		50,
	)
	if err := o.CreateSection(t.Context(), twin, registrar.Answer{}); err != nil {
		t.Fatal(err)
	}
	first := o.NewStudent("S0", "A", "B")
	if _, err := o.Enrol(full.ID, first.ID); err != nil {
		t.Fatal(err)
	}
	for n := 1; n < 4; n++ {
		o.NewStudent(fmt.Sprintf("S%d", n), "A", "B")
	}
	lines := []string{"student_number,term,crn"}
	for _, r := range []string{"S0 100", "S1 100", "S2 100", "S3 100", "S1 200", "S1 200", "S1 300", "S1 301", "S9 200",
		"S2 999"} {
		student, crn, _ := strings.Cut(r, " ")
		lines = append(lines, student+",2025-SPRING,"+crn)
	}
	dry := o.foretells(intake.KindRegistrations, strings.Join(lines, "\n")+"\n")
	if want := (intake.Rows{Read: 10, Applied: 5, Refused: 5}); dry.Rows != want {
		t.Errorf("%+v, want %+v: %+v", dry.Rows, want, o.problems(dry))
	}
	if want := (intake.Changes{Created: 3, Unchanged: 2}); dry.Changed != want {
		t.Errorf("%+v, want %+v", dry.Changed, want)
	}
}

// When more rows would be refused than the import allows, nothing is changed; when not, all that can be is.
func TestThreshold_ChangesAllOrNothing(t *testing.T) {
	o := openOffice(t)
	section := o.NewSection(o.term, o.NewCourse("CSCI", "1100", "One"), "100", 50)
	file := "student_number,term,crn\n"
	for n := range 60 { // two batches
		o.NewStudent(fmt.Sprintf("S%d", n), "A", "B")
		file += fmt.Sprintf("S%d,2025-SPRING,100\n", n)
	}
	seats := func() int {
		view, err := o.Section(t.Context(), section.ID)
		if err != nil {
			t.Fatal(err)
		}
		return view.Seats.Taken
	}
	im, err := o.applies(
		o.asked(intake.KindRegistrations, atMost(16)),
		strings.NewReader(file),
	) // ten of sixty are too many
	if err != nil || im.State != intake.Failed || !strings.Contains(im.Reason, "nothing was changed") ||
		im.Rows != (intake.Rows{Read: 60, Refused: 10}) || im.Changed != (intake.Changes{}) ||
		len(o.problems(im)) != 10 {
		t.Errorf("%v, the import is %s (%s), %+v, %+v", err, im.State, im.Reason, im.Rows, im.Changed)
	}
	if n := seats(); n != 0 || len(o.Refused.Events()) != 0 {
		t.Errorf("%d seats are taken, and the audit has heard of %d refusals", n, len(o.Refused.Events()))
	}
	id := o.asked(intake.KindRegistrations, atMost(17))
	o.Objects = again{file}
	if err := o.Apply(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	im, err = o.Import(t.Context(), id)
	if err != nil || im.State != intake.Finished ||
		im.Rows != (intake.Rows{Read: 60, Applied: 50, Refused: 10}) ||
		im.Changed.Created != 50 ||
		len(o.problems(im)) != 10 {
		t.Errorf("%v, the import is %s (%s), %+v, %+v", err, im.State, im.Reason, im.Rows, im.Changed)
	}
	if n := seats(); n != 50 || len(o.Refused.Events()) != 10 {
		t.Errorf("%d seats are taken, and the audit has heard of %d refusals", n, len(o.Refused.Events()))
	}
}
