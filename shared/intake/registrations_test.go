package intake_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"example.com/registrar/shared/intake"
)

func TestRegistrations_ReadsRowsAndTellsWhatIsWrong(t *testing.T) {
	file := "\ufeffcrn,term,student_number\n" + // any order, with a byte order mark
		" 100 ,2025-SPRING,U1\n" +
		"100,2025-SPRING\n" +
		",2025-SPRING,U2\n" +
		"100,2025-SPRING,\"U3\n" // never closed
	reader, err := intake.NewRegistrations(strings.NewReader(file))
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

func TestRegistrations_NamesMissingColumns(t *testing.T) {
	_, err := intake.NewRegistrations(strings.NewReader("crn,who\n"))
	if err == nil || !strings.Contains(err.Error(), "student_number, term") {
		t.Errorf("got %v", err)
	}
}
