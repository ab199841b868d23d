package imports_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/registrar/functions/imports"
	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/registrar"
	"github.com/google/go-cmp/cmp"
)

const data = "../../../shared/data"

// dataFile opens a file of ../shared/data, or leaves the test out where that is not beside the clone.
func dataFile(t *testing.T, name string) *os.File {
	t.Helper()
	file, err := os.Open(filepath.Join(data, name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("left out: ../shared/data/%s is not beside this clone", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}

// inTerm makes a term and is for it from then on.
func (o *office) inTerm(code, title string, start, end registrar.Date) *office {
	o.T.Helper()
	o.term = registrar.Term{
		ID:   registrar.TermID(o.University.NewID()),
		Code: code, Title: title, Start: start, End: end, TimeZone: "America/New_York",
		Registration: registrar.Window{Open: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)},
		Stamp:        registrar.Stamp{}.Next(o.Now()),
	}
	if err := o.CreateTerm(o.T.Context(), o.term, registrar.Answer{}); err != nil {
		o.T.Fatal(err)
	}
	return o
}

func fall2030(o *office) *office {
	return o.inTerm("2030-FALL", "Fall 2030", "2030-08-20", "2030-12-31")
}

// imports applies a file of sections.
func (o *office) imports(file io.Reader, options ...func(*intake.Import)) intake.Import {
	o.T.Helper()
	im, err := o.applies(o.asked(intake.KindSections, options...), file)
	if err != nil {
		o.T.Fatal(err)
	}
	return im
}

// seen is what people see of sections, by CRN.
func (o *office) seen() map[string]string {
	o.T.Helper()
	seen := make(map[string]string)
	for _, s := range o.sections() {
		var meetings []string
		for _, m := range s.Meetings {
			meetings = append(meetings, fmt.Sprintf("%s %s-%s %s %s %s", m.Days, m.Start, m.End, m.From, m.To, m.Room))
		}
		names := make([]string, len(s.Instructors))
		for i, id := range s.Instructors {
			person, err := o.Instructor(o.T.Context(), id)
			if err != nil {
				o.T.Fatal(err)
			}
			names[i] = string(person.Name)
		}
		slices.Sort(names)
		seen[s.CRN] = fmt.Sprintf(
			"%s %s %s|%s|%s|%s-%s|%d|%s|%s|%s",
			s.Subject,
			s.Number,
			s.Label,
			s.Title,
			s.Component,
			s.Credits.Min,
			s.Credits.Max,
			s.Capacity,
			s.Status,
			strings.Join(meetings, ","),
			strings.Join(names, ","),
		)
	}
	return seen
}

func (o *office) course(code string) registrar.Course {
	o.T.Helper()
	courses, err := o.CoursesByCode(o.T.Context(), []string{code})
	if err != nil {
		o.T.Fatal(err)
	}
	return courses[code]
}

// The files that offices really produce do what is right for each (../shared/data/README.md).
func TestFilesOfOffices(t *testing.T) {
	const (
		kites  = "KITE 1010 01|Introduction to Kites|lecture|4-4|30|open|"
		during = "2030-08-28 2030-12-20 Hall 1"
		mr     = "MR 10:00-11:50 " + during
		w      = "W 14:00-14:50 " + during
		ada    = "|Ada Müller"
	)
	label := func(n, text string) string { return strings.Replace(text, "1010 01", "1010 "+n, 1) }
	three := map[string]string{
		"90001": kites + mr + ada,
		"90002": label("02", kites) + mr + "|José Ñandú",
		"90003": label("03", kites) + mr + "|李 Wei",
	}
	type problem struct {
		row     int
		field   string
		reason  string // part of it
		refused bool
	}
	for _, c := range []struct {
		files    []string // into one term
		rows     intake.Rows
		changed  intake.Changes // of the last
		want     map[string]string
		problems []problem
		failed   string // part of the reason
	}{
		{files: []string{"01-no-full-name"}, rows: intake.Rows{Read: 1, Applied: 1},
			changed: intake.Changes{Created: 3},
			want: map[string]string{"90001": strings.Replace(kites, "Introduction to Kites", "INTRO TO KITES", 1) + mr +
				ada}},
		{files: []string{"02-type-sem"}, rows: intake.Rows{Read: 3, Applied: 3},
			changed: intake.Changes{Created: 5}, want: map[string]string{
				"90001": strings.Replace(kites, "lecture", "seminar", 1) + mr + ada, "90002": strings.Replace(kites, "lecture",
					"unknown", 1) + mr + ada,
				"90003": strings.Replace(kites, "lecture", "unknown", 1) + mr + ada}},
		{files: []string{"03-first-row-test-block"}, rows: intake.Rows{Read: 2, Applied: 2},
			changed: intake.Changes{Created: 3},
			want:    map[string]string{"90001": kites + w + "," + mr + ada}},
		{files: []string{"05a-good"}, rows: intake.Rows{Read: 3, Applied: 3},
			changed: intake.Changes{Created: 7}, want: three},
		{files: []string{"05a-good", "05b-same-saved-by-excel"}, rows: intake.Rows{Read: 3, Applied: 3},
			changed: intake.Changes{Unchanged: 4}, want: three},
		{files: []string{"08-semester-of-another-term"}, rows: intake.Rows{Read: 1, Refused: 1},
			want: map[string]string{}, failed: "refused",
			problems: []problem{{2, "course_start_date", "day of the term", true}, {2, "course_end_date", "day of the term",
				true}, {2, "semester", "another term than the import's, 2030-FALL", true}}},
		{files: []string{"09-blank-lines"}, rows: intake.Rows{Read: 2, Applied: 1, Refused: 1},
			changed:  intake.Changes{Created: 3},
			want:     map[string]string{"90001": kites + mr + ada},
			problems: []problem{{5, "course_max_enroll", "whole number", true}}},
		{files: []string{"11-header-wider-than-rows"}, rows: intake.Rows{Read: 1, Applied: 1},
			changed: intake.Changes{Created: 3}, want: map[string]string{"90001": kites + mr + ada}},
		{files: []string{"13-comma-rows-at-end"}, rows: intake.Rows{Read: 1, Applied: 1},
			changed: intake.Changes{Created: 3}, want: map[string]string{"90001": kites + mr + ada}},
		{files: []string{"14-semicolons"}, rows: intake.Rows{Read: 3, Applied: 3},
			changed: intake.Changes{Created: 7}, want: three},
		{files: []string{"18-xlsx"}, want: map[string]string{}, failed: "Excel workbook (xlsx), not CSV: open it, choose"},
		{files: []string{"20-header-upper-case"}, rows: intake.Rows{Read: 3, Applied: 3},
			changed: intake.Changes{Created: 7}, want: three},
		{files: []string{"21-times-with-space"}, rows: intake.Rows{Read: 3, Applied: 3},
			changed:  intake.Changes{Created: 5},
			want:     map[string]string{"90001": kites + mr + ada, "90002": kites + mr + ada, "90003": kites + mr + ada},
			problems: []problem{{4, "course_start_time", "neither AM nor PM", false}}},
		{files: []string{"22-credits"}, rows: intake.Rows{Read: 4, Applied: 3, Refused: 1},
			changed: intake.Changes{Created: 5}, want: map[string]string{
				"90001": kites + mr + ada, "90002": strings.Replace(kites, "4-4", "3-4", 1) + mr + ada,
				"90003": strings.Replace(kites, "4-4", "1-4", 1) + mr + ada},
			problems: []problem{{3, "short_name", "credits", false}, {4, "short_name", "credits", false},
				{5, "course_credit_hours", "is a date: a spreadsheet made it", true}}},
		{files: []string{"23-staff"}, rows: intake.Rows{Read: 3, Applied: 3},
			changed: intake.Changes{Created: 4},
			want:    map[string]string{"90001": kites + mr + "|", "90002": kites + mr + "|", "90003": kites + mr + "|"}},
		{files: []string{"25-conflicting-rows"}, rows: intake.Rows{Read: 2, Applied: 2},
			changed: intake.Changes{Created: 3},
			want:    map[string]string{"90001": kites + w + "," + mr + ada}, problems: []problem{
				{3, "full_name", "disagree: what row 2 says stands", false}, {3, "course_section", "disagree", false},
				{3, "course_credit_hours", "disagree", false}, {3, "course_max_enroll", "disagree", false}}},
		{files: []string{"27-not-together"}, rows: intake.Rows{Read: 3, Applied: 3},
			changed: intake.Changes{Created: 5}, want: map[string]string{
				"90001": kites + w + "," + mr + ada, "90002": strings.Replace(kites, "1010", "1020", 1) + mr + ada}},
	} {
		name := strings.Join(c.files, ", then ")
		t.Run(name, func(t *testing.T) {
			o := fall2030(openOffice(t))
			var im intake.Import
			for _, file := range c.files {
				im = o.imports(dataFile(t, "imports/"+file+".csv"))
			}
			if im.Rows != c.rows || im.Changed != c.changed {
				t.Errorf("%+v, %+v; want %+v, %+v", im.Rows, im.Changed, c.rows, c.changed)
			}
			if (im.State == intake.Failed) != (c.failed != "") || !strings.Contains(im.Reason, c.failed) {
				t.Errorf("%s (%s), want %q", im.State, im.Reason, c.failed)
			}
			if diff := cmp.Diff(c.want, o.seen()); diff != "" {
				t.Errorf("sections differ (-want +got):\n%s", diff)
			}
			told := o.problems(im)
			if len(told) != len(c.problems) {
				t.Errorf("problems %+v, want %+v", told, c.problems)
			}
			for _, p := range c.problems {
				if !slices.ContainsFunc(told, func(got intake.Problem) bool {
					return got.Row == p.row && got.Field == p.field && got.Refused == p.refused &&
						strings.Contains(got.Reason, p.reason)
				}) {
					t.Errorf("want %+v among the problems %+v", p, told)
				}
			}
			if im.State == intake.Failed {
				return
			}
			again := o.imports(dataFile(t, "imports/"+c.files[len(c.files)-1]+".csv"))
			if again.Changed.Created+again.Changed.Updated != 0 || again.Rows != im.Rows {
				t.Errorf("again: %+v, %+v", again.Rows, again.Changed)
			}
		})
	}
	t.Run("06a-term-with-descriptions, then 06b-next-term-without into another term", func(t *testing.T) {
		o := fall2030(openOffice(t))
		o.imports(dataFile(t, "imports/06a-term-with-descriptions.csv"))
		before := o.course("KITE 1010")
		o.inTerm("2030-FALL-B", "Fall 2030", "2030-08-20", "2030-12-31")
		im := o.imports(dataFile(t, "imports/06b-next-term-without.csv"))
		after := o.course("KITE 1010")
		if !after.SameFacts(before) || after.Version != before.Version || after.Description == "" ||
			after.Prerequisites == "" ||
			len(after.Requires) == 0 ||
			im.Changed.Created != 1 {
			t.Errorf("before %+v, after %+v, %+v", before, after, im.Changed)
		}
	})
}

// An empty cell keeps what is there, unless the file is said to be complete; what a section cannot be without stays
// either way.
func TestAnEmptyCellDeletesNothing(t *testing.T) {
	full := "course_crn,short_name,full_name,course_type,course_credit_hours,course_days_of_the_week," +
		"course_start_time,course_end_time,course_start_date,course_end_date,course_location,course_instructor," +
		"course_max_enroll,course_section,description,raw_precoreqs,prerequisites,school\n"
	const (
		stated = "1,KITE-1010,Kites,LAB,4,M,10:00AM,11:50AM,2030-08-28,2030-12-20,Hall 1,Ada King,30,01,About " +
			"kites,Prose,['KITE 1000'],Science\n"
		another = "1,KITE-1010,Kites,LAB,4,W,10:00AM,11:50AM,2030-08-28,2030-12-20,Hall 1,Ada King,30,01,About " +
			"kites,Prose,['KITE 1000'],Science\n"
		silent = "1,KITE-1010,,,,,,,,,,,,,,,,\n"
		staff  = "1,KITE-1010,,,,,,,,,,Staff,,,,,[],\n"
		noRoom = "1,KITE-1010,,,,M,10:00AM,11:50AM,2030-08-28,2030-12-20,TBA,,,,,,,\n"
		moved  = "1,KITE-1010,,,,F,10:00AM,11:50AM,2030-08-28,2030-12-20,Hall 2,,,,,,,\n"
	)
	complete := func(im *intake.Import) { im.Complete = true }
	const was = "M 10:00-11:50 2030-08-28 2030-12-20 Hall 1,W 10:00-11:50 2030-08-28 2030-12-20 Hall 1"
	for name, c := range map[string]struct {
		then     string
		complete bool
		meetings string
		updated  int
	}{
		"silent":                        {silent, false, was, 0},
		"nobody is known yet":           {staff, false, was, 0},
		"one of two meetings is silent": {noRoom + silent, false, was, 0},
		"a meeting is said to be gone":  {noRoom, false, "M 10:00-11:50 2030-08-28 2030-12-20 Hall 1", 1},
		"a meeting has moved":           {moved, false, "F 10:00-11:50 2030-08-28 2030-12-20 Hall 2", 1},
		"the file is the whole truth":   {silent, true, "", 2},
		"of which one row says nothing": {noRoom + silent, true, "M 10:00-11:50 2030-08-28 2030-12-20 ", 2},
		"a cell that cannot be read":    {strings.Replace(moved, "10:00AM", "tenish", 1), true, was, 0},
		"beside a row that can be read": {strings.Replace(moved, "2030-08-28", "28/28/2030", 1) + stated, false, was, 0},
	} {
		o := fall2030(openOffice(t))
		o.imports(strings.NewReader(full + stated + another))
		before, course := o.seen()["1"], o.course("KITE 1010")
		var options []func(*intake.Import)
		if c.complete {
			options = append(options, complete)
		}
		im := o.imports(strings.NewReader(full+c.then), options...)
		want := strings.Replace(before, was, c.meetings, 1)
		if c.complete && c.updated > 0 {
			want = strings.Replace(strings.Replace(want, "Ada King", "", 1), "1010 01", "1010 ", 1)
			course.Description, course.School, course.Prerequisites, course.Requires = "", "", "", nil
		}
		if got := o.seen()["1"]; got != want || im.Changed.Updated != c.updated {
			t.Errorf("%s: %s, want %s; %+v", name, got, want, im.Changed)
		}
		if got := o.course("KITE 1010"); !got.SameFacts(course) {
			t.Errorf("%s: %+v, want %+v", name, got, course)
		}
	}
}

// A short title stands in for a title where there is none yet, and replaces none.
func TestAShortTitleReplacesNone(t *testing.T) {
	o := fall2030(openOffice(t))
	wide := "course_name," + header
	short, long := "KITES,"+row2030("1", ""), "KITES,"+row2030("2", "Introduction to Kites")
	title := func() string { return o.course("KITE 1010").Title }
	if o.imports(strings.NewReader(wide + short)); title() != "KITES" {
		t.Errorf("a new course has the title %q", title())
	}
	if im := o.imports(strings.NewReader(wide + short + long)); title() != "Introduction to Kites" ||
		len(o.problems(im)) != 0 {
		t.Errorf("then it has %q, %+v", title(), o.problems(im))
	}
	if im := o.imports(strings.NewReader(wide + short)); title() != "Introduction to Kites" || im.Changed.Updated != 0 {
		t.Errorf("and at last %q, %+v", title(), im.Changed)
	}
}

// A row that is refused makes nothing: no course and no instructor.
func TestARefusedRowMakesNothing(t *testing.T) {
	o := fall2030(openOffice(t))
	by := func(crn, course, name string) string {
		return strings.NewReplacer("KITE-1010", course, "TBA", name).Replace(row2030(crn, "Kites"))
	}
	o.imports(strings.NewReader(header + by("1", "KITE-1010", "Ada King")))
	for name, file := range map[string]string{
		"the number of another course's section": by("1", "KITE-1020", "Bo Li"),
		"no capacity":                            strings.Replace(by("2", "KITE-1010", "Bo Li"), ",30,", ",,", 1),
		"no title":                               strings.Replace(by("2", "KITE-1020", "Bo Li"), "Kites", "", 1),
	} {
		im := o.imports(strings.NewReader(header + file))
		people, err := o.ImportedInstructors(t.Context(), []string{"Bo Li"})
		if err != nil || im.Rows.Refused != 1 || im.Changed.Created+im.Changed.Updated != 0 ||
			o.course("KITE 1020").ID != "" ||
			len(people) != 0 {
			t.Errorf("%s: %v, %+v, %+v, %+v, %+v", name, err, im.Rows, im.Changed, o.course("KITE 1020"), people)
		}
	}
}

// A section's title is its course's, unless its row has another: then the section has its own, and keeps it when the
// course's changes. The course has that of the first row. A short title is a section's own only where its course has no
// other.
func TestTheTitleOfASection(t *testing.T) {
	o := fall2030(openOffice(t))
	titles := func() string {
		var all []string
		for _, s := range o.sections() {
			own := ""
			if !s.TitleFollows {
				own = " (own)"
			}
			all = append(all, s.CRN+" "+s.Title+own)
		}
		slices.Sort(all)
		return o.course("KITE 1010").Title + ": " + strings.Join(all, ", ")
	}
	wide := "course_name," + header
	long := func(crn, title string) string { return "X," + row2030(crn, title) }
	short := func(crn, title string) string { return title + "," + row2030(crn, "") }
	for _, step := range []struct{ name, file, want string }{
		{"two short titles", short("1", "KITES: RED") + short("2", "KITES: BLUE"),
			"KITES: RED: 1 KITES: RED, 2 KITES: BLUE (own)"},
		{"a long one", long("3", "Kites") + short("1", "KITES: RED"), "Kites: 1 Kites, 2 KITES: BLUE (own), 3 Kites"},
		{"a topic", long("3", "Kites") + long("4", "Kites of Paper"), "Kites: 1 Kites, 2 KITES: BLUE (own), 3 Kites, 4 " +
			"Kites of Paper (own)"},
		{"a short one beside the long one", short("5", "KITES"), "Kites: 1 Kites, 2 KITES: BLUE (own), 3 Kites, 4 Kites of " +
			"Paper (own), 5 Kites"},
		{"the course is renamed", long("3", "Flight"), "Flight: 1 Flight, 2 KITES: BLUE (own), 3 Flight, 4 Kites of Paper " +
			"(own), 5 Flight"},
		{"the topic is none any more", long("4", "Flight"), "Flight: 1 Flight, 2 KITES: BLUE (own), 3 Flight, 4 Flight, 5 " +
			"Flight"},
	} {
		o.imports(strings.NewReader(wide + step.file))
		for _, s := range o.sections() { // the titles follow in the course's own time
			if followed, stale := registrar.DecideTitle(s.Section, o.course("KITE 1010"), o.Now()); stale {
				if err := o.UpdateSection(t.Context(), s.Section, followed); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := titles(); got != step.want {
			t.Errorf("%s: %s; want %s", step.name, got, step.want)
		}
		if again := o.imports(strings.NewReader(wide + step.file)); again.Changed.Created+again.Changed.Updated != 0 {
			t.Errorf("%s, again: %+v", step.name, again.Changed)
		}
	}
}

func row2030(crn, title string) string {
	return crn + ",KITE-1010," + title + ",LEC,4,M,10:00AM,11:50AM,2030-08-28,2030-12-20,R,TBA,30,01,,,[],School\n"
}

// What is new needs a title, credits and a capacity.
func TestANewSectionNeedsWhatNobodySays(t *testing.T) {
	o := fall2030(openOffice(t))
	im := o.imports(strings.NewReader(header +
		"1,KITE-1010,Kites,LEC,,,,,,,,,30,01,,,,\n2,KITE-1010,Kites,LEC,4,,,,,,,,,01,,,,\n" +
		"3,KITE-1020,,LEC,4,,,,,,,,30,01,,,,\n4,KITE-1010,,LEC,4,,,,,,,,30,01,,,,\n"))
	var told []string
	for _, p := range o.problems(im) {
		told = append(told, fmt.Sprint(p.Row, " ", p.Field, " ", p.Refused))
	}
	want := []string{"2 course_credit_hours true", "3 course_max_enroll true", "4 full_name true"}
	if sections := o.seen(); !slices.Equal(told, want) || len(sections) != 1 || sections["4"] == "" {
		t.Errorf("%q, want %q; sections %v", told, want, sections)
	}
}

// A capacity below what is taken is taken as it is: nobody loses a seat.
func TestACapacityBelowWhatIsTaken(t *testing.T) {
	o := openOffice(t)
	section := o.NewSection(o.term, o.NewCourse("CSCI", "1100", "Title"), "100", 3)
	for _, number := range []string{"U1", "U2", "U3"} {
		o.NewStudent(number, "Ann", "Able")
	}
	o.imports2("student_number,term,crn\nU1,2025-SPRING,100\nU2,2025-SPRING,100\nU3,2025-SPRING,100\n")
	im := o.imports(strings.NewReader(header + strings.Replace(row("100", "R", "TBA"), ",30,", ",2,", 1)))
	view, err := o.Section(t.Context(), section.ID)
	if err != nil || im.Rows.Applied != 1 || view.Seats.Capacity != 2 || view.Seats.Taken != 3 ||
		view.Seats.Available() != 0 {
		t.Errorf("%v, %+v, %+v", err, im.Rows, view.Seats)
	}
}

func (o *office) imports2(registrations string) {
	o.T.Helper()
	if im, err := o.applies(o.asked(intake.KindRegistrations), strings.NewReader(registrations)); err != nil ||
		im.Rows.Refused > 0 {
		o.T.Fatalf("%v, %+v", err, im.Rows)
	}
}

// Another university's file is imported by a mapping alone.
func TestAnotherUniversityIsAMapping(t *testing.T) {
	mapping, err := os.ReadFile("testdata/timetable.json")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile("testdata/timetable.csv")
	if err != nil {
		t.Fatal(err)
	}
	o := fall2030(openOffice(t))
	byMapping := func(im *intake.Import) { im.Format, im.Mapping = intake.FormatMapping, string(mapping) }
	im := o.imports(strings.NewReader(string(file)), byMapping)
	want := map[string]string{
		"4711": "CHC/LAT 61 A|Latin American Studies|lecture|4-4|25|open|F 09:00-09:50 2030-09-02 2030-12-12 Hall 6,MW " +
			"14:00-15:20 2030-09-02 2030-12-12 Hall 4|Bo Li,José García",
		"4712": "I&C SCI 10A A|How Computers Work|lecture|3-4|25|open|TR 08:00-09:20 2030-09-02 2030-12-12 Hall 5|Ada King",
		"4713": "I&C SCI 10A B|How Computers Work|discussion|3-4|25|cancelled|F 14:00-14:50 2030-09-02 2030-12-12 |",
	}
	got := o.seen()
	for crn := range got { // the order of meetings is the store's
		parts := strings.Split(got[crn], "|")
		meetings := strings.Split(parts[6], ",")
		slices.Sort(meetings)
		parts[6] = strings.Join(meetings, ",")
		got[crn] = strings.Join(parts, "|")
	}
	if diff := cmp.Diff(want, got); diff != "" || im.Rows != (intake.Rows{Read: 4, Applied: 4}) ||
		len(o.problems(im)) != 0 {
		t.Errorf("%+v, %+v (-want +got):\n%s", im.Rows, o.problems(im), diff)
	}
	if again := o.imports(strings.NewReader(string(file)), byMapping); again.Changed.Created+again.Changed.Updated != 0 {
		t.Errorf("again: %+v", again.Changed)
	}
	if wrong := o.imports(strings.NewReader(string(file))); wrong.State != intake.Failed ||
		!strings.Contains(wrong.Reason, "lacks the columns") {
		t.Errorf("without the mapping: %s (%s)", wrong.State, wrong.Reason)
	}
}

// counted is what a schedule has, counted without the importer.
type counted struct{ rows, refused, courses, sections, meetings, instructors, seats int }

// countRows counts a schedule of YACS row by row. A section of which a row has a day without a time, or a time without
// a day, is one that nobody can take: it is refused.
func countRows(t *testing.T, file io.Reader) counted {
	t.Helper()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := func(row []string, name string) string { return strings.TrimSpace(row[slices.Index(rows[0], name)]) }
	unclear := map[string]bool{}
	for _, row := range rows[1:] {
		if (at(row, "course_days_of_the_week") == "") != (at(row, "course_start_time") == "") {
			unclear[at(row, "course_crn")] = true
		}
	}
	c := counted{rows: len(rows) - 1}
	courses, seats, meetings, people := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, row := range rows[1:] {
		crn := at(row, "course_crn")
		if unclear[crn] {
			c.refused++
			continue
		}
		courses[at(row, "short_name")] = true
		if !seats[crn] {
			seats[crn] = true
			var n int
			if _, err := fmt.Sscan(at(row, "course_max_enroll"), &n); err != nil {
				t.Fatal(err)
			}
			c.seats += n
		}
		if at(row, "course_start_time") != "" {
			room := at(row, "course_location")
			if room == "TBA" {
				room = ""
			}
			meetings[strings.Join([]string{crn, at(row, "course_days_of_the_week"), at(row, "course_start_time"),
				at(row, "course_end_time"),
				at(row, "course_start_date"), at(row, "course_end_date"), room}, "|")] = true
		}
		for _, name := range strings.Split(at(row, "course_instructor"), "/") {
			if name = strings.TrimSpace(name); name != "" && name != "TBA" && name != "Staff" {
				people[strings.ToLower(name)] = true
			}
		}
	}
	c.courses, c.sections, c.meetings, c.instructors = len(courses), len(seats), len(meetings), len(people)
	return c
}

// Real terms are imported whole, but for what no person could read; a second import changes nothing.
func TestRealTerms(t *testing.T) {
	for name, term := range map[string]func(*office) *office{
		"rpi-fall-2022.csv": func(o *office) *office {
			return o.inTerm("2022-FALL", "Fall 2022", "2022-08-29",
				"2022-12-21")
		},
		"rpi-fall-2024.csv": func(o *office) *office {
			return o.inTerm("2024-FALL", "Fall 2024", "2024-08-26",
				"2024-12-21")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := countRows(t, dataFile(t, name))
			o := term(openOffice(t))
			im := o.imports(dataFile(t, name))
			got := counted{rows: im.Rows.Read, refused: im.Rows.Refused}
			courses, people := map[registrar.CourseID]bool{}, map[registrar.InstructorID]bool{}
			for _, s := range o.sections() {
				got.sections++
				got.seats += s.Capacity
				got.meetings += len(s.Meetings)
				courses[s.Course] = true
				for _, id := range s.Instructors {
					people[id] = true
				}
			}
			got.courses, got.instructors = len(courses), len(people)
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(counted{})); diff != "" ||
				im.Rows.Applied+im.Rows.Refused != im.Rows.Read {
				t.Errorf("%+v (-counted +imported):\n%s", im.Rows, diff)
			}
			if im.Rows.Refused*100 >= im.Rows.Read {
				t.Errorf("%d of %d rows refused: want less than one in a hundred", im.Rows.Refused, im.Rows.Read)
			}
			for _, p := range o.problems(im) {
				if p.Refused && !strings.Contains(p.Reason, "is stated, but no") &&
					!strings.Contains(p.Reason, "of the same section is refused") {
					t.Errorf("row %d, %s: %s", p.Row, p.Field, p.Reason)
				}
			}
			again := o.imports(dataFile(t, name))
			if again.Changed.Created+again.Changed.Updated != 0 || again.Rows != im.Rows {
				t.Errorf("again: %+v, %+v", again.Rows, again.Changed)
			}
			t.Logf("%+v, %+v", got, im.Changed)
		})
	}
}

// forgetful is a store that keeps nothing but the import, and measures what the worker holds.
type forgetful struct {
	imports.Store
	im      intake.Import
	term    registrar.Term
	saved   int
	measure func(saved int)
}

func (f *forgetful) Import(context.Context, registrar.ImportID) (intake.Import, error) {
	return f.im, nil
}
func (f *forgetful) Term(context.Context, registrar.TermID) (registrar.Term, error) {
	return f.term, nil
}
func (f *forgetful) SaveImport(_ context.Context, im intake.Import, _ intake.Report) error {
	f.im = im
	f.saved++
	f.measure(f.saved)
	return nil
}
func (*forgetful) CoursesByCode(context.Context, []string) (map[string]registrar.Course, error) {
	return nil, nil
}
func (*forgetful) SectionsByCRN(context.Context, registrar.TermID, []string) (map[string]registrar.Section, error) {
	return nil, nil
}
func (*forgetful) InstructorsByName(context.Context, []string) (map[string]registrar.InstructorID, []string, error) {
	return nil, nil, nil
}
func (*forgetful) CreateCourse(context.Context, registrar.Course, registrar.Answer) error { return nil }
func (*forgetful) UpdateCourse(context.Context, registrar.Course, registrar.Course) error { return nil }
func (*forgetful) CreateSection(context.Context, registrar.Section, registrar.Answer) error {
	return nil
}

// What the worker holds does not grow with the number of sections and courses, but for 32 bytes for each row.
func TestApply_MemoryStaysFlat(t *testing.T) {
	o := openOffice(t)
	live := func(sections int) uint64 {
		var b strings.Builder
		b.WriteString(header)
		for n := range sections {
			b.WriteString(
				strings.Replace(
					strings.Replace(row(fmt.Sprint(n), "R", "TBA"), "CSCI-1100", fmt.Sprintf("CSCI-%d", n/2), 1),
					",,,[]",
					","+strings.Repeat("d", 500)+",,[]",
					1,
				),
			)
		}
		file := strings.Clone(b.String()) // without what the builder has to spare
		b.Reset()
		var held uint64
		store := &forgetful{
			im: intake.Import{
				ID:     "im",
				Kind:   intake.KindSections,
				Format: "yacs-csv",
				Term:   o.term.ID,
				State:  intake.Waiting,
			},
			term: o.term,
		}
		store.measure = func(saved int) {
			if saved == sections/50 { // near the end
				runtime.GC()
				runtime.GC() // what pools keep goes with the second
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				held = m.HeapAlloc - uint64(len(file))
			}
		}
		applier := o.Applier
		applier.Store = store
		o.file = strings.NewReader(file)
		if err := applier.Apply(t.Context(), "im"); err != nil || store.im.State != intake.Finished ||
			store.im.Rows.Applied != sections {
			t.Fatalf("%v, %+v", err, store.im)
		}
		runtime.KeepAlive(file)
		return held
	}
	live(500) // what is made once is made
	few, many := live(500), live(5000)
	if most := few + 4500*160; many > most { // a section's description alone has 500 bytes
		t.Errorf("%d bytes with 500 sections, %d with 5,000: want at most %d", few, many, most)
	}
	t.Logf("%d bytes with 500 sections, %d with 5,000", few, many)
}
