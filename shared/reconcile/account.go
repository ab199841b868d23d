package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/registrar"
)

// A count is kept beside what it counts, and both change in the same transaction. A reconciliation derives each count
// from the records again. This file says which count follows from which records (domain.md §3); reconcile.go reads
// them.

// Count names a count, or a copy, that is stored besides the records themselves.
type Count string

// The counts.
const (
	CountSeats            Count = "seats"                // that a section has an account of its seats
	CountSeatsTaken       Count = "seats.taken"          // against ENROLLED registrations
	CountSeatsFree        Count = "seats.free"           // against the section's capacity and those
	CountSeatsOffered     Count = "seats.offered"        // against live offers
	CountSeatsWaiting     Count = "seats.waiting"        // against WAITLISTED registrations
	CountSeatsCapacity    Count = "seats.capacity"       // against the section
	CountSeatsStatus      Count = "seats.status"         // against the section
	CountSeatsVersion     Count = "seats.sectionVersion" // against the section
	CountTitle            Count = "section.title"        // against the course's, where it follows that
	CountTermSections     Count = "term.sections"        // the term's list against its sections
	CountOfferingSections Count = "offering.sections"    // against the term's list
	CountStudentTerms     Count = "student.terms"        // against the term records
	CountHoldings         Count = "termRecord.holdings"  // against ENROLLED registrations
	CountCopies           Count = "termRecord.copies"    // what was copied of a section against the section
	CountRoster           Count = "section.roster"       // where a registration stands on it against its state
	CountImportRows       Count = "import.rows"          // read against applied, refused and skipped
	CountReadable         Count = "record"               // that a record can be read at all
)

// Difference is a count that differs from what the records say. It names records by their ids, and no person.
type Difference struct {
	Record registrar.Record // whose count it is
	Count  Count
	Of     string // which of several of the kind, for example the section that is held; empty when there is one
	// Kept is the stored count, and Derived the count from the records: numbers, states, or "none".
	Kept, Derived string
}

// Numbers are both as numbers; not ok where the count is not a number.
func (d Difference) Numbers() (kept, derived int, ok bool) {
	switch d.Count {
	case CountHoldings, CountCopies, CountTitle, CountSeatsStatus, CountRoster, CountReadable:
		return 0, 0, false
	}
	kept, err := strconv.Atoi(d.Kept)
	derived, err2 := strconv.Atoi(d.Derived)
	return kept, derived, err == nil && err2 == nil
}

const none = "none"

// differences collects them.
type differences struct {
	record registrar.Record
	found  []Difference
}

func (d *differences) unlessSame(count Count, of, kept, derived string) {
	if kept != derived {
		d.found = append(d.found, Difference{Record: d.record, Count: count, Of: of, Kept: kept, Derived: derived})
	}
}

func (d *differences) unlessEqual(count Count, of string, kept, derived int) {
	d.unlessSame(count, of, strconv.Itoa(kept), strconv.Itoa(derived))
}

// SectionRef names a section as a term's list of sections does.
type SectionRef struct {
	Term    registrar.TermID
	Course  registrar.CourseID
	Section registrar.SectionID
}

// SeatAccount is a section in a term's list, with its seats, beside the records that they count. Its parts were not
// read in one moment.
type SeatAccount struct {
	SectionRef

	Listed   bool               // whether the list still names it
	Section  *registrar.Section // nil: there is none
	Seats    *registrar.Seats   // nil: there is none
	Enrolled int                // ENROLLED registrations
	Offered  bool               // whether the course has an offering in the term
	// the course's; empty when it changed recently: then the section's may not have followed yet
	Title      string
	Unreadable bool // the section, its seats or its course exists and cannot be read
}

// Differences compares. A section that was deleted has none.
func (a SeatAccount) Differences() []Difference {
	d := differences{record: registrar.Record{Kind: registrar.KindSection, ID: string(a.SectionRef.Section)}}
	term := string(a.Term)
	switch {
	case a.Unreadable:
		d.unlessSame(CountReadable, "", "unreadable", "readable")
		return d.found
	case !a.Listed && a.Section == nil && a.Seats == nil:
		return nil
	case a.Section == nil:
		d.unlessSame(CountTermSections, term, "listed", none)
		d.unlessEqual(CountSeatsTaken, "", 0, a.Enrolled)
		return d.found
	case !a.Listed:
		d.unlessSame(CountTermSections, term, none, "section")
	}
	if !a.Offered {
		d.unlessSame(CountOfferingSections, string(registrar.OfferingOf(a.Term, a.Course)), none, "section")
	}
	if a.Title != "" && a.Section.TitleFollows {
		d.unlessSame(CountTitle, "", a.Section.Title, a.Title)
	}
	if a.Seats == nil {
		d.unlessSame(CountSeats, "", none, "section")
		return d.found
	}
	// No registration has the state of an offer or of a place on a waitlist yet.
	d.unlessEqual(CountSeatsTaken, "", a.Seats.Taken, a.Enrolled)
	d.unlessEqual(CountSeatsFree, "", a.Seats.Free, a.Section.Capacity-a.Enrolled)
	d.unlessEqual(CountSeatsOffered, "", a.Seats.Offered, 0)
	d.unlessEqual(CountSeatsWaiting, "", a.Seats.Waiting, 0)
	d.unlessEqual(CountSeatsCapacity, "", a.Seats.Capacity, a.Section.Capacity)
	d.unlessSame(CountSeatsStatus, "", string(a.Seats.Status), string(a.Section.Status))
	d.unlessEqual(CountSeatsVersion, "", int(a.Seats.SectionVersion), int(a.Section.Version))
	return d.found
}

// OfferingAccount is the count of a course's sections in a term, beside the sections.
type OfferingAccount struct {
	Course   registrar.CourseID
	Term     registrar.TermID
	Sections int // the offering's count
	Listed   int // in the term's list
	Present  int // that exist
	// Unreadable: the offering's count cannot be read.
	Unreadable bool
}

// Differences compares.
func (a OfferingAccount) Differences() []Difference {
	d := differences{record: registrar.Record{Kind: registrar.KindCourse, ID: string(a.Course)}}
	offering := string(registrar.OfferingOf(a.Term, a.Course))
	if a.Unreadable {
		d.unlessSame(CountReadable, offering, "unreadable", "readable")
	} else {
		d.unlessEqual(CountOfferingSections, offering, a.Sections, a.Listed)
	}
	d.unlessEqual(CountTermSections, string(a.Term), a.Listed, a.Present)
	return d.found
}

// StudentAccount is everything that is stored of a student's registrations.
type StudentAccount struct {
	Student       registrar.StudentID
	Present       bool // whether there is such a student
	Terms         int  // the count beside the student, for the first registrations of terms
	Records       []registrar.TermRecord
	Registrations []registrar.Registration
	Misplaced     []registrar.SectionID // whose registrations are not at their state's place on the roster
	Unreadable    []registrar.TermID    // whose term records exist and cannot be read
	// AlsoUnreadable is everything else that exists and cannot be read: [UnreadableStudent], [UnreadableTerms], and
	// registrations, by the ids of their sections.
	AlsoUnreadable []string
	// Sections are the sections of the term records, except those that cannot be read or have changed recently: the copies
	// of these may not have been refreshed yet; see [registrar.Refresh].
	Sections map[registrar.SectionID]registrar.Section
}

// The parts of a [StudentAccount] without an id that may be unreadable.
const (
	UnreadableStudent = "student"
	UnreadableTerms   = "terms" // the count of them
)

// RefreshTime is how long refreshing copies may take. After that an old copy is a difference.
const RefreshTime = time.Hour

// Differences compares. A student who was deleted has none.
func (a StudentAccount) Differences() []Difference {
	d := differences{record: registrar.Record{Kind: registrar.KindStudent, ID: string(a.Student)}}
	if !a.Present && len(a.Records)+len(a.Registrations)+len(a.Unreadable)+len(a.AlsoUnreadable) == 0 {
		return nil
	}
	for _, what := range a.AlsoUnreadable {
		d.unlessSame(CountReadable, what, "unreadable", "readable")
	}
	if !slices.Contains(a.AlsoUnreadable, UnreadableTerms) {
		d.unlessEqual(CountStudentTerms, "", a.Terms, len(a.Records)+len(a.Unreadable))
	}
	for _, term := range a.Unreadable {
		d.unlessSame(CountReadable, string(term), "unreadable", "readable")
	}
	type holding struct{ kept, derived []string }
	held := map[registrar.SectionID]*holding{}
	of := func(section registrar.SectionID) *holding {
		if held[section] == nil {
			held[section] = &holding{}
		}
		return held[section]
	}
	for _, record := range a.Records {
		for _, h := range record.Holdings {
			one := of(h.Section)
			one.kept = append(one.kept, heldAs(record.Term, h.Course, h.Credits))
			if section, ok := a.Sections[h.Section]; ok {
				d.unlessSame(CountCopies, string(h.Section), copied(h), copied(registrar.HoldingOf(section, h.Credits)))
			}
		}
	}
	for _, r := range a.Registrations {
		if r.State.Live() && !slices.Contains(a.Unreadable, r.Term) {
			one := of(r.Section)
			one.derived = append(one.derived, heldAs(r.Term, r.Course, r.Credits))
		}
	}
	for _, section := range slices.Sorted(maps.Keys(held)) {
		if slices.Contains(a.AlsoUnreadable, string(section)) {
			continue // nobody knows what its registration says
		}
		kept, derived := held[section].kept, held[section].derived
		if !slices.Equal(kept, derived) {
			d.unlessSame(CountHoldings, string(section), listed(kept), listed(derived))
		}
	}
	for _, section := range a.Misplaced {
		d.unlessSame(CountRoster, string(section), "misplaced", "placed")
	}
	return d.found
}

// heldAs is what a holding and its registration must have in common.
func heldAs(term registrar.TermID, course registrar.CourseID, credits registrar.Credits) string {
	return credits.String() + " credits of " + string(registrar.OfferingOf(term, course))
}

// copied is the part of a holding that is copied from its section.
func copied(h registrar.Holding) string {
	text := h.CRN + " " + h.Component
	for _, m := range h.Meetings {
		text += fmt.Sprintf(" %s %s-%s from %s to %s", m.Days, m.Start, m.End, m.From, m.To)
	}
	return text
}

func listed(all []string) string {
	switch len(all) {
	case 0:
		return none
	case 1:
		return all[0]
	}
	return strconv.Itoa(len(all)) + " times"
}

// ImportDifferences compares the row counts of a finished import. It finds nothing for other imports: one that failed
// was not read to its end.
func ImportDifferences(im intake.Import) []Difference {
	d := differences{record: registrar.Record{Kind: registrar.KindImport, ID: string(im.ID)}}
	if im.State == intake.Finished {
		d.unlessEqual(CountImportRows, "", im.Rows.Read, im.Rows.Applied+im.Rows.Refused+im.Rows.Skipped)
	}
	return d.found
}

// ReconciliationID identifies one reconciliation.
type ReconciliationID string

// Reconciliation is one pass over all records. It may take several runs, each of which continues where the one before
// stopped.
type Reconciliation struct {
	ID ReconciliationID
	// StartedAt is when its first run began, and EndedAt when its last one ended: zero until then.
	StartedAt, EndedAt time.Time
	Position           Position
	Checked            Checked
	Differences        int
	// Unsettled is how many records changed each time they were read. They are left to the next reconciliation.
	Unsettled int
	registrar.Stamp
}

// Position is where a reconciliation continues: in which list, and after which record. The zero value is the beginning.
type Position struct {
	Kind   registrar.Kind
	Term   registrar.TermID // of a list of sections
	Cursor string
}

// Checked is how many records of each kind were compared.
type Checked struct {
	Sections, Courses, Students, Imports int
}

// Plus adds n records of a kind.
func (c Checked) Plus(kind registrar.Kind, n int) Checked {
	switch kind {
	case registrar.KindSection:
		c.Sections += n
	case registrar.KindCourse:
		c.Courses += n
	case registrar.KindStudent:
		c.Students += n
	case registrar.KindImport:
		c.Imports += n
	case registrar.KindTerm, registrar.KindInstructor: // they have no counts
	}
	return c
}

const (
	// reconciledAnew is how long after the start of a reconciliation the next one is due. It is less than a day, so that
	// the night's first run begins one, and more than a night.
	reconciledAnew = 12 * time.Hour
	// reconciledLatest is how long a reconciliation may take. An older one says too little about any one time, and a new
	// one is begun.
	reconciledLatest = 24 * time.Hour
)

// Ended reports whether all records were compared.
func (r Reconciliation) Ended() bool { return !r.EndedAt.IsZero() }

// Continues reports whether a run at the given time continues the reconciliation. Otherwise it has ended or is too old.
func (r Reconciliation) Continues(at time.Time) bool {
	return r.Version > 0 && !r.Ended() && at.Before(r.StartedAt.Add(reconciledLatest))
}

// IsRecent reports whether the reconciliation has ended and is so new that a run at the given time need not begin
// another.
func (r Reconciliation) IsRecent(at time.Time) bool {
	return r.Ended() && at.Before(r.StartedAt.Add(reconciledAnew))
}
