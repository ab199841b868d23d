package instructors_test

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"example.com/registrar/functions/instructors"
	"example.com/registrar/shared/api/apitest"
	"example.com/registrar/shared/registrar"
	"github.com/google/go-cmp/cmp"
)

// store holds one instructor, and what was asked of it.
type store struct {
	instructor registrar.Instructor
	answer     registrar.Answer
	writes     int
	removed    []registrar.Version
	page       registrar.PageRequest
}

func (s *store) CreateInstructor(_ context.Context, r registrar.Instructor, answer registrar.Answer) error {
	s.instructor, s.answer, s.writes = r, answer, s.writes+1
	return nil
}

func (s *store) Instructor(_ context.Context, id registrar.InstructorID) (registrar.Instructor, error) {
	if id != s.instructor.ID {
		return registrar.Instructor{}, registrar.Refuse(registrar.NotFound, string(id), "there is no such instructor")
	}
	return s.instructor, nil
}

func (s *store) UpdateInstructor(_ context.Context, before, after registrar.Instructor) error {
	if d := cmp.Diff(anInstructor(), before); d != "" {
		panic("the change was decided on another record: " + d)
	}
	s.instructor, s.writes = after, s.writes+1
	return nil
}

func (s *store) DeleteInstructor(_ context.Context, _ registrar.InstructorID, version registrar.Version) error {
	s.removed = append(s.removed, version)
	return nil
}

func (s *store) Instructors(
	_ context.Context, page registrar.PageRequest,
) (registrar.Page[registrar.Instructor], error) {
	s.page = page
	return registrar.Page[registrar.Instructor]{Items: []registrar.Instructor{s.instructor}, Next: "more"}, nil
}

func anInstructor() registrar.Instructor {
	return registrar.Instructor{
		ID: registrar.InstructorID(apitest.ID(1)), Name: "Ada King", Email: "ada.king@example.edu", Number: "E2000001",
		Stamp: registrar.Stamp{}.Next(apitest.Now()),
	}
}

const stated = `"name":"Ada King","email":"ada.king@example.edu","number":"E2000001"`

var shown = `{"id":"` + apitest.ID(1) + `",` + stated +
	`,"provisional":false,"createdAt":"2026-11-24T09:00:00Z","updatedAt":"2026-11-24T09:00:00Z"}`

func TestCreate(t *testing.T) {
	s := &store{}
	create := func(body string) apitest.Answer {
		return apitest.Call(t, instructors.Create(s, apitest.System()), apitest.Request{Method: http.MethodPost,
			Path: "/v1/instructors",
			Body: body, Header: map[string]string{"Idempotency-Key": "k"}})
	}
	made := create(`{` + stated + `}`)
	if made.Status != http.StatusCreated || made.Header.Get("Location") != "instructors/"+apitest.ID(1) ||
		made.Header.Get("ETag") != `"1"` || s.answer.Key.Key != "k" {
		t.Errorf("%d %v, key %q", made.Status, made.Header, s.answer.Key.Key)
	}
	apitest.Same(t, "a instructor that was made", made.Body, shown)
	if d := cmp.Diff(anInstructor(), s.instructor); d != "" {
		t.Errorf("stored (-want +got):\n%s", d)
	}
	for body, field := range map[string]string{
		`{}`:             "body.name REQUIRED",
		`{"name":"TBA"}`: "body.name FORMAT",
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
		return apitest.Call(t, instructors.Update(s, apitest.System()), apitest.Request{Method: http.MethodPatch,
			Path: "/v1/instructors/" + apitest.ID(1), Body: body, Header: map[string]string{"If-Match": `"1"`}})
	}
	for patch, change := range map[string]func(*registrar.Instructor){
		`{"name":"X"}`:    func(r *registrar.Instructor) { r.Name = "X" },
		`{"email":null}`:  func(r *registrar.Instructor) { r.Email = "" },
		`{"number":null}`: func(r *registrar.Instructor) { r.Number = "" },
		`{"number":"E2"}`: func(r *registrar.Instructor) { r.Number = "E2" },
	} {
		s, want := &store{instructor: anInstructor()}, anInstructor()
		change(&want)
		want.Stamp = want.Next(apitest.Now())
		if a := update(s, patch); a.Status != http.StatusOK || a.Header.Get("ETag") != `"2"` {
			t.Errorf("%s: %d %s", patch, a.Status, a.Body)
		}
		if d := cmp.Diff(want, s.instructor); d != "" {
			t.Errorf("%s (-want +got):\n%s", patch, d)
		}
	}
	s := &store{instructor: anInstructor()}
	for patch, field := range map[string]string{
		`{"name":null}`:    "body.name TYPE",
		`{"name":"Staff"}`: "body.name FORMAT",
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
	s := &store{instructor: anInstructor()}
	got := apitest.Call(t, instructors.Get(s), apitest.Request{Method: http.MethodGet, Path: "/v1/instructors/" +
		apitest.ID(1)})
	if got.Header.Get("ETag") != `"1"` {
		t.Errorf("ETag %s", got.Header.Get("ETag"))
	}
	apitest.Same(t, "a instructor", got.Body, shown)
	apitest.Refused(t, "another instructor", apitest.Call(t, instructors.Get(s), apitest.Request{Method: http.MethodGet,
		Path: "/v1/instructors/" + apitest.ID(2)}), http.StatusNotFound, "NOT_FOUND")
	deleted := apitest.Call(t, instructors.Delete(s), apitest.Request{Method: http.MethodDelete,
		Path: "/v1/instructors/" + apitest.ID(1), Header: map[string]string{"If-Match": `"1"`}})
	if deleted.Status != http.StatusNoContent || !slices.Equal(s.removed, []registrar.Version{1}) {
		t.Errorf("%d, removed %v", deleted.Status, s.removed)
	}
	deleted = apitest.Call(t, instructors.Delete(s), apitest.Request{Method: http.MethodDelete,
		Path: "/v1/instructors/" + apitest.ID(1), Header: map[string]string{"If-Match": `"8", "9"`}})
	apitest.Refused(t, "none of several versions", deleted, http.StatusPreconditionFailed, "VERSION_MISMATCH")
	list := apitest.Call(t, instructors.List(s), apitest.Request{Method: http.MethodGet,
		Path: "/v1/instructors?limit=7&cursor=c"})
	apitest.Same(t, "instructors", list.Body, `{"items":[`+shown+`],"next":"more"}`)
	if s.page != (registrar.PageRequest{Limit: 7, Cursor: "c"}) {
		t.Errorf("asked for %+v", s.page)
	}
}

// A record that an import made of a name alone stands for whom it is given a number or an address of.
func TestUpdate_EndsThatARecordIsProvisional(t *testing.T) {
	for patch, provisional := range map[string]bool{`{"name":"A. King"}`: true, `{"number":"E1"}`: false,
		`{"email":"a@example.edu"}`: false} {
		s := &store{instructor: anInstructor()}
		s.instructor.Email, s.instructor.Number, s.instructor.Provisional = "", "", true
		after := instructors.Update(unchecked{s}, apitest.System())
		a := apitest.Call(t, after, apitest.Request{Method: http.MethodPatch, Path: "/v1/instructors/" + apitest.ID(1),
			Body: patch, Header: map[string]string{"If-Match": "*"}})
		if a.Status != http.StatusOK || s.instructor.Provisional != provisional {
			t.Errorf("%s: %d, provisional %t", patch, a.Status, s.instructor.Provisional)
		}
	}
}

// unchecked takes a change of any record.
type unchecked struct{ *store }

func (u unchecked) UpdateInstructor(_ context.Context, _, after registrar.Instructor) error {
	u.instructor = after
	return nil
}
