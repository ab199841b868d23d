package files_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"example.com/registrar/shared/intake/files"
	"example.com/registrar/shared/registrar"
	"github.com/google/go-cmp/cmp"
)

const header = "course_crn,short_name,full_name,course_type,course_credit_hours,course_days_of_the_week," +
	"course_start_time,course_end_time,course_start_date,course_end_date,course_location,course_instructor," +
	"course_max_enroll,course_section,description,raw_precoreqs,prerequisites,school\n"

func fall2024() registrar.Term {
	return registrar.Term{
		Code:     "2024-FALL",
		Title:    "Fall 2024",
		Start:    "2024-08-26",
		End:      "2024-12-31",
		TimeZone: "America/New_York",
	}
}

func builtIn(t *testing.T, format string) files.Mapping {
	t.Helper()
	m, ok, err := files.BuiltIn(format)
	if err != nil || !ok {
		t.Fatalf("%s: %t, %v", format, ok, err)
	}
	return m
}

// open reads a file by the mapping of YACS, for the term of the real data.
func open(t *testing.T, file io.Reader) (*files.Schedule, error) {
	t.Helper()
	s, err := files.NewSchedule(file, files.Options{Mapping: builtIn(t, "yacs-csv"), Term: fall2024()})
	if err == nil {
		t.Cleanup(func() { _ = s.Close() })
	}
	return s, err
}

func readAll(t *testing.T, file io.Reader) []files.Entry {
	t.Helper()
	r, err := open(t, file)
	if err != nil {
		t.Fatal(err)
	}
	return rest(t, r)
}

func rest(t *testing.T, r files.Reader) (entries []files.Entry) {
	t.Helper()
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

func TestSchedule_SeveralRowsMakeOneSection(t *testing.T) {
	entries := readAll(t, strings.NewReader("\xef\xbb\xbf"+header+
		`66776,BIOL-2120,Cells,LEC,1-4,TF,12:00PM,1:20PM,2024-08-28,2024-12-20,DCC 308,Ada King/Bo Li,30,01,About cells,`+
		`"Prerequisite: ""BIOL 1010"".","['BIOL 1010', ""O'NEIL 1"", 'BIOL 1010']",Science`+"\n"+
		`66776,BIOL-2120,Cells,LEC,1-4,W,8:00AM,8:50AM,2024-08-28,2024-12-20,TBA,TBA/Ada King,30,01,About cells,,[],Science`+
		"\n"))
	if len(entries) != 1 {
		t.Fatalf("%d entries, want 1", len(entries))
	}
	want := files.Entry{
		Row: 2, Rows: 2,
		Course: registrar.Course{Subject: "BIOL", Number: "2120", Title: "Cells", Description: "About cells",
			Credits: registrar.CreditRange{Min: 100, Max: 400}, School: "Science", Prerequisites: `Prerequisite: "BIOL 1010".`,
			Requires: []string{"BIOL 1010", "O'NEIL 1"}},
		Section: registrar.Section{
			Subject:   "BIOL",
			Number:    "2120",
			Title:     "Cells",
			CRN:       "66776",
			Label:     "01",
			Component: "lecture",
			Credits:   registrar.CreditRange{Min: 100, Max: 400},
			Capacity:  30,
			Status:    registrar.SectionOpen,
			Meetings: []registrar.Meeting{
				{Days: 1 << 2, Start: 480, End: 530, From: "2024-08-28", To: "2024-12-20"},
				{Days: 1<<1 | 1<<4, Start: 720, End: 800, From: "2024-08-28", To: "2024-12-20", Room: "DCC 308"},
			},
		},
		Instructors: []string{"Ada King", "Bo Li"},
		Assumed:     files.Assumed{Status: true},
		CourseField: "short_name", SectionField: "course_crn",
	}
	if diff := cmp.Diff(want, entries[0]); diff != "" {
		t.Errorf("entry differs (-want +got):\n%s", diff)
	}
}

// sum takes entries together: those with a section, and what became of all rows.
func sum(entries []files.Entry) (sections []files.Entry, problems []files.Problem, read, refused int) {
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

func crns(sections []files.Entry) (crns []string) {
	for _, e := range sections {
		crns = append(crns, e.Section.CRN)
	}
	return crns
}

// line is a row of a section of CSCI 1100 with a meeting on the days; of the columns named it has other values.
func line(crn, days string, other map[string]string) string {
	values := map[string]string{
		"course_crn": crn, "short_name": "CSCI-1100", "full_name": "Title", "course_type": "LEC", "course_credit_hours": "4",
		"course_days_of_the_week": days, "course_start_time": "8:00AM", "course_end_time": "9:00AM",
		"course_start_date": "2024-08-28",
		"course_end_date":   "2024-12-20", "course_location": "R", "course_instructor": "TBA", "course_max_enroll": "10",
		"course_section": "01",
	}
	maps.Copy(values, other)
	names := strings.Split(strings.TrimSpace(header), ",")
	fields := make([]string, len(names))
	for i, name := range names {
		fields[i] = values[name]
	}
	return strings.Join(fields, ",") + "\n"
}

// A cell that cannot be read refuses every row of its section, told by row and field, and no other section.
func TestSchedule_IsNeverHalfUnderstood(t *testing.T) {
	names := func(n int) string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf("Name %02d", i)
		}
		return strings.Join(all, "/")
	}
	for name, c := range map[string]struct {
		column, value string
		field         string // that is told; empty: the column
	}{
		"course":            {"short_name", "CSCI1100", ""},
		"another course":    {"short_name", "CSCI-1200", ""},
		"credits":           {"course_credit_hours", "4-1", ""},
		"a date as credits": {"course_credit_hours", "3-Apr", ""},
		"capacity":          {"course_max_enroll", "ten", ""},
		"negative seats":    {"course_max_enroll", "-1", ""},
		"day, no time":      {"course_start_time", "", ""},
		"time, no day":      {"course_days_of_the_week", "", ""},
		"unknown weekday":   {"course_days_of_the_week", "X", ""},
		"days from and to":  {"course_days_of_the_week", "M-F", ""},
		"ends first":        {"course_end_time", "7:00AM", ""},
		"no time":           {"course_end_time", "soon", ""},
		"no date":           {"course_start_date", "", ""},
		"either date":       {"course_start_date", "9/10/2024", ""},
		"before the term":   {"course_start_date", "2024-01-05", ""},
		"after the term":    {"course_end_date", "2025-01-05", ""},
		"ends before":       {"course_end_date", "2024-08-27", ""},
		"long room":         {"course_location", strings.Repeat("r", 300), ""},
		"unprintable room":  {"course_location", "Hall\x01", ""},
		"long name":         {"course_instructor", strings.Repeat("n", 3000) + "/Ada King", ""},
		"50 instructors":    {"course_instructor", names(50), ""},
		"list":              {"prerequisites", "[ARCH 4790]", ""},
		"not UTF-8":         {"full_name", "Title \xc3\x28 \x81", "-"},
	} {
		bad := map[string]string{c.column: c.value}
		if c.column == "course_start_time" {
			bad["course_end_time"] = ""
		}
		file := line(
			"9",
			"M",
			nil,
		) + line(
			"1",
			"T",
			nil,
		) + line(
			"1",
			"W",
			bad,
		) + line(
			"8",
			"M",
			map[string]string{"full_name": "Ünicode"},
		)
		sections, problems, read, refused := sum(readAll(t, strings.NewReader(header+file)))
		if diff := cmp.Diff([]string{"9", "8"}, crns(sections)); read != 4 || refused != 2 ||
			name != "not UTF-8" && diff != "" {
			if name == "not UTF-8" { // which rows are refused beside it depends on what stands first
				continue
			}
			t.Errorf("%s: %d rows read, %d refused; the sections differ (-want +got):\n%s", name, read, refused, diff)
		}
		field := c.field
		if field == "" {
			field = c.column
		}
		told := slices.ContainsFunc(
			problems,
			func(p files.Problem) bool { return p.Field == field && p.Refused && p.Reason != "" },
		)
		if !told && field != "-" {
			t.Errorf("%s: problems %+.300v", name, problems)
		}
		rows := map[int]bool{}
		for _, p := range problems {
			rows[p.Row] = true
		}
		if !rows[3] || !rows[4] {
			t.Errorf("%s: want problems of rows 3 and 4: %+.300v", name, problems)
		}
	}
}

// A row that cannot be split takes its section with it; where it is not known which one that is, those beside it.
func TestSchedule_ABrokenRow(t *testing.T) {
	good, other := line("1", "M", nil), line("1", "T", nil)
	const known, unknown = "1,CSCI-1100\n", "\"1\"x\n"
	for name, c := range map[string]struct {
		file    string
		refused int
		want    []string
	}{
		"of the section":         {good + known + other + line("2", "W", nil), 3, []string{"2"}},
		"of a section elsewhere": {good + other + line("2", "W", nil) + known, 3, []string{"2"}},
		"of whichever":           {good + unknown + other + line("2", "W", nil), 3, []string{"2"}},
		"between sections": {line("3", "W", nil) + good + other + unknown + line("2", "W", nil) + line("4", "W", nil),
			4, []string{"3", "4"}},
		"too wide":              {good + strings.TrimSpace(other) + ",x\n" + line("2", "W", nil), 2, []string{"2"}},
		"too wide with nothing": {good + strings.TrimSpace(other) + ", ,\n" + line("2", "W", nil), 0, []string{"1", "2"}},
	} {
		sections, problems, _, refused := sum(readAll(t, strings.NewReader(header+c.file)))
		if diff := cmp.Diff(c.want, crns(sections)); diff != "" || refused != c.refused || len(problems) != c.refused {
			t.Errorf("%s: %d rows refused, problems %+v, sections (-want +got):\n%s", name, refused, problems, diff)
		}
	}
}

// Wherever the rows of a section stand, they make one section; sections of one course follow one another.
func TestSchedule_RowsNeedNotStandTogether(t *testing.T) {
	other := map[string]string{"short_name": "CSCI-1200"}
	entries := readAll(
		t,
		strings.NewReader(
			header+line("1", "M", nil)+line("2", "W", other)+line("1", "T", nil)+line("3", "F", nil)+line("2", "F", other),
		),
	)
	if got := strings.Join(crns(entries), " "); got != "1 3 2" || len(entries[0].Section.Meetings) != 2 ||
		len(entries[2].Section.Meetings) != 2 {
		t.Errorf("sections %s: %+v", got, entries)
	}
}

// However many rows claim to be of one section, or of none, few are held at a time.
func TestSchedule_HoldsFewRows(t *testing.T) {
	const most = 100
	for name, c := range map[string]struct {
		file           string
		rows, sections int
		refused        int
		field          string
	}{
		"without a CRN": {strings.Repeat(line("", "M", nil), 3*most), 3 * most, 0, 3 * most, "course_crn"},
		"of one CRN": {strings.Repeat(line("1", "M", nil), 3*most) + line("2", "M", nil), 3*most + 1, 1, 3 * most,
			"course_crn"},
		"broken": {strings.Repeat("1,2\n", 3*most), 3 * most, 0, 3 * most, ""},
		"blank":  {strings.Repeat(strings.Repeat(",", 17)+"\n", 3*most), 0, 0, 0, ""},
	} {
		entries := readAll(t, strings.NewReader(header+c.file))
		sections, problems, read, refused := sum(entries)
		if read != c.rows || refused != c.refused || len(sections) != c.sections || len(problems) != c.refused {
			t.Errorf("%s: %d rows read, %d refused, %d sections, %d problems", name, read, refused, len(sections), len(problems))
		}
		for _, e := range entries {
			if e.Rows > most {
				t.Errorf("%s: an entry of %d rows", name, e.Rows)
			}
		}
		for _, p := range problems {
			if p.Field != c.field && p.Field != "course_crn" {
				t.Errorf("%s: problem %+v", name, p)
				break
			}
		}
	}
	if _, err := open(t, strings.NewReader(header+strings.Repeat("x\n", 500_001))); err == nil ||
		!strings.Contains(err.Error(), "500,000") {
		t.Errorf("too many rows: %v", err)
	}
}

// Memory does not grow with the number of rows but for 32 bytes of each.
func TestSchedule_MemoryStaysFlat(t *testing.T) {
	live := func(sections int) uint64 {
		var parts []io.Reader
		parts = append(parts, strings.NewReader(header))
		for _, days := range []string{"M", "T"} { // every section's rows stand far apart
			parts = append(parts, &lines{n: sections, of: func(i int) string {
				return line(
					fmt.Sprint(10_000+i),
					days,
					map[string]string{"short_name": fmt.Sprintf("CSCI-%d", i/3), "description": strings.Repeat("d", 500)},
				)
			}})
		}
		r, err := open(t, io.MultiReader(parts...))
		if err != nil {
			t.Fatal(err)
		}
		for range sections / 2 {
			if e, err := r.Next(); err != nil || len(e.Section.Meetings) != 2 {
				t.Fatalf("%+v, %v", e, err)
			}
		}
		runtime.GC()
		runtime.GC() // what pools keep goes with the second
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		runtime.KeepAlive(r)
		return m.HeapAlloc
	}
	live(500) // what is made once is made
	few, many := live(500), live(5000)
	if most := few + 4500*2*80; many > most { // two rows for each section
		t.Errorf("%d bytes with 500 sections, %d with 5,000: want at most %d", few, many, most)
	}
	t.Logf("%d bytes with 500 sections, %d with 5,000", few, many)
}

// lines makes n lines when they are read.
type lines struct {
	n, i int
	of   func(int) string
	left string
}

func (l *lines) Read(p []byte) (int, error) {
	if l.left == "" {
		if l.i == l.n {
			return 0, io.EOF
		}
		l.left = l.of(l.i)
		l.i++
	}
	n := copy(p, l.left)
	l.left = l.left[n:]
	return n, nil
}

func TestSchedule_NamesMissingColumns(t *testing.T) {
	_, err := open(t, strings.NewReader("course_crn,short_name\n"))
	if err == nil || !strings.Contains(err.Error(), "full_name or course_name, course_type, course_credit_hours") {
		t.Errorf("err = %v", err)
	}
	if _, err := open(t, strings.NewReader(header[:len(header)-1]+",SCHOOL\n")); err == nil ||
		!strings.Contains(err.Error(), "school twice") {
		t.Errorf("err = %v", err)
	}
}

// A file that is no CSV is answered with what it looks like and what to do.
func TestFilesAreToldWhatTheyLookLike(t *testing.T) {
	zip := func(name string) string {
		return "PK\x03\x04\x14\x00\x00\x00\x08\x00" + strings.Repeat("\x00", 20) + name
	}
	for want, file := range map[string]string{
		"Excel workbook (xlsx)":     zip("[Content_Types].xml"),
		"old Excel workbook (xls)":  "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + strings.Repeat("\x00", 100),
		"OpenDocument":              zip("mimetypeapplication/vnd.oasis.opendocument.spreadsheet"),
		"as OneRoster packs":        zip("manifest.csv"),
		"a zip archive: unpack":     zip("schedule.csv"),
		"gzip":                      "\x1f\x8b\x08\x00",
		"a PDF":                     "%PDF-1.7",
		"a web page (HTML)":         "\n<!DOCTYPE html><html><table>",
		"is XML":                    "<?xml version=\"1.0\"?><Workbook>",
		"is JSON":                   `[{"crn": "1"}]`,
		"is not text":               "abc\x00\x01\x02def,\x03",
		"OneRoster's users.csv":     "sourcedId,status,dateLastModified,enabledUser,username,givenName\n",
		"OneRoster's classes.csv":   "sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode\n",
		"Canvas's users.csv":        "user_id,login_id,first_name,status\n",
		"Canvas's courses.csv":      "course_id,short_name,long_name,status\n",
		"Canvas's sections.csv":     "section_id,course_id,name,status\n",
		"no table with commas":      "nothing that is known\n",
		"looks like registrations":  "student_number,term,crn\n",
		"the file is empty":         "",
		"the header cannot be read": "crn,te\"rm\n",
	} {
		_, err := open(t, strings.NewReader(file))
		var told *files.FileError
		if !errors.As(err, &told) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}

// Encodings and separators are found out, and rows are numbered as a spreadsheet does.
func TestEncodingsAndSeparators(t *testing.T) {
	file := header + line(
		"1",
		"M",
		map[string]string{"full_name": "Café für Drachen", "course_instructor": "Ada Müller"},
	) +
		"\n \n" + line(
		"2",
		"M",
		map[string]string{"description": "\"two\nlines\""},
	) + line(
		"3",
		"M",
		map[string]string{"course_max_enroll": "many"},
	)
	windows := strings.NewReplacer("é", "\xe9", "ü", "\xfc").Replace(file)
	utf16le := func(text string, mark bool) string {
		var b strings.Builder
		if mark {
			b.WriteString("\xff\xfe")
		}
		for _, u := range utf16.Encode([]rune(text)) {
			b.WriteByte(byte(u))
			b.WriteByte(byte(u >> 8))
		}
		return b.String()
	}
	utf16be := func(text string) string {
		le := []byte(utf16le(text, true))
		for i := 0; i < len(le); i += 2 {
			le[i], le[i+1] = le[i+1], le[i]
		}
		return string(le)
	}
	for name, c := range map[string]struct {
		file string
		note string
	}{
		"UTF-8":                     {file, ""},
		"UTF-8 with a mark":         {"\xef\xbb\xbf" + file, ""},
		"UTF-16 little endian":      {utf16le(file, true), ""},
		"UTF-16 big endian":         {utf16be(file), ""},
		"UTF-16 without a mark":     {utf16le(file, false), ""},
		"UTF-16 big without a mark": {utf16be(file)[2:], ""},
		"letters in two parts":      {strings.NewReplacer("é", "e\u0301", "ü", "u\u0308").Replace(file), ""},
		"Windows-1252":              {windows, "Windows-1252"},
		"semicolons":                {strings.ReplaceAll(file, ",", ";"), ""},
		"tabs":                      {strings.ReplaceAll(file, ",", "\t"), ""},
		"bars":                      {strings.ReplaceAll(file, ",", "|"), ""},
		"as Excel says it":          {"sep=;\r\n" + strings.ReplaceAll(file, ",", ";"), ""},
		"Windows' line ends":        {strings.ReplaceAll(file, "\n", "\r\n"), ""},
		"Macintosh's line ends":     {strings.ReplaceAll(file, "\n", "\r"), ""},
		"header in capitals":        {strings.Replace(file, header, strings.ToUpper(header), 1), ""},
		"header with spaces":        {strings.Replace(file, header, strings.ReplaceAll(header, "_", " "), 1), ""},
	} {
		sections, problems, _, _ := sum(readAll(t, strings.NewReader(c.file)))
		if len(sections) != 2 || sections[0].Course.Title != "Café für Drachen" ||
			!slices.Equal(sections[0].Instructors, []string{"Ada Müller"}) ||
			sections[1].Row != 5 ||
			sections[1].Course.Description != "two\nlines" {
			t.Errorf("%s: %+v", name, sections)
			continue
		}
		if len(problems) == 0 || problems[0].Row != 6 || (len(problems) == 2) != (c.note != "") ||
			!strings.Contains(problems[len(problems)-1].Reason, c.note) {
			t.Errorf("%s: %+v", name, problems)
		}
	}
}

// Each way of writing a cell has one meaning, or is refused.
func TestSchedule_Cells(t *testing.T) {
	const refused = "refused"
	read := func(mapping func(*files.Mapping), values map[string]string, show func(files.Entry) string) string {
		m := builtIn(t, "yacs-csv")
		if mapping != nil {
			mapping(&m)
		}
		s, err := files.NewSchedule(
			strings.NewReader(header+line("1", "M", values)),
			files.Options{Mapping: m, Term: fall2024()},
		)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		entries := rest(t, s)
		if entries[0].Empty() {
			return refused
		}
		return show(entries[0])
	}
	meeting := func(e files.Entry) string {
		if len(e.Section.Meetings) == 0 {
			return "none"
		}
		m := e.Section.Meetings[0]
		return fmt.Sprintf("%s %s-%s", m.Days, m.Start, m.End)
	}
	for text, want := range map[string]string{
		"4": "4-4", "4.0": "4-4", "4.000": "4-4", "1.5": "1.5-1.5", "1,5": "1.5-1.5", "3-4": "3-4", "3 - 4": "3-4",
		"3–4": "3-4", "3 to 4": "3-4", "1 OR 3": "1-3", "0": "0-0", "1-15": "1-15",
		"3-Apr": refused, "4-Jan": refused, "Apr-3": refused, "4/1/2024": refused, "2024-01-04": refused, "3/4": refused,
		"four": refused, "4-1": refused, "200": refused,
	} {
		if got := read(nil, map[string]string{"course_credit_hours": `"` + text + `"`}, func(e files.Entry) string {
			return e.Section.Credits.Min.String() + "-" + e.Section.Credits.Max.String()
		}); got != want {
			t.Errorf("credits %q: %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"8:00AM 9:50AM": "M 08:00-09:50", "2:00PM 3:20PM": "M 14:00-15:20", "8:00am 9:50am": "M 08:00-09:50",
		"2p 3p": "M 14:00-15:00", "14:00 15:20": "M 14:00-15:20", "1400 1520": "M 14:00-15:20",
		"0800 0950": "M 08:00-09:50", "14.00 15.20": "M 14:00-15:20", "14h00 15h20": "M 14:00-15:20",
		"10:00 11:50": "M 10:00-11:50", "08:00:00 09:50:00": "M 08:00-09:50", "10:00 11:50AM": "M 10:00-11:50",
		"11:00 12:50PM": "M 11:00-12:50", "1:00 2:50PM": "M 13:00-14:50", "12:00PM 12:50PM": "M 12:00-12:50",
		"10:00PM 12:00AM": "M 22:00-24:00",
		"2:00 2:50":       refused, "11:00 1:50": refused, "25:00 26:00": refused, "9:00AM 9:00AM": refused,
		"13:00PM 14:00PM": refused, "noon 1PM": refused,
	} {
		start, end, _ := strings.Cut(text, " ")
		if got := read(nil, map[string]string{"course_start_time": start, "course_end_time": end}, meeting); got != want {
			t.Errorf("times %q: %s, want %s", text, got, want)
		}
	}
	both := func(m *files.Mapping) {
		m.Columns.Time, m.Columns.Start, m.Columns.End = m.Columns.Start, nil, nil
	}
	for text, want := range map[string]string{
		"10:00AM-11:50AM": "M 10:00-11:50", "2:00 - 3:20 PM": "M 14:00-15:20", "11:00-12:15pm": "M 11:00-12:15",
		"14:00–15:20": "M 14:00-15:20", "9 AM to 10 AM": "M 09:00-10:00",
		"10:00AM": refused, "TBA": refused, // there is a day
	} {
		if got := read(both, map[string]string{"course_start_time": text}, meeting); got != want {
			t.Errorf("time %q: %s, want %s", text, got, want)
		}
	}
	clock24 := func(m *files.Mapping) { m.Clock = files.Clock24 }
	if got := read(clock24, map[string]string{"course_start_time": "2:00", "course_end_time": "2:50"},
		meeting); got != "M 02:00-02:50" {
		t.Errorf("by a clock of 24 hours: %s", got)
	}
	clock12 := func(m *files.Mapping) { m.Clock = files.Clock12 }
	if got := read(clock12, map[string]string{"course_start_time": "10:00", "course_end_time": "11:50"},
		meeting); got != refused {
		t.Errorf("by a clock of 12 hours: %s", got)
	}
	for notation, cases := range map[files.Notation]map[string]string{
		files.NotationLetters: {"MTWRFSU": "MTWRFSU", "MWF": "MWF", "M-W-F": "MWF", "M W F": "MWF", "mw": "MW",
			"TTh": refused, "MM": refused, "M-F": refused, "TR": "TR"},
		files.NotationNames: {"MoWeFr": "MWF", "Mon/Wed": "MW", "TTh": "TR", "TuTh": "TR",
			"Tuesday, Thursday": "TR", "Sa Su": "SU", "MWTh": "MWR", "Mon-Fri": refused, "Xyz": refused, "Thurs.": "R"},
		files.NotationNumbers:           {"135": "MWF", "1,3,5": "MWF", "7": "U", "8": refused, "11": refused},
		files.NotationNumbersFromSunday: {"246": "MWF", "1": "U", "7": "S"},
		"tokens":                        {"Lu Me": "MW", "lume": "MW", "M": refused},
	} {
		for text, want := range cases {
			got := read(func(m *files.Mapping) {
				if m.Days.Notation = notation; notation == "tokens" {
					m.Days = files.DayNotation{Tokens: map[string]string{"Lu": "M", "Me": "W"}}
				}
			}, map[string]string{"course_days_of_the_week": `"` + text + `"`}, meeting)
			if got, _, _ = strings.Cut(got, " "); got != want {
				t.Errorf("days %q as %s: %s, want %s", text, notation, got, want)
			}
		}
	}
	for text, want := range map[string]string{
		"2024-09-10": "2024-09-10", "2024/9/10": "2024-09-10", "20240910": "2024-09-10", "2024-09-10T00:00:00": "2024-09-10",
		"10 September 2024": "2024-09-10", "10-Sep-24": "2024-09-10",
		"Sep 10, 2024": "2024-09-10", "9/30/2024": "2024-09-30", "30.9.2024": "2024-09-30", "30/09/24": "2024-09-30",
		"9/9/2024":  "2024-09-09",
		"9/10/2024": refused, "9.10.2024": refused, "45545": refused, "2024-02-30": refused, "31/31/2024": refused,
		"soon": refused,
	} {
		from := map[string]string{"course_start_date": `"` + text + `"`, "course_days_of_the_week": "MTWRFSU"}
		show := func(e files.Entry) string { return string(e.Section.Meetings[0].From) }
		if got := read(nil, from, show); got != want {
			t.Errorf("date %q: %s, want %s", text, got, want)
		}
		if text == "9/10/2024" || text == "9.10.2024" {
			if got := read(func(m *files.Mapping) { m.Dates = files.MonthFirst }, from, show); got != "2024-09-10" {
				t.Errorf("date %q, the month first: %s", text, got)
			}
			if got := read(func(m *files.Mapping) { m.Dates = files.DayFirst }, from, show); got != "2024-10-09" {
				t.Errorf("date %q, the day first: %s", text, got)
			}
			from["course_end_date"] = "12/20/2024" // which shows the order
			if got := read(nil, from, show); got != "2024-09-10" {
				t.Errorf("date %q beside 12/20/2024: %s", text, got)
			}
		}
	}
	for text, want := range map[string]string{
		"CHC/LAT-101": "CHC/LAT 101", "I&C SCI-10A": "I&C SCI 10A", "S&DS-100": "S&DS 100",
	} {
		if got := read(nil, map[string]string{"short_name": text},
			func(e files.Entry) string { return e.Course.Code() }); got != want {
			t.Errorf("course %q: %s, want %s", text, got, want)
		}
	}
	free := func(m *files.Mapping) { m.CourseSeparator = "" }
	for text, want := range map[string]string{"I&C SCI 10A": "I&C SCI 10A", "CSCI-1100": "CSCI 1100",
		"CSCI1100": "CSCI 1100", "CSCI": refused, "1100": refused} {
		if got := read(free, map[string]string{"short_name": text},
			func(e files.Entry) string { return e.Course.Code() }); got != want {
			t.Errorf("course %q without a separator: %s, want %s", text, got, want)
		}
	}
}

// What a mapping says that is not known or not possible is told by its path.
func TestMapping_IsReadStrictly(t *testing.T) {
	const least = `{"columns": {"crn": ["a"], "title": ["b"], "course": ["c"]}` // and more or the end
	for text, want := range map[string]string{
		least + `, "colour": 1}`: `"colour"`,
		`{"columns": {"crn": ["a"], "title": ["b"], "course": ["c"], "rom": ["d"]}}`:    `"rom"`,
		`{"columns": {"title": ["b"], "course": ["c"]}}`:                                "columns.crn",
		`{"columns": {"crn": ["a"], "title": ["b"]}}`:                                   "columns.number",
		`{"columns": {"crn": ["a"], "title": ["b"], "course": ["c"], "number": ["d"]}}`: "columns.course",
		`{"columns": {"crn": ["a"], "title": ["b"], "course": ["c"], "start": ["d"]}}`:  "columns.end",
		`{"columns": {"crn": [""], "title": ["b"], "course": ["c"]}}`:                   "columns.crn[0]",
		least + `, "days": {"notation": "roman"}}`:                                      "days.notation",
		least + `, "days": {"tokens": {"Lu": "Monday"}}}`:                               "days.tokens",
		least + `, "statuses": {"A": "active"}}`:                                        "statuses",
		least + `, "defaults": {"capacity": -1}}`:                                       "defaults.capacity",
		`{"columns": {"crn": ["` + strings.Repeat("a", 9000) + `"]}}`:                   "8 KiB",
		least + `} {}`: "follows",
		least + `, "instructors": {"separators": ["", "/"]}}`: "instructors.separators",
	} {
		if _, err := files.ParseMapping([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.100s: %v, want %s", text, err, want)
		}
	}
	if _, ok, err := files.BuiltIn("../yacs-csv2"); ok || err != nil {
		t.Errorf("%t, %v", ok, err)
	}
}

// The temporary file does not outlive its reader.
func TestSchedule_LeavesNothingBehind(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	s, err := open(t, strings.NewReader(header+line("1", "M", nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

// What the documentation shows is a mapping that is taken.
func TestTheMappingOfTheDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../../docs/imports.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```json\n")
	example, _, _ = strings.Cut(example, "```")
	var request struct{ Mapping json.RawMessage }
	if err := json.Unmarshal([]byte(example), &request); err != nil {
		t.Fatal(err)
	}
	m, err := files.ParseMapping(request.Mapping)
	if err != nil {
		t.Fatal(err)
	}
	file := "Class Nbr,Subject,Catalog,Long Title,Descr,Units,Component,Pat,Mtg Time,Instructor\n" +
		`20871,I&C SCI,10A,,How Computers Work,4.00,DIS,MoWe,2:00 - 2:50 PM,"Li, Bo; Staff"` + "\n"
	s, err := files.NewSchedule(strings.NewReader(file), files.Options{Mapping: m, Term: fall2024()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := registrar.Section{
		Subject:   "I&C SCI",
		Number:    "10A",
		Title:     "How Computers Work",
		CRN:       "20871",
		Component: "discussion",
		Credits:   registrar.CreditRange{Min: 400, Max: 400},
		Capacity:  30,
		Status:    registrar.SectionOpen,
		Meetings:  []registrar.Meeting{{Days: 1 | 1<<2, Start: 840, End: 890, From: "2024-08-26", To: "2024-12-30"}},
	}
	if e, err := s.Next(); err != nil || cmp.Diff(want, e.Section) != "" ||
		!slices.Equal(e.Instructors, []string{"Bo Li"}) {
		t.Errorf("%v, %+v", err, e)
	}
}
