package files

import "io"

// The columns of a file of registrations.
const (
	columnStudent = "student_number"
	columnTerm    = "term"
	columnCRN     = "crn"
)

// RegistrationRow is one row of a file of registrations: who takes what.
type RegistrationRow struct {
	Row     int    // as a spreadsheet numbers it: the header is row 1
	Student string // student number
	Term    string // code of the term
	CRN     string
	Problem *Problem // why the row cannot be used; nil if it can
}

// Registrations reads a CSV with the columns student_number, term and crn, in any order.
type Registrations struct{ table *table }

// NewRegistrations reads the header. It returns a [*FileError] that names the columns that are missing.
func NewRegistrations(file io.Reader) (*Registrations, error) {
	t, err := openTable(file, columnStudent, columnTerm, columnCRN)
	if err != nil {
		return nil, err
	}
	return &Registrations{table: t}, nil
}

// Notes are the notes on the file as a whole, as far as it was read: each once, and none refuses anything.
func (r *Registrations) Notes() []Problem { return r.table.notes() }

// Next returns the next row, or io.EOF after the last. The other errors are those of [Reader].
func (r *Registrations) Next() (RegistrationRow, error) {
	read, err := r.table.next()
	if err != nil {
		return RegistrationRow{}, err
	}
	row := RegistrationRow{Row: read.number, Term: read.values[columnTerm]}
	row.Student, row.CRN = withoutFraction(read.values[columnStudent]), withoutFraction(read.values[columnCRN])
	refuse := func(field, reason string) {
		row.Problem = &Problem{Row: row.Row, Field: field, Reason: reason, Refused: true}
	}
	if read.err != nil {
		refuse("", read.err.Error())
		return row, nil //nolint:nilerr // the fault of one row is in the row
	}
	for _, column := range []string{columnStudent, columnTerm, columnCRN} {
		const longest = 64
		if value := read.values[column]; value == "" {
			refuse(column, "must not be empty")
		} else if len(value) > longest {
			refuse(column, "is too long")
		} else if column != columnTerm && isShortened(value) {
			refuse(column, shortened)
		}
		if row.Problem != nil { // the first fault is reported, the same one each time
			break
		}
	}
	return row, nil
}
