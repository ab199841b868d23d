// Package intake reads the files in which other systems hand over a term: one adapter for each format, each a reader that
// turns a stream into courses, sections and instructors in the domain's words, and says of every row that it could not use
// which field was wrong and why.
//
// It knows the formats and shared/registrar, and nothing of where a file comes from or where its records go. Start with
// [Reader]; yacs.go is the first adapter, and table.go what adapters of CSV files share.
package intake

import "example.com/registrar/shared/registrar"

// Reader reads a file section by section, holding one section in memory at a time.
type Reader interface {
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
	Rows     int // how many rows of the file it stands on
	Problems []Problem
	// Refused counts the rows of which nothing could be used. When it equals Rows there is no section.
	Refused int
	// Course, Section and Instructors are set unless every row was refused. Neither record has an id, a term or a stamp
	// yet, and the section names its instructors by Instructors.
	Course      registrar.Course
	Section     registrar.Section
	Instructors []string
}

// Empty tells whether no row of the entry could be used.
func (e Entry) Empty() bool { return e.Refused == e.Rows }

// Problem is what is wrong in one row. The value itself is not repeated: it may be anything.
type Problem struct {
	Row    int    // as a spreadsheet numbers it: the header is row 1
	Field  string // the file's own name of the column
	Reason string
	// Refused: nothing of the row was used. Otherwise only what the field says was left out.
	Refused bool
}
