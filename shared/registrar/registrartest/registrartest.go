// Package registrartest is the conformance suite for every store of Registrar: what it keeps, what it refuses, and what
// holds when many write at once. It knows the domain and nothing of a database. Counts are derived again from the
// records, never taken from the counters that they check. Records of other work have suites of their own: consumertest,
// intaketest, mailtest, reconciletest and scheduletest, each beside its package.
//
// Start with [Run]; shared/dynamo runs it against the embedded engine, and against any other that the environment
// names.
package registrartest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/registrar/shared/registrar"
)

// Store is everything that operations and workers on the domain's records need of a store.
type Store interface {
	registrar.RegistrationStore

	CreateTerm(ctx context.Context, t registrar.Term, answer registrar.Answer) error
	Term(ctx context.Context, id registrar.TermID) (registrar.Term, error)
	Terms(ctx context.Context, page registrar.PageRequest) (registrar.Page[registrar.Term], error)
	UpdateTerm(ctx context.Context, before, after registrar.Term) error
	DeleteTerm(ctx context.Context, id registrar.TermID, version registrar.Version) error

	CreateCourse(ctx context.Context, c registrar.Course, answer registrar.Answer) error
	Course(ctx context.Context, id registrar.CourseID) (registrar.Course, error)
	Courses(ctx context.Context, filter registrar.CourseFilter,
		page registrar.PageRequest) (registrar.Page[registrar.Course], error)
	CoursesByCode(ctx context.Context, codes []string) (map[string]registrar.Course, error)
	UpdateCourse(ctx context.Context, before, after registrar.Course) error
	DeleteCourse(ctx context.Context, id registrar.CourseID, version registrar.Version) error

	CreateSection(ctx context.Context, s registrar.Section, answer registrar.Answer) error
	Section(ctx context.Context, id registrar.SectionID) (registrar.SectionView, error)
	Sections(ctx context.Context, filter registrar.SectionFilter,
		page registrar.PageRequest) (registrar.Page[registrar.SectionView], error)
	SectionsByCRN(ctx context.Context, term registrar.TermID, crns []string) (map[string]registrar.Section, error)
	UpdateSection(ctx context.Context, before, after registrar.Section) error
	DeleteSection(ctx context.Context, id registrar.SectionID, version registrar.Version) error
	Offering(ctx context.Context, term registrar.TermID, course registrar.CourseID) (registrar.Offering, error)

	CreateStudent(ctx context.Context, p registrar.Student, answer registrar.Answer) error
	Student(ctx context.Context, id registrar.StudentID) (registrar.Student, error)
	Students(ctx context.Context, filter registrar.StudentFilter,
		page registrar.PageRequest) (registrar.Page[registrar.Student], error)
	StudentsByNumber(ctx context.Context, numbers []string) (map[string]registrar.Student, error)
	UpdateStudent(ctx context.Context, before, after registrar.Student) error
	DeleteStudent(ctx context.Context, id registrar.StudentID, version registrar.Version) error

	CreateInstructor(ctx context.Context, p registrar.Instructor, answer registrar.Answer) error
	Instructor(ctx context.Context, id registrar.InstructorID) (registrar.Instructor, error)
	Instructors(ctx context.Context, page registrar.PageRequest) (registrar.Page[registrar.Instructor], error)
	InstructorsByName(ctx context.Context, names []string) (map[string]registrar.InstructorID, []string, error)
	StudentsByEmail(ctx context.Context, addresses []string) (map[string]registrar.Student, error)
	InstructorsByNumber(ctx context.Context, numbers []string) (map[string]registrar.Instructor, error)
	InstructorsByEmail(ctx context.Context, addresses []string) (map[string]registrar.Instructor, error)
	ImportedInstructors(ctx context.Context, names []string) (map[string]registrar.Instructor, error)
	UpdateInstructor(ctx context.Context, before, after registrar.Instructor) error
	DeleteInstructor(ctx context.Context, id registrar.InstructorID, version registrar.Version) error

	Registration(ctx context.Context, section registrar.SectionID, student registrar.StudentID) (registrar.Registration,
		error)
	Roster(ctx context.Context, section registrar.SectionID,
		page registrar.PageRequest) (registrar.Page[registrar.Registration], error)
	registrar.RefreshStore
	registrar.TitleStore
	CourseTerms(ctx context.Context, course registrar.CourseID) ([]registrar.TermID, error)
	Registrations(ctx context.Context, student registrar.StudentID) ([]registrar.Registration, error)
	Schedule(ctx context.Context, student registrar.StudentID, term registrar.TermID) ([]registrar.Registration, error)

	Events(ctx context.Context, filter registrar.EventFilter, page registrar.PageRequest) (registrar.Page[registrar.Event],
		error)
	Published(ctx context.Context, from, to time.Time, page registrar.PageRequest) (registrar.Page[registrar.Event], error)
	KeepRefused(ctx context.Context, events []registrar.Event) error
}

// University makes records for tests: a store and ids that count upwards, so that a failing test reads the same each
// time.
type University struct {
	Store
	T       testing.TB
	Refused Refusals // what the university's desks refused
	last    atomic.Int64
	at      time.Time
}

// New makes a university over an empty store, at nine o'clock on 4 November 2024, UTC.
func New(t testing.TB, store Store) *University {
	return &University{Store: store, T: t, at: time.Date(2024, 11, 4, 9, 0, 0, 0, time.UTC)}
}

// NewID is a [registrar.IDs].
func (u *University) NewID() string {
	return fmt.Sprintf("00000000-0000-7000-8000-%012d", u.last.Add(1))
}

// Now is the university's time, which stands still.
func (u *University) Now() time.Time { return u.at }

// Must ends the test on an error.
func (u *University) Must(err error) {
	u.T.Helper()
	if err != nil {
		u.T.Fatal(err)
	}
}

// NewTerm makes a stored term in which students may register.
func (u *University) NewTerm(code string) registrar.Term {
	u.T.Helper()
	t := registrar.Term{
		ID: registrar.TermID(u.NewID()), Code: code, Title: "Term " + code, Start: "2025-01-13", End: "2025-05-10",
		TimeZone: "America/New_York", Stamp: registrar.Stamp{}.Next(u.at),
		// Before the time at which simulated time begins, too: the year 2000 (testing/synctest).
		Registration: registrar.Window{Open: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)},
	}
	u.Must(u.CreateTerm(u.T.Context(), t, registrar.Answer{}))
	return t
}

// NewCourse makes a stored course of four credits.
func (u *University) NewCourse(subject, number, title string) registrar.Course {
	u.T.Helper()
	c := registrar.Course{
		ID: registrar.CourseID(u.NewID()), Subject: subject, Number: number, Title: title,
		Credits: registrar.CreditRange{Min: 400, Max: 400}, Stamp: registrar.Stamp{}.Next(u.at),
	}
	u.Must(u.CreateCourse(u.T.Context(), c, registrar.Answer{}))
	return c
}

// SectionOf gives an open section without meetings, not stored yet.
func (u *University) SectionOf(t registrar.Term, c registrar.Course, crn string, capacity int) registrar.Section {
	return registrar.Section{
		ID: registrar.SectionID(u.NewID()), Term: t.ID, Course: c.ID, Subject: c.Subject, Number: c.Number, Title: c.Title,
		TitleFollows: true, CRN: crn, Label: "01", Component: "lecture", Credits: c.Credits, Capacity: capacity,
		Status: registrar.SectionOpen, Stamp: registrar.Stamp{}.Next(u.at),
	}
}

// NewSection makes such a section and stores it.
func (u *University) NewSection(t registrar.Term, c registrar.Course, crn string, capacity int) registrar.Section {
	u.T.Helper()
	s := u.SectionOf(t, c, crn, capacity)
	u.Must(u.CreateSection(u.T.Context(), s, registrar.Answer{}))
	return s
}

// NewStudent makes a stored, active student.
func (u *University) NewStudent(number, given, family string) registrar.Student {
	u.T.Helper()
	p := registrar.Student{
		ID: registrar.StudentID(u.NewID()), Number: registrar.Personal(number), GivenName: registrar.Personal(given),
		FamilyName: registrar.Personal(family), Active: true,
		Stamp: registrar.Stamp{}.Next(u.at),
	}
	u.Must(u.CreateStudent(u.T.Context(), p, registrar.Answer{}))
	return p
}

// Desk is the desk over the store. What it refuses is in Refused.
func (u *University) Desk() registrar.Desk {
	return registrar.Desk{Store: u.Store, Audit: &u.Refused, NewID: u.NewID}
}

// Refusals is a [registrar.Auditor] that remembers.
type Refusals struct {
	mu     sync.Mutex
	events []registrar.Event
}

// Refused implements [registrar.Auditor].
func (r *Refusals) Refused(_ context.Context, e registrar.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	return nil
}

// Events are what was refused so far.
func (r *Refusals) Events() []registrar.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// Enrol enrols through the desk, without a key.
func (u *University) Enrol(section registrar.SectionID, student registrar.StudentID) (registrar.Registration, error) {
	return u.Desk().Enrol(u.T.Context(), registrar.EnrolRequest{
		Section: section, Student: student, Actor: registrar.Anonymous(), At: u.at,
	}, registrar.IdempotencyKey{}, nil)
}

// Drop drops through the desk, without a key.
func (u *University) Drop(section registrar.SectionID, student registrar.StudentID) (registrar.Registration, error) {
	return u.Desk().Drop(u.T.Context(), registrar.DropRequest{
		Section: section, Student: student, Actor: registrar.Anonymous(), At: u.at,
	}, registrar.IdempotencyKey{}, nil)
}

// All reads every page of a list.
func All[T any](t testing.TB, limit int, list func(registrar.PageRequest) (registrar.Page[T], error)) []T {
	t.Helper()
	var all []T
	for request := (registrar.PageRequest{Limit: limit}); ; {
		page, err := list(request)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Items) > limit {
			t.Fatalf("a page of %d records, asked for %d", len(page.Items), limit)
		}
		all = append(all, page.Items...)
		if page.Next == "" {
			return all
		}
		request.Cursor = page.Next
	}
}

// CheckSeats derives a section's counters from its registrations and compares: taken equals the roster, capacity equals
// taken plus free, nobody is on the roster twice, and nobody holds a seat that does not exist.
func CheckSeats(t testing.TB, store Store, section registrar.SectionID) (taken int) {
	t.Helper()
	view, err := store.Section(t.Context(), section)
	if err != nil {
		t.Fatal(err)
	}
	roster := All(t, registrar.MaxPage, func(p registrar.PageRequest) (registrar.Page[registrar.Registration], error) {
		return store.Roster(t.Context(), section, p)
	})
	seen := make(map[registrar.StudentID]bool, len(roster))
	for _, r := range roster {
		if seen[r.Student] {
			t.Errorf("section %s: student %s stands twice on the roster", section, r.Student)
		}
		seen[r.Student] = true
		reg, err := store.Registration(t.Context(), section, r.Student)
		if err != nil || !reg.State.Live() {
			t.Errorf("section %s: student %s stands on the roster, the record says %s (%v)", section, r.Student, reg.State, err)
		}
	}
	if n := len(roster); view.Seats.Taken != n || view.Seats.Free != view.Seats.Capacity-n ||
		view.Seats.Capacity != view.Capacity {
		t.Errorf("section %s: %d registrations, seats say capacity %d, taken %d, free %d", section, n,
			view.Seats.Capacity, view.Seats.Taken, view.Seats.Free)
	}
	return len(roster)
}
