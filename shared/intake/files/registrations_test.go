package files_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"example.com/registrar/shared/intake/files"
)

func TestRegistrations_ReadsRowsAndTellsWhatIsWrong(t *testing.T) {
	file := "\ufeffcrn,term,student_number\n" + // any order, with a byte order mark
		" 100 ,2025-SPRING,U1\n" +
		"100,2025-SPRING\n" +
		",2025-SPRING,U2\n" +
		"100,2025-SPRING,\"U3\n" // never closed
	reader, err := files.NewRegistrations(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var problems []string
	rows := 0
	for {
		row, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		rows++
		if row.Problem == nil {
			if row.CRN != "100" || row.Student != "U1" || row.Term != "2025-SPRING" || row.Row != 2 {
				t.Errorf("row: %+v", row)
			}
			continue
		}
		problems = append(problems, row.Problem.Field)
	}
	if got := strings.Join(problems, ","); rows != 4 || got != ",crn," {
		t.Errorf("%d rows, problems in %q", rows, got)
	}
}

// What spreadsheets make of a header does not matter, to either reader.
func TestHeadersOfSpreadsheets(t *testing.T) {
	for name, c := range map[string]struct{ header, end string }{
		"plain":                             {"student_number,term,crn", ""},
		"empty columns":                     {"student_number,term,crn,,", ",,"},
		"a byte order mark":                 {"\ufeffstudent_number,term,crn", ""},
		"quoted":                            {`"student_number","term","crn"`, ""},
		"a byte order mark before a quote":  {"\ufeff" + `"student_number","term","crn"`, ""},
		"spaces, and a column not asked of": {"student_number , term,crn,note", ",x"},
	} {
		reader, err := files.NewRegistrations(strings.NewReader(c.header + "\nU1,2025-SPRING,100" + c.end + "\n"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if row, err := reader.Next(); err != nil || row.Problem != nil || row.Student != "U1" || row.CRN != "100" {
			t.Errorf("%s: %+v, %v", name, row, err)
		}
	}
	for name, c := range map[string]struct{ header, end string }{
		"empty columns": {strings.TrimSpace(header) + ",,", ",,"},
		"a byte order mark before a quote": {"\ufeff" + `"` + strings.ReplaceAll(strings.TrimSpace(header), ",", `","`) +
			`"`, ""},
		"spaces, and a column not asked of": {strings.ReplaceAll(strings.TrimSpace(header), ",", " , ") + ",note", ",x"},
	} {
		file := c.header + "\n" + strings.TrimSpace(line("1", "M", nil)) + c.end + "\n"
		reader, err := open(t, strings.NewReader(file))
		if err != nil {
			t.Errorf("YACS, %s: %v", name, err)
			continue
		}
		if e, err := reader.Next(); err != nil || e.Empty() || e.Section.CRN != "1" {
			t.Errorf("YACS, %s: %+v, %v", name, e, err)
		}
	}
}

// A row with several faults is told by the first of them, each time.
func TestRegistrations_TellsTheSameFaultEachTime(t *testing.T) {
	for range 50 {
		reader, err := files.NewRegistrations(strings.NewReader("crn,term,student_number\n1,,\n"))
		if err != nil {
			t.Fatal(err)
		}
		if row, err := reader.Next(); err != nil || row.Problem == nil || row.Problem.Field != "student_number" {
			t.Fatalf("%+v, %v", row.Problem, err)
		}
	}
}

func TestRegistrations_NamesMissingColumns(t *testing.T) {
	_, err := files.NewRegistrations(strings.NewReader("crn,who\n"))
	if err == nil || !strings.Contains(err.Error(), "student_number, term") {
		t.Errorf("got %v", err)
	}
}
