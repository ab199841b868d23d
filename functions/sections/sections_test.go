package sections_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"example.com/registrar/functions/sections"
	"example.com/registrar/shared/api/apitest"
	"example.com/registrar/shared/registrar"
	"github.com/google/go-cmp/cmp"
)

// store holds one section with its seats, its term and its course.
type store struct {
	section  registrar.SectionView
	term     registrar.Term
	course   registrar.Course
	answered error // of every key
	answer   registrar.Answer
	writes   int
	removed  []registrar.Version
	filter   registrar.SectionFilter
	page     registrar.PageRequest
}

func (s *store) Section(_ context.Context, id registrar.SectionID) (registrar.SectionView, error) {
	if id != s.section.ID {
		return registrar.SectionView{}, registrar.Refuse(registrar.NotFound, string(id), "there is no such section")
	}
	return s.section, nil
}

func (s *store) Term(_ context.Context, id registrar.TermID) (registrar.Term, error) {
	if id != s.term.ID {
		return registrar.Term{}, registrar.Refuse(registrar.NotFound, string(id), "there is no such term")
	}
	return s.term, nil
}

func (s *store) Course(_ context.Context, id registrar.CourseID) (registrar.Course, error) {
	if id != s.course.ID {
		return registrar.Course{}, registrar.Refuse(registrar.NotFound, string(id), "there is no such course")
	}
	return s.course, nil
}

func (s *store) Answered(context.Context, registrar.IdempotencyKey) error { return s.answered }

func (s *store) CreateSection(_ context.Context, section registrar.Section, answer registrar.Answer) error {
	s.section.Section, s.answer, s.writes = section, answer, s.writes+1
	return nil
}

func (s *store) UpdateSection(_ context.Context, _, after registrar.Section) error {
	s.section.Section, s.writes = after, s.writes+1
	return nil
}

func (s *store) DeleteSection(_ context.Context, _ registrar.SectionID, version registrar.Version) error {
	s.removed = append(s.removed, version)
	return nil
}

func (s *store) Sections(
	_ context.Context, filter registrar.SectionFilter, page registrar.PageRequest,
) (registrar.Page[registrar.SectionView], error) {
	s.filter, s.page = filter, page
	return registrar.Page[registrar.SectionView]{Items: []registrar.SectionView{s.section}, Next: "more"}, nil
}

const termID, courseID, instructorID = "00000000-0000-7000-8000-0000000000a1", "00000000-0000-7000-8000-0000000000a2",
	"00000000-0000-7000-8000-0000000000a3"

// filled is a store with a section of thirty seats, twelve of them taken.
func filled() *store {
	return &store{
		term: registrar.Term{ID: termID, Start: "2025-01-13", End: "2025-05-10", TimeZone: "America/New_York"},
		course: registrar.Course{ID: courseID, Subject: "CSCI", Number: "1200", Title: "Data Structures",
			Credits: registrar.CreditRange{Min: 400, Max: 400}},
		section: registrar.SectionView{
			Section: registrar.Section{
				ID: registrar.SectionID(apitest.ID(1)), Term: termID, Course: courseID, Subject: "CSCI", Number: "1200",
				Title: "Data Structures", TitleFollows: true, CRN: "12345", Label: "01", Component: "lecture",
				Credits: registrar.CreditRange{Min: 100, Max: 450}, Capacity: 30, Status: registrar.SectionOpen,
				Meetings: []registrar.Meeting{
					{Days: 1, Start: 600, End: 710, From: "2025-01-13", To: "2025-05-01", Room: "DARRIN 308"},
					{Days: 8, Start: 600, End: 710, From: "2025-01-13", To: "2025-05-01"},
				},
				Instructors: []registrar.InstructorID{instructorID},
				Deadlines:   registrar.Deadlines{LastAdd: time.Date(2025, 1, 28, 4, 59, 59, 999e6, time.UTC)},
				Stamp:       registrar.Stamp{}.Next(apitest.Now()),
			},
			Seats: registrar.Seats{Capacity: 30, Free: 18, Taken: 12},
		},
	}
}

const (
	monday   = `{"days":"M","start":"10:00","end":"11:50","from":"2025-01-13","to":"2025-05-01","room":"DARRIN 308"}`
	thursday = `{"days":"R","start":"10:00","end":"11:50","from":"2025-01-13","to":"2025-05-01"}`
	about    = `"term":"` + termID + `","course":"` + courseID + `",`
	stated   = `"crn":"12345","label":"01","component":"lecture","credits":{"min":1,"max":4.5},"status":"open",` +
		`"instructors":["` + instructorID + `"],`
)

func shown(seats string) string {
	return `{"id":"` + apitest.ID(1) + `",` + about + stated + `"offering":"` + termID + "." + courseID + `",` +
		`"subject":"CSCI","number":"1200","title":"Data Structures","meetings":[` + monday + `,` + thursday + `],` +
		`"deadlines":{"lastAdd":"2025-01-28T04:59:59.999Z"},"seats":` + seats + `,` +
		`"createdAt":"2026-11-24T09:00:00Z","updatedAt":"2026-11-24T09:00:00Z"}`
}

func create(t *testing.T, s *store, body string) apitest.Answer {
	t.Helper()
	return apitest.Call(t, sections.Create(s, apitest.System()), apitest.Request{Method: http.MethodPost,
		Path: "/v1/sections", Body: body, Header: map[string]string{"Idempotency-Key": "k"}})
}

func TestCreate(t *testing.T) {
	s, want := filled(), filled().section
	s.section = registrar.SectionView{}
	// meetings in another order; a day of a deadline ends in the term's time zone
	made := create(t, s, `{`+about+stated+`"capacity":30,"meetings":[`+thursday+`,`+monday+`],`+
		`"deadlines":{"lastAdd":"2025-01-27"}}`)
	if made.Status != http.StatusCreated || made.Header.Get("Location") != "sections/"+apitest.ID(1) ||
		made.Header.Get("ETag") != `"1.0.30.0"` || s.answer.Key.Key != "k" {
		t.Errorf("%d %v, key %q: %s", made.Status, made.Header, s.answer.Key.Key, made.Body)
	}
	apitest.Same(t, "a section that was made", made.Body, shown(`{"capacity":30,"taken":0,"available":30,"waiting":0}`))
	if d := cmp.Diff(want.Section, s.section.Section); d != "" {
		t.Errorf("stored (-want +got):\n%s", d)
	}

	if a := create(t, s, `{`+about+`"crn":"1","capacity":5}`); a.Status != http.StatusCreated {
		t.Errorf("of which little is stated: %d %s", a.Status, a.Body)
	}
	if got := s.section.Section; got.Component != "lecture" || got.Status != registrar.SectionPlanned ||
		got.Credits != s.course.Credits || got.Label != "" || len(got.Meetings) > 0 {
		t.Errorf("of which little is stated: %+v", got)
	}
}

func TestCreate_Refuses(t *testing.T) {
	for what, c := range map[string]struct {
		body   string
		status int
		field  string
	}{
		"a meeting after the term": {`{` + about + `"crn":"1","capacity":5,"meetings":[{"days":"M","start":"10:00",` +
			`"end":"11:00","from":"2025-05-01","to":"2025-05-10"}]}`, http.StatusUnprocessableEntity,
			"body.meetings[0].to OUT_OF_RANGE"},
		"a meeting that ends before it starts": {`{` + about + `"crn":"1","capacity":5,"meetings":[` + monday +
			`,{"days":"M",` +
			`"start":"11:00","end":"10:00","from":"2025-02-01","to":"2025-02-10"}]}`, http.StatusUnprocessableEntity,
			"body.meetings[1].end OUT_OF_RANGE"},
		"a meeting of no time": {`{` + about +
			`"crn":"1","capacity":5,"meetings":[{"days":"M","start":"10:00","end":"24:00",` +
			`"from":"2025-02-01","to":"2025-02-02"}]}`, http.StatusUnprocessableEntity, "body.meetings[0].days OUT_OF_RANGE"},
		"the same instructor twice": {`{` + about + `"crn":"1","capacity":5,"instructors":["` + instructorID + `","` +
			instructorID + `"]}`, http.StatusUnprocessableEntity, "body.instructors[1] DUPLICATE"},
		"no such course": {`{"term":"` + termID + `","course":"` + termID + `","crn":"1","capacity":5}`,
			http.StatusNotFound, ""},
	} {
		s := filled()
		a := create(t, s, c.body)
		if a.Status != c.status || c.field != "" && !slices.Equal(a.Fields, []string{c.field}) {
			t.Errorf("%s: %d %q, want %d %s", what, a.Status, a.Fields, c.status, c.field)
		}
		if s.writes != 0 {
			t.Errorf("%s: stored", what)
		}
		// What cannot be done any more was done when the request came first.
		s.answered = &registrar.AnsweredBefore{
			Reply: []byte(`{"Location":"sections/first","ETag":"\"1\"","Body":{"id":"first"}}`)}
		if a := create(t, s, c.body); a.Status != http.StatusCreated || a.Header.Get("Location") != "sections/first" {
			t.Errorf("%s, sent again: %d %s", what, a.Status, a.Body)
		}
	}
	// Of a term that is not there the store tells, with all else that is wrong.
	s := filled()
	if a := create(t, s, `{"term":"`+courseID+`","course":"`+courseID+
		`","crn":"1","capacity":5,"deadlines":{"lastAdd":"2025-01-27"}}`); s.writes != 1 {
		t.Errorf("no such term: %d %s, %d writes", a.Status, a.Body, s.writes)
	}
}

func update(t *testing.T, s *store, body string) apitest.Answer {
	t.Helper()
	return apitest.Call(t, sections.Update(s, apitest.System()), apitest.Request{Method: http.MethodPatch,
		Path: "/v1/sections/" + apitest.ID(1), Body: body, Header: map[string]string{"If-Match": `"1.3.4.0"`}})
}

func TestUpdate(t *testing.T) {
	for patch, change := range map[string]func(*registrar.Section){
		`{"crn":"2"}`:            func(s *registrar.Section) { s.CRN = "2" },
		`{"label":null}`:         func(s *registrar.Section) { s.Label = "" },
		`{"component":"lab"}`:    func(s *registrar.Section) { s.Component = "lab" },
		`{"credits":{"max":4}}`:  func(s *registrar.Section) { s.Credits.Max = 400 },
		`{"capacity":40}`:        func(s *registrar.Section) { s.Capacity = 40 },
		`{"status":"cancelled"}`: func(s *registrar.Section) { s.Status = registrar.SectionCancelled },
		`{"meetings":[]}`:        func(s *registrar.Section) { s.Meetings = []registrar.Meeting{} },
		`{"instructors":[]}`:     func(s *registrar.Section) { s.Instructors = nil },
		`{"deadlines":null}`:     func(s *registrar.Section) { s.Deadlines = registrar.Deadlines{} },
		`{"deadlines":{"lastDrop":"2025-02-10"}}`: func(s *registrar.Section) {
			s.Deadlines.LastDrop = time.Date(2025, 2, 11, 4, 59, 59, 999e6, time.UTC)
		},
		`{"meetings":[{"days":"F","start":"08:00","end":"09:00","from":"2025-02-01","to":"2025-03-01"},` + monday +
			`]}`: func(s *registrar.Section) {
			s.Meetings = []registrar.Meeting{s.Meetings[0], {Days: 16, Start: 480, End: 540, From: "2025-02-01",
				To: "2025-03-01"}}
			registrar.SortMeetings(s.Meetings)
		},
	} {
		s, want := filled(), filled().section.Section
		change(&want)
		want.Stamp = want.Next(apitest.Now())
		if a := update(t, s, patch); a.Status != http.StatusOK {
			t.Errorf("%s: %d %s", patch, a.Status, a.Body)
		}
		if d := cmp.Diff(want, s.section.Section); d != "" {
			t.Errorf("%s (-want +got):\n%s", patch, d)
		}
	}
	for patch, etag := range map[string]string{
		`{"capacity":40}`: `"2.12.28.0"`, `{"capacity":5}`: `"2.12.0.0"`, // available seats follow at once
		`{"meetings":[` + thursday + `,` + monday + `]}`: `"1.12.18.0"`, // the same in another order
	} {
		if a := update(t, filled(), patch); a.Header.Get("ETag") != etag {
			t.Errorf("%s: %d, ETag %s, want %s", patch, a.Status, a.Header.Get("ETag"), etag)
		}
	}
	s := filled()
	a := update(t, s, `{"meetings":[{"days":"M","start":"08:00","end":"09:00","from":"2024-12-01","to":"2025-02-01"}]}`)
	if a.Status != http.StatusUnprocessableEntity ||
		!slices.Equal(a.Fields, []string{"body.meetings[0].from OUT_OF_RANGE"}) ||
		s.writes != 0 {
		t.Errorf("a meeting before the term: %d %q, %d writes", a.Status, a.Fields, s.writes)
	}
	// A meeting that stays is not judged again: the term may have got shorter since.
	s.term.End = "2025-02-01"
	if a := update(t, s, `{"label":"02"}`); a.Status != http.StatusOK {
		t.Errorf("another label under a shorter term: %d %s", a.Status, a.Body)
	}
}

func TestGetListAndDelete(t *testing.T) {
	s := filled()
	seats := `{"capacity":30,"taken":12,"available":18,"waiting":0}`
	got := apitest.Call(t, sections.Get(s), apitest.Request{Method: http.MethodGet, Path: "/v1/sections/" + apitest.ID(1)})
	if got.Header.Get("ETag") != `"1.12.18.0"` {
		t.Errorf("ETag %s", got.Header.Get("ETag"))
	}
	apitest.Same(t, "a section", got.Body, shown(seats))
	list := apitest.Call(t, sections.List(s), apitest.Request{Method: http.MethodGet,
		Path: "/v1/sections?limit=7&cursor=c" +
			"&term=" + termID + "&course=" + courseID + "&subject=CSCI&instructor=" + instructorID + "&open=true"})
	apitest.Same(t, "sections", list.Body, `{"items":[`+shown(seats)+`],"next":"more"}`)
	want := registrar.SectionFilter{Term: termID, Course: courseID, Subject: "CSCI", Instructor: instructorID,
		OpenSeats: true}
	if s.filter != want || s.page != (registrar.PageRequest{Limit: 7, Cursor: "c"}) {
		t.Errorf("asked for %+v of %+v", s.page, s.filter)
	}
	deleted := apitest.Call(t, sections.Delete(s), apitest.Request{Method: http.MethodDelete,
		Path: "/v1/sections/" + apitest.ID(1), Header: map[string]string{"If-Match": `"1.3.4.0"`}})
	if deleted.Status != http.StatusNoContent || !slices.Equal(s.removed, []registrar.Version{1}) {
		t.Errorf("%d, removed %v", deleted.Status, s.removed)
	}
}
