package files

import (
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

// maxSectionRows bounds the rows of one section, and so the memory. A section may have [registrar.MaxMeetings]
// meetings; there is room for some that are stated several times.
const maxSectionRows = 100

// Options say how a schedule is read.
type Options struct {
	Mapping Mapping
	// Term is the import's term. The file's terms and dates must agree with it.
	Term registrar.Term
}

// Schedule reads the schedule of a term from a CSV file by a [Mapping]. A section has as many rows as it has meetings,
// anywhere in the file. Sections come in the order of the file, but those of one course after one another.
//
// A section is read whole or not at all: when a cell of one of its rows cannot be understood, all of its rows are
// refused.
type Schedule struct {
	mapping Mapping
	term    registrar.Term
	things  []thing
	spool   *spool
	next    int       // row of the spool
	order   DateOrder // as the file's dates show
	of24    bool      // a time of the file shows that its clock is of 24 hours
	notes   []Problem // of the file as a whole
	guessed bool      // a date was read in that order
}

// thing is one kind of fact of a schedule, with the file's columns of it.
type thing struct {
	name   string // in the mapping
	column string // the first of them, as the header has it
	places []int
	first  bool // the first of the mapping's columns is among them
}

// The parts of a spooled row before its cells.
const (
	spooledNumber = iota
	spooledFault
	spooledStandIn // not empty when another column than the first says the title
	spooledCells
)

// NewSchedule reads the whole file, into a temporary one; Next returns its sections. It returns a [*FileError] that
// says what is wrong with the file as a whole, such as missing columns. Close removes the temporary file.
func NewSchedule(file io.Reader, options Options) (*Schedule, error) {
	names := options.Mapping.Columns.all()
	s := &Schedule{mapping: options.Mapping, term: options.Term}
	t, err := startTable(file, func(header []string) (found int) {
		for _, columns := range names {
			if slices.ContainsFunc(columns, func(c string) bool { return position(header, c) >= 0 }) {
				found++
			}
		}
		return found
	})
	if err != nil {
		return nil, err
	}
	if err := s.findColumns(t); err != nil {
		return nil, err
	}
	if s.spool, err = openSpool(); err != nil {
		return nil, err
	}
	if err := s.fill(t); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// findColumns finds the columns of the mapping. A file may lack the one of the term: then the import's term is used.
func (s *Schedule) findColumns(t *table) error {
	names := s.mapping.Columns.all()
	var missing []string
	for _, name := range things() {
		found := thing{name: name}
		for n, column := range names[name] {
			i, err := t.find(column)
			if err != nil {
				return err
			}
			found.first = found.first || n == 0 && i >= 0
			if i >= 0 && !slices.Contains(found.places, i) {
				found.places = append(found.places, i)
			}
		}
		switch {
		case len(found.places) > 0:
			found.column = t.header[found.places[0]]
			s.things = append(s.things, found)
		case len(names[name]) > 0 && name != "term":
			missing = append(missing, strings.Join(names[name], " or "))
		}
	}
	if len(missing) > 0 {
		return t.lacks(missing)
	}
	return nil
}

// things are the kinds of facts that columns may have, in the order in which faults are reported.
func things() []string {
	return []string{
		"term", "crn", "course", "subject", "number", "title", "type", "status", "credits", "creditsMin", "creditsMax",
		"label", "capacity",
		"days", "time", "start", "end", "dateRange", "from", "to", "room", "instructors", "description", "school",
		"prerequisites", "requires",
	}
}

// fill reads the file to its end.
func (s *Schedule) fill(t *table) error {
	var orders dateOrders
	doubted := false // the row before may belong to another row's section, which cannot be read
	for {
		row, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		texts := make([]string, spooledCells, spooledCells+len(s.things))
		texts[spooledNumber] = strconv.Itoa(row.number)
		if row.err != nil {
			texts[spooledFault] = row.err.Error()
		}
		var crn, course string
		meets := false
		for _, what := range s.things {
			cell := ""
			for n, place := range what.places {
				if place >= len(row.fields) {
					continue
				}
				switch text := row.fields[place]; {
				case text == "" || text == cell:
				case cell == "":
					cell = text
					if what.name == "title" && (n > 0 || !what.first) {
						texts[spooledStandIn] = "title"
					}
				case what.name == "days": // a column for each day
					cell += " " + text
				}
			}
			if !utf8.ValidString(cell) {
				cell = strings.ToValidUTF8(cell, "\uFFFD") // the row is refused
			}
			if what.name == "crn" {
				cell = withoutFraction(cell)
			}
			texts = append(texts, cell)
			switch what.name {
			case "crn":
				crn = cell
			case "days", "room", "instructors":
				meets = meets || cell != ""
			case "time", "start", "end":
				meets = meets || cell != ""
				s.of24 = s.of24 || cell != "" && showsClock24(cell)
			case "course", "subject", "number":
				course += " " + cell
			case "dateRange":
				first, second, _ := splitDates(cell)
				orders.look(first)
				orders.look(second)
			case "from", "to":
				orders.look(cell)
			}
		}
		var flags uint32
		if doubted {
			flags = flagDoubted
		}
		// A meeting without a number: a spreadsheet writes merged cells like this. The meeting belongs to the section beside
		// it.
		if doubted = crn == "" && (row.err != nil || meets); doubted {
			s.spool.doubt()
		}
		if err := s.spool.add(registrar.FoldCode(crn), registrar.FoldCode(course), flags, texts); err != nil {
			return err
		}
	}
	s.order = orders.order()
	s.notes = append(s.notes, t.notes()...)
	return s.spool.sort()
}

// Close removes the temporary file.
func (s *Schedule) Close() error { return s.spool.Close() }

// Next implements [Reader]. The notes on the file as a whole come last, as an entry without rows.
func (s *Schedule) Next() (Entry, error) {
	if s.next == len(s.spool.index) {
		if s.guessed {
			example := "the month first, as in 12/20/2030"
			if s.order == DayFirst {
				example = "the day first, as in 20/12/2030"
			}
			s.notes = append(s.notes,
				Problem{Row: 1, Reason: "dates are read with " + example + ", as others of this file show"},
			)
			s.guessed = false
		}
		if len(s.notes) == 0 {
			return Entry{}, io.EOF
		}
		e := Entry{Row: 1, Problems: s.notes}
		s.notes = nil
		return e, nil
	}
	count := s.spool.section(s.next)
	rows := make([]scheduleRow, 0, min(count, maxSectionRows))
	unfit := ""
	if count > maxSectionRows || s.next > 0 && s.spool.index[s.next-1].section == s.spool.index[s.next].section {
		unfit = fmt.Sprintf("the section stands on more than %d rows", maxSectionRows)
	}
	for len(rows) < cap(rows) {
		texts, err := s.spool.texts(s.next)
		if err != nil {
			return Entry{}, err
		}
		flags := s.spool.index[s.next].flags
		s.next++
		row := scheduleRow{
			schedule: s,
			cells:    texts[spooledCells:],
			fault:    texts[spooledFault],
			standIn:  texts[spooledStandIn] != "",
			doubted:  flags&flagDoubted != 0,
		}
		if row.number, err = strconv.Atoi(texts[spooledNumber]); err != nil {
			return Entry{}, fmt.Errorf("read a row that was put by: %w", err)
		}
		rows = append(rows, row)
	}
	return s.entry(rows, unfit), nil
}

// entry makes a section of its rows. A fact of the whole section is taken from the first row that states it. When
// another row differs, that is noted.
func (s *Schedule) entry(rows []scheduleRow, unfit string) Entry {
	e := Entry{
		Row:          rows[0].number,
		Rows:         len(rows),
		CourseField:  s.column("course", "number"),
		SectionField: s.column("crn"),
	}
	refuse := func(row int, field, reason string) {
		e.Problems = append(e.Problems, Problem{Row: row, Field: field, Reason: reason, Refused: true})
	}
	told := make(map[int]bool) // rows whose refusal is explained
	facts := make([]rowFacts, len(rows))
	for i := range rows {
		row := &rows[i]
		switch {
		case unfit != "":
			refuse(row.number, s.column("crn"), unfit)
		case row.fault != "":
			refuse(row.number, "", row.fault)
		default:
			facts[i] = row.read()
			for _, p := range row.problems {
				refuse(row.number, p.Field, p.Reason)
			}
			if row.doubted && len(row.problems) == 0 {
				refuse(row.number, s.column("crn"), "of the row beside it the section cannot be read: it may be this one")
			}
		}
		if len(e.Problems) > 0 && e.Problems[len(e.Problems)-1].Row == row.number {
			told[row.number] = true
		}
	}
	if len(told) == 0 {
		s.join(&e, rows, facts, refuse)
		for _, p := range e.Problems {
			told[p.Row] = told[p.Row] || p.Refused
		}
	}
	if refused := slices.IndexFunc(e.Problems, func(p Problem) bool { return p.Refused }); refused >= 0 {
		cause := e.Problems[refused].Row
		e.Refused = e.Rows
		e.Course, e.Section, e.Instructors = registrar.Course{}, registrar.Section{}, nil
		e.Problems = slices.DeleteFunc(e.Problems, func(p Problem) bool { return !p.Refused })
		for _, row := range rows {
			if !told[row.number] {
				refuse(
					row.number,
					s.column("crn"),
					fmt.Sprintf("row %d of the same section is refused: a section is taken whole or not at all", cause),
				)
			}
		}
		return e
	}
	for i, row := range rows {
		e.Problems = append(e.Problems, facts[i].notes...)
		s.guessed = s.guessed || row.guessedDate
	}
	return e
}

// join makes one section of the facts of its rows.
func (s *Schedule) join(e *Entry, rows []scheduleRow, facts []rowFacts, refuse func(row int, field, reason string)) {
	note := func(row int, name string) {
		e.Problems = append(e.Problems, Problem{Row: row, Field: s.column(name),
			Reason: fmt.Sprintf("rows of one section disagree: what row %d says stands", rows[0].number)})
	}
	course, section := &e.Course, &e.Section
	var credits *registrar.CreditRange
	var capacity *int
	e.Assumed.Title = true
	for i, f := range facts {
		row := rows[i].number
		switch {
		case f.title == "" || rows[i].standIn && !e.Assumed.Title:
			f.title = ""
		case !rows[i].standIn && e.Assumed.Title:
			e.Assumed.Title, course.Title = false, ""
		}
		if i > 0 && (registrar.FoldCode(f.subject) != registrar.FoldCode(course.Subject) ||
			registrar.FoldCode(f.number) != registrar.FoldCode(course.Number)) {
			refuse(row, s.column("course", "number"), "another row of this section names another course")
			continue
		}
		if i == 0 {
			course.Subject, course.Number, section.CRN = f.subject, f.number, f.crn
		}
		for _, text := range []struct {
			name   string
			stated string
			joined *string
		}{
			{"title", f.title, &course.Title}, {"description", f.description, &course.Description},
			{"school", f.school, &course.School}, {"prerequisites", f.prerequisites, &course.Prerequisites}, {"label", f.label,
				&section.Label},
		} {
			switch {
			case text.stated == "":
			case *text.joined == "":
				*text.joined = text.stated
			case *text.joined != text.stated:
				note(row, text.name)
			}
		}
		switch {
		case f.credits == nil:
		case credits == nil:
			credits = f.credits
		case *credits != *f.credits:
			note(row, "credits")
		}
		switch {
		case f.capacity == nil:
		case capacity == nil:
			capacity = f.capacity
		case *capacity != *f.capacity:
			note(row, "capacity")
		}
		switch {
		case f.status == "":
		case section.Status == "":
			section.Status = f.status
		case section.Status != f.status:
			note(row, "status")
		}
		if section.Component == "" {
			section.Component = f.component // rows of one section may be of several types: a lecture with its recitation
		}
		if len(course.Requires) == 0 {
			course.Requires = f.requires
		}
		switch {
		case f.meeting == nil:
			e.Unscheduled++
		case !slices.Contains(section.Meetings, *f.meeting):
			section.Meetings = append(section.Meetings, *f.meeting)
		}
		for _, name := range f.instructors {
			if !slices.Contains(e.Instructors, name) {
				e.Instructors = append(e.Instructors, name)
			}
		}
	}
	first := rows[0].number
	s.assume(e, credits, capacity)
	section.Subject, section.Number, section.Title = course.Subject, course.Number, course.Title
	course.Credits = section.Credits
	registrar.SortMeetings(section.Meetings)
	slices.Sort(e.Instructors)
	if len(section.Meetings) > registrar.MaxMeetings {
		refuse(first, s.column("days"), fmt.Sprintf("the section has more than %d meetings", registrar.MaxMeetings))
	}
	if len(e.Instructors) > registrar.MaxInstructors {
		refuse(
			first,
			s.column("instructors"),
			fmt.Sprintf("the section has more than %d instructors", registrar.MaxInstructors),
		)
	}
}

// assume fills in what new records need and the rows do not state.
func (s *Schedule) assume(e *Entry, credits *registrar.CreditRange, capacity *int) {
	missing := func(fact Fact) {
		problem := Problem{
			Row:     e.Row,
			Field:   s.column(string(fact)),
			Reason:  "must not be empty: the record is new, and the mapping has no default",
			Refused: true,
		}
		e.Missing = append(e.Missing, Missing{Fact: fact, Problem: problem})
	}
	defaults := s.mapping.Defaults
	if e.Course.Title == "" {
		missing(FactTitle)
	}
	if credits == nil {
		e.Assumed.Credits = true
		if assumed, err := parseCredits(defaults.Credits); err == nil {
			credits = &assumed
		} else {
			credits = &registrar.CreditRange{}
			missing(FactCredits)
		}
	}
	e.Section.Credits = *credits
	if capacity == nil {
		e.Assumed.Capacity = true
		if capacity = defaults.Capacity; capacity == nil {
			capacity = new(int)
			missing(FactCapacity)
		}
	}
	e.Section.Capacity = *capacity
	if e.Section.Component == "" {
		e.Assumed.Component = true
		if e.Section.Component = defaults.Component; e.Section.Component == "" {
			e.Section.Component = componentUnknown
		}
	}
	if e.Section.Status == "" {
		e.Assumed.Status = true
		if e.Section.Status = registrar.SectionStatus(defaults.Status); e.Section.Status == "" {
			e.Section.Status = registrar.SectionOpen
		}
	}
}

// componentUnknown is the component of a section when no row states it.
const componentUnknown = "unknown"

// wrongFields describes field errors in the file's words.
func (s *Schedule) wrongFields(err error) (problems []Problem) {
	var fields registrar.FieldErrors
	if !errors.As(err, &fields) {
		return nil
	}
	columns := map[string][]string{
		"subject": {
			"course",
			"subject",
		}, "number": {"course", "number"}, "title": {"title"}, "description": {"description"}, "school": {"school"},
		"prerequisites": {
			"prerequisites",
		}, "requires": {"requires"}, "credits": {"credits", "creditsMin"}, "crn": {"crn"}, "label": {"label"},
		"component": {"type"}, "capacity": {"capacity"}, "days": {"days"}, "start": {"start", "time"}, "end": {"end", "time"},
		"from": {"from", "dateRange"}, "to": {"to", "dateRange"}, "room": {"room"}, "name": {"instructors"},
	}
	for _, field := range fields {
		name := field.Field
		if i := strings.IndexAny(name, ".["); i > 0 {
			name = name[:i]
		}
		problems = append(problems, Problem{Field: s.column(columns[name]...), Reason: field.Detail})
	}
	return problems
}

// column is the file's name of the first of these things that it has; else the mapping's word for it.
func (s *Schedule) column(names ...string) string {
	for _, name := range names {
		for _, what := range s.things {
			if what.name == name {
				return what.column
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

// scheduleRow is one row of the file.
type scheduleRow struct {
	schedule    *Schedule
	number      int
	cells       []string // by s.things
	fault       string   // why it could not be split into fields
	doubted     bool
	standIn     bool      // the title is not the first column's
	problems    []Problem // what could not be read
	guessedDate bool
}

// rowFacts are the facts of one row. An empty cell states nothing.
type rowFacts struct {
	crn, subject, number, title, description, school, prerequisites, label string
	requires, instructors                                                  []string
	credits                                                                *registrar.CreditRange
	capacity                                                               *int
	component                                                              string
	status                                                                 registrar.SectionStatus
	meeting                                                                *registrar.Meeting
	notes                                                                  []Problem
}

// cell is the row's text of a thing.
func (r *scheduleRow) cell(name string) string {
	for i, what := range r.schedule.things {
		if what.name == name && i < len(r.cells) {
			return r.cells[i]
		}
	}
	return ""
}

func (r *scheduleRow) wrong(name, reason string) {
	r.problems = append(r.problems, Problem{Row: r.number, Field: r.schedule.column(name), Reason: reason})
}

// read reads all facts of the row, and records in problems what it cannot read.
func (r *scheduleRow) read() rowFacts {
	f := rowFacts{
		crn: r.cell("crn"), title: r.cell("title"), description: r.cell("description"), school: r.cell("school"),
		prerequisites: r.cell("prerequisites"), label: r.cell("label"),
	}
	if f.crn == "" {
		r.wrong("crn", "must not be empty: each row of a section states it")
	}
	if isShortened(f.crn) {
		r.wrong("crn", shortened)
	}
	r.readTerm()
	f.subject, f.number = r.course()
	var err error
	if f.requires, err = listOf(r.cell("requires")); err != nil {
		r.wrong("requires", err.Error())
	}
	f.credits = r.creditRange()
	if text := r.cell("capacity"); text != "" {
		n, err := wholeNumber(text)
		if err != nil {
			r.wrong("capacity", err.Error())
		}
		f.capacity = &n
	}
	f.component = r.component(&f)
	f.status = r.status()
	f.instructors = r.instructors()
	f.meeting = r.meeting(&f)
	r.validate(f)
	return f
}

// validate checks the row's facts with the domain's rules. Facts that it does not state may be stored already.
func (r *scheduleRow) validate(f rowFacts) {
	or := func(text, otherwise string) string {
		if text == "" {
			return otherwise
		}
		return text
	}
	course := registrar.Course{
		Subject: or(f.subject, "X"),
		Number:  or(f.number, "1"), Title: or(f.title, "Title"), Description: f.description, School: f.school,
		Prerequisites: f.prerequisites, Requires: f.requires,
	}
	section := registrar.Section{
		CRN:   or(f.crn, "1"),
		Label: f.label, Component: or(f.component, componentUnknown),
		Status: registrar.SectionStatus(or(string(f.status), string(registrar.SectionOpen))),
	}
	if f.credits != nil {
		course.Credits, section.Credits = *f.credits, *f.credits
	}
	if f.capacity != nil {
		section.Capacity = *f.capacity
	}
	problems := r.schedule.wrongFields(course.Validate())
	for _, p := range append(problems, r.schedule.wrongFields(section.Validate())...) {
		if !slices.ContainsFunc(r.problems, func(told Problem) bool { return told.Field == p.Field }) {
			r.wrongColumn(p)
		}
	}
}

func (r *scheduleRow) wrongColumn(p Problem) {
	p.Row = r.number
	r.problems = append(r.problems, p)
}

// wholeNumber reads "30" and the forms of spreadsheets, "30.0" or "1,200".
func wholeNumber(text string) (int, error) {
	whole, part, _ := strings.Cut(text, ".")
	if thousands, hundreds, ok := strings.Cut(whole, ","); ok && len(hundreds) == 3 && len(thousands) > 0 {
		whole = thousands + hundreds
	}
	n, err := strconv.Atoi(whole)
	if err != nil || strings.Trim(part, "0") != "" {
		return 0, wrong("must be a whole number")
	}
	return n, nil
}

// readTerm checks that the row belongs to the import's term.
func (r *scheduleRow) readTerm() {
	text := r.cell("term")
	if text == "" {
		return
	}
	term := r.schedule.term
	for named, code := range r.schedule.mapping.Terms {
		if fold(named) == fold(text) {
			text = code
			break
		}
	}
	if said := termWords(text); said != termWords(term.Code) && said != termWords(term.Title) {
		r.wrong("term", "the file says another term than the import's, "+term.Code)
	}
}

// termWords puts the words of a term into one order: "FALL 2030" and "2030-FALL" are one.
func termWords(text string) string {
	words := strings.FieldsFunc(
		strings.ToUpper(text),
		func(r rune) bool { return strings.ContainsRune(" -_/.,\u00a0", r) },
	)
	slices.Sort(words)
	return strings.Join(words, " ")
}

// course reads the subject and the number.
func (r *scheduleRow) course() (subject, number string) {
	both := r.cell("course")
	if len(r.schedule.mapping.Columns.Course) == 0 {
		subject, number = r.cell("subject"), r.cell("number")
		if subject == "" {
			subject = r.schedule.mapping.Defaults.Subject
		}
		if subject == "" {
			r.wrong("subject", "must not be empty")
		}
		if number == "" {
			r.wrong("number", "must not be empty")
		}
		return subject, number
	}
	var i int
	n := 1
	if separator := r.schedule.mapping.CourseSeparator; separator != "" {
		i, n = strings.Index(both, separator), len(separator)
	} else if i = strings.LastIndex(both, " "); i < 0 {
		if i = strings.Index(both, "-"); i < 0 {
			n = 0
			for i = 0; i < len(both) && (both[i] < '0' || both[i] > '9'); {
				i++
			}
		}
	}
	if i < 0 || i+n > len(both) || strings.TrimSpace(both[:i]) == "" || strings.TrimSpace(both[i+n:]) == "" {
		r.wrong("course", "must be a subject and a number such as CSCI"+r.between()+"1100")
		return "", ""
	}
	return strings.TrimSpace(both[:i]), strings.TrimSpace(both[i+n:])
}

func (r *scheduleRow) between() string {
	if separator := r.schedule.mapping.CourseSeparator; separator != "" {
		return separator
	}
	return " "
}

func (r *scheduleRow) creditRange() *registrar.CreditRange {
	name, text := "credits", r.cell("credits")
	if len(r.schedule.mapping.Columns.CreditsMin) > 0 {
		name, text = "creditsMin", r.cell("creditsMin")
	}
	if text == "" {
		return nil
	}
	read, err := parseCredits(text)
	if err != nil {
		r.wrong(name, err.Error())
		return nil
	}
	if most := r.cell("creditsMax"); most != "" {
		other, err := parseCredits(most)
		switch {
		case err != nil:
			r.wrong("creditsMax", err.Error())
		case other.Max == 0: // as Banner writes it where there is no range
		case other.Max < read.Min:
			r.wrong("creditsMax", "the range ends before it starts")
		default:
			read.Max = other.Max
		}
	}
	return &read
}

// component reads the type of the row; a time for tests has none.
func (r *scheduleRow) component(f *rowFacts) string {
	text := r.cell("type")
	if text == "" {
		return ""
	}
	for _, block := range r.schedule.mapping.TestBlocks {
		if fold(block) == fold(text) {
			return ""
		}
	}
	for named, component := range r.schedule.mapping.Types {
		if fold(named) == fold(text) {
			return component
		}
	}
	if len(r.schedule.mapping.Types) > 0 {
		f.notes = append(f.notes,
			Problem{
				Row:    r.number,
				Field:  r.schedule.column("type"),
				Reason: "the mapping does not name the type: it is taken as it stands",
			},
		)
	}
	return strings.ToLower(text)
}

func (r *scheduleRow) status() registrar.SectionStatus {
	text := r.cell("status")
	if text == "" {
		return ""
	}
	for named, status := range r.schedule.mapping.Statuses {
		if fold(named) == fold(text) {
			return registrar.SectionStatus(status)
		}
	}
	status := registrar.SectionStatus(strings.ToLower(text))
	if !status.Valid() {
		r.wrong("status", "must be one that the mapping names, or planned, open, closed or cancelled")
	}
	return status
}

// instructors reads the names. A placeholder for an unknown instructor is nobody.
func (r *scheduleRow) instructors() []string {
	notation := r.schedule.mapping.Instructors
	separators := notation.Separators
	if len(separators) == 0 {
		separators = []string{"/", ";"}
	}
	names := []string{r.cell("instructors")}
	for _, separator := range separators {
		var parts []string
		for _, name := range names {
			parts = append(parts, strings.Split(name, separator)...)
		}
		names = parts
	}
	var people []string
	for _, name := range names {
		name = strings.Join(strings.Fields(name), " ")
		if name == "" || registrar.IsPlaceholder(name) {
			continue
		}
		if family, given, ok := strings.Cut(name, ","); ok && notation.FamilyFirst {
			name = strings.TrimSpace(strings.TrimSpace(given) + " " + strings.TrimSpace(family))
		}
		problems := r.schedule.wrongFields(registrar.Instructor{Name: registrar.Personal(name)}.Validate())
		if len(problems) > 0 {
			r.wrong("instructors", problems[0].Reason)
			return nil
		}
		people = append(people, name)
	}
	return people
}

// nothing reports whether a cell says that something is not known or not arranged yet.
func nothing(text string) bool {
	switch strings.ToUpper(strings.Trim(text, ". -")) {
	case "", "ARR", "ARRANGED", "N/A", "NONE", "ONLINE", "ASYNC":
		return true
	}
	return registrar.IsPlaceholder(text)
}

// meeting reads when and where the row meets; nil where nothing is stated.
func (r *scheduleRow) meeting(f *rowFacts) *registrar.Meeting {
	before := len(r.problems)
	days, start, end := r.cell("days"), r.cell("start"), r.cell("end")
	startName, endName := "start", "end"
	if len(r.schedule.mapping.Columns.Time) > 0 {
		startName, endName = "time", "time"
		if both := r.cell("time"); !nothing(both) {
			var ok bool
			if start, end, ok = splitRange(both); !ok {
				r.wrong("time", "must be a start and an end such as 10:00AM-11:50AM")
				return nil
			}
		}
	}
	noTime := nothing(start) && nothing(end) ||
		isMidnight(start) && isMidnight(end) // as systems write a time that is not set
	switch {
	case nothing(days) && noTime:
		return nil
	case nothing(days):
		r.wrong("days", "a time is stated, but no day")
		return nil
	case noTime:
		r.wrong(startName, "a day is stated, but no time")
		return nil
	}
	m := registrar.Meeting{Room: r.cell("room")}
	if registrar.IsPlaceholder(m.Room) {
		m.Room = ""
	}
	var err error
	if m.Days, err = parseDays(days, r.schedule.mapping.Days); err != nil {
		r.wrong("days", err.Error())
	}
	const aTime = "must be a time such as 2:00PM or 14:00"
	first, ok := readClock(start)
	if !ok {
		r.wrong(startName, aTime)
	}
	last, ok2 := readClock(end)
	if !ok2 {
		r.wrong(endName, aTime)
	}
	if ok && ok2 {
		var guessed bool
		if m.Start, m.End, guessed, err = readTimes(first, last, r.schedule.mapping.Clock, r.schedule.of24); err != nil {
			r.wrong(startName, err.Error())
		} else if guessed {
			f.notes = append(f.notes, Problem{
				Row: r.number, Field: r.schedule.column(startName), Reason: "says neither AM nor PM: it is read as of the morning",
			})
		}
	}
	r.dates(&m)
	if len(r.problems) > before {
		return nil
	}
	problems := r.schedule.wrongFields(m.Validate())
	if len(problems) == 0 {
		problems = r.schedule.wrongFields(m.FitsIn(r.schedule.term))
	}
	for _, p := range problems {
		r.wrongColumn(p)
	}
	if len(problems) > 0 {
		return nil
	}
	return &m
}

// dates reads the first and the last day. Where the file has no column for them, they are the term's.
func (r *scheduleRow) dates(m *registrar.Meeting) {
	columns := r.schedule.mapping.Columns
	fromName, toName := "from", "to"
	from, to := r.cell("from"), r.cell("to")
	switch {
	case len(columns.DateRange) > 0:
		fromName, toName = "dateRange", "dateRange"
		var ok bool
		if from, to, ok = splitDates(r.cell("dateRange")); !ok {
			r.wrong(fromName, "must be a first and a last day such as 2024-08-28 - 2024-12-20")
			return
		}
	case len(columns.From) == 0:
		m.From, m.To = r.schedule.term.Start, lastDay(r.schedule.term)
		return
	}
	read := func(name, text string) registrar.Date {
		date, guessed, err := parseDate(text, r.schedule.mapping.Dates, r.schedule.order)
		if err != nil {
			r.wrong(name, err.Error())
		}
		r.guessedDate = r.guessedDate || guessed
		return date
	}
	m.From, m.To = read(fromName, from), read(toName, to)
}

// lastDay is the day before the term's end.
func lastDay(term registrar.Term) registrar.Date {
	end, err := time.Parse(time.DateOnly, string(term.End))
	if err != nil { // the meeting is refused
		return ""
	}
	return registrar.Date(end.AddDate(0, 0, -1).Format(time.DateOnly))
}
