package imports_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"example.com/registrar/functions/imports"
	"example.com/registrar/infra/local/cloud"
	localdynamodb "example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/iam"
	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/intake/files"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/registrartest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// office applies imports over an embedded table, with what the function may do. It is its own bucket, of one file.
type office struct {
	*registrartest.University
	*dynamo.Store
	imports.Applier

	term registrar.Term
	file io.Reader
	size int64 // of the file, as the bucket tells it
}

// Open implements [imports.Objects].
func (o *office) Open(context.Context, string) (io.ReadCloser, int64, error) {
	return io.NopCloser(o.file), o.size, nil
}

func openOffice(t *testing.T) *office {
	t.Helper()
	access, err := cloud.Authority(cloud.Options{ObserveCalls: func(c iam.Call) {
		if !c.Allowed {
			t.Errorf("%s was denied %+v", c.Principal, c.Request)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	engine := inprocess.Client(localdynamodb.New(localdynamodb.Options{Access: access}))
	connect := func(as aws.Credentials) *dynamodb.Client {
		return dynamodb.New(dynamodb.Options{
			Region: cloud.Region, Credentials: credentials.StaticCredentialsProvider{Value: as},
			BaseEndpoint: aws.String("http://dynamodb.local"), HTTPClient: engine,
		})
	}
	client := connect(cloud.Credentials())
	if _, err := client.CreateTable(t.Context(), dynamo.TableDefinition(cloud.Table)); err != nil {
		t.Fatal(err)
	}
	o := &office{Store: dynamo.New(client, dynamo.Config{Table: cloud.Table}, time.Now)}
	o.University = registrartest.New(t, o.Store)
	o.Applier = imports.Applier{
		Store:   dynamo.New(connect(iam.Credentials("imports-apply")), dynamo.Config{Table: cloud.Table}, time.Now),
		Objects: o, Audit: &o.Refused, Formats: imports.Formats(), Clock: o.Now,
		NewID: o.University.NewID,
	}
	o.term = o.NewTerm("2025-SPRING")
	return o
}

// asked makes an import that waits for its file.
func (o *office) asked(kind intake.Kind, with ...func(*intake.Import)) registrar.ImportID {
	o.T.Helper()
	im := intake.Import{
		ID:   registrar.ImportID(o.University.NewID()),
		Kind: kind, Format: "yacs-csv", Term: o.term.ID, State: intake.Waiting,
		Stamp: registrar.Stamp{}.Next(o.Now()),
	}
	for _, set := range with {
		set(&im)
	}
	if err := o.CreateImport(o.T.Context(), im, registrar.Answer{}); err != nil {
		o.T.Fatal(err)
	}
	return im.ID
}

// applies delivers the announcement of the file, and gives the import as it is afterwards.
func (o *office) applies(id registrar.ImportID, file io.Reader) (intake.Import, error) {
	o.T.Helper()
	o.file = file
	applied := o.Apply(o.T.Context(), id)
	im, err := o.Import(o.T.Context(), id)
	if err != nil {
		o.T.Fatal(err)
	}
	return im, applied
}

func (o *office) problems(im intake.Import) []intake.Problem {
	o.T.Helper()
	return registrartest.All(o.T, 7, func(p registrar.PageRequest) (registrar.Page[intake.Problem], error) {
		return o.ImportProblems(o.T.Context(), im, p)
	})
}

func (o *office) sections() []registrar.SectionView {
	o.T.Helper()
	return registrartest.All(
		o.T,
		registrar.MaxPage,
		func(p registrar.PageRequest) (registrar.Page[registrar.SectionView], error) {
			return o.Sections(o.T.Context(), registrar.SectionFilter{Term: o.term.ID}, p)
		},
	)
}

const header = "course_crn,short_name,full_name,course_type,course_credit_hours,course_days_of_the_week," +
	"course_start_time,course_end_time,course_start_date,course_end_date,course_location,course_instructor," +
	"course_max_enroll,course_section,description,raw_precoreqs,prerequisites,school\n"

func row(crn, room, instructors string) string {
	return crn + ",CSCI-1100,Title,LEC,4,M,10:00AM,11:50AM,2025-01-13,2025-05-01," + room + "," + instructors +
		",30,01,,,[],School\n"
}

// Whatever stands in one cell, the import ends, and every section that it stored is one that the domain takes. A
// section of which a cell cannot be taken is not stored without it.
func TestApply_NoCellStopsAnImport(t *testing.T) {
	names := make([]string, 50)
	for i := range names {
		names[i] = fmt.Sprintf("Name %02d", i)
	}
	for name, c := range map[string]struct {
		room, instructors string
		want              int // instructors; -1: the row is refused
	}{
		"a long room":       {strings.Repeat("r", 300), "Ada King", -1},
		"a longer room":     {strings.Repeat("r", 500_000), "Ada King", -1},
		"a long name":       {"R", strings.Repeat("n", 3000) + "/Ada King", -1},
		"20 instructors":    {"R", strings.Join(names[:20], "/"), -1},
		"16 instructors":    {"R", strings.Join(names[:16], "/"), registrar.MaxInstructors},
		"one in two cases":  {"R", "Ada King/ADA KING", 1},
		"nothing is amiss":  {"R", "Ada King/Bo Li", 2},
		"nobody and no one": {"", "", 0},
	} {
		o := openOffice(t)
		im, err := o.applies(
			o.asked(intake.KindSections),
			strings.NewReader(header+row("1", c.room, c.instructors)+row("2", "R", "TBA")),
		)
		want, sections := intake.Rows{Read: 2, Applied: 2}, o.sections()
		if c.want < 0 {
			want = intake.Rows{Read: 2, Applied: 1, Refused: 1}
		}
		if err != nil || im.State != intake.Finished || im.Rows != want || len(sections) != want.Applied {
			t.Errorf("%s: %v, the import is %s, %+v; %d sections", name, err, im.State, im.Rows, len(sections))
		}
		for _, s := range sections {
			if err := s.Validate(); err != nil {
				t.Errorf("%s: the domain refuses a section that is stored: %v", name, err)
			}
			if s.CRN == "1" && len(s.Instructors) != c.want {
				t.Errorf("%s: %d instructors, want %d", name, len(s.Instructors), c.want)
			}
		}
	}
}

// sloppy is a reader that does not ask the domain.
type sloppy struct{ entries []files.Entry }

func (*sloppy) Close() error { return nil }

func (s *sloppy) Next() (files.Entry, error) {
	if len(s.entries) == 0 {
		return files.Entry{}, io.EOF
	}
	e := s.entries[0]
	s.entries = s.entries[1:]
	return e, nil
}

// Nothing that the domain refuses is stored, whatever a reader makes of a file.
func TestApply_StoresNothingThatTheDomainRefuses(t *testing.T) {
	o := openOffice(t)
	entry := func(row int, title, component string) files.Entry {
		e := files.Entry{
			Row: row, Rows: 1,
			Course: registrar.Course{
				Subject: "CSCI",
				Number:  fmt.Sprint(row),
				Title:   title,
				Credits: registrar.CreditRange{Min: 400, Max: 400},
			},
			Section: registrar.Section{
				Subject:   "CSCI",
				Number:    fmt.Sprint(row),
				Title:     title,
				CRN:       fmt.Sprint(row),
				Component: component,
				Credits:   registrar.CreditRange{Min: 400, Max: 400},
				Status:    registrar.SectionOpen,
			},
		}
		return e
	}
	o.Formats = map[string]imports.Format{
		"yacs-csv": func(io.Reader, intake.Import, registrar.Term) (files.Reader, error) {
			return &sloppy{[]files.Entry{entry(2, "Title", ""), entry(3, "", "lecture"), entry(4, "Title", "lecture")}}, nil
		},
	}
	im, err := o.applies(o.asked(intake.KindSections), strings.NewReader(""))
	if want := (intake.Rows{Read: 3, Applied: 1, Refused: 2}); err != nil ||
		im.State != intake.Finished ||
		im.Rows != want {
		t.Errorf("%v, the import is %s, %+v", err, im.State, im.Rows)
	}
	if sections := o.sections(); len(sections) != 1 || sections[0].CRN != "4" {
		t.Errorf("stored: %+v", sections)
	}
	if problems := o.problems(im); len(problems) != 2 || problems[0].Row != 2 || problems[1].Row != 3 ||
		!problems[0].Refused ||
		!problems[1].Refused {
		t.Errorf("problems: %+v", problems)
	}
}

// failing reads a text, and then fails.
func failing(text string, err error) io.Reader {
	return io.MultiReader(strings.NewReader(text), readerOf(func([]byte) (int, error) { return 0, err }))
}

type readerOf func([]byte) (int, error)

func (r readerOf) Read(p []byte) (int, error) { return r(p) }

// A file that cannot be read now may be read later. Only what is wrong with the file itself ends its import.
func TestApply_PassingReadErrorsComeBack(t *testing.T) {
	const registrations = "student_number,term,crn\nU1,2025-SPRING,100\n"
	texts := map[intake.Kind]string{
		intake.KindSections:      header + row("1", "R", "TBA"),
		intake.KindRegistrations: registrations,
	}
	for kind, file := range texts {
		for name, read := range map[string]string{"at once": "", "in the header": file[:10], "later": file} {
			for _, passing := range []error{errors.New("read tcp 10.0.0.1:443: connection reset by peer"), io.ErrUnexpectedEOF} {
				o := openOffice(t)
				o.NewSection(o.term, o.NewCourse("CSCI", "1000", "One"), "100", 20)
				o.NewStudent("U1", "Ann", "Able")
				id := o.asked(kind)
				im, err := o.applies(id, failing(read, passing))
				if !errors.Is(err, passing) || im.State != intake.Running || im.Reason != "" {
					t.Errorf("%s, %s: returned %v, the import is %s (%s)", kind, name, err, im.State, im.Reason)
					continue
				}
				if im, err = o.applies(id, strings.NewReader(file)); err != nil || im.State != intake.Finished {
					t.Errorf("%s, %s, again: %v, the import is %s (%s)", kind, name, err, im.State, im.Reason)
				}
			}
		}
		for reason, file := range map[string]io.Reader{
			"empty":          strings.NewReader(""),
			"lacks":          strings.NewReader("a,b\n"),
			"cannot be read": strings.NewReader("a\"b,c\n"),
			"64 MiB": io.MultiReader(strings.NewReader(file),
				strings.NewReader(strings.Repeat(strings.Repeat("x", 1<<19)+"\n", 129))),
			"1 MiB": io.MultiReader(strings.NewReader(file), strings.NewReader(strings.Repeat("x", 2<<20))),
		} {
			o := openOffice(t)
			im, err := o.applies(o.asked(kind), file)
			if err != nil || im.State != intake.Failed || !strings.Contains(im.Reason, reason) {
				t.Errorf("%s: %v, the import is %s (%s), want it FAILED because of %q", kind, err, im.State, im.Reason, reason)
			}
		}
	}
}

// An object that is too large is not read at all.
func TestApply_LooksAtTheSizeFirst(t *testing.T) {
	o := openOffice(t)
	o.size = intake.MaxBytes + 1
	im, err := o.applies(o.asked(intake.KindSections), readerOf(func([]byte) (int, error) {
		t.Error("the file was read")
		return 0, io.EOF
	}))
	if err != nil || im.State != intake.Failed || !strings.Contains(im.Reason, "64 MiB") {
		t.Errorf("%v, the import is %s (%s)", err, im.State, im.Reason)
	}
}

// failsLater is a store that cannot be asked for the second batch.
type failsLater struct {
	imports.Store
	asked int
	err   error
}

func (f *failsLater) SectionsByCRN(
	ctx context.Context,
	term registrar.TermID,
	crns []string,
) (map[string]registrar.Section, error) {
	if f.asked++; f.asked > 1 {
		return nil, f.err
	}
	return f.Store.SectionsByCRN(ctx, term, crns)
}

// The report of a file of sections is of the last run alone: what an earlier one met may have been mended since.
func TestApply_TellsOfTheLastRunAlone(t *testing.T) {
	o := openOffice(t)
	lines := header + row("1", strings.Repeat("r", 300), "Ada King") + row("2", strings.Repeat("r", 300), "Ada King")
	for n := range 60 {
		lines += row(fmt.Sprint(100+n), "R", "TBA")
	}
	id := o.asked(intake.KindSections)
	passing := errors.New("connection reset")
	whole := o.Applier.Store
	o.Applier.Store = &failsLater{Store: whole, err: passing}
	im, err := o.applies(id, strings.NewReader(lines))
	o.Applier.Store = whole
	if !errors.Is(err, passing) || im.Rows.Read == 0 || len(o.problems(im)) != 2 {
		t.Fatalf("%v, the import has %+v and %d problems; want it stopped after some rows", err, im.Rows, len(o.problems(im)))
	}
	first, err := o.ImportProblems(t.Context(), im, registrar.PageRequest{Limit: 1})
	if err != nil || first.Next == "" {
		t.Fatalf("%v, %+v", err, first)
	}
	im, err = o.applies(id, strings.NewReader(lines))
	if want := (intake.Rows{Read: 62, Applied: 60, Refused: 2}); err != nil ||
		im.State != intake.Finished ||
		im.Rows != want ||
		im.Run != 2 {
		t.Errorf("%v, the import is %s, run %d, %+v", err, im.State, im.Run, im.Rows)
	}
	if n := len(o.problems(im)); n != 2 {
		t.Errorf("%d problems, want those of the last run alone", n)
	}
	_, err = o.ImportProblems(t.Context(), im, registrar.PageRequest{Limit: 1, Cursor: first.Next})
	if !errors.Is(err, registrar.ErrBadCursor) {
		t.Errorf("a cursor of the first run: %v, want ErrBadCursor", err)
	}
}

// Of a file in which nothing is right, the first problems are kept, and all rows are counted.
func TestApply_KeepsSoManyProblems(t *testing.T) {
	o := openOffice(t)
	const rows = intake.MaxProblems + 120
	im, err := o.applies(
		o.asked(intake.KindRegistrations),
		strings.NewReader("student_number,term,crn\n"+strings.Repeat(",,x\n", rows)),
	)
	if want := (intake.Rows{Read: rows, Refused: rows}); err != nil || im.State != intake.Failed ||
		im.Rows != want {
		t.Errorf("%v, the import is %s, %+v", err, im.State, im.Rows)
	}
	problems := registrartest.All(
		t,
		registrar.MaxPage,
		func(p registrar.PageRequest) (registrar.Page[intake.Problem], error) {
			return o.ImportProblems(t.Context(), im, p)
		},
	)
	if n := len(problems); n != intake.MaxProblems || problems[0].Row != 2 || problems[n-1].Row != n+1 {
		t.Errorf("%d problems are kept, want the first %d", n, intake.MaxProblems)
	}
}

// again is a bucket whose one file can be read as often as one likes.
type again struct{ file string }

// Open implements [imports.Objects].
func (a again) Open(context.Context, string) (io.ReadCloser, int64, error) {
	return io.NopCloser(strings.NewReader(a.file)), int64(len(a.file)), nil
}

// A course stands on the rows of all its sections, and the first states its title. A section whose row says another was
// scheduled under its own, which a new title of the course does not touch.
func TestApply_ASectionWithATitleOfItsOwnKeepsIt(t *testing.T) {
	o := openOffice(t)
	file := header + row("100", "", "") + strings.Replace(row("200", "", ""), ",Title,", ",Title: Compilers,", 1)
	if im, err := o.applies(o.asked(intake.KindSections), strings.NewReader(file)); err != nil ||
		im.Rows.Applied != 2 {
		t.Fatalf("%+v, %v", im, err)
	}
	courses, err := o.CoursesByCode(t.Context(), []string{"CSCI 1100"})
	if err != nil {
		t.Fatal(err)
	}
	course := courses["CSCI 1100"]
	renamed := course
	renamed.Title, renamed.Stamp = "Another Title", course.Next(o.Now())
	if err := o.UpdateCourse(t.Context(), course, renamed); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range o.sections() {
		if err := registrar.FollowTitle(t.Context(), o.Store, s.ID, o.Now); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range o.sections() {
		got[s.CRN] = s.Title
	}
	if got["100"] != "Another Title" || got["200"] != "Title: Compilers" {
		t.Errorf("titles %v", got)
	}
}
