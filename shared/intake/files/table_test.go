package files_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"example.com/registrar/shared/intake/files"
)

// readers read a file to its end, and return what ended it.
var readers = map[string]func(io.Reader) error{
	"YACS": func(file io.Reader) error {
		mapping, _, err := files.BuiltIn("yacs-csv")
		if err != nil {
			return err
		}
		r, err := files.NewSchedule(file, files.Options{Mapping: mapping, Term: fall2024()})
		if err == nil {
			defer r.Close()
		}
		for err == nil {
			_, err = r.Next()
		}
		return err
	},
	"registrations": func(file io.Reader) error {
		r, err := files.NewRegistrations(file)
		for err == nil {
			_, err = r.Next()
		}
		return err
	},
}

// Only what is wrong with the file itself is told as such: who reads again after any other error may come to its end.
func TestReaders_TellFilesFromWhatTheyAreReadFrom(t *testing.T) {
	reset := errors.New("connection reset")
	both := "student_number,term,crn," + header // either reader finds its columns, and no row has so few fields
	row := strings.Repeat(",", strings.Count(both, ",")) + "\n"
	for name, c := range map[string]struct {
		content string
		end     error // nil: the file's own
		want    error // nil: a FileError
	}{
		"to its end":             {both + row, nil, io.EOF},
		"empty":                  {"", nil, nil},
		"a broken header":        {`crn,"te"rm` + "\n", nil, nil},
		"other columns":          {"a,b\n", nil, nil},
		"a header without end":   {strings.Repeat("a,", 1<<20), nil, nil},
		"a row without end":      {both + row + strings.Repeat(",", 2<<20), nil, nil},
		"a quote never closed":   {both + row + `"` + strings.Repeat(row, 100_000), nil, nil},
		"reset at the beginning": {"", reset, reset},
		"reset in the header":    {both[:20], reset, reset},
		"reset between rows":     {both + row, reset, reset},
		"reset in a row":         {both + row + row[:5], reset, reset},
		"reset in a broken row":  {both + row + `a"b`, reset, reset},
		"cut in a row":           {both + row + row[:5], io.ErrUnexpectedEOF, io.ErrUnexpectedEOF},
	} {
		for reader, read := range readers {
			var file *files.FileError
			got := read(io.MultiReader(strings.NewReader(c.content), &once{err: c.end}))
			if c.want != nil && (!errors.Is(got, c.want) || errors.As(got, &file)) || c.want == nil && !errors.As(got, &file) {
				t.Errorf("%s, %s: ended with %v, want %v", reader, name, got, c.want)
			}
		}
	}
}

// once fails once, if it has an error, and then has nothing more.
type once struct{ err error }

func (o *once) Read([]byte) (int, error) {
	err := o.err
	o.err = nil
	if err == nil {
		err = io.EOF
	}
	return 0, err
}
