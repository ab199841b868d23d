package cloud_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/registrartest"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// report is what the API tells of an import.
type report struct {
	ID     string `json:"id"`
	State  string `json:"state"`
	Reason string `json:"reason"`
	Upload struct {
		Method  string            `json:"method"`
		URL     string            `json:"url"`
		Headers map[string]string `json:"headers"`
	} `json:"upload"`
	outcome
	Problems []problem `json:"problems"`
	Next     string    `json:"next"`
}

type outcome struct {
	Rows struct {
		Read, Applied, Refused int
	} `json:"rows"`
	Changed struct {
		Created, Updated, Unchanged int
	} `json:"changed"`
}

func outcomeOf(read, applied, refused, created, updated, unchanged int) (o outcome) {
	o.Rows.Read, o.Rows.Applied, o.Rows.Refused = read, applied, refused
	o.Changed.Created, o.Changed.Updated, o.Changed.Unchanged = created, updated, unchanged
	return o
}

type problem struct {
	Row     int    `json:"row"`
	Field   string `json:"field"`
	Refused bool   `json:"refused"`
}

// run feeds the consumers until the test ends.
func (c *campus) run() {
	ctx, stop := context.WithCancel(c.Context())
	done := make(chan error, 1)
	go func() { done <- c.cloud.Run(ctx) }()
	c.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			c.Error(err)
		}
	})
}

// put uploads a file to the address that the API gave.
func (c *campus) put(method, address string, headers map[string]string, file io.Reader, size int64) {
	c.Helper()
	r := httptest.NewRequestWithContext(c.Context(), method, address, file)
	r.ContentLength = size
	r.Header.Set("Content-Length", strconv.FormatInt(size, 10))
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	c.cloud.S3.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		c.Fatalf("upload: %d %s", w.Code, w.Body)
	}
}

// text is the upload of a short file.
func text(file string) (io.Reader, int64) { return strings.NewReader(file), int64(len(file)) }

// imports takes a file the whole way: API, upload, announcement, queue, worker. It gives the report when it is done.
func (c *campus) imports(kind, term string, file io.Reader, size int64) report {
	c.Helper()
	var asked report
	c.must(http.MethodPost, "/v1/imports", map[string]any{"kind": kind, "term": term}, &asked)
	c.put(asked.Upload.Method, asked.Upload.URL, asked.Upload.Headers, file, size)
	for {
		var now report
		c.must(http.MethodGet, "/v1/imports/"+asked.ID+"?limit=2", nil, &now)
		if now.State == "FINISHED" || now.State == "FAILED" {
			for now.Next != "" {
				var page report
				c.must(http.MethodGet, "/v1/imports/"+asked.ID+"?limit=2&cursor="+url.QueryEscape(now.Next), nil, &page)
				now.Problems, now.Next = append(now.Problems, page.Problems...), page.Next
			}
			return now
		}
		select {
		case <-c.Context().Done():
			c.Fatalf("import %s is still %s", asked.ID, now.State)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// wantImport compares an import with how it should have ended.
func (c *campus) wantImport(got report, want outcome, problems ...problem) {
	c.Helper()
	if got.State != "FINISHED" || got.outcome != want {
		c.Errorf("the import is %s (%s), %+v, want FINISHED, %+v", got.State, got.Reason, got.outcome, want)
	}
	if diff := cmp.Diff(problems, got.Problems); diff != "" && len(problems)+len(got.Problems) > 0 {
		c.Errorf("the problems differ (-want +got):\n%s", diff)
	}
}

// versions are those of all records of a term's schedule: what did not change did not move.
func (c *campus) versions(term string) map[string]registrar.Version {
	c.Helper()
	versions := map[string]registrar.Version{}
	for _, v := range registrartest.All(c, registrar.MaxPage,
		func(p registrar.PageRequest) (registrar.Page[registrar.SectionView], error) {
			return c.cloud.Store.Sections(c.Context(), registrar.SectionFilter{Term: registrar.TermID(term)}, p)
		}) {
		versions["section "+string(v.ID)] = v.Version
		if id := "course " + string(v.Course); versions[id] == 0 {
			course, err := c.cloud.Store.Course(c.Context(), v.Course)
			if err != nil {
				c.Fatal(err)
			}
			versions[id] = course.Version
		}
	}
	return versions
}

func count(versions map[string]registrar.Version, kind string) (n int) {
	for key := range maps.Keys(versions) {
		if strings.HasPrefix(key, kind+" ") {
			n++
		}
	}
	return n
}

// TestImport runs one local cloud for all its cases: an engine outside this process has one queue, and what one cloud
// announces in it another could not read.
func TestImport(t *testing.T) {
	c := open(t)
	c.run()
	term := c.term()
	t.Run("sections", func(t *testing.T) { c.of(t).importSections(term) })
	t.Run("registrations", func(t *testing.T) { c.of(t).importRegistrations() })
	t.Run("no file of this kind", func(t *testing.T) {
		file, size := text("a,b\n1,2\n")
		if got := c.of(t).imports("sections", term, file, size); got.State != "FAILED" ||
			!strings.Contains(got.Reason, "course_crn") {
			t.Errorf("the import is %s: %s", got.State, got.Reason)
		}
	})
	t.Run("a real term", func(t *testing.T) { c.of(t).importRealTerm() })
}

// of is the same campus for a part of the test.
func (c *campus) of(t *testing.T) *campus { return &campus{T: t, cloud: c.cloud, mark: c.mark} }

func (c *campus) importSections(term string) {
	const header = "course_crn,short_name,full_name,course_type,course_credit_hours,course_days_of_the_week," +
		"course_start_time,course_end_time,course_start_date,course_end_date,course_location,course_instructor," +
		"course_max_enroll,course_section,description,raw_precoreqs,prerequisites,school\n"
	row := func(crn, number, days, credits, capacity string) string {
		return fmt.Sprintf("%s,%s-%s,Title,LEC,%s,%s,10:00AM,11:50AM,2027-01-11,2027-04-30,Hall 1,Ada "+
			"%s/TBA,%s,01,,,[],School\n",
			crn, c.mark, number, credits, days, c.mark, capacity)
	}
	file := header +
		row("90001", "1", "MR", "4", "30") +
		row("90001", "1", "T", "4", "30") + // another meeting of the same section
		row("90002", "2", "W", "four", "30") + // row 4: refused
		row("90003", "2", "", "1-4", "25") + // row 5: refused, a time, but no day
		"90004,too,short\n" + // row 6: refused
		row("90005", "3", "F", "2", "20")
	problems := []problem{{4, "course_credit_hours", true}, {5, "course_days_of_the_week", true}, {6, "", true}}
	got, size := text(file)
	// courses, sections, an instructor
	c.wantImport(c.imports("sections", term, got, size), outcomeOf(6, 3, 3, 2+2+1, 0, 0), problems...)
	before := c.versions(term)
	if count(before, "section") != 2 || count(before, "course") != 2 {
		c.Errorf("after the import there are %v", slices.Sorted(maps.Keys(before)))
	}
	got, size = text(file)
	c.wantImport(c.imports("sections", term, got, size), outcomeOf(6, 3, 3, 0, 0, 4), problems...)
	if diff := cmp.Diff(before, c.versions(term)); diff != "" {
		c.Errorf("the same file again moved records (-before +after):\n%s", diff)
	}
	got, size = text(header + row("90005", "3", "F", "2", "21"))
	c.wantImport(c.imports("sections", term, got, size), outcomeOf(1, 1, 0, 0, 1, 1))
}

func (c *campus) importRegistrations() {
	c = &campus{T: c.T, cloud: c.cloud, mark: uuid.NewString()[:8]}
	term, code := c.term(), "T-"+c.mark
	section, students := c.section(term, "1", 2), c.students(4)
	row := func(student int, code, crn string) string {
		return fmt.Sprintf("%s-%d,%s,%s\n", c.mark, student, code, crn)
	}
	file := "student_number,term,crn\n" +
		row(0, code, "1") +
		row(9, code, "1") + // row 3: no such student
		row(1, "T-other", "1") + // row 4: another term
		row(1, code, "1") +
		row(0, code, "1") + // row 6: again, which changes nothing
		row(2, code, "1") + // row 7: full
		row(3, code, "2") + // row 8: no such section
		"only,two\n" // row 9
	problems := []problem{
		{3, "student_number", true}, {4, "term", true}, {7, "crn", true}, {8, "crn", true}, {9, "", true},
	}
	got, size := text(file)
	c.wantImport(c.imports("registrations", term, got, size), outcomeOf(8, 3, 5, 2, 0, 1), problems...)
	got, size = text(file)
	c.wantImport(c.imports("registrations", term, got, size), outcomeOf(8, 3, 5, 0, 0, 3), problems...)
	if taken := registrartest.CheckSeats(c, c.cloud.Store, registrar.SectionID(section)); taken != 2 {
		c.Errorf("%d seats are taken", taken)
	}
	for i, student := range students {
		r, err := c.cloud.Store.Registration(c.Context(), registrar.SectionID(section), registrar.StudentID(student))
		if (err == nil) != (i < 2) || i < 2 && (r.State != registrar.Enrolled || r.Attempt != 1 || r.Version != 1) {
			c.Errorf("student %d: %+v, %v", i, r, err)
		}
	}
}

func (c *campus) importRealTerm() {
	const path = "../../../../shared/data/rpi-fall-2024.csv" // ../shared/data beside the clone
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		c.Skip("left out: ../shared/data/rpi-fall-2024.csv is not beside this clone")
	}
	term := c.create("terms", map[string]any{
		"code": "F-" + c.mark, "title": "Fall 2024", "start": "2024-08-28", "end": "2024-12-21",
		"timeZone": "America/New_York", "registration": map[string]any{"open": "2000-01-01T00:00:00Z"},
	})
	upload := func() report {
		c.Helper()
		file, err := os.Open(path)
		if err != nil {
			c.Fatal(err)
		}
		defer file.Close()
		about, err := file.Stat()
		if err != nil {
			c.Fatal(err)
		}
		return c.imports("sections", term, file, about.Size())
	}
	got := upload()
	before := c.versions(term)
	if got.State != "FINISHED" || got.Rows.Read != 2667 || got.Rows.Applied != 2665 || // of two a day or a time is missing
		got.Changed.Updated != 0 {
		c.Errorf("the import is %s (%s): %+v", got.State, got.Reason, got.outcome)
	}
	if courses, sections := count(before, "course"), count(before, "section"); courses != 919 || sections != 2222 {
		c.Errorf("%d courses and %d sections, want 919 and 2222", courses, sections)
	}
	again := upload()
	if again.State != "FINISHED" || again.Changed.Created != 0 || again.Changed.Updated != 0 ||
		again.Changed.Unchanged == 0 || again.Rows != got.Rows {
		c.Errorf("the second import is %s (%s): %+v", again.State, again.Reason, again.outcome)
	}
	if diff := cmp.Diff(before, c.versions(term)); diff != "" {
		c.Errorf("the same file again moved records (-before +after):\n%.2000s", diff)
	}
}
