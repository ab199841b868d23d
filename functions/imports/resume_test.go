package imports_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"example.com/registrar/functions/imports"
	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/registrar"
)

var errKilled = errors.New("the function was killed")

// mortal is a store, and an auditor, of a worker that is killed at one of its calls: before the call has an effect, or
// after it, when the answer is lost. Nothing that the worker calls afterwards reaches anybody.
type mortal struct {
	imports.Store
	audit registrar.Auditor
	left  int // calls until then
	after bool
	calls int
}

func (m *mortal) do(call func() error) error {
	m.calls++
	switch m.left--; {
	case m.left < 0:
		return errKilled
	case m.left == 0 && !m.after:
		return errKilled
	case m.left == 0:
		return errors.Join(errKilled, call())
	}
	return call()
}

func (m *mortal) Import(ctx context.Context, id registrar.ImportID) (im intake.Import, err error) {
	err = m.do(func() error { im, err = m.Store.Import(ctx, id); return err })
	return im, err
}

func (m *mortal) SaveImport(ctx context.Context, im intake.Import, report intake.Report) error {
	return m.do(func() error { return m.Store.SaveImport(ctx, im, report) })
}

func (m *mortal) KeepDecision(ctx context.Context, id registrar.ImportID, d intake.Decision) error {
	return m.do(func() error { return m.Store.KeepDecision(ctx, id, d) })
}

func (m *mortal) CommitRegistration(
	ctx context.Context,
	change registrar.RegistrationChange,
	answer registrar.Answer,
) error {
	return m.do(func() error { return m.Store.CommitRegistration(ctx, change, answer) })
}

func (m *mortal) EnrolmentFacts(
	ctx context.Context,
	section registrar.SectionID,
	student registrar.StudentID,
	key registrar.IdempotencyKey,
) (f registrar.EnrolFacts, err error) {
	err = m.do(func() error { f, err = m.Store.EnrolmentFacts(ctx, section, student, key); return err })
	return f, err
}

func (m *mortal) Refused(ctx context.Context, e registrar.Event) error {
	return m.do(func() error { return m.audit.Refused(ctx, e) })
}

// A worker is killed at each of its calls in turn, and the next one goes on. Each row is decided once: nobody loses a
// seat to a later row, what was refused stays refused though a seat is free meanwhile, what was dropped meanwhile is
// not taken again, the audit keeps one event of each refusal and none of a row that was applied, and the report is
// right.
func TestApply_GoesOnWhereAWorkerWasKilled(t *testing.T) {
	const before = 46 // rows that no rule looks at, so that the others lie on both sides of a batch's end
	kill := func(call int, after bool) (calls int) {
		o := openOffice(t)
		course := o.NewCourse("CSCI", "1100", "One")
		small, large := o.NewSection(
			o.term,
			course,
			"100",
			2,
		), o.NewSection(
			o.term,
			o.NewCourse("CSCI", "1200", "Two"),
			"200",
			50,
		)
		lines := "student_number,term,crn\n" + strings.Repeat(",,x\n", before)
		var students []registrar.Student
		for n := range 5 {
			students = append(students, o.NewStudent(fmt.Sprintf("S%d", n), "A", "B"))
			lines += fmt.Sprintf("S%d,2025-SPRING,100\nS%d,2025-spring,200\n", n, n)
		}
		held := students[4] // has the large section already
		if _, err := o.Enrol(large.ID, held.ID); err != nil {
			t.Fatal(err)
		}
		id := o.asked(intake.KindRegistrations)
		store := o.Applier.Store
		m := &mortal{Store: store, audit: &o.Refused, left: call, after: after}
		o.Applier.Store, o.Audit = m, m
		_, err := o.applies(id, strings.NewReader(lines))
		o.Applier.Store, o.Audit = store, &o.Refused
		if err == nil {
			return m.calls
		}
		if !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		heard := map[registrar.StudentID]bool{} // of whom the audit has heard that they got no seat
		for _, e := range o.Refused.Events() {
			heard[e.Student] = true
		}
		_, err = o.Drop(small.ID, students[0].ID) // a seat is free now, if the first row was applied
		dropped := err == nil

		im, err := o.applies(id, strings.NewReader(lines))
		if err != nil {
			t.Fatal(err)
		}
		what := fmt.Sprintf("killed at call %d (after: %v, dropped: %v)", call, after, dropped)
		refused := 0
		events := map[registrar.EventID]bool{}
		audited := map[registrar.StudentID]registrar.EventID{}
		for _, e := range o.Refused.Events() {
			if e.Codes()[0] == registrar.NotEnrolled { // ours, above
				continue
			}
			events[e.ID] = true
			audited[e.Student] = e.ID
		}
		for n, s := range students {
			reg, err := o.Registration(t.Context(), small.ID, s.ID)
			enrolled := err == nil
			_, told := audited[s.ID]
			switch {
			case enrolled == told:
				t.Errorf("%s: student %d has a seat: %v, the audit has heard of a refusal: %v", what, n, enrolled, told)
			case enrolled && heard[s.ID]:
				t.Errorf("%s: student %d was refused, and has a seat now", what, n)
			case n < 2 && !enrolled:
				t.Errorf("%s: student %d, whom the file names first, has no seat", what, n)
			case n == 0 && (reg.State == registrar.Dropped) != dropped, enrolled && reg.Attempt != 1:
				t.Errorf("%s: the first student's registration is %s, attempt %d", what, reg.State, reg.Attempt)
			}
			if !enrolled {
				refused++
			}
			if _, err := o.Registration(t.Context(), large.ID, s.ID); err != nil {
				t.Errorf("%s: student %d is not in the large section: %v", what, n, err)
			}
		}
		if len(events) != refused {
			t.Errorf("%s: %d events of %d refusals", what, len(events), refused)
		}
		applied := 10 - refused
		want := intake.Rows{Read: before + 10, Applied: applied, Refused: before + refused}
		changed := intake.Changes{Created: applied - 1, Unchanged: 1} // held's
		if im.State != intake.Finished || im.Rows != want || im.Changed != changed || im.Run != 1 {
			t.Errorf(
				"%s: the import is %s, run %d: %+v, %+v; want %+v, %+v",
				what,
				im.State,
				im.Run,
				im.Rows,
				im.Changed,
				want,
				changed,
			)
		}
		problems := o.problems(im)
		for n := 1; n < len(problems); n++ {
			if problems[n].Row <= problems[n-1].Row {
				t.Errorf("%s: two problems of row %d", what, problems[n].Row)
			}
		}
		if len(problems) != want.Refused {
			t.Errorf("%s: %d problems of %d refused rows", what, len(problems), want.Refused)
		}
		return 0
	}
	kills := 0
	for _, after := range []bool{false, true} {
		for call := 1; ; call++ {
			if kill(call, after) > 0 { // it was over before
				break
			}
			kills++
		}
	}
	if kills < 40 {
		t.Errorf("%d kills only", kills)
	}
}

// A file that was replaced by a shorter one is told, and nothing of it is taken for what was decided.
func TestApply_GoesOnWithTheSameFileAlone(t *testing.T) {
	o := openOffice(t)
	o.NewSection(o.term, o.NewCourse("CSCI", "1100", "One"), "100", 20)
	o.NewStudent("U1", "Ann", "Able")
	id := o.asked(intake.KindRegistrations)
	passing := errors.New("connection reset")
	if im, err := o.applies(id, failing("student_number,term,crn\nU1,2025-SPRING,100\n"+strings.Repeat(",,x\n", 60),
		passing)); !errors.Is(
		err,
		passing,
	) ||
		im.Rows.Read != 50 {
		t.Fatalf("%v, %+v", err, im.Rows)
	}
	im, err := o.applies(id, strings.NewReader("student_number,term,crn\nU1,2025-SPRING,100\n"))
	if err != nil || im.State != intake.Failed || !strings.Contains(im.Reason, "fewer rows") {
		t.Errorf("%v, the import is %s (%s)", err, im.State, im.Reason)
	}
}

// What a row was refused for is read back whole, and only of the rows asked for.
func TestDecisionsAreReadAsKept(t *testing.T) {
	o := openOffice(t)
	var kept []intake.Decision
	for _, row := range []int{2, 51, 1000} {
		d := intake.Decision{
			Row:    row,
			Reason: "full",
			Event: registrar.RefusedEvent("enrol", o.term.ID, "s", "p", registrar.Actor{Principal: "import:m"}, o.Now(),
				registrar.Refusals{registrar.Full("s").With("a", "b")}, o.University.NewID),
		}
		kept = append(kept, d)
		if err := o.Applier.Store.KeepDecision(t.Context(), "m", d); err != nil {
			t.Fatal(err)
		}
	}
	got, err := o.Applier.Store.Decisions(t.Context(), "m", 2)
	if err != nil || len(got) != 2 || got[0].Row != 51 || got[1].Event.ID != kept[2].Event.ID ||
		got[1].Event.Codes()[0] != registrar.SectionFull ||
		got[1].Reason != "full" {
		t.Errorf("%v, %+v", err, got)
	}
}
