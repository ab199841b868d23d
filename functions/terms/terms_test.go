package terms_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"example.com/registrar/functions/terms"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/api/apitest"
	"example.com/registrar/shared/registrar"
	"github.com/google/go-cmp/cmp"
)

// store holds one term, and what was done with it.
type store struct {
	term    registrar.Term
	answer  registrar.Answer
	before  registrar.Term
	writes  int
	removed []registrar.Version
	page    registrar.PageRequest
}

func (s *store) CreateTerm(_ context.Context, t registrar.Term, answer registrar.Answer) error {
	s.term, s.answer, s.writes = t, answer, s.writes+1
	return nil
}

func (s *store) Term(_ context.Context, id registrar.TermID) (registrar.Term, error) {
	if id != s.term.ID {
		return registrar.Term{}, registrar.Refuse(registrar.NotFound, string(id), "there is no such term")
	}
	return s.term, nil
}

func (s *store) UpdateTerm(_ context.Context, before, after registrar.Term) error {
	s.before, s.term, s.writes = before, after, s.writes+1
	return nil
}

func (s *store) DeleteTerm(_ context.Context, _ registrar.TermID, version registrar.Version) error {
	s.removed = append(s.removed, version)
	return nil
}

func (s *store) Terms(_ context.Context, page registrar.PageRequest) (registrar.Page[registrar.Term], error) {
	s.page = page
	return registrar.Page[registrar.Term]{Items: []registrar.Term{s.term}, Next: "more"}, nil
}

func spring() registrar.Term {
	return registrar.Term{
		ID: registrar.TermID(apitest.ID(1)), Code: "2025-SPRING", Title: "Spring 2025", Start: "2025-01-13",
		End:      "2025-05-10",
		TimeZone: "America/New_York", CreditLimit: 2150,
		Registration: registrar.Window{Open: time.Date(2024, 11, 4, 13, 0, 0, 0, time.UTC),
			Close: time.Date(2025, 1, 28, 5, 0, 0, 0, time.UTC)},
		Deadlines: registrar.Deadlines{LastAdd: time.Date(2025, 1, 28, 4, 59, 59, 999e6, time.UTC),
			LastDrop: time.Date(2025, 2, 10, 12, 0, 0, 0, time.UTC)},
		Stamp: registrar.Stamp{}.Next(apitest.Now()),
	}
}

const springText = `"code":"2025-SPRING","title":"Spring 2025","start":"2025-01-13","end":"2025-05-10",` +
	`"timeZone":"America/New_York","creditLimit":21.5,` +
	`"registration":{"open":"2024-11-04T13:00:00Z","close":"2025-01-28T05:00:00Z"},`

var shown = `{"id":"` + apitest.ID(1) + `",` + springText +
	`"deadlines":{"lastAdd":"2025-01-28T04:59:59.999Z","lastDrop":"2025-02-10T12:00:00Z"},` +
	`"createdAt":"2026-11-24T09:00:00Z","updatedAt":"2026-11-24T09:00:00Z"}`

func TestCreate(t *testing.T) {
	s := &store{}
	made := apitest.Call(t, terms.Create(s, apitest.System()), apitest.Request{
		Method: http.MethodPost, Path: "/v1/terms", Header: map[string]string{"Idempotency-Key": "k"},
		// a day ends in the term's own time zone
		Body: `{` + springText + `"deadlines":{"lastAdd":"2025-01-27","lastDrop":"2025-02-10T12:00:00Z"}}`,
	})
	if made.Status != http.StatusCreated || made.Header.Get("Location") != "terms/"+apitest.ID(1) ||
		made.Header.Get("ETag") != `"1"` || s.answer.Key.Key != "k" || len(s.answer.Reply) == 0 {
		t.Errorf("%d %v, key %q", made.Status, made.Header, s.answer.Key.Key)
	}
	apitest.Same(t, "a term that was made", made.Body, shown)
	if d := cmp.Diff(spring(), s.term); d != "" {
		t.Errorf("stored (-want +got):\n%s", d)
	}
	for what, c := range map[string]struct {
		body   string
		fields []string
	}{
		"no dates": {`{"code":"X","title":"X","timeZone":"UTC"}`, []string{"body.start REQUIRED", "body.end REQUIRED"}},
		"no such zone": {`{"code":"X","title":"X","start":"2025-01-13","end":"2025-05-10","timeZone":"Mars/North"}`,
			[]string{"body.timeZone FORMAT"}},
		"ends at start": {`{"code":"X","title":"X","start":"2025-01-13","end":"2025-01-13","timeZone":"UTC"}`,
			[]string{"body.end OUT_OF_RANGE"}},
	} {
		a := apitest.Call(t, terms.Create(s, apitest.System()), apitest.Request{Method: http.MethodPost, Path: "/v1/terms",
			Body: c.body})
		if slices.Sort(a.Fields); a.Status != http.StatusUnprocessableEntity ||
			!slices.Equal(a.Fields, slices.Sorted(slices.Values(c.fields))) {
			t.Errorf("%s: %d %q, want %q", what, a.Status, a.Fields, c.fields)
		}
	}
	if s.writes != 1 {
		t.Errorf("%d writes", s.writes)
	}
	plain := apitest.Call(t, terms.Create(s, apitest.System()), apitest.Request{Method: http.MethodPost, Path: "/v1/terms",
		Body: `{"code":"X","title":"X","start":"2025-01-13","end":"2025-05-10","timeZone":"UTC"}`})
	if plain.Status != http.StatusCreated || !s.term.Registration.Open.IsZero() || s.term.CreditLimit != 0 ||
		s.term.Deadlines != (registrar.Deadlines{}) {
		t.Errorf("a term of which nothing else is stated: %d %+v", plain.Status, s.term)
	}
}

// A merge patch changes what it names, removes what is null, and leaves the rest.
func TestUpdate(t *testing.T) {
	for patch, change := range map[string]func(*registrar.Term){
		`{"code":"2025-S"}`:      func(t *registrar.Term) { t.Code = "2025-S" },
		`{"title":"S"}`:          func(t *registrar.Term) { t.Title = "S" },
		`{"start":"2025-01-01"}`: func(t *registrar.Term) { t.Start = "2025-01-01" },
		`{"end":"2025-06-01"}`:   func(t *registrar.Term) { t.End = "2025-06-01" },
		`{"timeZone":"UTC"}`:     func(t *registrar.Term) { t.TimeZone = "UTC" },
		`{"creditLimit":18}`:     func(t *registrar.Term) { t.CreditLimit = 1800 },
		`{"creditLimit":null}`:   func(t *registrar.Term) { t.CreditLimit = 0 },
		`{"registration":null}`:  func(t *registrar.Term) { t.Registration = registrar.Window{} },
		`{"registration":{"open":null}}`: func(t *registrar.Term) {
			t.Registration.Open = time.Time{}
		},
		`{"registration":{"close":"2025-01-20T00:00:00Z"}}`: func(t *registrar.Term) {
			t.Registration.Close = time.Date(2025, 1, 20, 0, 0, 0, 0, time.UTC)
		},
		`{"deadlines":null}`: func(t *registrar.Term) { t.Deadlines = registrar.Deadlines{} },
		`{"deadlines":{"lastDrop":null}}`: func(t *registrar.Term) {
			t.Deadlines.LastDrop = time.Time{}
		},
		// the day ends in the zone that the patch sets
		`{"timeZone":"UTC","deadlines":{"lastAdd":"2025-01-27"}}`: func(t *registrar.Term) {
			t.TimeZone, t.Deadlines.LastAdd = "UTC", time.Date(2025, 1, 27, 23, 59, 59, 999e6, time.UTC)
		},
	} {
		s := &store{term: spring()}
		want := spring()
		change(&want)
		want.Stamp = want.Next(apitest.Now())
		a := apitest.Call(t, terms.Update(s, apitest.System()), apitest.Request{Method: http.MethodPatch,
			Path: "/v1/terms/" + apitest.ID(1), Body: patch, Header: map[string]string{"If-Match": `"1"`}})
		if a.Status != http.StatusOK || a.Header.Get("ETag") != `"2"` {
			t.Errorf("%s: %d %s", patch, a.Status, a.Body)
		}
		if d := cmp.Diff(want, s.term); d != "" {
			t.Errorf("%s (-want +got):\n%s", patch, d)
		}
		if d := cmp.Diff(spring(), s.before); d != "" {
			t.Errorf("%s was decided on (-want +got):\n%s", patch, d)
		}
	}
	s := &store{term: spring()}
	update := func(id int, body, match string) apitest.Answer {
		return apitest.Call(t, terms.Update(s, apitest.System()), apitest.Request{Method: http.MethodPatch,
			Path: fmt.Sprint("/v1/terms/", apitest.ID(id)), Body: body, Header: map[string]string{"If-Match": match}})
	}
	apitest.Refused(t, "an old version", update(1, `{"title":"S"}`, `"7"`), http.StatusPreconditionFailed,
		"VERSION_MISMATCH")
	apitest.Refused(t, "another term", update(2, `{"title":"S"}`, `"1"`), http.StatusNotFound, "NOT_FOUND")
	apitest.Refused(t, "a null title", update(1, `{"title":null}`, `"1"`), http.StatusUnprocessableEntity, "INVALID")
	apitest.Refused(t, "an end before the start", update(1, `{"end":"2024-01-01"}`, `"1"`), http.StatusUnprocessableEntity,
		"INVALID")
	if a := update(1, `{"title":"Spring 2025"}`, `"1"`); a.Status != http.StatusOK || a.Header.Get("ETag") != `"1"` {
		t.Errorf("a change that changes nothing: %d %s", a.Status, a.Body)
	}
	if s.writes != 0 {
		t.Errorf("%d writes", s.writes)
	}
}

func TestGetListAndDelete(t *testing.T) {
	s := &store{term: spring()}
	call := func(o api.Operation, method, path, match string) apitest.Answer {
		return apitest.Call(t, o, apitest.Request{Method: method, Path: path, Header: map[string]string{"If-Match": match}})
	}
	one := "/v1/terms/" + apitest.ID(1)
	got := apitest.Call(t, terms.Get(s), apitest.Request{Method: http.MethodGet, Path: one})
	if got.Header.Get("ETag") != `"1"` {
		t.Errorf("ETag %s", got.Header.Get("ETag"))
	}
	apitest.Same(t, "a term", got.Body, shown)
	apitest.Refused(t, "another term", apitest.Call(t, terms.Get(s), apitest.Request{Method: http.MethodGet,
		Path: "/v1/terms/" + apitest.ID(2)}), http.StatusNotFound, "NOT_FOUND")

	list := apitest.Call(t, terms.List(s), apitest.Request{Method: http.MethodGet, Path: "/v1/terms?limit=7&cursor=c"})
	apitest.Same(t, "terms", list.Body, `{"items":[`+shown+`],"next":"more"}`)
	if s.page != (registrar.PageRequest{Limit: 7, Cursor: "c"}) {
		t.Errorf("asked for %+v", s.page)
	}

	for match, want := range map[string]registrar.Version{"*": 0, `"1"`: 1, `"1", "9"`: 1} {
		s.removed = nil
		if a := call(terms.Delete(s), http.MethodDelete, one, match); a.Status != http.StatusNoContent ||
			!slices.Equal(s.removed, []registrar.Version{want}) {
			t.Errorf("If-Match %s: %d, removed %v", match, a.Status, s.removed)
		}
	}
	s.removed = nil
	apitest.Refused(t, "none of several versions", call(terms.Delete(s), http.MethodDelete, one, `"8", "9"`),
		http.StatusPreconditionFailed, "VERSION_MISMATCH")
	if s.removed != nil {
		t.Errorf("removed %v", s.removed)
	}
}
