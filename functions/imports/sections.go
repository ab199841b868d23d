package imports

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/intake/files"
	"example.com/registrar/shared/registrar"
)

// batch is how many sections are looked up together and written in parallel. Two look-ups stay within a BatchGetItem's
// hundred keys, and a batch takes well under a second.
const batch = 50

// Format opens a file of sections, which is read as its import says.
type Format func(file io.Reader, im intake.Import, term registrar.Term) (files.Reader, error)

// Formats are the formats of files of sections: those with a built-in mapping, and any format by a mapping that came
// with the import.
func Formats() map[string]Format {
	schedule := func(file io.Reader, mapping files.Mapping, term registrar.Term) (files.Reader, error) {
		reader, err := files.NewSchedule(file, files.Options{Mapping: mapping, Term: term})
		if err != nil {
			return nil, err
		}
		return reader, nil
	}
	builtIn := func(file io.Reader, im intake.Import, term registrar.Term) (files.Reader, error) {
		mapping, ok, err := files.BuiltIn(im.Format)
		if err != nil || !ok {
			return nil, errors.Join(err, &files.FileError{Reason: "the format is not known"})
		}
		return schedule(file, mapping, term)
	}
	return map[string]Format{
		"yacs-csv": builtIn,
		intake.FormatMapping: func(file io.Reader, im intake.Import, term registrar.Term) (files.Reader, error) {
			mapping, err := files.ParseMapping([]byte(im.Mapping))
			if err != nil { // it was checked when the import was asked for; the rules have changed since
				return nil, &files.FileError{Reason: "the mapping cannot be read any more: ask for another import"}
			}
			return schedule(file, mapping, term)
		},
	}
}

// sections applies a file of courses, sections, meetings and instructors.
func (a Applier) sections(ctx context.Context, im *intake.Import, file io.Reader) (err error) {
	open, ok := a.Formats[im.Format]
	if !ok {
		return &files.FileError{Reason: "the format is not known"}
	}
	term, err := a.Store.Term(ctx, im.Term)
	if registrar.IsRefusal(err, registrar.NotFound) {
		return &files.FileError{Reason: "the term does not exist any more"}
	}
	if err != nil {
		return fmt.Errorf("term: %w", err)
	}
	reader, err := open(file, *im, term)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	var last courseInFile
	for {
		entries, readErr := nextBatch(reader)
		if readErr != nil && !errors.Is(readErr, io.EOF) {
			return fmt.Errorf("read the file: %w", readErr)
		}
		report, err := a.applyBatch(ctx, im, &last, entries)
		if err != nil {
			return err
		}
		if readErr != nil {
			return a.finish(ctx, im, report)
		}
		if err := a.save(ctx, im, report); err != nil {
			return err
		}
	}
}

func nextBatch(reader files.Reader) ([]files.Entry, error) {
	var entries []files.Entry
	for len(entries) < batch {
		e, err := reader.Next()
		if err != nil {
			return entries, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// courseInFile is a course as the sections read so far state it, and as it is stored. Only the last one is kept from
// batch to batch, because all sections of a course come one after another.
type courseInFile struct {
	code    string // as [registrar.FoldCode] has it; empty: none
	stated  registrar.Course
	credits bool // whether stated has credits
	title   bool // whether its title is one that replaces what is there
	stored  registrar.Course
	entries []int // of the batch
	broken  bool  // it could not be stored
}

// applyBatch looks everything up, writes the courses, then the sections, and counts. It only returns failures as
// errors.
func (a Applier) applyBatch(
	ctx context.Context,
	im *intake.Import,
	last *courseInFile,
	entries []files.Entry,
) (intake.Report, error) {
	var none intake.Report
	var codes, crns []string
	for _, e := range entries {
		if !e.Empty() {
			codes = append(codes, e.Course.Code())
			crns = append(crns, e.Section.CRN)
		}
	}
	known, err := a.Store.CoursesByCode(ctx, codes)
	if err != nil {
		return none, fmt.Errorf("courses: %w", err)
	}
	sections, err := a.Store.SectionsByCRN(ctx, im.Term, crns)
	if err != nil {
		return none, fmt.Errorf("sections: %w", err)
	}
	outcomes := make([]outcome, len(entries))
	for i := range entries {
		refuseOtherCourse(&entries[i], known, sections)
	}
	courses, of := coursesOf(entries, *last, outcomes)
	err = inParallel(ctx, len(courses), func(ctx context.Context, n int) error {
		c := &courses[n]
		first := c.entries[0]
		before, exists := known[entries[first].Course.Code()]
		if c.stored.ID != "" && (!exists || before.Version < c.stored.Version) {
			before, exists = c.stored, true
		}
		o := &outcomes[first]
		if !exists {
			if missing := missingOfCourse(*c, entries[first]); missing != nil {
				o.refuse(*missing)
				c.broken = true
				return nil
			}
		}
		course, err := a.applyCourse(ctx, before, exists, courseFrom(*c, before, exists, im.Complete), o)
		c.broken, c.stored = err != nil, course
		return o.settle(err)
	})
	if err != nil {
		return none, fmt.Errorf("courses: %w", err)
	}
	var names []string
	for i, e := range entries {
		if e.Empty() || courses[of[i]].broken {
			continue
		}
		if _, exists := sections[e.Section.CRN]; !exists {
			if missing := missingOfSection(e); missing != nil {
				outcomes[i].refuse(*missing)
				continue
			}
		}
		names = append(names, e.Instructors...)
	}
	instructors, made, err := a.Store.InstructorsByName(ctx, names)
	if err != nil {
		return none, fmt.Errorf("instructors: %w", err)
	}
	written := func(i int) bool { return !entries[i].Empty() && outcomes[i].refusal == nil && !courses[of[i]].broken }
	for i, e := range entries { // a new instructor is counted with the first row that names them
		made = slices.DeleteFunc(made, func(name string) bool {
			found := written(i) && slices.Contains(e.Instructors, name)
			if found {
				outcomes[i].created("instructor")
			}
			return found
		})
	}
	err = inParallel(ctx, len(entries), func(ctx context.Context, i int) error {
		e := entries[i]
		if !written(i) {
			return nil
		}
		before, exists := sections[e.Section.CRN]
		var ids []registrar.InstructorID
		for _, name := range e.Instructors {
			if id := instructors[name]; !slices.Contains(ids, id) { // one person may be spelled in two ways
				ids = append(ids, id)
			}
		}
		section := sectionFrom(e, courses[of[i]], before, exists, im.Complete)
		section.Term = im.Term
		if section.Instructors = ids; len(ids) == 0 && exists && !im.Complete {
			section.Instructors = before.Instructors
		}
		return outcomes[i].settle(a.applySection(ctx, before, exists, section, &outcomes[i]))
	})
	if err != nil {
		return none, fmt.Errorf("sections: %w", err)
	}
	*last = courseInFile{}
	if n := len(courses); n > 0 && !courses[n-1].broken {
		*last = courses[n-1]
		last.entries = nil
	}
	return count(im, entries, outcomes, courses, of), nil
}

// refuseOtherCourse refuses a section when the section with its CRN in the term belongs to another course. It does so
// before anything of that course or of its instructors is written.
func refuseOtherCourse(e *files.Entry, known map[string]registrar.Course, sections map[string]registrar.Section) {
	if e.Empty() {
		return
	}
	section, exists := sections[e.Section.CRN]
	if course, ok := known[e.Course.Code()]; !exists || ok && course.ID == section.Course {
		return
	}
	e.Refused = e.Rows
	e.Problems = append(e.Problems, files.Problem{Row: e.Row, Field: e.SectionField, Refused: true,
		Reason: "the CRN belongs to a section of another course in this term"})
}

// coursesOf combines what the entries say about their courses; of gives each entry's course. A course is on the rows of
// all its sections, and not always in the same words. For each fact the first row of the file that states it counts, so
// that the same file states the same twice.
func coursesOf(entries []files.Entry, last courseInFile, outcomes []outcome) (courses []courseInFile, of []int) {
	of = make([]int, len(entries))
	place := make(map[string]int, len(entries))
	for i, e := range entries {
		if e.Empty() {
			continue
		}
		code := registrar.FoldCode(e.Course.Code())
		n, ok := place[code]
		if !ok {
			c := courseInFile{code: code, stated: registrar.Course{Subject: e.Course.Subject, Number: e.Course.Number}}
			if code == last.code {
				c = last
			}
			n = len(courses)
			place[code] = n
			courses = append(courses, c)
		}
		of[i] = n
		c := &courses[n]
		c.entries = append(c.entries, i)
		var differing []string
		title, own := e.Course.Title, false
		switch {
		case e.Assumed.Title && c.stated.Title != "":
			title = ""
		case !e.Assumed.Title && !c.title:
			c.title, c.stated.Title = true, ""
		}
		for _, fact := range []struct {
			name   string
			stated string
			joined *string
		}{
			{"title", title, &c.stated.Title}, {"description", e.Course.Description, &c.stated.Description},
			{"school", e.Course.School, &c.stated.School}, {"prerequisites", e.Course.Prerequisites, &c.stated.Prerequisites},
		} {
			switch {
			case fact.stated == "":
			case *fact.joined == "":
				*fact.joined = fact.stated
			case *fact.joined != fact.stated && fact.name == "title":
				own = true
			case *fact.joined != fact.stated:
				differing = append(differing, fact.name)
			}
		}
		switch {
		case len(e.Course.Requires) == 0:
		case len(c.stated.Requires) == 0:
			c.stated.Requires = e.Course.Requires
		case !slices.Equal(c.stated.Requires, e.Course.Requires):
			differing = append(differing, "list of prerequisites")
		}
		switch {
		case e.Assumed.Credits && c.credits:
		case !c.credits:
			c.stated.Credits, c.credits = e.Course.Credits, !e.Assumed.Credits
		case c.stated.Credits != e.Course.Credits:
			differing = append(differing, "credits")
		}
		if own {
			outcomes[i].notes = append(outcomes[i].notes,
				"an earlier row states this course with another title, which the course has: the section has its own",
			)
		}
		if len(differing) > 0 {
			outcomes[i].notes = append(outcomes[i].notes,
				"an earlier row states this course with another "+strings.Join(differing, ", ")+", and stands",
			)
		}
	}
	return courses, of
}

// missingOfCourse is what a new course needs and its rows do not state.
func missingOfCourse(c courseInFile, e files.Entry) *files.Problem {
	for _, p := range e.Missing {
		if p.Fact == files.FactTitle && c.stated.Title == "" || p.Fact == files.FactCredits && !c.credits {
			return &p.Problem
		}
	}
	return nil
}

// missingOfSection is what a new section needs and its rows do not state. Its title is its course's.
func missingOfSection(e files.Entry) *files.Problem {
	for _, p := range e.Missing {
		if p.Fact != files.FactTitle {
			return &p.Problem
		}
	}
	return nil
}

// courseFrom is the course to be stored. What the file does not state stays as it was, unless the file is complete. A
// title and credits always stay.
func courseFrom(c courseInFile, before registrar.Course, known, complete bool) registrar.Course {
	course := c.stated
	if !known {
		return course
	}
	course.Subject, course.Number = before.Subject, before.Number
	if !c.title {
		course.Title = before.Title
	}
	if !c.credits {
		course.Credits = before.Credits
	}
	if complete {
		return course
	}
	for _, fact := range []struct {
		stated *string
		before string
	}{
		{&course.Description, before.Description}, {&course.School, before.School},
		{&course.Prerequisites, before.Prerequisites},
	} {
		if *fact.stated == "" {
			*fact.stated = fact.before
		}
	}
	if len(course.Requires) == 0 {
		course.Requires = before.Requires
	}
	return course
}

// sectionFrom is the section to be stored, without its instructors. What the file does not state stays as it was,
// unless the file is complete. What a section cannot be without always stays.
func sectionFrom(e files.Entry, c courseInFile, before registrar.Section, known, complete bool) registrar.Section {
	section, course := e.Section, c.stored
	section.Course, section.Subject, section.Number = course.ID, course.Subject, course.Number
	section.Title, section.TitleFollows = course.Title, true
	// A short title is a section's own title, for example of a topic, only where its course has only such a title, too.
	short := e.Assumed.Title && (c.title || course.Title != c.stated.Title)
	switch own := e.Course.Title; {
	case known && (e.Assumed.Title || own == ""): // the rows do not state it
		if !before.TitleFollows {
			section.Title, section.TitleFollows = before.Title, false
		}
	case own != "" && own != course.Title && !short: // a topic: the section is scheduled under a title of its own
		section.Title, section.TitleFollows = own, false
	}
	if !known {
		return section
	}
	section.CRN = before.CRN
	if e.Assumed.Credits {
		section.Credits = before.Credits
	}
	if e.Assumed.Capacity {
		section.Capacity = before.Capacity
	}
	if e.Assumed.Component {
		section.Component = before.Component
	}
	if e.Assumed.Status {
		section.Status = before.Status
	}
	if section.Label == "" && !complete || withoutZeros(section.Label, before.Label) {
		section.Label = before.Label
	}
	if !complete {
		section.Meetings = meetingsFrom(section.Meetings, before.Meetings, e.Unscheduled)
	}
	return section
}

// withoutZeros reports whether a spreadsheet made one number of the other: "1" of "01".
func withoutZeros(short, long string) bool {
	zeros, ok := strings.CutSuffix(long, short)
	return ok && short != "" && zeros != "" && strings.Trim(zeros, "0") == "" && strings.Trim(short, "0123456789") == ""
}

// meetingsFrom are the meetings of a section whose file is not complete. When no row has a meeting, the stored ones
// stay. They also stay when the rows with a meeting only repeat some of them, beside rows without one. A meeting
// without a room keeps its room.
func meetingsFrom(stated, before []registrar.Meeting, unscheduled int) []registrar.Meeting {
	stated = slices.Clone(stated)
	known := 0
	for i, m := range stated {
		for _, b := range before {
			roomless := b
			roomless.Room = m.Room
			if m == b || m.Room == "" && m == roomless {
				stated[i] = b
				known++
				break
			}
		}
	}
	registrar.SortMeetings(stated)
	if stated = slices.Compact(stated); unscheduled > 0 && known == len(stated) && known < len(before) {
		return before
	}
	return stated
}

// applyCourse stores the catalogue facts of a course. What a section says differently, such as its credits, is stored
// with the section.
func (a Applier) applyCourse(
	ctx context.Context,
	before registrar.Course,
	known bool,
	stated registrar.Course,
	o *outcome,
) (registrar.Course, error) {
	if err := stated.Validate(); err != nil {
		return stated, err
	}
	at := a.Clock()
	if !known {
		stated.ID = registrar.CourseID(a.NewID())
		stated.Stamp = stated.Next(at)
		if err := a.Store.CreateCourse(ctx, stated, registrar.Answer{}); err != nil {
			return stated, err
		}
		o.created("course")
		return stated, nil
	}
	stated.ID, stated.Stamp = before.ID, before.Stamp
	if stated.SameFacts(before) {
		o.unchanged++
		return before, nil
	}
	stated.Stamp = stated.Next(at)
	if err := a.Store.UpdateCourse(ctx, before, stated); err != nil {
		return stated, err
	}
	o.updated("course", changedFields(before, stated))
	return stated, nil
}

// applySection stores a section. Its deadlines are the registrar's own and stay as they are.
func (a Applier) applySection(
	ctx context.Context,
	before registrar.Section,
	known bool,
	stated registrar.Section,
	o *outcome,
) error {
	if err := stated.Validate(); err != nil {
		return err
	}
	at := a.Clock()
	if !known {
		stated.ID = registrar.SectionID(a.NewID())
		stated.Stamp = stated.Next(at)
		if err := a.Store.CreateSection(ctx, stated, registrar.Answer{}); err != nil {
			return err
		}
		o.created("section")
		return nil
	}
	stated.ID, stated.Stamp, stated.Deadlines = before.ID, before.Stamp, before.Deadlines
	if stated.SameFacts(before) {
		o.unchanged++
		return nil
	}
	stated.Stamp = stated.Next(at)
	if err := a.Store.UpdateSection(ctx, before, stated); err != nil {
		return err
	}
	o.updated("section", changedFields(before, stated))
	return nil
}

func count(
	im *intake.Import,
	entries []files.Entry,
	outcomes []outcome,
	courses []courseInFile,
	of []int,
) intake.Report {
	var report intake.Report
	for i, e := range entries {
		o := outcomes[i]
		report.Changes = append(report.Changes, o.tally(im, e.Row)...)
		refused := e.Refused
		for _, p := range e.Problems {
			report.Problems = append(report.Problems,
				intake.Problem{Row: p.Row, Field: p.Field, Reason: p.Reason, Refused: p.Refused},
			)
		}
		if !e.Empty() && courses[of[i]].broken && o.refusal == nil {
			o.refusal = registrar.Refuse(registrar.NotFound, "", "the section's course could not be imported")
		}
		for _, note := range o.notes {
			report.Problems = append(report.Problems, intake.Problem{Row: e.Row, Field: e.CourseField, Reason: note})
		}
		if o.refusal != nil {
			refused = e.Rows
			field := o.field
			if field == "" {
				field = e.SectionField
			}
			report.Problems = append(report.Problems,
				intake.Problem{Row: e.Row, Field: field, Reason: o.refusal.Error(), Refused: true},
			)
		}
		im.Rows.Read += e.Rows
		im.Rows.Refused += refused
		im.Rows.Applied += e.Rows - refused
	}
	return report
}
