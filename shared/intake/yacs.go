package intake

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/registrar/shared/registrar"
)

// yacsColumns are the columns that the YACS reader uses.
var yacsColumns = []string{
	"course_crn", "short_name", "full_name", "course_type", "course_credit_hours", "course_days_of_the_week",
	"course_start_time", "course_end_time", "course_start_date", "course_end_date", "course_location", "course_instructor",
	"course_max_enroll", "course_section", "description", "raw_precoreqs", "prerequisites", "school",
}

// maxSectionRows bounds the rows that are taken for one section, and so what is held in memory. A section may have
// [registrar.MaxMeetings] meetings; there is room for some that are stated again and again.
const maxSectionRows = 100

// YACS reads the schedule that the YACS project publishes for a term: a CSV file in which a section stands on as many rows
// as it has meetings, one after the other.
type YACS struct {
	table *table
	ahead *tableRow
	done  map[string]bool // CRNs of sections that are behind
	full  string          // the CRN of the section that had maxSectionRows, the last such
}

// NewYACS reads the header. It returns a [*FileError] that names the columns that are missing.
func NewYACS(file io.Reader) (*YACS, error) {
	t, err := openTable(file, yacsColumns...)
	if err != nil {
		return nil, err
	}
	return &YACS{table: t, done: make(map[string]bool)}, nil
}

// Next implements [Reader].
func (r *YACS) Next() (Entry, error) {
	first, err := r.read()
	if err != nil {
		return Entry{}, err
	}
	rows := []tableRow{first}
	crn := first.values["course_crn"]
	if crn == "" { // broken, or it names none: no other row belongs to it
		return r.entry(rows), nil
	}
	for len(rows) < maxSectionRows {
		next, err := r.read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Entry{}, err
		}
		if next.err == nil && next.values["course_crn"] != crn { // a broken row parts nothing
			r.ahead = &next
			break
		}
		rows = append(rows, next)
	}
	e := r.entry(rows)
	if len(rows) == maxSectionRows {
		r.full = crn
	}
	r.done[crn] = r.done[crn] || !e.Empty()
	return e, nil
}

func (r *YACS) read() (tableRow, error) {
	if r.ahead != nil {
		row := *r.ahead
		r.ahead = nil
		return row, nil
	}
	return r.table.next()
}

// entry makes a section of its rows. What concerns the whole section is taken from the first row that can be used.
func (r *YACS) entry(rows []tableRow) Entry {
	e := Entry{Row: rows[0].number, Rows: len(rows)}
	var unfit string // why none of the rows can be used
	switch crn := rows[0].values["course_crn"]; {
	case crn == "":
		unfit = "must not be empty"
	case r.done[crn] && crn == r.full:
		unfit = fmt.Sprintf("the section stands on more than %d rows", maxSectionRows)
	case r.done[crn]:
		unfit = "the rows of this section do not stand together"
	}
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
		if unfit != "" {
			refuse("course_crn", unfit)
			continue
		}
		if !found {
			course, section, problem := yacsHead(row)
			if problem != nil {
				refuse(problem.Field, problem.Reason)
				continue
			}
			e.Course, e.Section, found = course, section, true
		} else if row.values["short_name"] != e.Course.Subject+"-"+e.Course.Number {
			refuse("short_name", "another row of this section names another course")
			continue
		}
		meeting, problem := yacsMeeting(row)
		switch {
		case problem != nil:
			e.Problems = append(e.Problems, Problem{Row: row.number, Field: problem.Field, Reason: problem.Reason})
		case meeting == nil: // arranged
		case len(e.Section.Meetings) == registrar.MaxMeetings:
			e.Problems = append(e.Problems, Problem{Row: row.number, Field: "course_days_of_the_week", Reason: "the section has too many meetings"})
		case !slices.Contains(e.Section.Meetings, *meeting):
			e.Section.Meetings = append(e.Section.Meetings, *meeting)
		}
		e.addInstructors(row.number, row.values["course_instructor"])
	}
	registrar.SortMeetings(e.Section.Meetings)
	slices.Sort(e.Instructors)
	return e
}

// addInstructors adds those whom a cell names. Names that the domain refuses, and those of more instructors than a section may
// have, are told and left out.
func (e *Entry) addInstructors(row int, cell string) {
	const column = "course_instructor"
	tell := func(reason string) { e.Problems = append(e.Problems, Problem{Row: row, Field: column, Reason: reason}) }
	for name := range strings.SplitSeq(cell, "/") {
		name = strings.TrimSpace(name)
		if name == "" || name == "TBA" || name == "Staff" || slices.Contains(e.Instructors, name) {
			continue
		}
		wrong := firstWrong(registrar.Instructor{Name: registrar.Personal(name)}.Validate(), map[string]string{"name": column})
		switch {
		case wrong != nil:
			tell(wrong.Reason + ": the name is left out")
		case len(e.Instructors) == registrar.MaxInstructors:
			tell(fmt.Sprintf("the section has more than %d instructors: the others are left out", registrar.MaxInstructors))
			return
		default:
			e.Instructors = append(e.Instructors, name)
		}
	}
}

// yacsHead reads what the course and the section are.
func yacsHead(row tableRow) (registrar.Course, registrar.Section, *Problem) {
	wrong := func(field, reason string) (registrar.Course, registrar.Section, *Problem) {
		return registrar.Course{}, registrar.Section{}, &Problem{Field: field, Reason: reason}
	}
	subject, number, ok := strings.Cut(row.values["short_name"], "-")
	if !ok {
		return wrong("short_name", "must be a subject and a number such as CSCI-1100")
	}
	credits, err := creditRange(row.values["course_credit_hours"])
	if err != nil {
		return wrong("course_credit_hours", err.Error())
	}
	capacity, err := strconv.Atoi(row.values["course_max_enroll"])
	if err != nil {
		return wrong("course_max_enroll", "must be a whole number")
	}
	requires, err := pythonList(row.values["prerequisites"])
	if err != nil {
		return wrong("prerequisites", err.Error())
	}
	course := registrar.Course{
		Subject: subject, Number: number, Title: row.values["full_name"], Description: row.values["description"],
		Credits: credits, School: row.values["school"], Prerequisites: row.values["raw_precoreqs"], Requires: requires,
	}
	component := map[string]string{"LEC": "lecture", "LAB": "lab", "REC": "recitation", "STU": "studio"}[row.values["course_type"]]
	if component == "" {
		return wrong("course_type", "must be LEC, LAB, REC or STU")
	}
	section := registrar.Section{
		Subject: subject, Number: number, Title: course.Title, CRN: row.values["course_crn"],
		Label: row.values["course_section"], Component: component, Credits: credits, Capacity: capacity,
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

// yacsMeeting reads the row's meeting; nil where none is stated. A meeting that is only half stated, or that the domain refuses,
// is told and left out: the section itself is right, and is kept, as an arranged one if it has no other.
func yacsMeeting(row tableRow) (*registrar.Meeting, *Problem) {
	letters, start, end := row.values["course_days_of_the_week"], row.values["course_start_time"], row.values["course_end_time"]
	switch {
	case letters == "" && start == "" && end == "":
		return nil, nil
	case letters == "":
		return nil, &Problem{Field: "course_days_of_the_week", Reason: "a time is stated, but no day: the meeting is left out"}
	case start == "" || end == "":
		return nil, &Problem{Field: "course_start_time", Reason: "a day is stated, but no time: the meeting is left out"}
	}
	m := registrar.Meeting{Room: row.values["course_location"]}
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
	if m.From, err = registrar.ParseDate(row.values["course_start_date"]); err != nil {
		return nil, &Problem{Field: "course_start_date", Reason: "must be a date such as 2024-08-28: the meeting is left out"}
	}
	if m.To, err = registrar.ParseDate(row.values["course_end_date"]); err != nil || m.To < m.From {
		return nil, &Problem{Field: "course_end_date", Reason: "must be a date not before the first: the meeting is left out"}
	}
	if problem := firstWrong(m.Validate(), map[string]string{
		"days": "course_days_of_the_week", "end": "course_end_time", "from": "course_start_date", "to": "course_end_date",
		"room": "course_location",
	}); problem != nil {
		return nil, &Problem{Field: problem.Field, Reason: problem.Reason + ": the meeting is left out"}
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
