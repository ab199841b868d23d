package intake

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// maxRowBytes bounds a row, so that a quote that is never closed does not take a whole file into memory.
const maxRowBytes = 1 << 20

// table reads a CSV with a header: what the adapters of all CSV files share.
type table struct {
	source  *source
	csv     *csv.Reader
	columns map[string]int // where those stand that the adapter uses
	width   int            // how many fields the header has, and every row must have
	row     int            // number of the row read last
}

// tableRow is one row of a table.
type tableRow struct {
	number int               // as a spreadsheet numbers it: the header is row 1
	values map[string]string // by column, without the space around them; nil when err is set
	err    error             // the row could not be split into fields
}

// openTable reads the header, with or without a byte order mark. A file may have other columns than those that are used, and
// any order.
func openTable(file io.Reader, columns ...string) (*table, error) {
	t := &table{source: &source{file: file, left: maxRowBytes}, columns: make(map[string]int, len(columns)), row: 1}
	buffered := bufio.NewReader(t.source)
	if mark, err := buffered.Peek(3); err == nil && string(mark) == "\xef\xbb\xbf" {
		_, _ = buffered.Discard(3) // the byte order mark that was just seen
	}
	t.csv = csv.NewReader(buffered)
	t.csv.FieldsPerRecord = -1 // a row of another length is refused alone
	header, err := t.csv.Read()
	var broken *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return nil, &FileError{"the file is empty"}
	case errors.As(err, &broken):
		return nil, &FileError{"the header cannot be read: " + broken.Error()}
	case err != nil:
		return nil, fmt.Errorf("read the header: %w", err)
	}
	t.width = len(header) // which may be more than it has names: spreadsheets write columns that they left empty
	positions := make(map[string]int, len(header))
	for i, name := range header {
		positions[strings.TrimSpace(name)] = i
	}
	var missing []string
	for _, name := range columns {
		i, ok := positions[name]
		if !ok {
			missing = append(missing, name)
		}
		t.columns[name] = i
	}
	if len(missing) > 0 {
		return nil, &FileError{"the header lacks the columns " + strings.Join(missing, ", ")}
	}
	return t, nil
}

// next reads the next row, or returns io.EOF after the last. What is wrong with one row stands in the row.
func (t *table) next() (tableRow, error) {
	t.source.left = maxRowBytes
	fields, err := t.csv.Read()
	var broken *csv.ParseError
	if err != nil && !errors.As(err, &broken) {
		return tableRow{}, err
	}
	t.row++
	row := tableRow{number: t.row}
	switch {
	case broken != nil:
		row.err = broken.Err
	case len(fields) != t.width:
		row.err = errors.New("the row has not as many fields as the header")
	case !utf8.ValidString(strings.Join(fields, "")):
		row.err = errors.New("the row is not valid UTF-8")
	default:
		row.values = make(map[string]string, len(t.columns))
		for name, i := range t.columns {
			row.values[name] = strings.TrimSpace(fields[i])
		}
	}
	return row, nil
}

// source is a file of which so much may be read until the next row. An error stays: after it nothing that is read would be
// the beginning of a row.
type source struct {
	file io.Reader
	left int
	err  error
}

// Read implements [io.Reader].
func (s *source) Read(p []byte) (int, error) {
	if s.err == nil && s.left <= 0 {
		s.err = &FileError{"a row is longer than 1 MiB: perhaps a quote is not closed"}
	}
	if s.err != nil {
		return 0, s.err
	}
	var n int
	n, s.err = s.file.Read(p[:min(len(p), s.left)])
	s.left -= n
	return n, s.err
}
