package api_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/api/apitest"
	"example.com/registrar/shared/registrar"
)

// book is a record of one field.
type book struct {
	ID, Title string
	registrar.Stamp
}

func (b book) Validate() error {
	if b.Title == "bad" {
		return registrar.FieldErrors{{Field: "title", Code: registrar.FieldFormat, Detail: "must be good"}}
	}
	return nil
}

func (b book) SameFacts(o book) bool { return b.Title == o.Title }

type bookID string

type bookText struct {
	Title string `json:"title"`
}

type bookShown struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// library has one book, and fails as it is told.
type library struct {
	book    book
	fails   error
	answer  registrar.Answer
	before  book
	removed []registrar.Version
}

func (l *library) read(_ context.Context, id bookID) (book, error) {
	if string(id) != l.book.ID {
		return book{}, registrar.Refuse(registrar.NotFound, string(id), "there is no such book")
	}
	return l.book, nil
}

func (l *library) create(_ context.Context, b book, answer registrar.Answer) error {
	l.answer = answer
	if l.fails == nil {
		l.book = b
	}
	return l.fails
}

func (l *library) update(_ context.Context, before, after book) error {
	if l.before = before; l.fails == nil {
		l.book = after
	}
	return l.fails
}

func (l *library) remove(_ context.Context, _ bookID, v registrar.Version) error {
	l.removed = append(l.removed, v)
	return l.fails
}

func showBook(b book) bookShown { return bookShown{ID: b.ID, Title: b.Title} }

func readBook(b book) *api.Read[bookShown] {
	return &api.Read[bookShown]{ETag: api.ETag(b.Version), Body: showBook(b)}
}

// operations on the library's book, by method.
func (l *library) operations() map[string]api.Operation {
	spec := func(method, path string) api.Spec {
		return api.Spec{ID: "books-" + method, Method: method, Path: path}
	}
	created := spec(http.MethodPost, "/v1/books")
	created.Status = http.StatusCreated
	return map[string]api.Operation{
		http.MethodPost: api.Define(created, api.CreateRecord(func(in bookText) (book, string) {
			b := book{ID: apitest.ID(1), Title: in.Title}
			b.Stamp = b.Next(apitest.Now())
			return b, "books/" + b.ID
		}, l.create, showBook)),
		http.MethodGet: api.Define(spec(http.MethodGet, "/v1/books/{id}"), api.ReadRecord(l.read, readBook)),
		http.MethodPatch: api.Define(spec(http.MethodPatch, "/v1/books/{id}"),
			api.UpdateRecord(l.read, func(in bookText, b book) book {
				b.Title, b.Stamp = in.Title, b.Next(apitest.Now())
				return b
			}, l.update, readBook)),
		http.MethodDelete: api.Define(spec(http.MethodDelete, "/v1/books/{id}"), api.DeleteRecord(l.read, l.remove)),
	}
}

func (l *library) call(t *testing.T, method, path, body, name, value string) apitest.Answer {
	t.Helper()
	return apitest.Call(t, l.operations()[method], apitest.Request{Method: method, Path: path, Body: body,
		Header: map[string]string{name: value}})
}

func TestCreateRecord(t *testing.T) {
	l := &library{}
	create := func(title string) apitest.Answer {
		return l.call(t, http.MethodPost, "/v1/books", `{"title":"`+title+`"}`, "Idempotency-Key", "k")
	}
	a := create("good")
	if a.Status != http.StatusCreated || a.Header.Get("Location") != "books/"+apitest.ID(1) ||
		a.Header.Get("ETag") != `"1"` ||
		l.book.Title != "good" || l.answer.Key.Key != "k" {
		t.Errorf("%d %v %s", a.Status, a.Header, a.Body)
	}
	apitest.Same(t, "a book", a.Body, `{"id":"`+apitest.ID(1)+`","title":"good"}`)
	// the answer that is kept gives the same again
	l.fails = &registrar.AnsweredBefore{Reply: l.answer.Reply}
	if again := create("good"); again.Body != a.Body || again.Header.Get("Location") != a.Header.Get("Location") ||
		again.Header.Get("ETag") != a.Header.Get("ETag") {
		t.Errorf("again: %d %v %s", again.Status, again.Header, again.Body)
	}
	l.fails, l.answer = nil, registrar.Answer{}
	if a := create("bad"); a.Status != http.StatusUnprocessableEntity ||
		!slices.Equal(a.Fields, []string{"body.title FORMAT"}) ||
		l.answer.Key.Key != "" {
		t.Errorf("a bad book: %d %q, stored %+v", a.Status, a.Fields, l.answer)
	}
	l.fails = errors.New("disk full")
	apitest.Refused(t, "a store that fails", create("good"), http.StatusInternalServerError, "INTERNAL")
}

func TestReadRecord(t *testing.T) {
	l := &library{book: book{ID: apitest.ID(1), Title: "good", Stamp: registrar.Stamp{Version: 4}}}
	a := l.call(t, http.MethodGet, "/v1/books/"+apitest.ID(1), "", "X", "")
	apitest.Same(t, "a book", a.Body, `{"id":"`+apitest.ID(1)+`","title":"good"}`)
	if a.Header.Get("ETag") != `"4"` {
		t.Errorf("ETag %s", a.Header.Get("ETag"))
	}
	apitest.Refused(t, "another book", l.call(t, http.MethodGet, "/v1/books/"+apitest.ID(2), "", "X", ""),
		http.StatusNotFound, "NOT_FOUND")
}

func TestUpdateRecord(t *testing.T) {
	for what, c := range map[string]struct {
		title, match string
		fails        error
		status       int
		code         string
		stored       bool
	}{
		"of the version that there is": {title: "new", match: `"4"`, status: 200, stored: true},
		"of any version":               {title: "new", match: `*`, status: 200, stored: true},
		"of one of several":            {title: "new", match: `"9", "4"`, status: 200, stored: true},
		"of an old version":            {title: "new", match: `"3"`, status: 412, code: "VERSION_MISMATCH"},
		"of a weak version":            {title: "new", match: `W/"4"`, status: 412, code: "VERSION_MISMATCH"},
		"of no version":                {title: "new", status: 428, code: "PRECONDITION_REQUIRED"},
		"that changes nothing":         {title: "good", match: `"4"`, status: 200},
		"that is bad":                  {title: "bad", match: `"4"`, status: 422, code: "INVALID"},
		"that another overtakes": {title: "new", match: `*`, fails: registrar.ErrVersionMismatch, status: 412,
			code: "VERSION_MISMATCH", stored: true},
		"that finds no time": {title: "new", match: `*`, fails: registrar.ErrBusy, status: 503, code: "BUSY",
			stored: true},
	} {
		l := &library{book: book{ID: apitest.ID(1), Title: "good", Stamp: registrar.Stamp{Version: 4}}, fails: c.fails}
		header := map[string]string{"If-Match": c.match}
		if c.match == "" {
			header = nil
		}
		a := apitest.Call(t, l.operations()[http.MethodPatch], apitest.Request{Method: http.MethodPatch,
			Path: "/v1/books/" + apitest.ID(1), Body: `{"title":"` + c.title + `"}`, Header: header})
		if a.Status != c.status || a.Code != c.code || (l.before.Version == 4) != c.stored {
			t.Errorf("%s: %d %s, decided on version %d", what, a.Status, a.Body, l.before.Version)
		}
		if want := map[bool]string{true: `"5"`, false: `"4"`}[c.stored]; a.Status == 200 && a.Header.Get("ETag") != want {
			t.Errorf("%s: ETag %s, want %s", what, a.Header.Get("ETag"), want)
		}
	}
}

func TestDeleteRecord(t *testing.T) {
	for match, c := range map[string]struct {
		status  int
		removed []registrar.Version
	}{
		"": {204, []registrar.Version{0}}, "*": {204, []registrar.Version{0}}, `"4"`: {204, []registrar.Version{4}},
		`"3"`:      {204, []registrar.Version{3}}, // one version is the store's to compare
		`"3", "4"`: {204, []registrar.Version{4}}, `"3", "2"`: {412, nil}, `W/"4"`: {412, nil},
	} {
		l := &library{book: book{ID: apitest.ID(1), Stamp: registrar.Stamp{Version: 4}}}
		header := map[string]string{"If-Match": match}
		if match == "" {
			header = nil
		}
		a := apitest.Call(t, l.operations()[http.MethodDelete], apitest.Request{Method: http.MethodDelete,
			Path: "/v1/books/" + apitest.ID(1), Header: header})
		if a.Status != c.status || !slices.Equal(l.removed, c.removed) {
			t.Errorf("If-Match %q: %d %s, removed %v", match, a.Status, a.Body, l.removed)
		}
	}
	l := &library{}
	a := l.call(t, http.MethodDelete, "/v1/books/"+apitest.ID(1), "", "If-Match", `"1", "2"`)
	apitest.Refused(t, "a book that is not there", a, http.StatusNotFound, "NOT_FOUND")
}
