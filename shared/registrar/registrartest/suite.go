package registrartest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/registrar/shared/registrar"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Test is one test of a store, with a university over it. The store is S, where a suite asks for more than [Store].
type Test[S Store] func(t *testing.T, u *University, store S)

// Run runs the whole suite; open gives an empty store.
func Run(t *testing.T, open func(testing.TB) Store) { RunTests(t, open, suite()) }

// RunSimulated runs the whole suite in simulated time, for a store whose requests take their time and meet each other.
// Its lists must show what was written before they were asked for.
func RunSimulated(t *testing.T, open func(testing.TB) Store) { RunTestsSimulated(t, open, suite()) }

// RunTests runs tests by their names, as [Run] does: it is for the suites of packages that keep other records in the
// same store.
func RunTests[S Store](t *testing.T, open func(testing.TB) S, tests map[string]Test[S]) {
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := open(t)
			test(t, New(t, store), store)
		})
	}
}

// RunTestsSimulated runs tests by their names, as [RunSimulated] does.
func RunTestsSimulated[S Store](t *testing.T, open func(testing.TB) S, tests map[string]Test[S]) {
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := open(t)
				u := New(t, store)
				time.Sleep(time.Until(u.at)) // as everywhere else, records are made now
				test(t, u, store)
			})
		})
	}
}

func suite() map[string]Test[Store] {
	tests := map[string]func(*testing.T, *University){
		"a record is read as it was written":             readAsWritten,
		"a natural key belongs to one record":            naturalKeys,
		"a change needs the version that it was made of": versions,
		"lists page without gap or repetition":           lists,
		"what others depend on is not deleted":           dependents,
		"an offering comes and goes with its sections":   offerings,
		"a course's new title reaches its sections":      titles,
		"enrol, drop and enrol again":                    enrolment,
		"a key is answered once":                         idempotency,
		"every change leaves its event":                  events,
		"an audit pages in order":                        audits,
		"a changed section overtakes a decision":         overtaken,
		"a changed section overtakes a drop":             overtakenDrop,
		"a decision commits on the section that it read": sectionAsRead,
		"a key that comes twice at once is answered":     twiceAtOnce,
		"copies follow what they are copied from":        refreshed,
		"the last seats are sold once":                   lastSeats,
		"one student at many sections at once":           oneStudent,
		"a term is not deleted under a new section":      deletionRace,
	}
	all := make(map[string]Test[Store], len(tests))
	for name, test := range tests {
		all[name] = func(t *testing.T, u *University, _ Store) { test(t, u) }
	}
	return all
}

// Same compares; nil and empty lists are the same.
func Same(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s differs (-want +got):\n%s", what, d)
	}
}

// WantRefusal reports an error that is not a refusal with the code.
func WantRefusal(t *testing.T, what string, err error, code registrar.Code) {
	t.Helper()
	if !registrar.IsRefusal(err, code) {
		t.Errorf("%s: got %v, want a refusal %s", what, err, code)
	}
}

func readAsWritten(t *testing.T, u *University) {
	ctx := t.Context()
	term := registrar.Term{
		ID: "t1", Code: "2025-SPRING", Title: "Spring", Start: "2025-01-13", End: "2025-05-10", TimeZone: "America/New_York",
		Registration: registrar.Window{Open: u.at.Add(-time.Hour), Close: u.at.Add(time.Hour)}, CreditLimit: 2100,
		Deadlines: registrar.Deadlines{LastAdd: u.at.Add(time.Minute), LastDrop: u.at.Add(2 * time.Minute)},
		Stamp:     registrar.Stamp{}.Next(u.at),
	}
	u.Must(u.CreateTerm(ctx, term, registrar.Answer{}))
	gotTerm, err := u.Store.Term(ctx, "t1")
	u.Must(err)
	Same(t, "term", gotTerm, term)

	course := registrar.Course{
		ID: "c1", Subject: "CSCI", Number: "1200", Title: "Data Structures", Description: "Lists, trees.", School: "Science",
		Credits: registrar.CreditRange{Min: 100, Max: 450}, Prerequisites: "CSCI 1100", Requires: []string{"CSCI 1100"},
		Stamp: registrar.Stamp{}.Next(u.at),
	}
	u.Must(u.CreateCourse(ctx, course, registrar.Answer{}))
	gotCourse, err := u.Store.Course(ctx, "c1")
	u.Must(err)
	Same(t, "course", gotCourse, course)

	teacher := registrar.Instructor{ID: "i1", Name: "Ada King", Email: "ada@example.edu",
		Stamp: registrar.Stamp{}.Next(u.at)}
	u.Must(u.CreateInstructor(ctx, teacher, registrar.Answer{}))
	gotTeacher, err := u.Store.Instructor(ctx, "i1")
	u.Must(err)
	Same(t, "instructor", gotTeacher, teacher)

	section := u.SectionOf(term, course, "12345", 30)
	section.Instructors = []registrar.InstructorID{"i1"}
	section.Deadlines.LastAdd = u.at.Add(time.Hour)
	section.Meetings = []registrar.Meeting{
		{Days: 0b0001001, Start: 600, End: 710, From: "2025-01-13", To: "2025-05-01", Room: "Hall 1, east | west"},
		{Days: 0b0100000, Start: 0, End: 1440, From: "2025-01-13", To: "2025-01-13"},
	}
	u.Must(u.CreateSection(ctx, section, registrar.Answer{}))
	view, err := u.Store.Section(ctx, section.ID)
	u.Must(err)
	Same(t, "section", view, registrar.SectionView{Section: section, Seats: registrar.Seats{
		Section: section.ID, Capacity: 30, Free: 30, Status: registrar.SectionOpen, SectionVersion: 1,
	}})

	student := registrar.Student{ID: "s1", Number: "U1", GivenName: "Grace", FamilyName: "Hopper", Email: "g@example.edu",
		Stamp: registrar.Stamp{}.Next(u.at)}
	u.Must(u.CreateStudent(ctx, student, registrar.Answer{}))
	gotStudent, err := u.Store.Student(ctx, "s1")
	u.Must(err)
	Same(t, "student", gotStudent, student)

	_, err = u.Store.Term(ctx, "none")
	WantRefusal(t, "a term that is not there", err, registrar.NotFound)
	_, err = u.Store.Section(ctx, "none")
	WantRefusal(t, "a section that is not there", err, registrar.NotFound)
}

func naturalKeys(t *testing.T, u *University) {
	ctx := t.Context()
	term, other := u.NewTerm("2025-SPRING"), u.NewTerm("2025-FALL")
	course := u.NewCourse("CSCI", "1100", "One")
	u.NewSection(term, course, "100", 1)
	u.NewSection(other, course, "100", 1) // a CRN is unique in its term only
	first := u.NewStudent("U1", "A", "B")
	second := u.NewStudent("U2", "A", "B")

	taken := term
	taken.ID = "another"
	taken.Code = "2025-spring"
	WantRefusal(t, "a term's code in other case", u.CreateTerm(ctx, taken, registrar.Answer{}), registrar.NameTaken)
	_, err := u.Store.Term(ctx, "another")
	WantRefusal(t, "what was refused", err, registrar.NotFound)
	again := course
	again.ID = "another"
	WantRefusal(t, "a course's code", u.CreateCourse(ctx, again, registrar.Answer{}), registrar.NameTaken)
	WantRefusal(t, "a CRN", u.CreateSection(ctx, u.SectionOf(term, course, "100", 1), registrar.Answer{}),
		registrar.NameTaken)

	changed := second
	changed.Number, changed.Stamp = "U1", second.Next(u.at)
	WantRefusal(t, "a student's number", u.UpdateStudent(ctx, second, changed), registrar.NameTaken)
	moved := first
	moved.Number, moved.Email, moved.Stamp = "U3", "a@example.edu", first.Next(u.at)
	u.Must(u.UpdateStudent(ctx, first, moved))
	u.Must(u.UpdateStudent(ctx, second, changed)) // U1 is free now
	found, err := u.StudentsByNumber(ctx, []string{"U1", "u3", "U2"})
	u.Must(err)
	Same(t, "students by number", found, map[string]registrar.Student{"U1": changed, "u3": moved})
	u.Must(u.DeleteStudent(ctx, first.ID, 0))
	u.NewStudent("U3", "C", "D")

	courses, err := u.CoursesByCode(ctx, []string{"CSCI 1100", "CSCI 9999"})
	u.Must(err)
	Same(t, "courses by code", courses, map[string]registrar.Course{"CSCI 1100": course})
	ids, created, err := u.InstructorsByName(ctx, []string{"Ada King", "Alan Turing", "Ada King"})
	u.Must(err)
	more, createdAgain, err := u.InstructorsByName(ctx, []string{"Alan Turing"})
	u.Must(err)
	if len(created) != 2 || len(createdAgain) != 0 || more["Alan Turing"] != ids["Alan Turing"] ||
		ids["Ada King"] == ids["Alan Turing"] {
		t.Errorf("instructors by name: %v, created %q, then %v, created %q", ids, created, more, createdAgain)
	}
}

func versions(t *testing.T, u *University) {
	ctx := t.Context()
	term := u.NewTerm("2025-SPRING")
	after := term
	after.Title, after.Stamp = "New", term.Next(u.at.Add(time.Second))
	u.Must(u.UpdateTerm(ctx, term, after))
	if err := u.UpdateTerm(ctx, term, after); !errors.Is(err, registrar.ErrVersionMismatch) {
		t.Errorf("the same change twice: %v, want ErrVersionMismatch", err)
	}
	got, err := u.Store.Term(ctx, term.ID)
	u.Must(err)
	Same(t, "the changed term", got, after)
	if err := u.DeleteTerm(ctx, term.ID, 1); !errors.Is(err, registrar.ErrVersionMismatch) {
		t.Errorf("deletion of an old version: %v, want ErrVersionMismatch", err)
	}
	u.Must(u.DeleteTerm(ctx, term.ID, 2))
	WantRefusal(t, "a second deletion", u.DeleteTerm(ctx, term.ID, 0), registrar.NotFound)

	course := u.NewCourse("CSCI", "1100", "One")
	described := course
	described.Description, described.Stamp = "Text", course.Next(u.at)
	u.Must(u.UpdateCourse(ctx, course, described))
	plain := described
	plain.Description, plain.Stamp = "", described.Next(u.at)
	u.Must(u.UpdateCourse(ctx, described, plain))
	gotCourse, err := u.Store.Course(ctx, course.ID)
	u.Must(err)
	Same(t, "a course that lost its description", gotCourse, plain)
}

func lists(t *testing.T, u *University) {
	ctx := t.Context()
	term := u.NewTerm("2025-SPRING")
	teacher := registrar.Instructor{ID: "i1", Name: "Ada King", Stamp: registrar.Stamp{}.Next(u.at)}
	u.Must(u.CreateInstructor(ctx, teacher, registrar.Answer{}))
	var taught, inCSCI, ofFirst, open []string
	for n := range 5 {
		subject := []string{"CSCI", "MATH"}[n%2]
		course := u.NewCourse(subject, fmt.Sprintf("1%d00", n), fmt.Sprintf("Title %d", n/2))
		for k := range 3 {
			section := u.SectionOf(term, course, fmt.Sprintf("%d%d", n, k), k)
			if k == 1 {
				section.Instructors = []registrar.InstructorID{"i1"}
				taught = append(taught, section.CRN)
			}
			if k > 0 {
				open = append(open, section.CRN)
			}
			if subject == "CSCI" {
				inCSCI = append(inCSCI, section.CRN)
			}
			if n == 0 {
				ofFirst = append(ofFirst, section.CRN)
			}
			u.Must(u.CreateSection(ctx, section, registrar.Answer{}))
		}
	}
	first, err := u.CoursesByCode(ctx, []string{"CSCI 1000"})
	u.Must(err)
	for what, c := range map[string]struct {
		filter registrar.SectionFilter
		want   []string
	}{
		"subject":            {registrar.SectionFilter{Subject: "csci"}, inCSCI},
		"course":             {registrar.SectionFilter{Course: first["CSCI 1000"].ID}, ofFirst},
		"instructor":         {registrar.SectionFilter{Instructor: "i1"}, taught},
		"open seats":         {registrar.SectionFilter{OpenSeats: true}, open},
		"subject, open":      {registrar.SectionFilter{Subject: "MATH", OpenSeats: true}, []string{"11", "12", "31", "32"}},
		"no such course":     {registrar.SectionFilter{Course: "none"}, nil},
		"no such instructor": {registrar.SectionFilter{Instructor: "none"}, nil},
	} {
		for _, limit := range []int{1, 2, 100} {
			f := c.filter
			f.Term = term.ID
			var crns []string
			for _, s := range All(t, limit, func(p registrar.PageRequest) (registrar.Page[registrar.SectionView], error) {
				return u.Sections(ctx, f, p)
			}) {
				crns = append(crns, s.CRN)
			}
			slices.Sort(crns)
			Same(t, fmt.Sprintf("sections by %s, %d a page", what, limit), crns, c.want)
		}
	}
	var titles []string
	for _, c := range All(t, 2, func(p registrar.PageRequest) (registrar.Page[registrar.Course], error) {
		return u.Courses(ctx, registrar.CourseFilter{TextPrefix: "tItle 0"}, p)
	}) {
		titles = append(titles, c.Code())
	}
	Same(t, "courses by title", titles, []string{"CSCI 1000", "MATH 1100"})
	numbers := All(t, 1, func(p registrar.PageRequest) (registrar.Page[registrar.Course], error) {
		return u.Courses(ctx, registrar.CourseFilter{Subject: "CSCI", TextPrefix: "title 1"}, p)
	})
	if len(numbers) != 1 || numbers[0].Number != "1200" {
		t.Errorf("courses by subject and title: %v", numbers)
	}
	for n := range 7 {
		u.NewStudent(fmt.Sprintf("U%d", n), "Given", []string{"Hopper", "Hoare", "Lamport"}[n%3])
	}
	var names []string
	for _, p := range All(t, 2, func(p registrar.PageRequest) (registrar.Page[registrar.Student], error) {
		return u.Students(ctx, registrar.StudentFilter{NamePrefix: "HO"}, p)
	}) {
		names = append(names, string(p.FamilyName))
	}
	Same(t, "students by name", names, []string{"Hoare", "Hoare", "Hopper", "Hopper", "Hopper"})
	page, err := u.Students(ctx, registrar.StudentFilter{NamePrefix: "ho"}, registrar.PageRequest{Limit: 1})
	u.Must(err)
	for what, cursor := range map[string]string{
		"forged": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "no base64": "***", "of another list": page.Next,
		"cut": page.Next[:len(page.Next)-2],
	} {
		_, err := u.Students(ctx, registrar.StudentFilter{}, registrar.PageRequest{Limit: 1, Cursor: cursor})
		if !errors.Is(err, registrar.ErrBadCursor) {
			t.Errorf("a cursor that is %s: %v, want ErrBadCursor", what, err)
		}
	}
}

func dependents(t *testing.T, u *University) {
	ctx := t.Context()
	term, course := u.NewTerm("2025-SPRING"), u.NewCourse("CSCI", "1100", "One")
	teacher := registrar.Instructor{ID: "i1", Name: "Ada King", Email: "a@example.edu",
		Stamp: registrar.Stamp{}.Next(u.at)}
	u.Must(u.CreateInstructor(ctx, teacher, registrar.Answer{}))
	section := u.SectionOf(term, course, "100", 1)
	section.Instructors = []registrar.InstructorID{"i1"}
	u.Must(u.CreateSection(ctx, section, registrar.Answer{}))
	student := u.NewStudent("U1", "Grace", "Hopper")
	_, err := u.Enrol(section.ID, student.ID)
	u.Must(err)
	_, err = u.Drop(section.ID, student.ID)
	u.Must(err)

	WantRefusal(t, "a term with a section", u.DeleteTerm(ctx, term.ID, 0), registrar.InUse)
	WantRefusal(t, "a course with a section", u.DeleteCourse(ctx, course.ID, 0), registrar.InUse)
	WantRefusal(t, "an instructor with a section", u.DeleteInstructor(ctx, "i1", 0), registrar.InUse)
	WantRefusal(t, "a section with a registration", u.DeleteSection(ctx, section.ID, 0), registrar.InUse)
	WantRefusal(t, "a student with a registration", u.DeleteStudent(ctx, student.ID, 0), registrar.InUse)
	if other := u.SectionOf(term, course, "200", 1); u.CreateSection(ctx, other, registrar.Answer{}) != nil {
		t.Error("after a refused deletion the term takes no section any more")
	}

	lonely := u.SectionOf(term, course, "300", 1)
	lonely.Instructors = []registrar.InstructorID{"none"}
	WantRefusal(t, "a section without its instructor", u.CreateSection(ctx, lonely, registrar.Answer{}),
		registrar.NotFound)
	lonely.Instructors, lonely.Term = nil, "none"
	WantRefusal(t, "a section without its term", u.CreateSection(ctx, lonely, registrar.Answer{}), registrar.NotFound)
}

func offerings(t *testing.T, u *University) {
	ctx := t.Context()
	term, course := u.NewTerm("2025-SPRING"), u.NewCourse("CSCI", "1100", "One")
	teacher := registrar.Instructor{ID: "i1", Name: "Ada King", Stamp: registrar.Stamp{}.Next(u.at)}
	u.Must(u.CreateInstructor(ctx, teacher, registrar.Answer{}))
	_, err := u.Offering(ctx, term.ID, course.ID)
	WantRefusal(t, "an offering before its first section", err, registrar.NotFound)
	first, second := u.NewSection(term, course, "1", 1), u.NewSection(term, course, "2", 1)
	offering, err := u.Offering(ctx, term.ID, course.ID)
	u.Must(err)
	if offering.Sections != 2 || offering.ID != first.Offering() {
		t.Errorf("offering of two sections: %+v", offering)
	}
	changed := second
	changed.CRN, changed.Capacity, changed.Instructors, changed.Stamp = "3", 5, []registrar.InstructorID{"i1"},
		second.Next(u.at)
	u.Must(u.UpdateSection(ctx, second, changed))
	view, err := u.Store.Section(ctx, second.ID)
	u.Must(err)
	Same(t, "changed section", view, registrar.SectionView{Section: changed, Seats: registrar.Seats{
		Section: second.ID, Capacity: 5, Free: 5, Status: registrar.SectionOpen, SectionVersion: 2,
	}})
	byCRN, err := u.SectionsByCRN(ctx, term.ID, []string{"1", "2", "3"})
	u.Must(err)
	Same(t, "sections by CRN", byCRN, map[string]registrar.Section{"1": first, "3": changed})
	u.Must(u.DeleteSection(ctx, first.ID, 0))
	u.Must(u.DeleteSection(ctx, second.ID, 2))
	_, err = u.Offering(ctx, term.ID, course.ID)
	WantRefusal(t, "an offering after its last section", err, registrar.NotFound)
	u.Must(u.DeleteInstructor(ctx, "i1", 0))
	u.Must(u.DeleteCourse(ctx, course.ID, 0))
	u.Must(u.DeleteTerm(ctx, term.ID, 0))
}

func enrolment(t *testing.T, u *University) {
	ctx := t.Context()
	term, course := u.NewTerm("2025-SPRING"), u.NewCourse("CSCI", "1100", "One")
	section := u.NewSection(term, course, "100", 1)
	ann, bob := u.NewStudent("U1", "Ann", "Able"), u.NewStudent("U2", "Bob", "Baker")
	reg, err := u.Enrol(section.ID, ann.ID)
	u.Must(err)
	got, err := u.Registration(ctx, section.ID, ann.ID)
	u.Must(err)
	Same(t, "registration", got, reg)
	if reg.State != registrar.Enrolled || reg.Attempt != 1 || reg.Credits != 400 || reg.StudentName != "Able, Ann" {
		t.Errorf("registration: %+v", reg)
	}
	_, err = u.Enrol(section.ID, ann.ID)
	WantRefusal(t, "enrolling twice", err, registrar.AlreadyEnrolled)
	_, err = u.Enrol(section.ID, bob.ID)
	WantRefusal(t, "a full section", err, registrar.SectionFull)
	_, err = u.Drop(section.ID, bob.ID)
	WantRefusal(t, "dropping what is not held", err, registrar.NotEnrolled)
	CheckSeats(t, u.Store, section.ID)
	_, err = u.Drop(section.ID, ann.ID)
	u.Must(err)
	_, err = u.Enrol(section.ID, bob.ID)
	u.Must(err)
	_, err = u.Enrol(section.ID, ann.ID)
	WantRefusal(t, "a seat that another has now", err, registrar.SectionFull)
	_, err = u.Drop(section.ID, bob.ID)
	u.Must(err)
	reg, err = u.Enrol(section.ID, ann.ID)
	u.Must(err)
	if reg.Attempt != 2 || reg.Version != 3 || !reg.DroppedAt.IsZero() {
		t.Errorf("second attempt: %+v", reg)
	}
	schedule, err := u.Schedule(ctx, ann.ID, term.ID)
	u.Must(err)
	Same(t, "schedule", schedule, []registrar.Registration{reg})
	if CheckSeats(t, u.Store, section.ID) != 1 {
		t.Error("the roster has not one student")
	}
	_, err = u.Enrol(section.ID, "none")
	WantRefusal(t, "a student who is not there", err, registrar.NotFound)
	_, err = u.Enrol("none", ann.ID)
	WantRefusal(t, "a section that is not there", err, registrar.NotFound)
}

func idempotency(t *testing.T, u *University) {
	ctx := t.Context()
	term, course := u.NewTerm("2025-SPRING"), u.NewCourse("CSCI", "1100", "One")
	section, student := u.NewSection(term, course, "100", 5), u.NewStudent("U1", "Ann", "Able")
	key := registrar.IdempotencyKey{Principal: "p", Key: "k", Request: [32]byte{1}}
	enrol := func(key registrar.IdempotencyKey) error {
		_, err := u.Desk().Enrol(ctx, registrar.EnrolRequest{Section: section.ID, Student: student.ID, At: u.at}, key,
			func(registrar.Registration) ([]byte, error) { return []byte("yes"), nil })
		return err
	}
	var wg sync.WaitGroup
	answers := make([]error, 8)
	for i := range answers {
		wg.Go(func() { answers[i] = enrol(key) })
	}
	wg.Wait()
	effects := 0
	for _, err := range answers {
		var before *registrar.AnsweredBefore
		switch {
		case err == nil:
			effects++
		case errors.As(err, &before) && string(before.Reply) == "yes":
		default:
			t.Errorf("one of eight equal requests: %v", err)
		}
	}
	if effects != 1 {
		t.Errorf("%d effects of one key", effects)
	}
	other := key
	other.Request = [32]byte{2}
	WantRefusal(t, "the key with another request", enrol(other), registrar.IdempotencyMismatch)

	answer := registrar.Answer{Key: registrar.IdempotencyKey{Principal: "p", Key: "term", Request: [32]byte{1}},
		Reply: []byte("made")}
	made := registrar.Term{ID: "t9", Code: "X", Title: "X", Start: "2025-01-01", End: "2025-02-01", TimeZone: "UTC",
		Stamp: registrar.Stamp{}.Next(u.at)}
	u.Must(u.CreateTerm(ctx, made, answer))
	made.ID = "t10"
	var before *registrar.AnsweredBefore
	if err := u.CreateTerm(ctx, made, answer); !errors.As(err, &before) || string(before.Reply) != "made" {
		t.Errorf("creating with a used key: %v", err)
	}
}

// overtaken decides on facts that change before the commit.
func overtaken(t *testing.T, u *University) {
	ctx := t.Context()
	term, course := u.NewTerm("2025-SPRING"), u.NewCourse("CSCI", "1100", "One")
	section, student := u.NewSection(term, course, "100", 5), u.NewStudent("U1", "Ann", "Able")
	facts, err := u.RegistrationFacts(ctx, section.ID, student.ID, registrar.IdempotencyKey{})
	u.Must(err)
	request := registrar.EnrolRequest{Section: section.ID, Student: student.ID, At: u.at}
	change, err := registrar.DecideEnrol(request, facts, u.NewID)
	u.Must(err)
	closed := section
	closed.Status, closed.Stamp = registrar.SectionClosed, section.Next(u.at)
	u.Must(u.UpdateSection(ctx, section, closed))
	if err := u.CommitRegistration(ctx, change, registrar.Answer{}); !errors.Is(err, registrar.ErrStale) {
		t.Errorf("commit on a section that was closed meanwhile: %v, want ErrStale", err)
	}
	_, err = u.Enrol(section.ID, student.ID)
	WantRefusal(t, "a closed section", err, registrar.SectionNotOpen)
	CheckSeats(t, u.Store, section.ID)
}

// overtakenDrop decides on a drop before its last day is set into the past.
func overtakenDrop(t *testing.T, u *University) {
	ctx := t.Context()
	section := u.NewSection(u.NewTerm("2025-SPRING"), u.NewCourse("CSCI", "1100", "One"), "100", 5)
	student := u.NewStudent("U1", "Ann", "Able")
	_, err := u.Enrol(section.ID, student.ID)
	u.Must(err)
	facts, err := u.RegistrationFacts(ctx, section.ID, student.ID, registrar.IdempotencyKey{})
	u.Must(err)
	request := registrar.DropRequest{Section: section.ID, Student: student.ID, At: u.at}
	change, err := registrar.DecideDrop(request, facts, u.NewID)
	u.Must(err)
	late := section
	late.Deadlines.LastDrop, late.Stamp = u.at.Add(-time.Hour), section.Next(u.at)
	u.Must(u.UpdateSection(ctx, section, late))
	if err := u.CommitRegistration(ctx, change, registrar.Answer{}); !errors.Is(err, registrar.ErrStale) {
		t.Errorf("commit of a drop whose last day has passed meanwhile: %v, want ErrStale", err)
	}
	_, err = u.Desk().Drop(ctx, request, registrar.IdempotencyKey{}, nil)
	WantRefusal(t, "a late drop", err, registrar.DeadlinePassed)
	CheckSeats(t, u.Store, section.ID)
}

// refreshed moves a section and renames a student after the enrolment that copied both.
func refreshed(t *testing.T, u *University) {
	ctx := t.Context()
	term, student := u.NewTerm("2025-SPRING"), u.NewStudent("U1", "Ann", "Able")
	at := func(start registrar.ClockTime) []registrar.Meeting {
		return []registrar.Meeting{{Days: 1, Start: start, End: start + 60, From: "2025-01-13", To: "2025-05-09"}}
	}
	early, late := u.SectionOf(term, u.NewCourse("CSCI", "1", "X"), "100", 5), u.SectionOf(term,
		u.NewCourse("CSCI", "2", "X"), "200", 5)
	early.Meetings, late.Meetings = at(600), at(900)
	u.Must(u.CreateSection(ctx, early, registrar.Answer{}))
	u.Must(u.CreateSection(ctx, late, registrar.Answer{}))
	reg, err := u.Enrol(early.ID, student.ID)
	u.Must(err)

	moved := early
	moved.CRN, moved.Component, moved.Meetings, moved.Stamp = "101", "seminar", at(930), early.Next(u.at)
	u.Must(u.UpdateSection(ctx, early, moved))
	renamed := student
	renamed.FamilyName, renamed.Stamp = "Zeta", student.Next(u.at)
	u.Must(u.UpdateStudent(ctx, student, renamed))
	before, err := u.RegistrationFacts(ctx, late.ID, student.ID, registrar.IdempotencyKey{})
	u.Must(err)
	decided, err := registrar.DecideEnrol(registrar.EnrolRequest{Section: late.ID, Student: student.ID, At: u.at}, before,
		u.NewID)
	u.Must(err)
	facts, err := u.RegistrationFacts(ctx, early.ID, student.ID, registrar.IdempotencyKey{})
	u.Must(err)
	copies, stale := registrar.DecideRefresh(facts, u.at)
	if !stale {
		t.Fatal("the copies of a section that moved are fresh")
	}
	for range 2 { // delivered twice
		u.Must(registrar.Refresh(ctx, u.Store, early.ID, student.ID, u.Now))
	}
	if err := u.SaveCopies(ctx, copies); !errors.Is(err, registrar.ErrStale) {
		t.Errorf("copies over newer ones: %v, want ErrStale", err)
	}
	if err := u.CommitRegistration(ctx, decided, registrar.Answer{}); !errors.Is(err, registrar.ErrStale) {
		t.Errorf("an enrolment that was decided on old copies: %v, want ErrStale", err)
	}
	_, err = u.Enrol(late.ID, student.ID)
	WantRefusal(t, "a section that meets when the moved one does", err, registrar.TimeConflict)
	want := reg
	want.CRN, want.StudentName = "101", "Zeta, Ann"
	want.Stamp = reg.Next(u.at) // once, however often it is delivered: a version stands for one representation
	Same(t, "roster", All(t, 1, func(p registrar.PageRequest) (registrar.Page[registrar.Registration], error) {
		return u.Roster(ctx, early.ID, p)
	}), []registrar.Registration{want})
	all, err := u.Registrations(ctx, student.ID)
	u.Must(err)
	Same(t, "registrations", all, []registrar.Registration{want})
	facts, err = u.RegistrationFacts(ctx, early.ID, student.ID, registrar.IdempotencyKey{})
	u.Must(err)
	// enrolled, renamed, refreshed
	if _, stale := registrar.DecideRefresh(facts, u.at); stale || facts.Record.Version != 3 {
		t.Errorf("after the refresh the term record is %+v", facts.Record)
	}
	CheckSeats(t, u.Store, early.ID)
	droppedCopies(t, u, renamed, moved)
}

// titles changes a course's title. One section has a copy of it, and one was scheduled under a title of its own.
func titles(t *testing.T, u *University) {
	ctx := t.Context()
	term, later, course := u.NewTerm("2025-SPRING"), u.NewTerm("2025-FALL"), u.NewCourse("CSCI", "4961", "Topics")
	copied, elsewhere := u.NewSection(term, course, "100", 5), u.NewSection(later, course, "100", 5)
	own := u.SectionOf(term, course, "200", 5)
	own.Title, own.TitleFollows = "Topics: Compilers", false
	u.Must(u.CreateSection(ctx, own, registrar.Answer{}))
	terms, err := u.CourseTerms(ctx, course.ID)
	u.Must(err)
	slices.Sort(terms)
	Same(t, "terms of a course", terms, []registrar.TermID{term.ID, later.ID})
	renamed := course
	renamed.Title, renamed.Stamp = "Selected Topics", course.Next(u.at)
	u.Must(u.UpdateCourse(ctx, course, renamed))
	outdated, stale := registrar.DecideTitle(copied, registrar.Course{Title: "An older title"}, u.at)
	if !stale {
		t.Fatal("a section under an outdated title is not stale")
	}
	if err := u.SaveTitle(ctx, copied, outdated, course); !errors.Is(err, registrar.ErrStale) {
		t.Errorf("the title of an older version of the course: %v, want ErrStale", err)
	}
	for _, s := range []registrar.Section{copied, elsewhere, own} {
		for range 2 { // delivered twice
			u.Must(registrar.FollowTitle(ctx, u.Store, s.ID, u.Now))
		}
		want := s
		if s.TitleFollows {
			want.Title, want.Stamp = "Selected Topics", s.Next(u.at)
		}
		view, err := u.Section(ctx, s.ID)
		u.Must(err)
		Same(t, "section "+s.CRN, view.Section, want)
		if view.Seats.SectionVersion != want.Version {
			t.Errorf("section %s: its seats are of version %d, want %d", s.CRN, view.Seats.SectionVersion, want.Version)
		}
	}
	u.Must(registrar.FollowTitle(ctx, u.Store, "gone", u.Now))
}

// droppedCopies drops a section that gets another CRN, and renames the student afterwards.
func droppedCopies(t *testing.T, u *University, student registrar.Student, section registrar.Section) {
	ctx := t.Context()
	want, err := u.Drop(section.ID, student.ID)
	u.Must(err)
	moved := section
	moved.CRN, moved.Stamp = "999", section.Next(u.at)
	u.Must(u.UpdateSection(ctx, section, moved))
	u.Must(registrar.Refresh(ctx, u.Store, section.ID, student.ID, u.Now))
	now, err := u.Registration(ctx, section.ID, student.ID)
	u.Must(err)
	Same(t, "a dropped registration whose section got another CRN", now, want)
	renamed := student
	renamed.FamilyName, renamed.Stamp = "Alpha", student.Next(u.at)
	u.Must(u.UpdateStudent(ctx, student, renamed))
	u.Must(registrar.Refresh(ctx, u.Store, section.ID, student.ID, u.Now))
	now, err = u.Registration(ctx, section.ID, student.ID)
	u.Must(err)
	want.StudentName, want.Stamp = "Alpha, Ann", want.Next(u.at)
	Same(t, "a dropped registration whose student was renamed", now, want)
}

// sectionAsRead decides on a section as it was, with seats that say already that it has changed.
func sectionAsRead(t *testing.T, u *University) {
	ctx := t.Context()
	section, student := u.NewSection(u.NewTerm("2025-SPRING"), u.NewCourse("CSCI", "1100", "One"), "100", 5),
		u.NewStudent("U1", "Ann", "Able")
	for attempt := range 2 { // an enrolment, and then a drop
		before, err := u.RegistrationFacts(ctx, section.ID, student.ID, registrar.IdempotencyKey{})
		u.Must(err)
		moved := section
		moved.Label, moved.Stamp = fmt.Sprint(attempt), section.Next(u.at)
		u.Must(u.UpdateSection(ctx, section, moved))
		now, err := u.RegistrationFacts(ctx, section.ID, student.ID, registrar.IdempotencyKey{})
		u.Must(err)
		if now.Section.Version != moved.Version || now.Seats.SectionVersion != moved.Version {
			t.Errorf("after a change to version %d the facts have version %d, and seats of %d", moved.Version,
				now.Section.Version, now.Seats.SectionVersion)
		}
		now.Section, section = before.Section, moved
		var change registrar.RegistrationChange
		if attempt == 0 {
			change, err = registrar.DecideEnrol(registrar.EnrolRequest{Section: section.ID, Student: student.ID, At: u.at}, now,
				u.NewID)
		} else {
			change, err = registrar.DecideDrop(registrar.DropRequest{Section: section.ID, Student: student.ID, At: u.at}, now,
				u.NewID)
		}
		u.Must(err)
		if err := u.CommitRegistration(ctx, change, registrar.Answer{}); !errors.Is(err, registrar.ErrStale) {
			t.Errorf("a decision on version %d of a section that is of version %d: %v, want ErrStale", before.Section.Version,
				moved.Version, err)
		}
		if attempt == 0 {
			_, err = u.Enrol(section.ID, student.ID)
			u.Must(err)
		}
	}
	CheckSeats(t, u.Store, section.ID)
}

// Pairs is how many pairs of requests [TwiceAtOnce] is tried with, the second of each a millisecond later.
const Pairs = 24

// TwiceAtOnce sends a request under one key twice, the second n milliseconds after the first: both are answered with
// what the first did, which is "yes".
func TwiceAtOnce(t *testing.T, n int, what string, request func(registrar.IdempotencyKey) error) {
	t.Helper()
	key := registrar.IdempotencyKey{Principal: "p", Key: fmt.Sprint(what, n), Request: [32]byte{1}}
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i := range errs {
		wg.Go(func() {
			time.Sleep(time.Duration(i*n) * time.Millisecond)
			errs[i] = request(key)
		})
	}
	wg.Wait()
	done := 0
	for _, err := range errs {
		var before *registrar.AnsweredBefore
		switch {
		case err == nil:
			done++
		case !errors.As(err, &before) || string(before.Reply) != "yes":
			t.Errorf("%s, the second %d ms after the first: %v", what, n, err)
		}
	}
	if done != 1 {
		t.Errorf("%s: done %d times", what, done)
	}
}

// twiceAtOnce sends requests twice. Both are answered with what the first did, although the second would be refused by
// then, and the audit gets no refusal.
func twiceAtOnce(t *testing.T, u *University) {
	term, course := u.NewTerm("2025-SPRING"), u.NewCourse("CSCI", "1100", "One")
	reply := func(registrar.Registration) ([]byte, error) { return []byte("yes"), nil }
	for n := range Pairs {
		section, student := u.NewSection(term, course, fmt.Sprint(n), 1+n%2), u.NewStudent(fmt.Sprint("U", n), "Ann", "Able")
		TwiceAtOnce(t, n, "enrol", func(key registrar.IdempotencyKey) error {
			_, err := u.Desk().Enrol(t.Context(), registrar.EnrolRequest{Section: section.ID, Student: student.ID, At: u.at},
				key, reply)
			return err
		})
		TwiceAtOnce(t, n, "drop", func(key registrar.IdempotencyKey) error {
			_, err := u.Desk().Drop(t.Context(), registrar.DropRequest{Section: section.ID, Student: student.ID, At: u.at}, key,
				reply)
			return err
		})
		TwiceAtOnce(t, n, "create", func(key registrar.IdempotencyKey) error {
			c := registrar.Course{ID: registrar.CourseID(u.NewID()), Subject: "NEW", Number: fmt.Sprint(n), Title: "X",
				Credits: course.Credits, Stamp: course.Stamp}
			return u.CreateCourse(t.Context(), c, registrar.Answer{Key: key, Reply: []byte("yes")})
		})
	}
	if told := u.Refused.Events(); len(told) > 0 {
		t.Errorf("the audit was told of %d refusals, the first of them %+v", len(told), told[0])
	}
}

func lastSeats(t *testing.T, u *University) {
	const students, seats = 48, 5
	term, course := u.NewTerm("2025-SPRING"), u.NewCourse("CSCI", "1100", "One")
	section := u.NewSection(term, course, "100", seats)
	errs := make([]error, students)
	var wg sync.WaitGroup
	for i := range errs {
		p := u.NewStudent(fmt.Sprintf("U%d", i), "Student", fmt.Sprintf("Number %02d", i))
		wg.Go(func() { _, errs[i] = u.Enrol(section.ID, p.ID) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !registrar.IsRefusal(err, registrar.SectionFull) {
			t.Errorf("neither a seat nor a refusal: %v", err)
		}
	}
	if taken := CheckSeats(t, u.Store, section.ID); won != seats || taken != seats {
		t.Errorf("%d of %d seats sold, %d on the roster", won, seats, taken)
	}
}

// oneStudent asks for sections that meet at the same time: the student gets only one.
func oneStudent(t *testing.T, u *University) {
	term, student := u.NewTerm("2025-SPRING"), u.NewStudent("U1", "Ann", "Able")
	const sections = 8
	errs := make([]error, sections)
	var wg sync.WaitGroup
	for i := range sections {
		section := u.SectionOf(term, u.NewCourse("CSCI", fmt.Sprint(1000+i), "X"), fmt.Sprint(i), 5)
		section.Meetings = []registrar.Meeting{{Days: 1, Start: 600, End: 660, From: "2025-01-13", To: "2025-05-09"}}
		u.Must(u.CreateSection(t.Context(), section, registrar.Answer{}))
		wg.Go(func() { _, errs[i] = u.Enrol(section.ID, student.ID) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !registrar.IsRefusal(err, registrar.TimeConflict) {
			t.Errorf("neither a seat nor a conflict: %v", err)
		}
	}
	schedule, err := u.Schedule(t.Context(), student.ID, term.ID)
	u.Must(err)
	if won != 1 || len(schedule) != 1 {
		t.Errorf("%d of %d conflicting sections had, %d on the schedule", won, sections, len(schedule))
	}
}

// deletionRace deletes a term while sections are made: either the term is gone and has no section, or it stays.
func deletionRace(t *testing.T, u *University) {
	ctx := t.Context()
	course := u.NewCourse("CSCI", "1100", "One")
	for round := range 10 {
		term := u.NewTerm(fmt.Sprintf("T%d", round))
		section := u.SectionOf(term, course, "100", 1)
		var created, deleted error
		var wg sync.WaitGroup
		wg.Go(func() { created = u.CreateSection(ctx, section, registrar.Answer{}) })
		wg.Go(func() { deleted = u.DeleteTerm(ctx, term.ID, 0) })
		wg.Wait()
		_, termErr := u.Store.Term(ctx, term.ID)
		_, sectionErr := u.Store.Section(ctx, section.ID)
		if (deleted == nil) != (termErr != nil) || (created == nil) != (sectionErr == nil) || deleted == nil &&
			created == nil {
			t.Errorf("created: %v, deleted: %v, then term: %v, section: %v", created, deleted, termErr, sectionErr)
		}
	}
}
