package registrar

import (
	"slices"
	"sort"
	"strings"
)

// SectionStatus is the state of a section. Only an open one takes registrations.
type SectionStatus string

// The states of a section (domain.md §1).
const (
	SectionPlanned   SectionStatus = "planned"
	SectionOpen      SectionStatus = "open"
	SectionClosed    SectionStatus = "closed"
	SectionCancelled SectionStatus = "cancelled"
)

// Valid reports whether s is one of the four.
func (s SectionStatus) Valid() bool {
	switch s {
	case SectionPlanned, SectionOpen, SectionClosed, SectionCancelled:
		return true
	}
	return false
}

// MaxCapacity bounds a section's seats. The largest lecture halls in use hold a few thousand.
const MaxCapacity = 10_000

// MaxMeetings bounds the meetings of a section, so that a student's term record stays small.
const MaxMeetings = 16

// MaxInstructors bounds the instructors of a section: each is two more items in the transaction that makes it.
const MaxInstructors = 16

// Section is a scheduled instance of an offering: what a student registers for.
type Section struct {
	ID     SectionID
	Term   TermID
	Course CourseID
	// Subject, Number and Title are the course's, copied so that a list of sections is one query.
	Subject, Number, Title string
	// TitleFollows: the title is the course's, and changes with it. Otherwise the section was scheduled under a title of
	// its own, as sections of a course on special topics are, and keeps it.
	TitleFollows bool
	CRN          string // course reference number; unique in its term
	Label        string // section number within the course, for example "01"
	Component    string // for example "lecture" or "lab"; a student holds one section of each component
	Credits      CreditRange
	Capacity     int // seats, 0 to [MaxCapacity]
	Status       SectionStatus
	Meetings     []Meeting
	Instructors  []InstructorID
	Deadlines    Deadlines // zero ones fall back to the term's
	Stamp
}

// Offering is the id of the section's offering.
func (s Section) Offering() OfferingID { return OfferingOf(s.Term, s.Course) }

// SameFacts reports whether two sections state the same, whatever their ids and stamps.
func (s Section) SameFacts(o Section) bool {
	return s.Term == o.Term && s.Course == o.Course && s.Subject == o.Subject && s.Number == o.Number &&
		s.Title == o.Title && s.TitleFollows == o.TitleFollows &&
		s.CRN == o.CRN && s.Label == o.Label && s.Component == o.Component && s.Credits == o.Credits &&
		s.Capacity == o.Capacity && s.Status == o.Status && s.Deadlines.Equal(o.Deadlines) &&
		slices.Equal(s.Meetings, o.Meetings) && slices.Equal(s.Instructors, o.Instructors)
}

// Validate checks the form of a section: [FieldErrors].
func (s Section) Validate() error {
	var fe FieldErrors
	code(&fe, "crn", s.CRN)
	line(&fe, "label", s.Label, 0, MaxCode)
	line(&fe, "component", s.Component, 1, 32)
	s.Deadlines.validate(&fe)
	s.Credits.validate(&fe, "credits")
	if s.Capacity < 0 || s.Capacity > MaxCapacity {
		fe.Add("capacity", FieldOutOfRange, "must be between 0 and 10000")
	}
	if !s.Status.Valid() {
		fe.Add("status", FieldFormat, "must be planned, open, closed or cancelled")
	}
	if len(s.Meetings) > MaxMeetings {
		fe.Add("meetings", FieldTooLong, "at most 16 meetings")
	}
	for i, m := range s.Meetings {
		m.validate(&fe, Indexed("meetings", i)+".")
	}
	if len(s.Instructors) > MaxInstructors {
		fe.Add("instructors", FieldTooLong, "at most 16 instructors")
	}
	seen := make(map[InstructorID]bool, len(s.Instructors))
	for i, id := range s.Instructors {
		identifier(&fe, Indexed("instructors", i), string(id))
		if seen[id] {
			fe.Add(Indexed("instructors", i), FieldDuplicate, "the instructor is named twice")
		}
		seen[id] = true
	}
	return fe.OrNil()
}

// FitsIn checks that the section's meetings lie in its term: [FieldErrors].
func (s Section) FitsIn(t Term) error {
	var fe FieldErrors
	for i, m := range s.Meetings {
		m.fitsIn(&fe, Indexed("meetings", i)+".", t)
	}
	return fe.OrNil()
}

// Span is the first and the last day of all meetings; empty without meetings.
func (s Section) Span() (first, last Date) {
	for i, m := range s.Meetings {
		if i == 0 || m.From < first {
			first = m.From
		}
		last = max(last, m.To)
	}
	return first, last
}

// Days is a set of weekdays, a bit each from Monday.
type Days uint8

// dayLetters are the registrar's one-letter weekdays from Monday; R is Thursday and U is Sunday.
const dayLetters = "MTWRFSU"

// ParseDays reads the registrar's letters, for example "MR" for Monday and Thursday.
func ParseDays(letters string) (Days, bool) {
	var d Days
	for _, l := range letters {
		i := strings.IndexRune(dayLetters, l)
		if i < 0 || d&(1<<i) != 0 {
			return 0, false
		}
		d |= 1 << i
	}
	return d, true
}

// String writes the letters in the order of the week.
func (d Days) String() string {
	var b strings.Builder
	for i := range dayLetters {
		if d&(1<<i) != 0 {
			b.WriteByte(dayLetters[i])
		}
	}
	return b.String()
}

// Meeting is when and where a section meets, in the term's time zone. A section without meetings is arranged.
type Meeting struct {
	Days       Days
	Start, End ClockTime // half-open
	From, To   Date      // first and last day, both included
	Room       string    // may be empty
}

// Validate checks the form of a meeting: [FieldErrors].
func (m Meeting) Validate() error {
	var fe FieldErrors
	m.validate(&fe, "")
	return fe.OrNil()
}

// validate checks a meeting. The names of its fields get a prefix.
func (m Meeting) validate(fe *FieldErrors, before string) {
	known := m.Days != 0 && m.Days < 1<<len(dayLetters)
	if !known {
		fe.Add(before+"days", FieldFormat, "must name at least one of M T W R F S U, each once")
	}
	if !m.Start.Valid() || !m.End.Valid() || m.End <= m.Start {
		fe.Add(before+"end", FieldOutOfRange, "the end must be after the start; a meeting over midnight is two")
	}
	date(fe, before+"from", m.From)
	date(fe, before+"to", m.To)
	if m.From.Valid() && m.To.Valid() && m.To < m.From {
		fe.Add(before+"to", FieldOutOfRange, "the last day must not be before the first")
	}
	if known && m.From.Valid() && m.To.Valid() && m.From <= m.To && !occurs(m.Days, m.From, m.To) {
		fe.Add(before+"days", FieldOutOfRange, "none of the days is between the first and the last date")
	}
	line(fe, before+"room", m.Room, 0, 100)
}

// FitsIn checks that the meeting lies in a term, whose last day is the one before its end: [FieldErrors].
func (m Meeting) FitsIn(t Term) error {
	var fe FieldErrors
	m.fitsIn(&fe, "", t)
	return fe.OrNil()
}

func (m Meeting) fitsIn(fe *FieldErrors, before string, t Term) {
	if m.From.Valid() && (m.From < t.Start || m.From >= t.End) {
		fe.Add(before+"from", FieldOutOfRange,
			"must be a day of the term, from "+string(t.Start)+" and before "+string(t.End))
	}
	if m.To.Valid() && (m.To < t.Start || m.To >= t.End) {
		fe.Add(before+"to", FieldOutOfRange, "must be a day of the term, from "+string(t.Start)+" and before "+string(t.End))
	}
}

// ConflictsWith reports whether the two meetings claim one person at one moment (domain.md §5): a date in both ranges
// falls on a weekday of both, and the clock intervals overlap. Touching ends do not conflict.
func (m Meeting) ConflictsWith(o Meeting) bool {
	if m.Start >= o.End || o.Start >= m.End {
		return false
	}
	common := m.Days & o.Days
	from, to := max(m.From, o.From), min(m.To, o.To)
	if common == 0 || from > to {
		return false
	}
	return occurs(common, from, to)
}

// occurs reports whether one of the weekdays is among the dates, the first and the last included.
func occurs(days Days, from, to Date) bool {
	first, last := from.days(), to.days()
	for day := first; day <= last && day < first+len(dayLetters); day++ {
		const thursday = 3 // the weekday of day 0, 1 January 1970; days before it are negative
		weekday := ((day+thursday)%len(dayLetters) + len(dayLetters)) % len(dayLetters)
		if days&(1<<weekday) != 0 {
			return true
		}
	}
	return false
}

// Conflict reports whether any meeting of one list conflicts with any of the other. Arranged sections never do.
func Conflict(a, b []Meeting) bool {
	for _, m := range a {
		for _, o := range b {
			if m.ConflictsWith(o) {
				return true
			}
		}
	}
	return false
}

// SortMeetings puts meetings into the one order in which they are stored, so that equal sets are equal lists.
func SortMeetings(ms []Meeting) {
	sort.Slice(ms, func(i, j int) bool {
		a, b := ms[i], ms[j]
		if a.From != b.From {
			return a.From < b.From
		}
		if a.Days != b.Days {
			return a.Days < b.Days
		}
		if a.Start != b.Start {
			return a.Start < b.Start
		}
		if a.End != b.End {
			return a.End < b.End
		}
		if a.To != b.To {
			return a.To < b.To
		}
		return a.Room < b.Room
	})
}

// Seats is the account of a section's seats: the hot record of a registration morning, kept small and apart.
type Seats struct {
	Section  SectionID
	Capacity int
	Free     int // Capacity - Taken - Offered; below 0 after the capacity was lowered under what is taken
	Taken    int // ENROLLED registrations
	Offered  int // live offers to waiting students
	Waiting  int // WAITLISTED registrations
	// Status and SectionVersion are copies of the section's. So a decision on a cached section fails its condition when
	// the section has changed. SectionVersion changes with the facts that a decision reads, not with the counts.
	Status         SectionStatus
	SectionVersion Version
}

// Available is the number of free seats that clients see: never negative.
func (s Seats) Available() int { return max(0, s.Free) }

// Takeable reports whether there is a free seat that is not for somebody on the waitlist.
func (s Seats) Takeable() bool { return s.Free > s.Waiting }
