package files

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"example.com/registrar/shared/registrar/words"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	utf "golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// maxRowBytes bounds a row, so that a quote that is never closed does not take a whole file into memory.
const maxRowBytes = 1 << 20

// sniffed is how much of a file's beginning is read to find out what it is.
const sniffed = 16 << 10

// table reads a CSV with a header: the part that readers of all CSV files share. It finds out by itself how the file is
// encoded and what separates its columns.
type table struct {
	source  *source
	text    *rewinder
	csv     *csv.Reader
	header  []string
	columns map[string]int // the positions of those that the reader asked for by name
	width   int            // how many fields the header has up to its last name, and every row must have
	row     int            // number of the row read last
	line    int            // line on which that row ends, as csv counts
	letters letters
	noted   bool // the notes on the file as a whole were given
}

// tableRow is one row of a table.
type tableRow struct {
	number int               // as a spreadsheet numbers it: the header is row 1
	values map[string]string // by column, without the space around them; nil when err is set
	fields []string          // all of them, or as many as could be read when err is set
	err    error             // the row could not be split into fields, or is not text
}

// openTable reads the header. A file may have other columns than the used ones, in any order; names are compared in any
// case.
func openTable(file io.Reader, columns ...string) (*table, error) {
	t, err := startTable(file, func(header []string) (found int) {
		if len(columns) == 0 { // the reader looks at the header itself
			return 1
		}
		for _, name := range columns {
			if position(header, name) >= 0 {
				found++
			}
		}
		return found
	})
	if err != nil {
		return nil, err
	}
	t.columns = make(map[string]int, len(columns))
	var missing []string
	for _, name := range columns {
		i, err := t.find(name)
		if err != nil {
			return nil, err
		}
		if i < 0 {
			missing = append(missing, name)
		}
		t.columns[name] = i
	}
	if len(missing) > 0 {
		return nil, t.lacks(missing)
	}
	return t, nil
}

// startTable reads the header. Of the separators that the file may have it takes the one with which most columns are
// found.
func startTable(file io.Reader, found func(header []string) int) (*table, error) {
	t := &table{source: &source{file: file, left: maxRowBytes}}
	raw := bufio.NewReaderSize(t.source, sniffed)
	head, err := raw.Peek(sniffed) // an error after some text comes again when it is read
	if len(head) == 0 && !errors.Is(err, io.EOF) {
		return nil, headerError(err)
	}
	if len(head) == 0 {
		return nil, &FileError{"the file is empty"}
	}
	if what := looksLike(head); what != "" {
		return nil, &FileError{what}
	}
	text := raw
	if bytes.HasPrefix(head, []byte(utf8Mark)) {
		_, _ = raw.Discard(len(utf8Mark)) // it was just seen
	}
	if decoding := encodingOf(head); decoding != nil {
		text = bufio.NewReaderSize(decoding.NewDecoder().Reader(raw), sniffed)
	}
	head, _ = text.Peek(sniffed)
	if endsWithCarriageReturn(head) {
		text = bufio.NewReaderSize(&carriageReturns{text}, sniffed)
		head, _ = text.Peek(sniffed)
	}
	separator, skip := stated(head)
	if _, err := text.Discard(skip); err != nil {
		return nil, headerError(err)
	}
	if separator == 0 {
		separator = likelySeparator(head, found)
	}
	t.text = &rewinder{file: text}
	t.parse(separator)
	header, err := t.read()
	var broken *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return nil, &FileError{"the file is empty"}
	case errors.As(err, &broken):
		return nil, &FileError{"the header cannot be read: " + reasonOf(broken).Error()}
	case err != nil:
		return nil, headerError(err)
	}
	for i, name := range header {
		if !utf8.ValidString(name) {
			name, _ = windows1252(name)
		}
		if header[i] = words.Line(name); header[i] != "" {
			t.width = i + 1
		}
	}
	t.header = header[:t.width] // spreadsheets write columns that they left empty
	if what := looksLikeHeader(t.header, found(t.header)); what != "" {
		return nil, &FileError{what}
	}
	return t, nil
}

func headerError(err error) error { return fmt.Errorf("read the header: %w", err) }

// find returns the position of a column in the header, or -1.
func (t *table) find(name string) (int, error) {
	i := position(t.header, name)
	if i >= 0 && position(t.header[i+1:], name) >= 0 {
		return 0, &FileError{"the header has the column " + name + " twice"}
	}
	return i, nil
}

func position(header []string, name string) int {
	for i, h := range header {
		if fold(h) == fold(name) {
			return i
		}
	}
	return -1
}

// lacks is the fault of a file without some columns.
func (t *table) lacks(missing []string) error {
	reason := "the header lacks the columns " + strings.Join(missing, ", ")
	if hint := looksLikeColumns(t.header); hint != "" {
		reason += ": " + hint
	}
	return &FileError{reason}
}

// parse begins to read records at the text's position.
func (t *table) parse(separator rune) {
	t.line = 0
	t.csv = csv.NewReader(t.text)
	t.csv.Comma = separator
	t.csv.FieldsPerRecord = -1 // a row of another length is refused alone
}

// read reads a record and counts rows as a spreadsheet does: an empty line is a row too, and a line break within quotes
// begins no row. A quote that is not closed affects no other line: the next record begins on the next line.
func (t *table) read() ([]string, error) {
	t.source.left = maxRowBytes
	t.text.pass(t.csv.InputOffset())
	fields, err := t.csv.Read()
	var broken *csv.ParseError
	switch {
	case errors.As(err, &broken):
		t.row += broken.StartLine - t.line
		if broken.Line > broken.StartLine {
			t.text.rewind(broken.StartLine - t.line)
			t.parse(t.csv.Comma)
			break
		}
		t.line = broken.Line
	case err == nil:
		start, _ := t.csv.FieldPos(0)
		t.row += start - t.line
		t.line = start
		for _, f := range fields {
			t.line += strings.Count(f, "\n")
		}
	}
	return fields, err
}

// next reads the next row that is not empty, or returns io.EOF after the last. The fault of one row is in the row.
func (t *table) next() (tableRow, error) {
	for {
		fields, err := t.read()
		var broken *csv.ParseError
		if err != nil && !errors.As(err, &broken) {
			return tableRow{}, err
		}
		row := tableRow{number: t.row, fields: fields}
		blank := true
		for i, f := range fields {
			f = plain(f)
			blank = blank && f == ""
			if fields[i] = f; i >= t.width && f != "" && row.err == nil {
				row.err = errors.New("the row has more fields than the header")
			}
		}
		switch {
		case broken != nil:
			row.err = reasonOf(broken)
		case blank:
			continue
		case len(fields) < t.width:
			row.err = errors.New("the row has not as many fields as the header")
		default:
			if err := t.letters.decode(fields); err != nil {
				row.err = err
			}
		}
		if row.err == nil {
			row.values = make(map[string]string, len(t.columns))
			for name, i := range t.columns {
				row.values[name] = fields[i]
			}
		}
		return row, nil
	}
}

// reasonOf says, for people, why a row cannot be split into cells.
func reasonOf(broken *csv.ParseError) error {
	if errors.Is(broken.Err, csv.ErrBareQuote) {
		return errors.New("a quote stands in a cell that is not in quotes: put the cell in quotes, and write the quote twice")
	}
	return errors.New("a quote is not closed, or stands alone in a cell in quotes: write a quote within a cell twice")
}

// plain is the text of a cell, without what surrounds it: space, byte order marks and other characters without a width,
// and the marks that keep a spreadsheet from making a number of digits (="00123" or '00123).
func plain(cell string) string {
	cell = strings.TrimFunc(cell, func(r rune) bool {
		return unicode.IsSpace(r) || r == '\ufeff' || r == '\u200b' || r == '\u2060' || r == '\u200e' || r == '\u200f'
	})
	if text, ok := strings.CutPrefix(cell, `="`); ok && strings.HasSuffix(text, `"`) {
		return strings.TrimSpace(strings.TrimSuffix(text, `"`))
	}
	if text, ok := strings.CutPrefix(cell, "'"); ok && text != "" && strings.Trim(text, "0123456789-/.:") == "" {
		return text
	}
	return cell
}

// letters is how a file that is not UTF-16 encodes its letters beyond ASCII. The first row with such a letter decides.
// A later row with another encoding is refused.
type letters int

const (
	lettersUnknown letters = iota
	lettersUTF8
	lettersWindows // Windows-1252, which has the letters of ISO 8859-1 in the same places
)

// notes are the notes on the file as a whole, once, as far as it was read.
func (t *table) notes() []Problem {
	if t.letters != lettersWindows || t.noted {
		return nil
	}
	t.noted = true
	return []Problem{{Row: 1, Reason: windowsNote}}
}

// windowsNote is the note on a file that is read as Windows-1252.
const windowsNote = "the file is not UTF-8: it is read as Windows-1252; if names look wrong, save it as CSV UTF-8"

// decode makes UTF-8 of the fields of a row, in Unicode's form NFC.
func (l *letters) decode(fields []string) error {
	ascii, valid := true, true
	for _, f := range fields {
		valid = valid && utf8.ValidString(f)
		for i := 0; ascii && i < len(f); i++ {
			ascii = f[i] < utf8.RuneSelf
		}
	}
	switch {
	case ascii:
		return nil
	case *l == lettersUnknown && valid:
		*l = lettersUTF8
	case *l == lettersUnknown:
		*l = lettersWindows
	}
	if valid != (*l == lettersUTF8) {
		return errors.New("the row is encoded in another way than those before it: save the file as CSV UTF-8")
	}
	for i := range fields {
		if *l == lettersWindows {
			text, ok := windows1252(fields[i])
			if !ok {
				return errors.New("the row is neither UTF-8 nor Windows-1252: save the file as CSV UTF-8")
			}
			fields[i] = text
		}
		fields[i] = words.Line(fields[i])
	}
	return nil
}

// windows1252 decodes text, and reports whether each of its bytes is a character there.
func windows1252(text string) (string, bool) {
	decoded, err := charmap.Windows1252.NewDecoder().String(text)
	return decoded, err == nil && !strings.ContainsRune(decoded, utf8.RuneError)
}

// utf8Mark is the byte order mark that spreadsheets write before UTF-8.
const utf8Mark = "\xef\xbb\xbf"

// encodingOf finds the encoding of a file that has UTF-16's or UTF-32's byte order mark or looks like UTF-16; nil is an
// encoding that contains ASCII.
func encodingOf(head []byte) encoding.Encoding {
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(head, []byte("\x00\x00\xfe\xff")):
		return utf32.UTF32(utf32.BigEndian, utf32.ExpectBOM)
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return utf.UTF16(utf.BigEndian, utf.ExpectBOM)
	}
	var zero [2]int // at even and odd places
	for i, b := range head {
		if b == 0 {
			zero[i%2]++
		}
	}
	const most = 4 // of a header in UTF-16 nearly every second byte is zero
	switch half := len(head) / 2; {
	case half > 0 && zero[1] > half*(most-1)/most && zero[0] < half/most:
		return utf.UTF16(utf.LittleEndian, utf.IgnoreBOM)
	case half > 0 && zero[0] > half*(most-1)/most && zero[1] < half/most:
		return utf.UTF16(utf.BigEndian, utf.IgnoreBOM)
	}
	return nil
}

// stated finds the separator that Excel takes from a first line such as "sep=;", and how long that line is.
func stated(head []byte) (separator rune, skip int) {
	line, _, found := bytes.Cut(head, []byte("\n"))
	text := strings.TrimRight(string(line), "\r")
	if r, n := utf8.DecodeRuneInString(text[min(len("sep="), len(text)):]); found &&
		strings.HasPrefix(strings.ToLower(text), "sep=") &&
		len(text) == len("sep=")+n && r != '"' &&
		r != utf8.RuneError {
		return r, len(line) + 1
	}
	return 0, 0
}

// likelySeparator is the separator with which the header has most of the wanted columns, else most columns.
func likelySeparator(head []byte, found func([]string) int) rune {
	best, most, widest := ',', -1, 0
	for _, separator := range []rune{',', ';', '\t', '|'} {
		r := csv.NewReader(bytes.NewReader(head))
		r.Comma, r.LazyQuotes = separator, true
		header, err := r.Read()
		if err != nil {
			continue
		}
		if n := found(header); n > most || n == most && len(header) > widest {
			best, most, widest = separator, n, len(header)
		}
	}
	return best
}

// endsWithCarriageReturn reports whether a file's first line ends with a carriage return alone, as those of the first
// Macintosh. Line breaks within quotes may be others.
func endsWithCarriageReturn(head []byte) bool {
	quoted := false
	for i, b := range head {
		switch {
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '\n':
			return false
		case b == '\r':
			rest := bytes.TrimLeft(head[i:], "\r")
			return len(rest) == 0 || rest[0] != '\n'
		}
	}
	return false
}

// rewinder keeps what was read since the beginning of a row, so that it can be read again from its second line on.
type rewinder struct {
	file   io.Reader
	again  []byte // is read before the file
	kept   []byte
	passed int64 // how much the reader has left behind, since it began
}

// Read implements [io.Reader].
func (r *rewinder) Read(p []byte) (n int, err error) {
	if n = copy(p, r.again); n > 0 {
		r.again = r.again[n:]
	} else {
		n, err = r.file.Read(p)
	}
	r.kept = append(r.kept, p[:n]...)
	return n, err
}

// pass drops what is before the offset, counted from the reader's beginning.
func (r *rewinder) pass(offset int64) {
	r.kept = r.kept[min(int(offset-r.passed), len(r.kept)):]
	r.passed = offset
}

// rewind begins again after this many lines of what is kept.
func (r *rewinder) rewind(lines int) {
	rest := r.kept
	for range lines {
		_, rest, _ = bytes.Cut(rest, []byte("\n"))
	}
	r.again = append(slices.Clone(rest), r.again...)
	r.kept, r.passed = nil, 0
}

// carriageReturns replaces carriage returns by line feeds.
type carriageReturns struct{ file io.Reader }

// Read implements [io.Reader].
func (c *carriageReturns) Read(p []byte) (int, error) {
	n, err := c.file.Read(p)
	for i, b := range p[:n] {
		if b == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}

// source is a file of which a limited number of bytes may be read until the next row. An error stays: after it nothing
// that is read would be the beginning of a row.
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
