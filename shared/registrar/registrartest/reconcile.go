package registrartest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/reconcile"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/schedule"
)

func openImports(t *testing.T, u *University) {
	ctx := t.Context()
	term := u.NewTerm("2025-SPRING")
	var all []intake.Import
	for n := range 4 {
		im := intake.Import{
			ID: registrar.ImportID(fmt.Sprint("m", n)), Kind: intake.KindSections, Format: "yacs-csv", Term: term.ID,
			State: intake.Waiting,
			Stamp: registrar.Stamp{}.Next(u.at.Add(time.Duration(n) * time.Minute)),
		}
		u.must(u.CreateImport(ctx, im, registrar.Answer{}))
		all = append(all, im)
	}
	save := func(n int, change func(*intake.Import)) {
		change(&all[n])
		all[n].Stamp = all[n].Next(u.at.Add(time.Hour))
		u.must(u.SaveImport(ctx, all[n], intake.Report{}))
	}
	list := func(ended bool) []intake.Import {
		return All(t, 2, func(p registrar.PageRequest) (registrar.Page[intake.Import], error) {
			return u.Imports(ctx, ended, p)
		})
	}
	same(t, "imports that have not ended", list(false), all)
	same(t, "imports that have ended", list(true), []intake.Import(nil))
	save(0, func(im *intake.Import) { im.State, im.StartedAt, im.Resent = intake.Running, u.at, 2 })
	save(1, func(im *intake.Import) { im.State, im.Reason, im.EndedAt = intake.Failed, "no", u.at })
	save(3, func(im *intake.Import) { im.State, im.EndedAt = intake.Finished, u.at })
	same(t, "imports that have not ended, now", list(false), []intake.Import{all[0], all[2]})
	same(t, "imports that have ended, now", list(true), []intake.Import{all[1], all[3]})
}

func jobs(t *testing.T, u *University) {
	ctx := t.Context()
	job, err := u.Job(ctx, "things-sweep")
	u.must(err)
	same(t, "a job that never ran", job, schedule.Job{Name: "things-sweep"})

	const runs = 12
	var wg sync.WaitGroup
	var begun atomic.Int32
	for n := range runs {
		wg.Go(func() {
			j, err := job.Begin(schedule.JobRun{Due: u.at, Token: fmt.Sprint("run ", n), Until: u.at.Add(time.Minute)}, u.at)
			if err != nil {
				t.Error(err)
				return
			}
			switch err := u.SaveJob(ctx, j); {
			case err == nil:
				begun.Add(1)
			case !errors.Is(err, registrar.ErrVersionMismatch):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if begun.Load() != 1 {
		t.Errorf("%d of %d runs at once began", begun.Load(), runs)
	}
	job, err = u.Job(ctx, "things-sweep")
	u.must(err)
	done := job.Finish(u.at.Add(1500 * time.Millisecond))
	u.must(u.SaveJob(ctx, done))
	if err := u.SaveJob(ctx, done); !errors.Is(err, registrar.ErrVersionMismatch) {
		t.Errorf("saving over a newer version: %v", err)
	}
	got, err := u.Job(ctx, "things-sweep")
	u.must(err)
	same(t, "job", got, done)
	other, err := u.Job(ctx, "others-sweep")
	u.must(err)
	same(t, "another job", other, schedule.Job{Name: "others-sweep"})
}

func accounts(t *testing.T, u *University) {
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
			u.must(err)
		}
	}
	_, err := u.Drop(third.ID, students[0].ID)
	u.must(err)

	for _, limit := range []int{1, 2, 100} {
		refs := All(t, limit, func(p registrar.PageRequest) (registrar.Page[reconcile.SectionRef], error) {
			return u.TermSections(ctx, spring.ID, p)
		})
		same(t, "a term's list of sections", refs, []reconcile.SectionRef{
			{Term: spring.ID, Course: course.ID, Section: first.ID}, {Term: spring.ID, Course: course.ID, Section: second.ID},
			{Term: spring.ID, Course: other.ID, Section: third.ID},
		})
		ids := All(t, limit, func(p registrar.PageRequest) (registrar.Page[registrar.StudentID], error) {
			return u.StudentIDs(ctx, p)
		})
		same(t, "ids of students", ids, []registrar.StudentID{students[0].ID, students[1].ID, students[2].ID})
	}
	for _, consistent := range []bool{false, true} {
		for _, c := range []struct {
			section         registrar.Section
			enrolled, taken int
		}{{first, 2, 2}, {second, 0, 0}, {third, 0, 0}, {late, 1, 1}} {
			a, err := u.SeatAccount(ctx, reconcile.SectionRef{Term: c.section.Term, Course: c.section.Course,
				Section: c.section.ID}, consistent)
			u.must(err)
			if a.Enrolled != c.enrolled || a.Seats.Taken != c.taken || a.Section.CRN != c.section.CRN || !a.Listed ||
				!a.Offered {
				t.Errorf("section %s: %+v", c.section.CRN, a)
			}
			agrees(t, "differences of a section", a.Differences())
			CheckSeats(t, u.Store, c.section.ID)
		}
		offerings, err := u.OfferingAccounts(ctx, course, consistent)
		u.must(err)
		same(t, "offerings of a course", offerings, []reconcile.OfferingAccount{
			{Course: course.ID, Term: spring.ID, Sections: 2, Listed: 2, Present: 2}, {Course: course.ID, Term: summer.ID,
				Sections: 1, Listed: 1, Present: 1},
		})
		for n, want := range []struct{ terms, registrations int }{{2, 3}, {1, 1}, {0, 0}} {
			a, err := u.StudentAccount(ctx, students[n].ID, consistent)
			u.must(err)
			if !a.Present || a.Terms != want.terms || len(a.Records) != want.terms ||
				len(a.Registrations) != want.registrations || a.Misplaced != nil || a.Unreadable != nil {
				t.Errorf("student %d: %+v", n, a)
			}
			agrees(t, "differences of a student", a.Differences())
		}
	}
	u.must(u.DeleteSection(ctx, second.ID, 0))
	gone, err := u.SeatAccount(ctx, reconcile.SectionRef{Term: spring.ID, Course: course.ID, Section: second.ID}, true)
	u.must(err)
	agrees(t, "a section that was deleted", gone.Differences())
	u.must(u.DeleteStudent(ctx, students[2].ID, 0))
	left, err := u.StudentAccount(ctx, students[2].ID, true)
	u.must(err)
	same(t, "a student who was deleted", left, reconcile.StudentAccount{Student: students[2].ID})
}

func reconciliations(t *testing.T, u *University) {
	ctx := t.Context()
	latest := func() reconcile.Reconciliation {
		t.Helper()
		r, err := u.LatestReconciliation(ctx)
		u.must(err)
		return r
	}
	same(t, "before the first reconciliation", latest(), reconcile.Reconciliation{})
	r := reconcile.Reconciliation{
		ID: "r1", StartedAt: u.at, Position: reconcile.Position{Kind: registrar.KindSection, Term: "t", Cursor: "c"},
		Checked: reconcile.Checked{Sections: 500}, Differences: 30, Unsettled: 1, Stamp: registrar.Stamp{}.Next(u.at),
	}
	var found []reconcile.Difference
	for n := range 30 {
		found = append(found, reconcile.Difference{
			Record: registrar.Record{Kind: registrar.KindSection, ID: fmt.Sprintf("s%02d", n)}, Count: reconcile.CountSeatsTaken,
			Kept: "1", Derived: fmt.Sprint(n),
		})
	}
	u.must(u.SaveReconciliation(ctx, r, found))
	same(t, "latest reconciliation", latest(), r)
	if err := u.SaveReconciliation(ctx, r, nil); !errors.Is(err, registrar.ErrVersionMismatch) {
		t.Errorf("saving over a newer version: %v", err)
	}
	next := r
	next.Position, next.EndedAt = reconcile.Position{}, u.at.Add(time.Hour)
	next.Checked, next.Differences, next.Stamp = reconcile.Checked{Sections: 500, Courses: 9, Students: 7, Imports: 2}, 31,
		r.Next(u.at)
	held := reconcile.Difference{
		Record: registrar.Record{Kind: registrar.KindStudent, ID: "p"}, Count: reconcile.CountHoldings, Of: "s01",
		Kept: "none", Derived: "4 credits of t.c",
	}
	// two of them again: the answer to the first time was lost
	u.must(u.SaveReconciliation(ctx, next, append(found[28:], held)))
	same(t, "the reconciliation at its end", latest(), next)
	list := func(id reconcile.ReconciliationID) []reconcile.Difference {
		return All(t, 7, func(p registrar.PageRequest) (registrar.Page[reconcile.Difference], error) {
			return u.Differences(ctx, id, p)
		})
	}
	same(t, "differences", list("r1"), append(found, held))
	second := reconcile.Reconciliation{ID: "r0", StartedAt: u.at.Add(24 * time.Hour), Stamp: registrar.Stamp{}.Next(u.at)}
	u.must(u.SaveReconciliation(ctx, second, nil))
	same(t, "latest reconciliation, a day later", latest(), second)
	agrees(t, "a day later", list("r0"))
}

func agrees(t *testing.T, what string, differences []reconcile.Difference) {
	t.Helper()
	if len(differences) > 0 {
		t.Errorf("%s: the counts do not say what the records say: %+v", what, differences)
	}
}
