package files_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"example.com/registrar/shared/intake/files"
)

// told is what became of a file: its sections with their meetings, and the rows that were refused.
func told(t *testing.T, file string) (sections []string, refused []int) {
	t.Helper()
	for _, e := range readAll(t, strings.NewReader(file)) {
		for _, p := range e.Problems {
			if p.Refused && !slices.Contains(refused, p.Row) {
				refused = append(refused, p.Row)
			}
		}
		if !e.Empty() {
			section := fmt.Sprintf("%s %d", e.Section.CRN, e.Row)
			for _, m := range e.Section.Meetings {
				section += fmt.Sprintf(" %s %s-%s", m.Days, m.Start, m.End)
			}
			sections = append(sections, section)
		}
	}
	slices.Sort(refused)
	return sections, refused
}

// A quote that is not closed refuses its own row, and takes no other with it.
func TestSchedule_AQuoteThatIsNotClosed(t *testing.T) {
	open := line("2", "M", map[string]string{"full_name": `"Title`})
	quoted := map[string]string{"full_name": `"Title"`, "description": "\"two\nlines\""}
	const morning = " 08:00-09:00"
	for name, c := range map[string]struct {
		rows     string
		sections []string
		refused  []int
	}{
		"to the end of the file": {
			line("1", "M", nil) + open + line("3", "T", nil) + "\n" + line("1", "W", nil),
			[]string{"1 2 M" + morning + " W" + morning, "3 4 T" + morning}, []int{3},
		},
		"to the next quote": {
			line("1", "M", nil) + open + line("3", "T", nil) + line("4", "F", quoted) + line("3", "R", nil),
			[]string{"1 2 M" + morning, "3 4 T" + morning + " R" + morning, "4 5 F" + morning}, []int{3},
		},
		"again and again": {
			"\n" + open + open + line("3", "T", quoted) + open + "\n" + line("4", "F", quoted) + line("5", "F", nil),
			[]string{"3 5 T" + morning, "4 8 F" + morning, "5 9 F" + morning}, []int{3, 4, 6},
		},
	} {
		sections, refused := told(t, header+c.rows)
		if !slices.Equal(sections, c.sections) || !slices.Equal(refused, c.refused) {
			t.Errorf("%s: sections %q, want %q; rows %d refused, want %d", name, sections, c.sections, refused, c.refused)
		}
	}
}

// The same holds for other files: nobody is passed over.
func TestRegistrations_AQuoteThatIsNotClosed(t *testing.T) {
	r, err := files.NewRegistrations(strings.NewReader("student_number,term,crn\n1,T,1\n\"2,T,1\n3,T,1\n4,T,1\n"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for {
		row, err := r.Next()
		if err != nil {
			break
		}
		rows = append(rows, fmt.Sprintf("%d %s %t", row.Row, row.Student, row.Problem != nil))
	}
	if want := []string{"2 1 false", "3  true", "4 3 false", "5 4 false"}; !slices.Equal(rows, want) {
		t.Errorf("%q, want %q", rows, want)
	}
}

// A spreadsheet writes merged cells as empty ones. A meeting of no section is of the one beside it, which is not half
// read; a row of totals is of none.
func TestSchedule_MergedCells(t *testing.T) {
	totals := strings.Repeat(",", 12) + "1200,,,,,\n"
	sections, refused := told(
		t,
		header+line("1", "M", nil)+line("2", "M", nil)+line("", "W", nil)+line("3", "M", nil)+line("4", "M", nil)+totals,
	)
	if want := []string{"1 2 M 08:00-09:00", "4 6 M 08:00-09:00"}; !slices.Equal(sections, want) ||
		!slices.Equal(refused, []int{3, 4, 5, 7}) {
		t.Errorf("sections %q, want %q; rows %d refused", sections, want, refused)
	}
}

// What tools put around a number is not part of it; a number of which digits are lost is refused.
func TestSchedule_Numbers(t *testing.T) {
	for text, want := range map[string]string{
		"00123": "00123", "'00123": "00123", `"=""00123"""`: "00123", "20871.0": "20871", "20871.00": "20871",
		"\ufeff20871": "20871", "20871\u200b": "20871", "\u00a020871": "20871",
		"1.0E4": "", "1E+04": "", "1.23457e+11": "", `"1,2E+11"`: "", "1E4": "1E4", "051-0003-00": "051-0003-00",
		"12.5": "12.5",
	} {
		sections, refused := told(t, header+line(text, "M", nil))
		var crns []string
		if want != "" {
			crns = []string{want + " 2 M 08:00-09:00"}
		}
		if !slices.Equal(sections, crns) || (len(refused) == 0) != (want != "") {
			t.Errorf("%q: sections %q, want %q; rows %d refused", text, sections, crns, refused)
		}
	}
	one := line("1", "M", nil) + line("\ufeff1", "W", nil)
	if sections, _ := told(t, header+one); !slices.Equal(sections, []string{"1 2 M 08:00-09:00 W 08:00-09:00"}) {
		t.Errorf("a mark in the middle of the file: %q", sections)
	}
}

// A zero before an hour does not say that a clock is of 24 hours, and a time from midnight to midnight is one that is
// not set.
func TestSchedule_TimesThatCanBeTwo(t *testing.T) {
	for text, want := range map[string]string{
		"08:00 09:20PM": "M 20:00-21:20", "0800 0920PM": "M 20:00-21:20", "11:00 01:20PM": "M 11:00-13:20",
		"08:00PM 09:20": "M 20:00-21:20", "02:00 02:50": "", "0730 0820": "",
		"08:00 09:20": "M 08:00-09:20", "07:30 13:00": "M 07:30-13:00", "12:00AM 12:00AM": "", "00:00 00:00": "",
		"22:00 24:00": "M 22:00-24:00", "00:00 24:00": "M 00:00-24:00",
	} {
		start, end, _ := strings.Cut(text, " ")
		times := map[string]string{"course_start_time": start, "course_end_time": end}
		sections, refused := told(t, header+line("1", "M", times))
		if got := strings.TrimPrefix(strings.Join(sections, ""), "1 2 "); got != want || (len(refused) == 0) != (want != "") {
			t.Errorf("%s: %q, want %q; rows %d refused", text, got, want, refused)
		}
	}
	midnight := map[string]string{"course_start_time": "12:00AM", "course_end_time": "12:00AM"}
	if sections, _ := told(t, header+line("1", "", midnight)); !slices.Equal(sections, []string{"1 2"}) {
		t.Errorf("midnight without a day: %q, want a section without meetings", sections)
	}
	early := map[string]string{"course_start_time": "07:30", "course_end_time": "08:20"}
	late := map[string]string{"course_start_time": "14:00", "course_end_time": "15:20"}
	want := []string{"1 2 M 07:30-08:20", "2 3 M 14:00-15:20"}
	if sections, _ := told(t, header+line("1", "M", early)+line("2", "M", late)); !slices.Equal(sections, want) {
		t.Errorf("beside a time of 24 hours: %q", sections)
	}
	dates := map[string]string{"course_start_date": "28. 8. 2024", "course_end_date": "20.12.2024"}
	if sections, _ := told(t, header+line("1", "M", dates)); len(sections) != 1 {
		t.Error("28. 8. 2024 is not read as a date")
	}
}

// The first Macintosh ended lines with a carriage return, and its spreadsheets break lines within cells with a line
// feed.
func TestSchedule_LineFeedsWithinCarriageReturns(t *testing.T) {
	file := strings.NewReplacer("\n", "\r", "~", "\n").
		Replace(header + line("1", "M", map[string]string{"description": "\"one~two\""}) + line("2", "W", nil))
	if sections, refused := told(t, file); !slices.Equal(sections, []string{"1 2 M 08:00-09:00", "2 3 W 08:00-09:00"}) {
		t.Errorf("%q, rows %d refused", sections, refused)
	}
}

// A title is short when it is not of the mapping's first column, also where the file does not have that one.
func TestSchedule_AShortTitleWithoutALongOne(t *testing.T) {
	for _, e := range readAll(t, strings.NewReader(strings.Replace(header, "full_name", "course_name", 1)+
		line("1", "M", nil))) {
		if !e.Assumed.Title || e.Course.Title != "Title" {
			t.Errorf("%q, %+v: want a title that stands in", e.Course.Title, e.Assumed)
		}
	}
}

// A column for each day, as Banner has them, is read whole; days that two columns state otherwise are refused.
func TestSchedule_AColumnForEachDay(t *testing.T) {
	m, err := files.ParseMapping([]byte(`{"columns": {"crn": ["CRN"], "course": ["Course"], "title": ["Title"],
		"days": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], "start": ["Begin"], "end": ["End"]},
		"defaults": {"credits": "3", "capacity": 30}}`))
	if err != nil {
		t.Fatal(err)
	}
	for row, want := range map[string]string{
		"1,CSCI 1100,Title,M,,W,,F,,,1000,1050": "MWF", "1,CSCI 1100,Title,,T,,R,,,,1000,1050": "TR",
		"1,CSCI 1100,Title,,,,,,,U,1000,1050":    "U",
		"1,CSCI 1100,Title,MWF,,,,F,,,1000,1050": "",
	} {
		file := "CRN,Course,Title,Mon,Tue,Wed,Thu,Fri,Sat,Sun,Begin,End\n" + row + "\n"
		s, err := files.NewSchedule(strings.NewReader(file), files.Options{Mapping: m, Term: fall2024()})
		if err != nil {
			t.Fatal(err)
		}
		days := ""
		for _, e := range rest(t, s) {
			for _, meeting := range e.Section.Meetings {
				days += meeting.Days.String()
			}
		}
		if days != want {
			t.Errorf("%s: %q, want %q", row, days, want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A mapping means one thing each time, and its defaults are such as a record may have.
func TestMapping_IsUnderstoodWhole(t *testing.T) {
	const columns = `{"columns": {"crn": ["a"], "title": ["b"], "course": ["c"]}, `
	for text, want := range map[string]string{
		`"statuses": {"A": "open", "a": "closed"}}`:                     "statuses",
		`"types": {"L A": "lecture", "L_A": "lab"}}`:                    "types",
		`"days": {"tokens": {"Mi": "W", "mi": "T"}}}`:                   "days.tokens",
		`"terms": {"F 30": "2030-FALL", "f-30": "2030-SPRING"}}`:        "terms",
		`"defaults": {"credits": "many"}}`:                              "defaults.credits",
		`"defaults": {"subject": "A\u0000"}}`:                           "defaults.subject",
		`"defaults": {"component": "` + strings.Repeat("a", 33) + `"}}`: "defaults.component",
	} {
		if _, err := files.ParseMapping([]byte(columns + text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if _, err := files.ParseMapping(
		[]byte(columns +
			`"statuses": {"A": "open", "a": "open"}, "defaults": {"credits": "3-4", "subject": "CSCI"}}`)); err != nil {
		t.Error(err)
	}
}
