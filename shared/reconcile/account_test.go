package reconcile_test

import (
	"testing"
	"time"

	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/reconcile"
	"example.com/registrar/shared/registrar"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func differ(t *testing.T, what string, got, want []reconcile.Difference) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func TestDifferencesOfSeats(t *testing.T) {
	section := registrar.Record{Kind: registrar.KindSection, ID: "s"}
	of := func(count reconcile.Count, in, kept, derived string) reconcile.Difference {
		return reconcile.Difference{Record: section, Count: count, Of: in, Kept: kept, Derived: derived}
	}
	for what, c := range map[string]struct {
		spoil func(*reconcile.SeatAccount)
		want  []reconcile.Difference
	}{
		"as it should be": {func(*reconcile.SeatAccount) {}, nil},
		"one registration more": {func(a *reconcile.SeatAccount) { a.Enrolled = 4 },
			[]reconcile.Difference{of("seats.taken", "", "3", "4"), of("seats.free", "", "27", "26")}},
		"taken": {func(a *reconcile.SeatAccount) { a.Seats.Taken = 2 },
			[]reconcile.Difference{of("seats.taken", "", "2", "3")}},
		"free": {func(a *reconcile.SeatAccount) { a.Seats.Free = 28 },
			[]reconcile.Difference{of("seats.free", "", "28", "27")}},
		"offered": {func(a *reconcile.SeatAccount) { a.Seats.Offered = 1 },
			[]reconcile.Difference{of("seats.offered", "", "1", "0")}},
		"waiting": {func(a *reconcile.SeatAccount) { a.Seats.Waiting = 1 },
			[]reconcile.Difference{of("seats.waiting", "", "1", "0")}},
		"capacity": {func(a *reconcile.SeatAccount) { a.Seats.Capacity = 31 },
			[]reconcile.Difference{of("seats.capacity", "", "31", "30")}},
		"status": {func(a *reconcile.SeatAccount) { a.Seats.Status = registrar.SectionClosed },
			[]reconcile.Difference{of("seats.status", "", "closed", "open")}},
		"section's version": {func(a *reconcile.SeatAccount) { a.Seats.SectionVersion = 4 },
			[]reconcile.Difference{of("seats.sectionVersion", "", "4", "5")}},
		"no seats": {func(a *reconcile.SeatAccount) { a.Seats = nil },
			[]reconcile.Difference{of("seats", "", "none", "section")}},
		"no section": {func(a *reconcile.SeatAccount) { a.Section = nil; a.Enrolled = 0 },
			[]reconcile.Difference{of("term.sections", "t", "listed", "none")}},
		"no section, but a roster": {func(a *reconcile.SeatAccount) { a.Section = nil },
			[]reconcile.Difference{of("term.sections", "t", "listed", "none"), of("seats.taken", "", "0", "3")}},
		"not listed": {func(a *reconcile.SeatAccount) { a.Listed = false },
			[]reconcile.Difference{of("term.sections", "t", "none", "section")}},
		"no offering": {func(a *reconcile.SeatAccount) { a.Offered = false },
			[]reconcile.Difference{of("offering.sections", "t.c", "none", "section")}},
		"deleted": {func(a *reconcile.SeatAccount) {
			a.Section, a.Seats, a.Listed, a.Offered = nil, nil,
				false, false
		}, nil},
		"cannot be read": {func(a *reconcile.SeatAccount) { a.Unreadable = true },
			[]reconcile.Difference{of("record", "", "unreadable", "readable")}},
		"more are enrolled than fit": {func(a *reconcile.SeatAccount) {
			a.Section.Capacity, a.Seats.Capacity,
				a.Seats.Free = 2, 2, -1
		}, nil},
		"lowered, and forgot to tell": {func(a *reconcile.SeatAccount) { a.Section.Capacity = 2 },
			[]reconcile.Difference{of("seats.free", "", "27", "-1"), of("seats.capacity", "", "30", "2")}},
	} {
		a := reconcile.SeatAccount{
			SectionRef: reconcile.SectionRef{Term: "t", Course: "c", Section: "s"}, Listed: true, Offered: true, Enrolled: 3,
			Section: &registrar.Section{ID: "s", Capacity: 30, Status: registrar.SectionOpen,
				Stamp: registrar.Stamp{Version: 5}},
			Seats: &registrar.Seats{Section: "s", Capacity: 30, Taken: 3, Free: 27, Status: registrar.SectionOpen,
				SectionVersion: 5},
		}
		c.spoil(&a)
		differ(t, what, a.Differences(), c.want)
	}
}

func TestDifferencesOfOfferings(t *testing.T) {
	course := registrar.Record{Kind: registrar.KindCourse, ID: "c"}
	for what, c := range map[string]struct {
		sections, listed, present int
		want                      []reconcile.Difference
	}{
		"as it should be": {2, 2, 2, nil},
		"counted wrong": {3, 2, 2, []reconcile.Difference{{Record: course, Count: "offering.sections", Of: "t.c",
			Kept: "3", Derived: "2"}}},
		"nothing behind it": {1, 0, 0, []reconcile.Difference{{Record: course, Count: "offering.sections", Of: "t.c",
			Kept: "1", Derived: "0"}}},
		"a section unlisted": {1, 1, 2, []reconcile.Difference{{Record: course, Count: "term.sections", Of: "t", Kept: "1",
			Derived: "2"}}},
		"a section not there": {2, 2, 1, []reconcile.Difference{{Record: course, Count: "term.sections", Of: "t", Kept: "2",
			Derived: "1"}}},
	} {
		differ(t, what, reconcile.OfferingAccount{Course: "c", Term: "t", Sections: c.sections, Listed: c.listed,
			Present: c.present}.Differences(), c.want)
	}
}

func TestDifferencesOfStudents(t *testing.T) {
	student := registrar.Record{Kind: registrar.KindStudent, ID: "p"}
	of := func(count reconcile.Count, in, kept, derived string) reconcile.Difference {
		return reconcile.Difference{Record: student, Count: count, Of: in, Kept: kept, Derived: derived}
	}
	for what, c := range map[string]struct {
		spoil func(*reconcile.StudentAccount)
		want  []reconcile.Difference
	}{
		"as it should be": {func(*reconcile.StudentAccount) {}, nil},
		"deleted":         {func(a *reconcile.StudentAccount) { *a = reconcile.StudentAccount{Student: "p"} }, nil},
		"never registered": {func(a *reconcile.StudentAccount) {
			*a = reconcile.StudentAccount{Student: "p", Present: true}
		}, nil},
		"gone, and registered": {func(a *reconcile.StudentAccount) { a.Present, a.Terms = false, 0 },
			[]reconcile.Difference{of("student.terms", "", "0", "2")}},
		"terms": {func(a *reconcile.StudentAccount) { a.Terms = 1 },
			[]reconcile.Difference{of("student.terms", "", "1", "2")}},
		"a holding too many": {func(a *reconcile.StudentAccount) { a.Registrations[0].State = registrar.Dropped },
			[]reconcile.Difference{of("termRecord.holdings", "s1", "4 credits of t1.c1", "none")}},
		"a holding too few": {func(a *reconcile.StudentAccount) { a.Records[0].Holdings = a.Records[0].Holdings[1:] },
			[]reconcile.Difference{of("termRecord.holdings", "s1", "none", "4 credits of t1.c1")}},
		"no term record": {func(a *reconcile.StudentAccount) { a.Records, a.Terms = a.Records[:1], 1 },
			[]reconcile.Difference{of("termRecord.holdings", "s3", "none", "3 credits of t2.c3")}},
		"held twice": {func(a *reconcile.StudentAccount) {
			a.Records[0].Holdings = append(a.Records[0].Holdings, a.Records[0].Holdings[0])
		}, []reconcile.Difference{of("termRecord.holdings", "s1", "2 times", "4 credits of t1.c1")}},
		"other credits": {func(a *reconcile.StudentAccount) { a.Records[0].Holdings[1].Credits = 150 },
			[]reconcile.Difference{of("termRecord.holdings", "s2", "1.5 credits of t1.c2", "4 credits of t1.c2")}},
		"another course": {func(a *reconcile.StudentAccount) { a.Records[0].Holdings[1].Course = "c9" },
			[]reconcile.Difference{of("termRecord.holdings", "s2", "4 credits of t1.c9", "4 credits of t1.c2")}},
		"in another term": {func(a *reconcile.StudentAccount) { a.Registrations[2].Term = "t1" },
			[]reconcile.Difference{of("termRecord.holdings", "s3", "3 credits of t2.c3", "3 credits of t1.c3")}},
		"elsewhere on the roster": {func(a *reconcile.StudentAccount) { a.Misplaced = []registrar.SectionID{"s1"} },
			[]reconcile.Difference{of("section.roster", "s1", "misplaced", "placed")}},
		"a term record that cannot be read": {func(a *reconcile.StudentAccount) {
			a.Records, a.Unreadable = a.Records[1:],
				[]registrar.TermID{"t1"}
		},
			[]reconcile.Difference{of("record", "t1", "unreadable", "readable")}},
	} {
		reg := func(term registrar.TermID, section registrar.SectionID, course registrar.CourseID, credits registrar.Credits,
			state registrar.RegistrationState) registrar.Registration {
			return registrar.Registration{Student: "p", Term: term, Section: section, Course: course, Credits: credits,
				State: state}
		}
		a := reconcile.StudentAccount{
			Student: "p", Present: true, Terms: 2,
			Records: []registrar.TermRecord{
				{Student: "p", Term: "t1", Holdings: []registrar.Holding{{Section: "s1", Course: "c1", Credits: 400},
					{Section: "s2", Course: "c2", Credits: 400}}},
				{Student: "p", Term: "t2", Holdings: []registrar.Holding{{Section: "s3", Course: "c3", Credits: 300}}},
			},
			Registrations: []registrar.Registration{
				reg("t1", "s1", "c1", 400, registrar.Enrolled), reg("t1", "s2", "c2", 400, registrar.Enrolled), reg("t2", "s3",
					"c3", 300, registrar.Enrolled),
				reg("t1", "s4", "c4", 400, registrar.Dropped),
			},
		}
		c.spoil(&a)
		differ(t, what, a.Differences(), c.want)
	}
}

func TestDifferencesOfImports(t *testing.T) {
	rows := intake.Rows{Read: 10, Applied: 7, Refused: 2}
	want := []reconcile.Difference{{Record: registrar.Record{Kind: registrar.KindImport, ID: "m"}, Count: "import.rows",
		Kept: "10", Derived: "9"}}
	differ(t, "finished", reconcile.ImportDifferences(intake.Import{ID: "m", State: intake.Finished, Rows: rows}), want)
	differ(t, "failed", reconcile.ImportDifferences(intake.Import{ID: "m", State: intake.Failed, Rows: rows}), nil)
	rows.Refused = 3
	differ(t, "finished, with all rows", reconcile.ImportDifferences(intake.Import{ID: "m", State: intake.Finished,
		Rows: rows}), nil)
}

func TestWhenAReconciliationIsDue(t *testing.T) {
	start := time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)
	ended := reconcile.Reconciliation{StartedAt: start, EndedAt: start.Add(time.Hour), Stamp: registrar.Stamp{Version: 9}}
	stopped := reconcile.Reconciliation{StartedAt: start, Stamp: registrar.Stamp{Version: 4}}
	for what, c := range map[string]struct {
		r                reconcile.Reconciliation
		after            time.Duration
		goesOn, suffices bool
	}{
		"none yet":                         {reconcile.Reconciliation{}, 0, false, false},
		"stopped in time":                  {stopped, 20 * time.Minute, true, false},
		"stopped last night, and no more":  {stopped, 24 * time.Hour, false, false},
		"ended, later in the same night":   {ended, 220 * time.Minute, false, true},
		"ended, the night after":           {ended, 24 * time.Hour, false, false},
		"ended, begun late the night ago":  {ended, 21 * time.Hour, false, false},
		"ended, in the course of that day": {ended, 11 * time.Hour, false, true},
	} {
		at := start.Add(c.after)
		if c.r.Continues(at) != c.goesOn || c.r.IsRecent(at) != c.suffices {
			t.Errorf("%s: goes on %v, suffices %v", what, c.r.Continues(at), c.r.IsRecent(at))
		}
	}
}
