package students_test

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"example.com/registrar/functions/students"
	"example.com/registrar/shared/api/apitest"
	"example.com/registrar/shared/registrar"
	"github.com/google/go-cmp/cmp"
)

// store holds one student, and what was asked of it.
type store struct {
	student registrar.Student
	answer  registrar.Answer
	writes  int
	removed []registrar.Version
	page    registrar.PageRequest
	filter  registrar.StudentFilter
}

func (s *store) CreateStudent(_ context.Context, r registrar.Student, answer registrar.Answer) error {
	s.student, s.answer, s.writes = r, answer, s.writes+1
	return nil
}

func (s *store) Student(_ context.Context, id registrar.StudentID) (registrar.Student, error) {
	if id != s.student.ID {
		return registrar.Student{}, registrar.Refuse(registrar.NotFound, string(id), "there is no such student")
	}
	return s.student, nil
}

func (s *store) UpdateStudent(_ context.Context, before, after registrar.Student) error {
	if d := cmp.Diff(aStudent(), before); d != "" {
		panic("the change was decided on another record: " + d)
	}
	s.student, s.writes = after, s.writes+1
	return nil
}

func (s *store) DeleteStudent(_ context.Context, _ registrar.StudentID, version registrar.Version) error {
	s.removed = append(s.removed, version)
	return nil
}

func (s *store) Students(
	_ context.Context, filter registrar.StudentFilter, page registrar.PageRequest,
) (registrar.Page[registrar.Student], error) {
	s.filter, s.page = filter, page
	return registrar.Page[registrar.Student]{Items: []registrar.Student{s.student}, Next: "more"}, nil
}

func aStudent() registrar.Student {
	return registrar.Student{
		ID: registrar.StudentID(apitest.ID(1)), Number: "U1000001", GivenName: "Grace", FamilyName: "Hopper",
		Email: "grace.hopper@example.edu", Active: true,
		Stamp: registrar.Stamp{}.Next(apitest.Now()),
	}
}

const stated = `"number":"U1000001","givenName":"Grace","familyName":"Hopper","email":"grace.hopper@example.edu",` +
	`"active":true`

var shown = `{"id":"` + apitest.ID(1) + `",` + stated +
	`,"createdAt":"2026-11-24T09:00:00Z","updatedAt":"2026-11-24T09:00:00Z"}`

func TestCreate(t *testing.T) {
	s := &store{}
	create := func(body string) apitest.Answer {
		return apitest.Call(t, students.Create(s, apitest.System()), apitest.Request{Method: http.MethodPost,
			Path: "/v1/students",
			Body: body, Header: map[string]string{"Idempotency-Key": "k"}})
	}
	made := create(`{` + stated + `}`)
	if made.Status != http.StatusCreated || made.Header.Get("Location") != "students/"+apitest.ID(1) ||
		made.Header.Get("ETag") != `"1"` || s.answer.Key.Key != "k" {
		t.Errorf("%d %v, key %q", made.Status, made.Header, s.answer.Key.Key)
	}
	apitest.Same(t, "a student that was made", made.Body, shown)
	if d := cmp.Diff(aStudent(), s.student); d != "" {
		t.Errorf("stored (-want +got):\n%s", d)
	}
	for body, field := range map[string]string{
		`{"number":"U1"}`:                             "body.familyName REQUIRED",
		`{"familyName":"X"}`:                          "body.number REQUIRED",
		`{"number":"U1","familyName":"X","email":""}`: "body.email FORMAT",
	} {
		if a := create(body); a.Status != http.StatusUnprocessableEntity || !slices.Contains(a.Fields, field) {
			t.Errorf("%s: %d %q, want %s", body, a.Status, a.Fields, field)
		}
	}
	if s.writes != 1 {
		t.Errorf("%d writes", s.writes)
	}
	for body, active := range map[string]bool{`{"number":"U2","givenName":"Ann"}`: true,
		`{"number":"U2","givenName":"Ann","active":false}`: false} {
		if a := create(body); a.Status != http.StatusCreated || s.student.Active != active {
			t.Errorf("%s: %d, active %t", body, a.Status, s.student.Active)
		}
	}
}

// A merge patch changes what it names, removes what is null, and leaves the rest.
func TestUpdate(t *testing.T) {
	update := func(s *store, body string) apitest.Answer {
		return apitest.Call(t, students.Update(s, apitest.System()), apitest.Request{Method: http.MethodPatch,
			Path: "/v1/students/" + apitest.ID(1), Body: body, Header: map[string]string{"If-Match": `"1"`}})
	}
	for patch, change := range map[string]func(*registrar.Student){
		`{"number":"U2"}`:           func(r *registrar.Student) { r.Number = "U2" },
		`{"givenName":null}`:        func(r *registrar.Student) { r.GivenName = "" },
		`{"familyName":"X"}`:        func(r *registrar.Student) { r.FamilyName = "X" },
		`{"familyName":null}`:       func(r *registrar.Student) { r.FamilyName = "" },
		`{"email":null}`:            func(r *registrar.Student) { r.Email = "" },
		`{"email":"a@example.edu"}`: func(r *registrar.Student) { r.Email = "a@example.edu" },
		`{"active":false}`:          func(r *registrar.Student) { r.Active = false },
	} {
		s, want := &store{student: aStudent()}, aStudent()
		change(&want)
		want.Stamp = want.Next(apitest.Now())
		if a := update(s, patch); a.Status != http.StatusOK || a.Header.Get("ETag") != `"2"` {
			t.Errorf("%s: %d %s", patch, a.Status, a.Body)
		}
		if d := cmp.Diff(want, s.student); d != "" {
			t.Errorf("%s (-want +got):\n%s", patch, d)
		}
	}
	s := &store{student: aStudent()}
	for patch, field := range map[string]string{
		`{"givenName":null,"familyName":null}`: "body.familyName REQUIRED",
		`{"number":null}`:                      "body.number TYPE",
		`{"email":"nobody"}`:                   "body.email FORMAT",
	} {
		if a := update(s, patch); a.Status != http.StatusUnprocessableEntity || !slices.Contains(a.Fields, field) {
			t.Errorf("%s: %d %q, want %s", patch, a.Status, a.Fields, field)
		}
	}
	if a := update(s, `{`+stated+`}`); a.Status != http.StatusOK || a.Header.Get("ETag") != `"1"` {
		t.Errorf("a change that changes nothing: %d %s", a.Status, a.Body)
	}
	if s.writes != 0 {
		t.Errorf("%d writes", s.writes)
	}
}

func TestGetListAndDelete(t *testing.T) {
	s := &store{student: aStudent()}
	got := apitest.Call(t, students.Get(s), apitest.Request{Method: http.MethodGet, Path: "/v1/students/" + apitest.ID(1)})
	if got.Header.Get("ETag") != `"1"` {
		t.Errorf("ETag %s", got.Header.Get("ETag"))
	}
	apitest.Same(t, "a student", got.Body, shown)
	apitest.Refused(t, "another student", apitest.Call(t, students.Get(s), apitest.Request{Method: http.MethodGet,
		Path: "/v1/students/" + apitest.ID(2)}), http.StatusNotFound, "NOT_FOUND")
	deleted := apitest.Call(t, students.Delete(s), apitest.Request{Method: http.MethodDelete,
		Path: "/v1/students/" + apitest.ID(1), Header: map[string]string{"If-Match": `"1"`}})
	if deleted.Status != http.StatusNoContent || !slices.Equal(s.removed, []registrar.Version{1}) {
		t.Errorf("%d, removed %v", deleted.Status, s.removed)
	}
	deleted = apitest.Call(t, students.Delete(s), apitest.Request{Method: http.MethodDelete,
		Path: "/v1/students/" + apitest.ID(1), Header: map[string]string{"If-Match": `"8", "9"`}})
	apitest.Refused(t, "none of several versions", deleted, http.StatusPreconditionFailed, "VERSION_MISMATCH")
	list := apitest.Call(t, students.List(s), apitest.Request{Method: http.MethodGet,
		Path: "/v1/students?limit=7&cursor=c&number=U1&name=hop"})
	apitest.Same(t, "students", list.Body, `{"items":[`+shown+`],"next":"more"}`)
	if s.page != (registrar.PageRequest{Limit: 7, Cursor: "c"}) ||
		s.filter != (registrar.StudentFilter{Number: "U1", NamePrefix: "hop"}) {
		t.Errorf("asked for %+v of %+v", s.page, s.filter)
	}
}
