// Package files reads the files in which other systems deliver a term. There is one reader for each format. It turns a
// stream into courses, sections and instructors in the domain's words, and says for every row that it could not use
// which field was wrong and why.
//
// It knows the formats and shared/registrar, and nothing of the source of a file or the use of its records. Start with
// [Reader]. schedule.go reads a schedule by a [Mapping], which has a university's names of columns, and table.go is the
// part that readers of CSV files share.
package files

import (
	"io"

	"example.com/registrar/shared/registrar"
)

// Reader reads a file section by section. Only one section is in memory at a time, and all of a course come after one
// another.
type Reader interface {
	io.Closer
	// Next returns the next section, or io.EOF after the last. Any other error means that the file cannot be read further:
	// a [*FileError], or an error of the file's source. Faults of single rows are in the entries.
	Next() (Entry, error)
}

// FileError says what is wrong with a file as a whole: reading it again would not help. Every other error that a reader
// returns, except io.EOF, is from the file's source, and may pass.
type FileError struct {
	Reason string // for people; it repeats nothing of the file
}

// Error gives the reason.
func (e *FileError) Error() string { return e.Reason }

// Entry is one section of a file, with all its rows.
type Entry struct {
	Row      int // its first row, as a spreadsheet numbers it: the header is row 1
	Rows     int // how many rows of the file it has; 0 if it only has notes on the file as a whole
	Problems []Problem
	// Refused counts the rows that were refused: none or all, because a section is taken whole or not at all.
	Refused int
	// Course, Section and Instructors are set unless the rows were refused. The records have no id, term or stamp yet, and
	// the section names its instructors by Instructors. The file does not state a text or a list that is empty.
	Course      registrar.Course
	Section     registrar.Section
	Instructors []string
	// Assumed are the facts that the rows do not state. They have a default, for new records.
	Assumed Assumed
	// Missing are the facts that the rows do not state and that have no default: a new record cannot be made without them.
	Missing []Missing
	// Unscheduled counts the rows that state no meeting.
	Unscheduled int
	// CourseField and SectionField are the file's names of the columns that identify a course and a section.
	CourseField, SectionField string
}

// Missing is a fact that a section's rows do not state.
type Missing struct {
	Fact Fact
	Problem
}

// Fact names something that a new record needs.
type Fact string

// The facts that may be missing.
const (
	FactTitle    Fact = "title" // of the course
	FactCredits  Fact = "credits"
	FactCapacity Fact = "capacity"
)

// Assumed names facts of a section and its course that its rows do not state. A title is also assumed when another
// column than the mapping's first states it, for example a short title in capitals: it does not replace an existing
// title.
type Assumed struct{ Title, Credits, Capacity, Component, Status bool }

// Empty reports whether there is no section: the rows were refused, or there are none.
func (e Entry) Empty() bool { return e.Refused == e.Rows }

// Problem is a fault of one row. The value itself is not repeated: it may be anything.
type Problem struct {
	Row    int    // as a spreadsheet numbers it: the header is row 1
	Field  string // the file's own name of the column
	Reason string
	// Refused: nothing of the row was used, nor of its section. Otherwise it was applied, and this is a note.
	Refused bool
}
