// Package reconciletest is the conformance suite of a store that gives accounts of its records and keeps
// reconciliations. It knows nothing of a database. Start with [Run]; shared/dynamo runs it.
package reconciletest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"example.com/registrar/shared/reconcile"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/registrartest"
)

// Store is what the tests ask of a store.
type Store interface {
	registrartest.Store
	TermSections(ctx context.Context, term registrar.TermID,
		page registrar.PageRequest) (registrar.Page[reconcile.SectionRef], error)
	SeatAccount(ctx context.Context, ref reconcile.SectionRef, consistent bool) (reconcile.SeatAccount, error)
	OfferingAccounts(ctx context.Context, course registrar.Course, consistent bool) ([]reconcile.OfferingAccount, error)
	StudentIDs(ctx context.Context, page registrar.PageRequest) (registrar.Page[registrar.StudentID], error)
	StudentAccount(ctx context.Context, id registrar.StudentID, consistent bool) (reconcile.StudentAccount, error)
	LatestReconciliation(ctx context.Context) (reconcile.Reconciliation, error)
	SaveReconciliation(ctx context.Context, r reconcile.Reconciliation, found []reconcile.Difference) error
	Differences(ctx context.Context, id reconcile.ReconciliationID,
		page registrar.PageRequest) (registrar.Page[reconcile.Difference], error)
}

// university is a university over such a store.
type university struct {
	*registrartest.University
	Store
}

// Run runs the suite; open gives an empty store.
func Run(t *testing.T, open func(testing.TB) Store) { registrartest.RunTests(t, open, suite()) }

// RunSimulated runs the suite in simulated time, as [registrartest.RunSimulated] does.
func RunSimulated(t *testing.T, open func(testing.TB) Store) {
	registrartest.RunTestsSimulated(t, open, suite())
}

func suite() map[string]registrartest.Test[Store] {
	tests := map[string]func(*testing.T, *university){
		"a student who changed overtakes a decision": overtakenByStudent,
		"what is counted, beside what it counts":     accounts,
		"a reconciliation and its differences":       reconciliations,
	}
	all := make(map[string]registrartest.Test[Store], len(tests))
	for name, test := range tests {
		all[name] = func(t *testing.T, u *registrartest.University, store Store) { test(t, &university{u, store}) }
	}
	return all
}

func accounts(t *testing.T, u *university) {
	ctx := t.Context()
	spring, summer := u.NewTerm("2025-SPRING"), u.NewTerm("2025-SUMMER")
	course, other := u.NewCourse("CSCI", "1100", "One"), u.NewCourse("CSCI", "1200", "Two")
	first, second := u.NewSection(spring, course, "1", 3), u.NewSection(spring, course, "2", 3)
	third, late := u.NewSection(spring, other, "3", 3), u.NewSection(summer, course, "1", 3)
	var students []registrar.Student
	for n := range 3 {
		students = append(students, u.NewStudent(fmt.Sprint("U", n), "Given", fmt.Sprint("Family ", n)))
	}
	for n, sections := range [][]registrar.Section{{first, third, late}, {first}, {}} {
		for _, section := range sections {
			_, err := u.Enrol(section.ID, students[n].ID)
			u.Must(err)
		}
	}
	_, err := u.Drop(third.ID, students[0].ID)
	u.Must(err)

	for _, limit := range []int{1, 2, 100} {
		refs := registrartest.All(t, limit, func(p registrar.PageRequest) (registrar.Page[reconcile.SectionRef], error) {
			return u.TermSections(ctx, spring.ID, p)
		})
		registrartest.Same(t, "a term's list of sections", refs, []reconcile.SectionRef{
			{Term: spring.ID, Course: course.ID, Section: first.ID}, {Term: spring.ID, Course: course.ID, Section: second.ID},
			{Term: spring.ID, Course: other.ID, Section: third.ID},
		})
		ids := registrartest.All(t, limit, func(p registrar.PageRequest) (registrar.Page[registrar.StudentID], error) {
			return u.StudentIDs(ctx, p)
		})
		registrartest.Same(t, "ids of students", ids, []registrar.StudentID{students[0].ID, students[1].ID, students[2].ID})
	}
	for _, consistent := range []bool{false, true} {
		for _, c := range []struct {
			section         registrar.Section
			enrolled, taken int
		}{{first, 2, 2}, {second, 0, 0}, {third, 0, 0}, {late, 1, 1}} {
			a, err := u.SeatAccount(ctx, reconcile.SectionRef{Term: c.section.Term, Course: c.section.Course,
				Section: c.section.ID}, consistent)
			u.Must(err)
			if a.Enrolled != c.enrolled || a.Seats.Taken != c.taken || a.Section.CRN != c.section.CRN || !a.Listed ||
				!a.Offered {
				t.Errorf("section %s: %+v", c.section.CRN, a)
			}
			agrees(t, "differences of a section", a.Differences())
			registrartest.CheckSeats(t, u.Store, c.section.ID)
		}
		offerings, err := u.OfferingAccounts(ctx, course, consistent)
		u.Must(err)
		registrartest.Same(t, "offerings of a course", offerings, []reconcile.OfferingAccount{
			{Course: course.ID, Term: spring.ID, Sections: 2, Listed: 2, Present: 2}, {Course: course.ID, Term: summer.ID,
				Sections: 1, Listed: 1, Present: 1},
		})
		for n, want := range []struct{ terms, registrations int }{{2, 3}, {1, 1}, {0, 0}} {
			a, err := u.StudentAccount(ctx, students[n].ID, consistent)
			u.Must(err)
			if !a.Present || a.Terms != want.terms || len(a.Records) != want.terms ||
				len(a.Registrations) != want.registrations || a.Misplaced != nil || a.Unreadable != nil {
				t.Errorf("student %d: %+v", n, a)
			}
			agrees(t, "differences of a student", a.Differences())
		}
	}
	u.Must(u.DeleteSection(ctx, second.ID, 0))
	gone, err := u.SeatAccount(ctx, reconcile.SectionRef{Term: spring.ID, Course: course.ID, Section: second.ID}, true)
	u.Must(err)
	agrees(t, "a section that was deleted", gone.Differences())
	u.Must(u.DeleteStudent(ctx, students[2].ID, 0))
	left, err := u.StudentAccount(ctx, students[2].ID, true)
	u.Must(err)
	registrartest.Same(t, "a student who was deleted", left, reconcile.StudentAccount{Student: students[2].ID})
}

func reconciliations(t *testing.T, u *university) {
	ctx := t.Context()
	latest := func() reconcile.Reconciliation {
		t.Helper()
		r, err := u.LatestReconciliation(ctx)
		u.Must(err)
		return r
	}
	registrartest.Same(t, "before the first reconciliation", latest(), reconcile.Reconciliation{})
	r := reconcile.Reconciliation{
		ID: "r1", StartedAt: u.Now(), Position: reconcile.Position{Kind: registrar.KindSection, Term: "t", Cursor: "c"},
		Checked: reconcile.Checked{Sections: 500}, Differences: 30, Unsettled: 1, Stamp: registrar.Stamp{}.Next(u.Now()),
	}
	var found []reconcile.Difference
	for n := range 30 {
		found = append(found, reconcile.Difference{
			Record: registrar.Record{Kind: registrar.KindSection, ID: fmt.Sprintf("s%02d", n)}, Count: reconcile.CountSeatsTaken,
			Kept: "1", Derived: fmt.Sprint(n),
		})
	}
	u.Must(u.SaveReconciliation(ctx, r, found))
	registrartest.Same(t, "latest reconciliation", latest(), r)
	if err := u.SaveReconciliation(ctx, r, nil); !errors.Is(err, registrar.ErrVersionMismatch) {
		t.Errorf("saving over a newer version: %v", err)
	}
	next := r
	next.Position, next.EndedAt = reconcile.Position{}, u.Now().Add(time.Hour)
	next.Checked, next.Differences, next.Stamp = reconcile.Checked{Sections: 500, Courses: 9, Students: 7, Imports: 2}, 31,
		r.Next(u.Now())
	held := reconcile.Difference{
		Record: registrar.Record{Kind: registrar.KindStudent, ID: "p"}, Count: reconcile.CountHoldings, Of: "s01",
		Kept: "none", Derived: "4 credits of t.c",
	}
	// two of them again: the answer to the first time was lost
	u.Must(u.SaveReconciliation(ctx, next, append(found[28:], held)))
	registrartest.Same(t, "the reconciliation at its end", latest(), next)
	list := func(id reconcile.ReconciliationID) []reconcile.Difference {
		return registrartest.All(t, 7, func(p registrar.PageRequest) (registrar.Page[reconcile.Difference], error) {
			return u.Differences(ctx, id, p)
		})
	}
	registrartest.Same(t, "differences", list("r1"), append(found, held))
	second := reconcile.Reconciliation{ID: "r0", StartedAt: u.Now().Add(24 * time.Hour),
		Stamp: registrar.Stamp{}.Next(u.Now())}
	u.Must(u.SaveReconciliation(ctx, second, nil))
	registrartest.Same(t, "latest reconciliation, a day later", latest(), second)
	agrees(t, "a day later", list("r0"))
}

func agrees(t *testing.T, what string, differences []reconcile.Difference) {
	t.Helper()
	if len(differences) > 0 {
		t.Errorf("%s: the counts do not say what the records say: %+v", what, differences)
	}
}

// overtakenByStudent decides on an enrolment before the student leaves, or gets another name: in a term where they hold
// something, and in one where they do not yet.
func overtakenByStudent(t *testing.T, u *university) {
	ctx := t.Context()
	course := u.NewCourse("CSCI", "1100", "One")
	held := u.NewSection(u.NewTerm("2025-SPRING"), u.NewCourse("MATH", "1010", "Two"), "100", 5)
	next := u.NewSection(u.NewTerm("2025-FALL"), course, "200", 5)
	beside := u.SectionOf(registrar.Term{ID: held.Term}, course, "300", 5)
	u.Must(u.CreateSection(ctx, beside, registrar.Answer{}))
	for n := range 4 {
		holds, leaves := n&1 != 0, n&2 != 0
		student := u.NewStudent(fmt.Sprint("U", n), "Ann", "Able")
		if holds {
			_, err := u.Enrol(held.ID, student.ID)
			u.Must(err)
		}
		var changes []registrar.RegistrationChange
		for _, section := range []registrar.Section{beside, next} {
			facts, err := u.RegistrationFacts(ctx, section.ID, student.ID, registrar.IdempotencyKey{})
			u.Must(err)
			change, err := registrar.DecideEnrol(registrar.EnrolRequest{Section: section.ID, Student: student.ID, At: u.Now()},
				facts, u.NewID)
			u.Must(err)
			changes = append(changes, change)
		}
		now := student
		now.Stamp = student.Next(u.Now())
		if now.FamilyName = "Zeta"; leaves {
			now.FamilyName, now.Active = student.FamilyName, false
		}
		u.Must(u.UpdateStudent(ctx, student, now))
		for _, change := range changes {
			if err := u.CommitRegistration(ctx, change, registrar.Answer{}); !errors.Is(err, registrar.ErrStale) {
				t.Errorf("commit for a student who changed meanwhile (who held something: %t, left: %t): %v, want ErrStale", holds,
					leaves, err)
			}
		}
		reg, err := u.Enrol(next.ID, student.ID)
		if leaves {
			registrartest.WantRefusal(t, "an inactive student", err, registrar.StateForbids)
		} else if u.Must(err); reg.StudentName != "Zeta, Ann" {
			t.Errorf("a renamed student stands on the roster as %q", string(reg.StudentName))
		}
		account, err := u.StudentAccount(ctx, student.ID, true)
		u.Must(err)
		if differences := account.Differences(); len(differences) > 0 {
			t.Errorf("counts and records differ: %+v", differences)
		}
	}
	registrartest.CheckSeats(t, u.Store, beside.ID)
	registrartest.CheckSeats(t, u.Store, next.ID)
}
