package intake

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"example.com/registrar/shared/registrar"
)

// yacsColumns are the columns that the YACS reader uses; a file may have others, and any order.
var yacsColumns = []string{
	"course_crn", "short_name", "full_name", "course_type", "course_credit_hours", "course_days_of_the_week",
	"course_start_time", "course_end_time", "course_start_date", "course_end_date", "course_location", "course_instructor",
	"course_max_enroll", "course_section", "description", "raw_precoreqs", "prerequisites", "school",
}

// YACS reads the schedule that the YACS project publishes for a term: a CSV file in which a section stands on as many rows
// as it has meetings, one after the other.
type YACS struct {
	csv     *csv.Reader
	columns map[string]int
	row     int // of the record read last; the header is row 1
	ahead   *yacsRow
	done    map[string]bool // CRNs whose rows are behind
}

type yacsRow struct {
	number int
	fields []string
	err    error // the row could not be split into fields
}

// NewYACS reads the header. It returns an error that names the columns that are missing.
func NewYACS(file io.Reader) (*YACS, error) {
	buffered := bufio.NewReader(file)
	if mark, err := buffered.Peek(3); err == nil && string(mark) == "\xef\xbb\xbf" {
		_, _ = buffered.Discard(3) // the byte order mark that was just seen
	}
	r := &YACS{csv: csv.NewReader(buffered), columns: make(map[string]int), done: make(map[string]bool)}
	r.csv.FieldsPerRecord = -1 // a row of another length is refused alone
	header, err := r.csv.Read()
	if err != nil {
		return nil, fmt.Errorf("read the header: %w", err)
	}
	r.row = 1
	for i, name := range header {
		r.columns[name] = i
	}
	var missing []string
	for _, name := range yacsColumns {
		if _, ok := r.columns[name]; !ok {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("the header lacks the columns %s", strings.Join(missing, ", "))
	}
	return r, nil
}

// Next implements [Reader].
func (r *YACS) Next() (Entry, error) {
	first, err := r.read()
	if err != nil {
		return Entry{}, err
	}
	rows := []yacsRow{first}
	crn := r.value(first, "course_crn")
	for first.err == nil {
		next, err := r.read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Entry{}, err
		}
		if next.err != nil || r.value(next, "course_crn") != crn {
			r.ahead = &next
			break
		}
		rows = append(rows, next)
	}
	return r.entry(rows), nil
}

func (r *YACS) read() (yacsRow, error) {
	if r.ahead != nil {
		row := *r.ahead
		r.ahead = nil
		return row, nil
	}
	fields, err := r.csv.Read()
	var broken *csv.ParseError
	switch {
	case errors.As(err, &broken):
		r.row++
		return yacsRow{number: r.row, err: broken.Err}, nil
	case err != nil:
		return yacsRow{}, err
	}
	r.row++
	row := yacsRow{number: r.row, fields: fields}
	if len(fields) != len(r.columns) {
		row.err = errors.New("the row has not as many fields as the header")
	} else if !utf8.ValidString(strings.Join(fields, "")) {
		row.err = errors.New("the row is not valid UTF-8")
	}
	return row, nil
}

func (r *YACS) value(row yacsRow, column string) string {
	if i := r.columns[column]; i < len(row.fields) {
		return strings.TrimSpace(row.fields[i])
	}
	return ""
}

// entry makes a section of its rows. What concerns the whole section is taken from the first row that can be used.
func (r *YACS) entry(rows []yacsRow) Entry {
	e := Entry{Row: rows[0].number, Rows: len(rows)}
	crn := r.value(rows[0], "course_crn")
	again := r.done[crn] && rows[0].err == nil
	r.done[crn] = true
	found := false
	for _, row := range rows {
		refuse := func(field, reason string) {
			e.Problems = append(e.Problems, Problem{Row: row.number, Field: field, Reason: reason, Refused: true})
			e.Refused++
		}
		if row.err != nil {
			refuse("", row.err.Error())
			continue
		}
		if again {
			refuse("course_crn", "the rows of this section do not stand together")
			continue
		}
		if !found {
			course, section, problem := r.head(row)
			if problem != nil {
				refuse(problem.Field, problem.Reason)
				continue
			}
			e.Course, e.Section, found = course, section, true
		} else if r.value(row, "short_name") != e.Course.Subject+"-"+e.Course.Number {
			refuse("short_name", "another row of this section names another course")
			continue
		}
		meeting, problem := r.meeting(row)
		switch {
		case problem != nil:
			e.Problems = append(e.Problems, Problem{Row: row.number, Field: problem.Field, Reason: problem.Reason})
		case meeting == nil: // arranged
		case len(e.Section.Meetings) == registrar.MaxMeetings:
			e.Problems = append(e.Problems, Problem{Row: row.number, Field: "course_days_of_the_week", Reason: "the section has too many meetings"})
		case !slices.Contains(e.Section.Meetings, *meeting):
			e.Section.Meetings = append(e.Section.Meetings, *meeting)
		}
		for name := range strings.SplitSeq(r.value(row, "course_instructor"), "/") {
			name = strings.TrimSpace(name)
			if name != "" && name != "TBA" && name != "Staff" && !slices.Contains(e.Instructors, name) {
				e.Instructors = append(e.Instructors, name)
			}
		}
	}
	registrar.SortMeetings(e.Section.Meetings)
	slices.Sort(e.Instructors)
	return e
}

// head reads what the course and the section are.
func (r *YACS) head(row yacsRow) (registrar.Course, registrar.Section, *Problem) {
	wrong := func(field, reason string) (registrar.Course, registrar.Section, *Problem) {
		return registrar.Course{}, registrar.Section{}, &Problem{Field: field, Reason: reason}
	}
	subject, number, ok := strings.Cut(r.value(row, "short_name"), "-")
	if !ok {
		return wrong("short_name", "must be a subject and a number such as CSCI-1100")
	}
	credits, err := creditRange(r.value(row, "course_credit_hours"))
	if err != nil {
		return wrong("course_credit_hours", err.Error())
	}
	capacity, err := strconv.Atoi(r.value(row, "course_max_enroll"))
	if err != nil {
		return wrong("course_max_enroll", "must be a whole number")
	}
	requires, err := pythonList(r.value(row, "prerequisites"))
	if err != nil {
		return wrong("prerequisites", err.Error())
	}
	course := registrar.Course{
		Subject: subject, Number: number, Title: r.value(row, "full_name"), Description: r.value(row, "description"),
		Credits: credits, School: r.value(row, "school"), Prerequisites: r.value(row, "raw_precoreqs"), Requires: requires,
	}
	component := map[string]string{"LEC": "lecture", "LAB": "lab", "REC": "recitation", "STU": "studio"}[r.value(row, "course_type")]
	if component == "" {
		return wrong("course_type", "must be LEC, LAB, REC or STU")
	}
	section := registrar.Section{
		Subject: subject, Number: number, Title: course.Title, CRN: r.value(row, "course_crn"),
		Label: r.value(row, "course_section"), Component: component, Credits: credits, Capacity: capacity,
		Status: registrar.SectionOpen,
	}
	if problem := firstWrong(course.Validate(), map[string]string{
		"subject": "short_name", "number": "short_name", "title": "full_name", "description": "description", "school": "school",
		"prerequisites": "raw_precoreqs", "requires": "prerequisites", "credits": "course_credit_hours",
	}); problem != nil {
		return wrong(problem.Field, problem.Reason)
	}
	if problem := firstWrong(section.Validate(), map[string]string{
		"crn": "course_crn", "label": "course_section", "capacity": "course_max_enroll",
	}); problem != nil {
		return wrong(problem.Field, problem.Reason)
	}
	return course, section, nil
}

// firstWrong tells the first field error in the file's words.
func firstWrong(err error, columns map[string]string) *Problem {
	var wrong registrar.FieldErrors
	if !errors.As(err, &wrong) {
		return nil
	}
	name := wrong[0].Field
	if i := strings.IndexAny(name, ".["); i > 0 {
		name = name[:i]
	}
	return &Problem{Field: columns[name], Reason: wrong[0].Detail}
}

// meeting reads the row's meeting; nil where none is stated. A meeting that is only half stated is told and left out: the
// section itself is right, and is kept as an arranged one.
func (r *YACS) meeting(row yacsRow) (*registrar.Meeting, *Problem) {
	letters, start, end := r.value(row, "course_days_of_the_week"), r.value(row, "course_start_time"), r.value(row, "course_end_time")
	switch {
	case letters == "" && start == "" && end == "":
		return nil, nil
	case letters == "":
		return nil, &Problem{Field: "course_days_of_the_week", Reason: "a time is stated, but no day: the meeting is left out"}
	case start == "" || end == "":
		return nil, &Problem{Field: "course_start_time", Reason: "a day is stated, but no time: the meeting is left out"}
	}
	m := registrar.Meeting{Room: r.value(row, "course_location")}
	if m.Room == "TBA" {
		m.Room = ""
	}
	var ok bool
	if m.Days, ok = registrar.ParseDays(letters); !ok {
		return nil, &Problem{Field: "course_days_of_the_week", Reason: "must be letters of M T W R F S U, each once: the meeting is left out"}
	}
	var err error
	if m.Start, err = twelveHours(start); err != nil {
		return nil, &Problem{Field: "course_start_time", Reason: "must be a time such as 2:00PM: the meeting is left out"}
	}
	if m.End, err = twelveHours(end); err != nil || m.End <= m.Start {
		return nil, &Problem{Field: "course_end_time", Reason: "must be a time after the start: the meeting is left out"}
	}
	if m.From, err = registrar.ParseDate(r.value(row, "course_start_date")); err != nil {
		return nil, &Problem{Field: "course_start_date", Reason: "must be a date such as 2024-08-28: the meeting is left out"}
	}
	if m.To, err = registrar.ParseDate(r.value(row, "course_end_date")); err != nil || m.To < m.From {
		return nil, &Problem{Field: "course_end_date", Reason: "must be a date not before the first: the meeting is left out"}
	}
	return &m, nil
}

// twelveHours reads "2:00PM".
func twelveHours(text string) (registrar.ClockTime, error) {
	t, err := time.Parse("3:04PM", text)
	if err != nil {
		return 0, err
	}
	return registrar.ClockTime(t.Hour()*60 + t.Minute()), nil
}

// creditRange reads "4" or "1-15".
func creditRange(text string) (registrar.CreditRange, error) {
	low, high, isRange := strings.Cut(text, "-")
	least, err := registrar.ParseCredits(low)
	if err != nil {
		return registrar.CreditRange{}, err
	}
	if !isRange {
		return registrar.CreditRange{Min: least, Max: least}, nil
	}
	most, err := registrar.ParseCredits(high)
	if err != nil {
		return registrar.CreditRange{}, err
	}
	if most < least {
		return registrar.CreditRange{}, errors.New("the range ends before it starts")
	}
	return registrar.CreditRange{Min: least, Max: most}, nil
}

// pythonList reads a list of strings as Python prints it, such as ['ARCH 4790', "O'NEIL 1"], keeping the first of equal ones.
func pythonList(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	if len(text) < 2 || text[0] != '[' || text[len(text)-1] != ']' {
		return nil, errors.New("must be a list in brackets")
	}
	var list []string
	for rest := strings.TrimSpace(text[1 : len(text)-1]); rest != ""; {
		quote := rest[:1]
		if quote != "'" && quote != `"` {
			return nil, errors.New("must be a list of quoted texts")
		}
		item, after, closed := strings.Cut(rest[1:], quote)
		if !closed {
			return nil, errors.New("a quoted text does not end")
		}
		if !slices.Contains(list, item) {
			list = append(list, item)
		}
		after = strings.TrimSpace(after)
		following, comma := strings.CutPrefix(after, ",")
		if after != "" && !comma {
			return nil, errors.New("must be parted by commas")
		}
		rest = strings.TrimSpace(following)
	}
	return list, nil
}
