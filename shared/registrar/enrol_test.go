package registrar_test

import (
	"errors"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/registrar/shared/registrar"
	"pgregory.net/rapid"
)

var now = time.Date(2024, 8, 1, 9, 0, 0, 0, time.UTC)

func ids() registrar.IDs {
	n := 0
	return func() string { n++; return strconv.Itoa(n) }
}

func facts() registrar.EnrolFacts {
	return registrar.EnrolFacts{
		Term: registrar.Term{ID: "t", CreditLimit: 1800, End: "2024-12-21", TimeZone: "America/New_York",
			Registration: registrar.Window{Open: now.Add(-time.Hour)}},
		Section: registrar.Section{ID: "s", Term: "t", Course: "c", CRN: "10001", Component: "lecture",
			Credits:  registrar.CreditRange{Min: 400, Max: 400},
			Meetings: []registrar.Meeting{{Days: 1, Start: 600, End: 660, From: "2024-08-28", To: "2024-12-20"}}},
		Seats:   registrar.Seats{Section: "s", Capacity: 30, Free: 30, Status: registrar.SectionOpen, SectionVersion: 1},
		Student: registrar.Student{ID: "p", GivenName: "Ada", FamilyName: "King", Active: true},
		Record:  registrar.TermRecord{Student: "p", Term: "t"},
	}
}

func request() registrar.EnrolRequest {
	return registrar.EnrolRequest{Section: "s", Student: "p", At: now, Actor: registrar.Anonymous()}
}

func TestDecideEnrol_Enrols(t *testing.T) {
	change, err := registrar.DecideEnrol(request(), facts(), ids())
	if err != nil {
		t.Fatal(err)
	}
	reg := change.Registration
	if reg.State != registrar.Enrolled || reg.Attempt != 1 || reg.Version != 1 || reg.Credits != 400 ||
		!reg.EnrolledAt.Equal(now) {
		t.Errorf("registration = %+v", reg)
	}
	if change.SeatDelta != -1 || !change.Record.Holds("s") || change.Event.Type != registrar.RegistrationEnrolled {
		t.Errorf("change = %+v", change)
	}
}

// Each rule refuses by itself, and none hides another: with all facts broken at once, all codes are told.
func TestDecideEnrol_Refuses(t *testing.T) {
	held := registrar.Holding{Section: "x", Course: "y", CRN: "10002", Component: "lecture", Credits: 100}
	breaks := map[registrar.Code]func(*registrar.EnrolFacts){
		registrar.SectionFull:    func(f *registrar.EnrolFacts) { f.Seats.Free = 0 },
		registrar.SectionNotOpen: func(f *registrar.EnrolFacts) { f.Seats.Status = registrar.SectionCancelled },
		registrar.StateForbids:   func(f *registrar.EnrolFacts) { f.Student.Active = false },
		registrar.WindowClosed:   func(f *registrar.EnrolFacts) { f.Term.Registration.Open = now.Add(time.Second) },
		registrar.DeadlinePassed: func(f *registrar.EnrolFacts) { f.Term.Deadlines.LastAdd = now.Add(-time.Second) },
		registrar.CreditsOver: func(f *registrar.EnrolFacts) {
			h := held
			h.Credits = 1500
			f.Record.Holdings = append(f.Record.Holdings, h)
		},
		registrar.TimeConflict: func(f *registrar.EnrolFacts) {
			h := held
			h.Meetings = f.Section.Meetings
			f.Record.Holdings = append(f.Record.Holdings, h)
		},
		registrar.DuplicateCourse: func(f *registrar.EnrolFacts) {
			h := held
			h.Course = "c"
			f.Record.Holdings = append(f.Record.Holdings, h)
		},
	}
	all := facts()
	for code, spoil := range breaks {
		one := facts()
		spoil(&one)
		spoil(&all)
		_, err := registrar.DecideEnrol(request(), one, ids())
		var refusals registrar.Refusals
		if !errors.As(err, &refusals) || len(refusals) != 1 || refusals[0].Code != code {
			t.Errorf("%s alone: %v", code, err)
		}
	}
	_, err := registrar.DecideEnrol(request(), all, ids())
	for code := range breaks {
		if !registrar.IsRefusal(err, code) {
			t.Errorf("%s is hidden by another rule: %v", code, err)
		}
	}
}

// Any sequence of enrolments and drops, each decided on what the one before left, keeps the account of seats equal to
// the registrations, the schedule free of clashes and the load within the limit.
func TestDecide_KeepsInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const sections, students = 4, 5
		newID := ids()
		seats := make([]registrar.Seats, sections)
		section := make([]registrar.Section, sections)
		for i := range sections {
			f := facts()
			section[i], seats[i] = f.Section, f.Seats
			section[i].ID = registrar.SectionID(strconv.Itoa(i))
			section[i].Course = registrar.CourseID(strconv.Itoa(i / 2))
			section[i].Meetings = []registrar.Meeting{{Days: 1, From: "2024-08-28", To: "2024-12-20",
				Start: registrar.ClockTime(540 + 30*rapid.IntRange(0, 4).Draw(t, "start")), End: 700}}
			seats[i].Capacity = rapid.IntRange(0, 3).Draw(t, "capacity")
			seats[i].Free = seats[i].Capacity
		}
		records := make([]registrar.TermRecord, students)
		regs := map[[2]int]registrar.Registration{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			s, p := rapid.IntRange(0, sections-1).Draw(t, "section"), rapid.IntRange(0, students-1).Draw(t, "student")
			f := facts()
			f.Section, f.Seats, f.Record, f.Registration = section[s], seats[s], records[p], regs[[2]int{s, p}]
			f.Term.CreditLimit = 800
			var change registrar.RegistrationChange
			var err error
			if rapid.Bool().Draw(t, "drop") {
				change, err = registrar.DecideDrop(registrar.DropRequest{Section: section[s].ID, At: now}, f, newID)
			} else {
				change, err = registrar.DecideEnrol(registrar.EnrolRequest{Section: section[s].ID, At: now}, f, newID)
			}
			if err != nil {
				continue
			}
			seats[s].Free += change.SeatDelta
			seats[s].Taken -= change.SeatDelta
			records[p], regs[[2]int{s, p}] = change.Record, change.Registration
			records[p].Version++ // as the store does
		}
		for s := range sections {
			rows := 0
			for p := range students {
				if live := regs[[2]int{s, p}].State.Live(); live != records[p].Holds(section[s].ID) {
					t.Fatalf("registration and term record disagree")
				} else if live {
					rows++
				}
			}
			if rows != seats[s].Taken || seats[s].Free < 0 || seats[s].Free+rows != seats[s].Capacity {
				t.Fatalf("seats %+v, but %d registrations", seats[s], rows)
			}
		}
		for _, r := range records {
			if r.Credits() > 800 {
				t.Fatalf("load %s is over the limit", r.Credits())
			}
			for i, a := range r.Holdings {
				for _, b := range r.Holdings[i+1:] {
					if registrar.Conflict(a.Meetings, b.Meetings) || a.Course == b.Course {
						t.Fatalf("holdings %v and %v cannot stand together", a, b)
					}
				}
			}
		}
	})
}

// A batch read is no snapshot: a registration may be newer than the term record beside it.
func TestADropIsNotDecidedOnARecordOfBefore(t *testing.T) {
	f := facts()
	f.Registration.State = registrar.Enrolled
	drop := registrar.DropRequest{Section: "s", Student: "p", At: now}
	for version, want := range map[registrar.Version]error{0: registrar.ErrStale, 1: nil} {
		f.Record.Version = version
		if _, err := registrar.DecideDrop(drop, f, ids()); !errors.Is(err, want) {
			t.Errorf("record of version %d: %v, want %v", version, err, want)
		}
	}
}

// A refusal says when and because of what, and offers only what somebody can do today: there are no permits yet.
func TestRefusalsNameDatesCoursesAndRemediesThatExist(t *testing.T) {
	last, opens, closes := now.Add(-time.Hour), now.Add(time.Hour), now.Add(2*time.Hour)
	f := facts()
	f.Term.Deadlines = registrar.Deadlines{LastAdd: last, LastDrop: last}
	f.Term.Registration = registrar.Window{Open: opens, Close: closes}
	f.Seats.Free = 0
	f.Record.Holdings = []registrar.Holding{
		{Section: "x", Course: "c", Code: "CSCI 1100", CRN: "10002", Component: "lecture", Credits: 1500,
			Meetings: f.Section.Meetings},
	}
	_, err := registrar.DecideEnrol(request(), f, ids())
	var no registrar.Refusals
	if !errors.As(err, &no) || len(no) != 6 {
		t.Fatalf("refusals: %v", err)
	}
	f.Registration.State = registrar.Enrolled
	_, err = registrar.DecideDrop(registrar.DropRequest{Section: "s", Student: "p", At: now}, f, ids())
	var drop registrar.Refusals
	if !errors.As(err, &drop) {
		t.Fatal(err)
	}
	text := func(at time.Time) string { return at.UTC().Format(time.RFC3339) }
	want := map[registrar.Code]map[string]any{
		registrar.WindowClosed:    {"opens": text(opens), "closes": text(closes)},
		registrar.DeadlinePassed:  {"deadline": text(last)},
		registrar.TimeConflict:    {"conflictsWith": "10002", "conflictingCourse": "CSCI 1100", "conflictingSection": "x"},
		registrar.DuplicateCourse: {"conflictsWith": "10002", "conflictingCourse": "CSCI 1100", "conflictingSection": "x"},
		registrar.CreditsOver: {"limit": registrar.Credits(1800), "held": registrar.Credits(1500),
			"asked": registrar.Credits(400)},
		registrar.SectionFull: nil,
	}
	for _, r := range append(no, drop...) {
		if evidence, ok := want[r.Code]; !ok || !maps.Equal(r.Evidence, evidence) || r.Clears == "" ||
			strings.Contains(r.Clears, "permit") {
			t.Errorf("%s: %q, evidence %v, want %v; cleared by %q", r.Code, r.Detail, r.Evidence, evidence, r.Clears)
		}
	}
	f.Term.Registration = registrar.Window{Open: last, Close: now} // the close is not in the window
	f.Registration = registrar.Registration{}
	_, err = registrar.DecideEnrol(request(), f, ids())
	if !errors.As(err, &no) || !strings.Contains(no[0].Detail, "closed at "+text(now)) {
		t.Errorf("after the window: %v", err)
	}
}

// A term that has ended takes nobody, whatever its window: the end day is not in it, and begins on the campus clock.
func TestDecideEnrol_NothingOpensAfterTheTerm(t *testing.T) {
	end := time.Date(2024, 12, 21, 5, 0, 0, 0, time.UTC) // midnight in New York
	for _, c := range []struct {
		what string
		at   time.Time
		over bool
	}{
		{"the last moment", end.Add(-time.Nanosecond), false}, {"the end", end, true},
		{"a day later", end.AddDate(0, 0, 1), true},
		{"two years later", end.AddDate(2, 0, 0), true},
	} {
		f, r := facts(), request()
		f.Term.Registration.Close = end.AddDate(5, 0, 0)
		r.At = c.at
		_, err := registrar.DecideEnrol(r, f, ids())
		if !c.over {
			if err != nil {
				t.Errorf("%s: %v", c.what, err)
			}
			continue
		}
		var no *registrar.Refusal
		if !errors.As(err, &no) || no.Code != registrar.WindowClosed || no.Evidence["termEnd"] != "2024-12-21" {
			t.Errorf("%s: %v, %+v", c.what, err, no)
		}
	}
}

// A window may close after the term, which the end cuts short, but not open then.
func TestTerm_OpensBeforeItsEnd(t *testing.T) {
	end := time.Date(2024, 12, 21, 5, 0, 0, 0, time.UTC) // midnight in New York
	for opens, want := range map[time.Time]string{end.Add(-time.Nanosecond): "", end: "registration.open OUT_OF_RANGE"} {
		term := registrar.Term{
			Code: "X", Title: "X", Start: "2024-08-26", End: "2024-12-21", TimeZone: "America/New_York",
			Registration: registrar.Window{Open: opens, Close: end.AddDate(1, 0, 0)},
		}
		if got := wrong(term.Validate()); got != want {
			t.Errorf("opens %s: %q, want %q", opens, got, want)
		}
	}
}
