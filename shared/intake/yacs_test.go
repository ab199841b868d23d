package intake_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/registrar"
	"github.com/google/go-cmp/cmp"
)

const header = "course_crn,short_name,full_name,course_type,course_credit_hours,course_days_of_the_week,course_start_time," +
	"course_end_time,course_start_date,course_end_date,course_location,course_instructor,course_max_enroll,course_section," +
	"description,raw_precoreqs,prerequisites,school\n"

func readAll(t *testing.T, file io.Reader) []intake.Entry {
	t.Helper()
	r, err := intake.NewYACS(file)
	if err != nil {
		t.Fatal(err)
	}
	var entries []intake.Entry
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, e)
	}
}

func TestYACS_SeveralRowsMakeOneSection(t *testing.T) {
	entries := readAll(t, strings.NewReader("\xef\xbb\xbf"+header+
		`66776,BIOL-2120,Cells,LEC,1-4,TF,12:00PM,1:20PM,2024-08-28,2024-12-20,DCC 308,Ada King/Bo Li,30,01,About cells,"Prerequisite: ""BIOL 1010"".","['BIOL 1010', ""O'NEIL 1"", 'BIOL 1010']",Science`+"\n"+
		`66776,BIOL-2120,Cells,LEC,1-4,W,8:00AM,8:50AM,2024-08-28,2024-12-20,TBA,TBA/Ada King,30,01,About cells,,[],Science`+"\n"))
	if len(entries) != 1 {
		t.Fatalf("%d entries, want 1", len(entries))
	}
	want := intake.Entry{
		Row: 2, Rows: 2,
		Course: registrar.Course{Subject: "BIOL", Number: "2120", Title: "Cells", Description: "About cells",
			Credits: registrar.CreditRange{Min: 100, Max: 400}, School: "Science", Prerequisites: `Prerequisite: "BIOL 1010".`,
			Requires: []string{"BIOL 1010", "O'NEIL 1"}},
		Section: registrar.Section{Subject: "BIOL", Number: "2120", Title: "Cells", CRN: "66776", Label: "01", Component: "lecture",
			Credits: registrar.CreditRange{Min: 100, Max: 400}, Capacity: 30, Status: registrar.SectionOpen,
			Meetings: []registrar.Meeting{
				{Days: 1 << 2, Start: 480, End: 530, From: "2024-08-28", To: "2024-12-20"},
				{Days: 1<<1 | 1<<4, Start: 720, End: 800, From: "2024-08-28", To: "2024-12-20", Room: "DCC 308"},
			}},
		Instructors: []string{"Ada King", "Bo Li"},
	}
	if diff := cmp.Diff(want, entries[0]); diff != "" {
		t.Errorf("entry differs (-want +got):\n%s", diff)
	}
}

// A row that cannot be used is refused with its number and field, and its neighbours are read.
func TestYACS_RefusesRows(t *testing.T) {
	row := func(crn, course, credits, days, start, end, capacity string) string {
		return strings.Join([]string{crn, course, "Title", "LEC", credits, days, start, end, "2024-08-28", "2024-12-20", "R", "TBA", capacity, "01", "", "", "[]", "S"}, ",") + "\n"
	}
	for name, c := range map[string]struct {
		row  string
		want intake.Problem
	}{
		"course":          {row("1", "CSCI1100", "4", "M", "8:00AM", "9:00AM", "10"), intake.Problem{Field: "short_name", Refused: true}},
		"credits":         {row("1", "CSCI-1100", "4-1", "M", "8:00AM", "9:00AM", "10"), intake.Problem{Field: "course_credit_hours", Refused: true}},
		"capacity":        {row("1", "CSCI-1100", "4", "M", "8:00AM", "9:00AM", "ten"), intake.Problem{Field: "course_max_enroll", Refused: true}},
		"negative seats":  {row("1", "CSCI-1100", "4", "M", "8:00AM", "9:00AM", "-1"), intake.Problem{Field: "course_max_enroll", Refused: true}},
		"crn":             {row("1/2", "CSCI-1100", "4", "M", "8:00AM", "9:00AM", "10"), intake.Problem{Field: "course_crn", Refused: true}},
		"too few fields":  {"1,CSCI-1100\n", intake.Problem{Refused: true}},
		"stray quote":     {`1,CSCI-1100,a "b" c,LEC` + "\n", intake.Problem{Refused: true}},
		"not UTF-8":       {strings.Replace(row("1", "CSCI-1100", "4", "M", "8:00AM", "9:00AM", "10"), "Title", "T\xff", 1), intake.Problem{Refused: true}},
		"rows apart":      {row("9", "CSCI-1200", "4", "M", "8:00AM", "9:00AM", "10"), intake.Problem{Field: "course_crn", Refused: true}},
		"day, no time":    {row("1", "CSCI-1100", "4", "W", "", "", "10"), intake.Problem{Field: "course_start_time"}},
		"time, no day":    {row("1", "CSCI-1100", "4", "", "8:00AM", "8:01AM", "10"), intake.Problem{Field: "course_days_of_the_week"}},
		"ends first":      {row("1", "CSCI-1100", "4", "M", "9:00AM", "8:00AM", "10"), intake.Problem{Field: "course_end_time"}},
		"unknown weekday": {row("1", "CSCI-1100", "4", "X", "9:00AM", "10:00AM", "10"), intake.Problem{Field: "course_days_of_the_week"}},
	} {
		before := row("9", "CSCI-1200", "4", "M", "8:00AM", "9:00AM", "10")
		between := row("7", "CSCI-1300", "4", "M", "8:00AM", "9:00AM", "10")
		after := row("8", "CSCI-1400", "4", "M", "8:00AM", "9:00AM", "10")
		sections, problems, read, refused := sum(readAll(t, strings.NewReader(header+before+between+c.row+after)))
		want := []string{"9", "7", "1", "8"}
		wantRefused := 0
		if c.want.Refused {
			want, wantRefused = []string{"9", "7", "8"}, 1
		}
		if diff := cmp.Diff(want, crns(sections)); diff != "" || read != 4 || refused != wantRefused {
			t.Errorf("%s: %d rows read, %d refused; the sections differ (-want +got):\n%s", name, read, refused, diff)
		}
		if len(problems) != 1 || problems[0].Row != 4 || problems[0].Field != c.want.Field || problems[0].Refused != c.want.Refused || problems[0].Reason == "" {
			t.Errorf("%s: problems %+v", name, problems)
		}
	}
}

// sum takes entries together: those with a section, and what became of all rows.
func sum(entries []intake.Entry) (sections []intake.Entry, problems []intake.Problem, read, refused int) {
	for _, e := range entries {
		if !e.Empty() {
			sections = append(sections, e)
		}
		problems = append(problems, e.Problems...)
		read += e.Rows
		refused += e.Refused
	}
	return sections, problems, read, refused
}

func crns(sections []intake.Entry) (crns []string) {
	for _, e := range sections {
		crns = append(crns, e.Section.CRN)
	}
	return crns
}

// line is a row of a section of CSCI 1100 with a meeting on the days; of the columns named it has other values.
func line(crn, days string, other map[string]string) string {
	values := map[string]string{
		"course_crn": crn, "short_name": "CSCI-1100", "full_name": "Title", "course_type": "LEC", "course_credit_hours": "4",
		"course_days_of_the_week": days, "course_start_time": "8:00AM", "course_end_time": "9:00AM", "course_start_date": "2024-08-28",
		"course_end_date": "2024-12-20", "course_location": "R", "course_instructor": "TBA", "course_max_enroll": "10", "course_section": "01",
	}
	maps.Copy(values, other)
	names := strings.Split(strings.TrimSpace(header), ",")
	fields := make([]string, len(names))
	for i, name := range names {
		fields[i] = values[name]
	}
	return strings.Join(fields, ",") + "\n"
}

// A row that cannot be split does not part the rows beside it.
func TestYACS_ABrokenRowLeavesTheRestOfItsSection(t *testing.T) {
	good, other, broken := line("1", "M", nil), line("1", "T", nil), "1,CSCI-1100\n"
	for name, file := range map[string]string{
		"first":            broken + good + other,
		"in the middle":    good + broken + other,
		"last":             good + other + broken,
		"between sections": good + other + broken + line("2", "W", nil),
		"credits":          line("1", "M", map[string]string{"course_credit_hours": "four"}) + line("2", "W", nil) + good + other,
	} {
		sections, problems, _, refused := sum(readAll(t, strings.NewReader(header+file)))
		if refused != 1 || len(problems) != 1 {
			t.Errorf("%s: %d rows refused, problems %+v; want the broken row alone", name, refused, problems)
		}
		i := slices.Index(crns(sections), "1")
		if i < 0 || len(sections[i].Section.Meetings) != 2 {
			t.Errorf("%s: %+v, want the section with both meetings", name, sections)
		}
	}
}

// Rows of one section that stand apart are told so, whatever stands between them.
func TestYACS_TellsRowsThatStandApart(t *testing.T) {
	for name, between := range map[string]string{"another section": line("2", "W", nil), "no section": line("", "W", nil)} {
		_, problems, _, _ := sum(readAll(t, strings.NewReader(header+line("1", "M", nil)+between+line("1", "T", nil))))
		last := len(problems) - 1
		if last < 0 || problems[last].Row != 4 || problems[last].Reason != "the rows of this section do not stand together" {
			t.Errorf("%s: problems %+v", name, problems)
		}
	}
}

// What the domain refuses of one cell is told and left out, and the section is one that the domain takes.
func TestYACS_LeavesOutWhatTheDomainRefuses(t *testing.T) {
	names := func(n int) string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf("Name %02d", i)
		}
		return strings.Join(all, "/")
	}
	for name, c := range map[string]struct {
		column, value         string
		meetings, instructors int
	}{
		"long room":         {"course_location", strings.Repeat("r", 300), 0, 1},
		"longer room":       {"course_location", strings.Repeat("r", 500_000), 0, 1},
		"unprintable room":  {"course_location", "Hall\x01", 0, 1},
		"long name":         {"course_instructor", strings.Repeat("n", 3000) + "/Ada King", 1, 1},
		"unprintable name":  {"course_instructor", "Ada\x7f/Ada King", 1, 1},
		"20 instructors":    {"course_instructor", names(20), 1, registrar.MaxInstructors},
		"50 instructors":    {"course_instructor", names(50), 1, registrar.MaxInstructors},
		"as many as may be": {"course_instructor", names(16), 1, registrar.MaxInstructors},
	} {
		values := map[string]string{"course_instructor": "Ada King", c.column: c.value}
		entries := readAll(t, strings.NewReader(header+line("1", "M", values)+line("2", "T", nil)))
		if len(entries) != 2 || entries[0].Empty() || entries[1].Empty() {
			t.Errorf("%s: want both sections, got %+v", name, entries)
			continue
		}
		e := entries[0]
		if err := e.Section.Validate(); err != nil {
			t.Errorf("%s: the domain refuses the section: %v", name, err)
		}
		for _, n := range e.Instructors {
			if err := (registrar.Instructor{Name: registrar.Personal(n)}).Validate(); err != nil {
				t.Errorf("%s: the domain refuses an instructor: %v", name, err)
			}
		}
		if len(e.Section.Meetings) != c.meetings || len(e.Instructors) != c.instructors {
			t.Errorf("%s: %d meetings and %d instructors, want %d and %d", name, len(e.Section.Meetings), len(e.Instructors), c.meetings, c.instructors)
		}
		if name == "as many as may be" {
			if len(e.Problems) != 0 {
				t.Errorf("%s: %+v", name, e.Problems)
			}
		} else if len(e.Problems) != 1 || e.Problems[0].Row != 2 || e.Problems[0].Field != c.column || e.Problems[0].Refused {
			t.Errorf("%s: problems %+.200v", name, e.Problems)
		}
	}
}

// However many rows claim to be of one section, or of none, few are held at a time.
func TestYACS_HoldsFewRows(t *testing.T) {
	const most = 100
	for name, c := range map[string]struct {
		file           string
		rows, sections int
		refused        int
		field          string
	}{
		"without a CRN": {strings.Repeat(strings.Repeat(",", 17)+"\n", 3*most), 3 * most, 0, 3 * most, "course_crn"},
		"of one CRN":    {strings.Repeat(line("1", "M", nil), 3*most) + line("2", "M", nil), 3*most + 1, 2, 2 * most, "course_crn"},
		"broken":        {strings.Repeat("1,2\n", 3*most), 3 * most, 0, 3 * most, ""},
	} {
		entries := readAll(t, strings.NewReader(header+c.file))
		sections, problems, read, refused := sum(entries)
		if read != c.rows || refused != c.refused || len(sections) != c.sections {
			t.Errorf("%s: %d rows read, %d refused, %d sections, want %d, %d, %d", name, read, refused, len(sections), c.rows, c.refused, c.sections)
		}
		for _, e := range entries {
			if e.Rows > most {
				t.Errorf("%s: an entry of %d rows", name, e.Rows)
			}
		}
		for _, p := range problems {
			if p.Field != c.field || strings.Contains(p.Reason, "stand together") {
				t.Errorf("%s: problem %+v", name, p)
				break
			}
		}
	}
}

func TestNewYACS_NamesMissingColumns(t *testing.T) {
	_, err := intake.NewYACS(strings.NewReader("course_crn,short_name\n"))
	if err == nil || !strings.Contains(err.Error(), "full_name, course_type") {
		t.Errorf("err = %v", err)
	}
	if _, err := intake.NewYACS(strings.NewReader("")); err == nil {
		t.Error("an empty file has no header, and was accepted")
	}
}

// The real term, if it lies beside the clone.
func TestYACS_RealTerm(t *testing.T) {
	file, err := os.Open("../../../shared/data/rpi-fall-2024.csv")
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("left out: ../shared/data/rpi-fall-2024.csv is not beside this clone")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, seats, refused := 0, 0, 0
	courses := map[string]bool{}
	crns := map[string]bool{}
	var problems []intake.Problem
	for _, e := range readAll(t, file) {
		rows += e.Rows
		refused += e.Refused
		problems = append(problems, e.Problems...)
		seats += e.Section.Capacity
		courses[e.Course.Code()] = true
		crns[e.Section.CRN] = true
	}
	if rows != 2667 || len(courses) != 920 || len(crns) != 2224 || seats != 54205 || refused != 0 {
		t.Errorf("rows %d, courses %d, sections %d, seats %d, refused %d: want 2667, 920, 2224, 54205, 0", rows, len(courses), len(crns), seats, refused)
	}
	want := []intake.Problem{
		{Row: 1036, Field: "course_start_time", Reason: "a day is stated, but no time: the meeting is left out"},
		{Row: 2147, Field: "course_days_of_the_week", Reason: "a time is stated, but no day: the meeting is left out"},
	}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Errorf("problems differ (-want +got):\n%s", diff)
	}
}
