package registrar

import "time"

// PageRequest asks for one page of a list.
type PageRequest struct {
	Limit  int    // 1 to 100
	Cursor string // opaque, from the page before; empty for the first
}

// MaxPage is the most records on a page.
const MaxPage = 100

// Page is one page of a list.
type Page[T any] struct {
	Items []T
	Next  string // cursor of the next page; empty on the last
}

// SectionFilter chooses sections of one term: by course, subject or instructor, one of them at least.
type SectionFilter struct {
	Term       TermID
	Course     CourseID
	Subject    string
	Instructor InstructorID
	OpenSeats  bool // only open sections with a free seat
}

// CourseFilter chooses courses; empty fields do not restrict.
type CourseFilter struct {
	Subject    string
	TextPrefix string // start of the title, in any case
}

// StudentFilter chooses students; empty fields do not restrict.
type StudentFilter struct {
	Number     Personal // exact
	NamePrefix Personal // start of the family name, in any case
}

// SectionView is a section with its seats, as lists and single reads show it.
type SectionView struct {
	Section
	Seats Seats
}

// SameFacts reports whether both views are of sections that state the same, whatever their seats, ids and stamps.
func (v SectionView) SameFacts(o SectionView) bool { return v.Section.SameFacts(o.Section) }

// EventFilter chooses events: those of a record, of a student, or all. They are between From, inclusive, and To,
// exclusive; a zero To means no end. All events together need both ends.
type EventFilter struct {
	Record   Record
	Student  StudentID
	From, To time.Time
}
