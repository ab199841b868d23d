package imports

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode"

	"example.com/registrar/shared/registrar"
)

// dryWrites is the store of dry runs. It reads what is stored, and remembers what it was asked to write instead of
// writing it, as far as later rows of the file depend on it. What it remembers grows with the records that a file
// makes: some hundred bytes for an instructor's name, a section's taken seats, or a registration.
type dryWrites struct {
	Reports
	Reads

	newID registrar.IDs

	mu          sync.Mutex // guards the rest
	instructors map[string]registrar.InstructorID
	taken       map[registrar.SectionID]int
	held        map[registrar.StudentID][]registrar.Holding
}

// dryStore is the store without its writes, so that a new method of [Writes] is not passed through by mistake.
func dryStore(store Store, newID registrar.IDs) *dryWrites {
	return &dryWrites{
		Reports: store, Reads: store, newID: newID, instructors: map[string]registrar.InstructorID{},
		taken: map[registrar.SectionID]int{}, held: map[registrar.StudentID][]registrar.Holding{},
	}
}

// InstructorsByName implements [Writes].
func (f *dryWrites) InstructorsByName(
	ctx context.Context,
	names []string,
) (map[string]registrar.InstructorID, []string, error) {
	known, err := f.ImportedInstructors(ctx, names)
	if err != nil {
		return nil, nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	ids := make(map[string]registrar.InstructorID, len(names))
	var made []string
	for _, name := range names {
		if p, ok := known[name]; ok {
			ids[name] = p.ID
			continue
		}
		folded := registrar.FoldCode(name)
		if _, ok := f.instructors[folded]; !ok {
			f.instructors[folded] = registrar.InstructorID(f.newID())
			made = append(made, name)
		}
		ids[name] = f.instructors[folded]
	}
	return ids, made, nil
}

// RegistrationFacts implements [Reads]: with the seats and sections that earlier rows would have taken.
func (f *dryWrites) RegistrationFacts(
	ctx context.Context,
	section registrar.SectionID,
	student registrar.StudentID,
	_ registrar.IdempotencyKey,
) (registrar.EnrolFacts, error) {
	facts, err := f.Reads.RegistrationFacts(ctx, section, student, registrar.IdempotencyKey{})
	return f.with(facts), err
}

// EnrolmentFacts implements [Reads], in the same way.
func (f *dryWrites) EnrolmentFacts(
	ctx context.Context,
	section registrar.SectionID,
	student registrar.StudentID,
	_ registrar.IdempotencyKey,
) (registrar.EnrolFacts, error) {
	facts, err := f.Reads.EnrolmentFacts(ctx, section, student, registrar.IdempotencyKey{})
	return f.with(facts), err
}

func (f *dryWrites) with(facts registrar.EnrolFacts) registrar.EnrolFacts {
	section, student := facts.Section.ID, facts.Student.ID
	f.mu.Lock()
	defer f.mu.Unlock()
	facts.Seats.Free, facts.Seats.Taken = facts.Seats.Free-f.taken[section], facts.Seats.Taken+f.taken[section]
	for _, h := range f.held[student] {
		if !facts.Record.Holds(h.Section) {
			facts.Record.Holdings = append(facts.Record.Holdings[:len(facts.Record.Holdings):len(facts.Record.Holdings)], h)
		}
	}
	return facts
}

// CommitRegistration implements [Writes].
func (f *dryWrites) CommitRegistration(
	_ context.Context,
	change registrar.RegistrationChange,
	_ registrar.Answer,
) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.taken[change.Registration.Section] -= change.SeatDelta
	for _, h := range change.Record.Holdings {
		if h.Section == change.Registration.Section {
			f.held[change.Registration.Student] = append(f.held[change.Registration.Student], h)
		}
	}
	return nil
}

// CreateCourse implements [Writes]. Later rows find the course among those of the file.
func (*dryWrites) CreateCourse(context.Context, registrar.Course, registrar.Answer) error {
	return nil
}

// UpdateCourse implements [Writes].
func (*dryWrites) UpdateCourse(context.Context, registrar.Course, registrar.Course) error {
	return nil
}

// CreateSection implements [Writes]. No later row is about the same section: its reader makes sure of that.
func (*dryWrites) CreateSection(context.Context, registrar.Section, registrar.Answer) error {
	return nil
}

// UpdateSection implements [Writes].
func (*dryWrites) UpdateSection(context.Context, registrar.Section, registrar.Section) error {
	return nil
}

// CreateStudent implements [Writes]. No later row is about the same student, or has the same address: the list makes
// sure of that.
func (*dryWrites) CreateStudent(context.Context, registrar.Student, registrar.Answer) error {
	return nil
}

// UpdateStudent implements [Writes].
func (*dryWrites) UpdateStudent(context.Context, registrar.Student, registrar.Student) error {
	return nil
}

// CreateInstructor implements [Writes], like CreateStudent.
func (*dryWrites) CreateInstructor(context.Context, registrar.Instructor, registrar.Answer) error {
	return nil
}

// UpdateInstructor implements [Writes].
func (*dryWrites) UpdateInstructor(context.Context, registrar.Instructor, registrar.Instructor) error {
	return nil
}

// changedFields names the fields in which two versions of a record differ, as JSON would write them, except those that
// every change changes. It gives names only: values may be personal.
func changedFields[T any](before, after T) []string {
	b, a := reflect.ValueOf(before), reflect.ValueOf(after)
	var names []string
	for n := range b.NumField() {
		field := b.Type().Field(n)
		if field.Name == "ID" || field.Name == "Stamp" || reflect.DeepEqual(b.Field(n).Interface(), a.Field(n).Interface()) {
			continue
		}
		if value := b.Field(n); value.Kind() == reflect.Slice && value.Len() == 0 && a.Field(n).Len() == 0 {
			continue // none is none
		}
		if field.Name == "TitleFollows" { // a matter of the title
			if !slices.Contains(names, "title") {
				names = append(names, "title")
			}
			continue
		}
		first := strings.IndexFunc(field.Name, unicode.IsLower)
		if first < 0 { // "CRN"
			names = append(names, strings.ToLower(field.Name))
			continue
		}
		first = max(first-1, 1)
		names = append(names, strings.ToLower(field.Name[:first])+field.Name[first:])
	}
	return names
}
