package intake

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

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
type Registrations struct {
	csv     *csv.Reader
	columns map[string]int
	row     int
}

// NewRegistrations reads the header. It returns an error that names the columns that are missing.
func NewRegistrations(file io.Reader) (*Registrations, error) {
	r := &Registrations{csv: csv.NewReader(file), columns: make(map[string]int), row: 1}
	r.csv.FieldsPerRecord = -1 // a row of another length is refused alone
	header, err := r.csv.Read()
	if err != nil {
		return nil, fmt.Errorf("read the header: %w", err)
	}
	for i, name := range header {
		r.columns[strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))] = i
	}
	var missing []string
	for _, name := range []string{columnStudent, columnTerm, columnCRN} {
		if _, ok := r.columns[name]; !ok {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("the header lacks the columns %s", strings.Join(missing, ", "))
	}
	return r, nil
}

// Next returns the next row, or io.EOF after the last. Any other error means that the file cannot be read on.
func (r *Registrations) Next() (RegistrationRow, error) {
	fields, err := r.csv.Read()
	var broken *csv.ParseError
	if errors.As(err, &broken) {
		err = nil
	}
	if err != nil {
		return RegistrationRow{}, err
	}
	r.row++
	row := RegistrationRow{Row: r.row}
	refuse := func(field, reason string) {
		row.Problem = &Problem{Row: r.row, Field: field, Reason: reason, Refused: true}
	}
	switch {
	case broken != nil:
		refuse("", broken.Err.Error())
		return row, nil //nolint:nilerr // what is wrong with one row stands in the row
	case len(fields) != len(r.columns):
		refuse("", "the row has not as many fields as the header")
		return row, nil
	case !utf8.ValidString(strings.Join(fields, "")):
		refuse("", "the row is not valid UTF-8")
		return row, nil
	}
	for column, into := range map[string]*string{columnStudent: &row.Student, columnTerm: &row.Term, columnCRN: &row.CRN} {
		*into = strings.TrimSpace(fields[r.columns[column]])
		const longest = 64
		if *into == "" {
			refuse(column, "must not be empty")
		} else if len(*into) > longest {
			refuse(column, "is too long")
		}
	}
	return row, nil
}
