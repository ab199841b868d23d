package registrar

import "time"

// Each record has a sortable id (UUIDv7, RFC 9562), so that paging by id is paging by time of creation. With a type for
// each kind, a student's id cannot be used as a section's.
type (
	// TermID identifies a term, for example "0198c0a4-2b6e-7c3d-9a41-5f0e2d7c8b11".
	TermID string
	// CourseID identifies a catalogue course.
	CourseID string
	// OfferingID identifies a course in one term. It is derived: see [OfferingOf].
	OfferingID string
	// SectionID identifies one scheduled instance of an offering.
	SectionID string
	// StudentID identifies a student; people know the student number.
	StudentID string
	// InstructorID identifies an instructor.
	InstructorID string
	// ImportID identifies one uploaded file and its import.
	ImportID string
	// EventID identifies a domain event.
	EventID string
)

// Version counts the changes of one record, from 1 at its creation. A client sends the version that it read (ETag and
// If-Match), and a change that was decided on an older one is refused with [ErrVersionMismatch].
type Version int64

// Stamp is the history of a stored record.
type Stamp struct {
	Version   Version
	CreatedAt time.Time // UTC, to the millisecond
	UpdatedAt time.Time // UTC, to the millisecond
}

// Current is the version, for code that serves records of any kind.
func (s Stamp) Current() Version { return s.Version }

// Next is the stamp of the record's next version, changed at the given time.
func (s Stamp) Next(at time.Time) Stamp {
	if s.Version == 0 {
		s.CreatedAt = Instant(at)
	}
	s.Version++
	s.UpdatedAt = Instant(at)
	return s
}

// Instant is the form in which times are kept: UTC and whole milliseconds, so that what was stored and what is read
// back compare equal.
func Instant(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// IDs makes new ids. The clock and the random source behind it are the adapter's.
type IDs func() string

// Clock gives the time. Deadlines must be exact and tested, so no rule asks the operating system itself.
type Clock func() time.Time
