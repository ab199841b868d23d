package courses_test

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"example.com/registrar/functions/courses"
	"example.com/registrar/shared/api/apitest"
	"example.com/registrar/shared/registrar"
	"github.com/google/go-cmp/cmp"
)

// store holds one course, and what was asked of it.
type store struct {
	course  registrar.Course
	answer  registrar.Answer
	writes  int
	removed []registrar.Version
	page    registrar.PageRequest
	filter  registrar.CourseFilter
}

func (s *store) CreateCourse(_ context.Context, r registrar.Course, answer registrar.Answer) error {
	s.course, s.answer, s.writes = r, answer, s.writes+1
	return nil
}

func (s *store) Course(_ context.Context, id registrar.CourseID) (registrar.Course, error) {
	if id != s.course.ID {
		return registrar.Course{}, registrar.Refuse(registrar.NotFound, string(id), "there is no such course")
	}
	return s.course, nil
}

func (s *store) UpdateCourse(_ context.Context, before, after registrar.Course) error {
	if d := cmp.Diff(aCourse(), before); d != "" {
		panic("the change was decided on another record: " + d)
	}
	s.course, s.writes = after, s.writes+1
	return nil
}

func (s *store) DeleteCourse(_ context.Context, _ registrar.CourseID, version registrar.Version) error {
	s.removed = append(s.removed, version)
	return nil
}

func (s *store) Courses(
	_ context.Context, filter registrar.CourseFilter, page registrar.PageRequest,
) (registrar.Page[registrar.Course], error) {
	s.filter, s.page = filter, page
	return registrar.Page[registrar.Course]{Items: []registrar.Course{s.course}, Next: "more"}, nil
}

func aCourse() registrar.Course {
	return registrar.Course{
		ID: registrar.CourseID(apitest.ID(1)), Subject: "CSCI", Number: "1200", Title: "Data Structures",
		Description: "Lists\nand trees", Credits: registrar.CreditRange{Min: 400, Max: 450}, School: "Science",
		Prerequisites: "CSCI 1100", Requires: []string{"CSCI 1100", "MATH 1010"},
		Stamp: registrar.Stamp{}.Next(apitest.Now()),
	}
}

const stated = `"subject":"CSCI","number":"1200","title":"Data Structures","description":"Lists\nand trees",` +
	`"credits":{"min":4,"max":4.5},"school":"Science","prerequisites":"CSCI 1100","requires":["CSCI 1100","MATH 1010"]`

var shown = `{"id":"` + apitest.ID(1) + `",` + stated +
	`,"createdAt":"2026-11-24T09:00:00Z","updatedAt":"2026-11-24T09:00:00Z"}`

func TestCreate(t *testing.T) {
	s := &store{}
	create := func(body string) apitest.Answer {
		return apitest.Call(t, courses.Create(s, apitest.System()), apitest.Request{Method: http.MethodPost,
			Path: "/v1/courses",
			Body: body, Header: map[string]string{"Idempotency-Key": "k"}})
	}
	made := create(`{` + stated + `}`)
	if made.Status != http.StatusCreated || made.Header.Get("Location") != "courses/"+apitest.ID(1) ||
		made.Header.Get("ETag") != `"1"` || s.answer.Key.Key != "k" {
		t.Errorf("%d %v, key %q", made.Status, made.Header, s.answer.Key.Key)
	}
	apitest.Same(t, "a course that was made", made.Body, shown)
	if d := cmp.Diff(aCourse(), s.course); d != "" {
		t.Errorf("stored (-want +got):\n%s", d)
	}
	for body, field := range map[string]string{
		`{"number":"1","title":"X","credits":{"min":1,"max":1}}`:                   "body.subject REQUIRED",
		`{"subject":"A","number":"1","title":"X","credits":{"min":2,"max":1}}`:     "body.credits.max OUT_OF_RANGE",
		`{"subject":"A","number":"1","title":"X","credits":{"min":0.125,"max":1}}`: "body.credits.min FORMAT",
	} {
		if a := create(body); a.Status != http.StatusUnprocessableEntity || !slices.Contains(a.Fields, field) {
			t.Errorf("%s: %d %q, want %s", body, a.Status, a.Fields, field)
		}
	}
	if s.writes != 1 {
		t.Errorf("%d writes", s.writes)
	}
}

// A merge patch changes what it names, removes what is null, and leaves the rest.
func TestUpdate(t *testing.T) {
	update := func(s *store, body string) apitest.Answer {
		return apitest.Call(t, courses.Update(s, apitest.System()), apitest.Request{Method: http.MethodPatch,
			Path: "/v1/courses/" + apitest.ID(1), Body: body, Header: map[string]string{"If-Match": `"1"`}})
	}
	for patch, change := range map[string]func(*registrar.Course){
		`{"title":"X"}`:          func(r *registrar.Course) { r.Title = "X" },
		`{"description":"X"}`:    func(r *registrar.Course) { r.Description = "X" },
		`{"description":null}`:   func(r *registrar.Course) { r.Description = "" },
		`{"credits":{"min":3}}`:  func(r *registrar.Course) { r.Credits.Min = 300 },
		`{"credits":{"max":6}}`:  func(r *registrar.Course) { r.Credits.Max = 600 },
		`{"school":null}`:        func(r *registrar.Course) { r.School = "" },
		`{"school":"X"}`:         func(r *registrar.Course) { r.School = "X" },
		`{"prerequisites":null}`: func(r *registrar.Course) { r.Prerequisites = "" },
		`{"requires":[]}`:        func(r *registrar.Course) { r.Requires = nil },
		`{"requires":["A 1"]}`:   func(r *registrar.Course) { r.Requires = []string{"A 1"} },
	} {
		s, want := &store{course: aCourse()}, aCourse()
		change(&want)
		want.Stamp = want.Next(apitest.Now())
		if a := update(s, patch); a.Status != http.StatusOK || a.Header.Get("ETag") != `"2"` {
			t.Errorf("%s: %d %s", patch, a.Status, a.Body)
		}
		if d := cmp.Diff(want, s.course); d != "" {
			t.Errorf("%s (-want +got):\n%s", patch, d)
		}
	}
	s := &store{course: aCourse()}
	for patch, field := range map[string]string{
		`{"subject":"MATH"}`:    "body.subject UNKNOWN",
		`{"title":null}`:        "body.title TYPE",
		`{"credits":{"min":5}}`: "body.credits.max OUT_OF_RANGE",
	} {
		if a := update(s, patch); a.Status != http.StatusUnprocessableEntity || !slices.Contains(a.Fields, field) {
			t.Errorf("%s: %d %q, want %s", patch, a.Status, a.Fields, field)
		}
	}
	if a := update(s,
		`{"title":"Data Structures","school":"Science","credits":{"min":4}}`); a.Status != http.StatusOK || a.Header.Get(
		"ETag") != `"1"` {
		t.Errorf("a change that changes nothing: %d %s", a.Status, a.Body)
	}
	if s.writes != 0 {
		t.Errorf("%d writes", s.writes)
	}
}

func TestGetListAndDelete(t *testing.T) {
	s := &store{course: aCourse()}
	got := apitest.Call(t, courses.Get(s), apitest.Request{Method: http.MethodGet, Path: "/v1/courses/" + apitest.ID(1)})
	if got.Header.Get("ETag") != `"1"` {
		t.Errorf("ETag %s", got.Header.Get("ETag"))
	}
	apitest.Same(t, "a course", got.Body, shown)
	apitest.Refused(t, "another course", apitest.Call(t, courses.Get(s), apitest.Request{Method: http.MethodGet,
		Path: "/v1/courses/" + apitest.ID(2)}), http.StatusNotFound, "NOT_FOUND")
	deleted := apitest.Call(t, courses.Delete(s), apitest.Request{Method: http.MethodDelete,
		Path: "/v1/courses/" + apitest.ID(1), Header: map[string]string{"If-Match": `"1"`}})
	if deleted.Status != http.StatusNoContent || !slices.Equal(s.removed, []registrar.Version{1}) {
		t.Errorf("%d, removed %v", deleted.Status, s.removed)
	}
	deleted = apitest.Call(t, courses.Delete(s), apitest.Request{Method: http.MethodDelete,
		Path: "/v1/courses/" + apitest.ID(1), Header: map[string]string{"If-Match": `"8", "9"`}})
	apitest.Refused(t, "none of several versions", deleted, http.StatusPreconditionFailed, "VERSION_MISMATCH")
	list := apitest.Call(t, courses.List(s), apitest.Request{Method: http.MethodGet,
		Path: "/v1/courses?limit=7&cursor=c&subject=CSCI&title=data"})
	apitest.Same(t, "courses", list.Body, `{"items":[`+shown+`],"next":"more"}`)
	if s.page != (registrar.PageRequest{Limit: 7, Cursor: "c"}) ||
		s.filter != (registrar.CourseFilter{Subject: "CSCI", TextPrefix: "data"}) {
		t.Errorf("asked for %+v of %+v", s.page, s.filter)
	}
}
