// Package files reads the files in which other systems hand over a term: one adapter for each format, each a reader
// that turns a stream into courses, sections and instructors in the domain's words, and says of every row that it could
// not use which field was wrong and why.
//
// It knows the formats and shared/registrar, and nothing of where a file comes from or where its records go. Start with
// [Reader]; schedule.go reads a schedule by a [Mapping], which says what a university calls its columns, and table.go
// is what readers of CSV files share.
package files

import (
	"io"

	"example.com/registrar/shared/registrar"
)

// Reader reads a file section by section. Only one section is in memory at a time, and all of a course come after one
// another.
type Reader interface {
	io.Closer
	// Next returns the next section, or io.EOF after the last. Any other error means that the file cannot be read on: a
	// [*FileError], or one of whatever the file is read from. What is wrong with single rows stands in the entries.
	Next() (Entry, error)
}

// FileError tells what is wrong with a file as a whole: reading it again is no better. Every other error that a reader
// returns, but io.EOF, is of whatever the file is read from, and may pass.
type FileError struct {
	Reason string // for people; nothing of what the file holds
}

// Error gives the reason.
func (e *FileError) Error() string { return e.Reason }

// Entry is one section of a file, with all its rows.
type Entry struct {
	Row      int // its first row, as a spreadsheet numbers it: the header is row 1
	Rows     int // how many rows of the file it stands on; 0 if it only tells something of the file as a whole
	Problems []Problem
	// Refused counts the rows that were refused: none or all, for a section is taken whole or not at all.
	Refused int
	// Course, Section and Instructors are set unless the rows were refused. Neither record has an id, a term or a stamp
	// yet, and the section names its instructors by Instructors. An empty text or list is one that the file does not
	// state.
	Course      registrar.Course
	Section     registrar.Section
	Instructors []string
	// Assumed are the facts that the rows do not state. They have a default, for new records.
	Assumed Assumed
	// Missing are the facts that the rows do not state and that have no default: a new record cannot be made without them.
	Missing []Missing
	// Unscheduled counts the rows that state no meeting.
	Unscheduled int
	// CourseField and SectionField are the file's names of the columns by which a course and a section are known.
	CourseField, SectionField string
}

// Missing is a fact that a section's rows do not state.
type Missing struct {
	Fact Fact
	Problem
}

// Fact names what a new record cannot be without.
type Fact string

// The facts that may be missing.
const (
	FactTitle    Fact = "title" // of the course
	FactCredits  Fact = "credits"
	FactCapacity Fact = "capacity"
)

// Assumed names facts of a section and its course that its rows do not state. A title is assumed too that another
// column than the mapping's first states, such as a short one in capitals: it does not replace a title that is there.
type Assumed struct{ Title, Credits, Capacity, Component, Status bool }

// Empty reports whether there is no section: the rows were refused, or there are none.
func (e Entry) Empty() bool { return e.Refused == e.Rows }

// Problem is what is wrong in one row. The value itself is not repeated: it may be anything.
type Problem struct {
	Row    int    // as a spreadsheet numbers it: the header is row 1
	Field  string // the file's own name of the column
	Reason string
	// Refused: nothing of the row was used, nor of its section. Otherwise it was applied, and this is a note.
	Refused bool
}
