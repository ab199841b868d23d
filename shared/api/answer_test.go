package api_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

type note struct {
	Text string `json:"text"`
}

// shelf is an API of one record, at version 3, and a list of a hundred.
func shelf(text string) http.Handler {
	version := registrar.Version(3)
	type changeInput struct {
		api.IfMatchInput
	}
	return api.Handler(slog.New(slog.DiscardHandler),
		api.Define(api.Spec{ID: "notes-get", Method: http.MethodGet, Path: "/v1/note"},
			func(context.Context, *struct{}) (*api.Read[note], error) {
				return &api.Read[note]{ETag: api.ETag(version), Body: note{text}}, nil
			}),
		api.Define(api.Spec{ID: "notes-weak", Method: http.MethodGet, Path: "/v1/weak"},
			func(context.Context, *struct{}) (*api.Read[note], error) {
				return &api.Read[note]{ETag: `W/"3"`, Body: note{text}}, nil
			}),
		api.Define(api.Spec{ID: "notes-delete", Method: http.MethodDelete, Path: "/v1/note"},
			func(_ context.Context, in *changeInput) (*api.Nothing, error) {
				return nil, api.Delete(in.IfMatchInput, func() (registrar.Version, error) { return version, nil },
					func(v registrar.Version) error {
						if v != 0 && v != version {
							return registrar.ErrVersionMismatch
						}
						return nil
					})
			}),
		api.Define(api.Spec{ID: "notes-list", Method: http.MethodGet, Path: "/v1/notes"},
			func(ctx context.Context, in *api.PageInput) (*api.List[note], error) {
				const all = 100
				page := registrar.Page[note]{}
				first, _ := strconv.Atoi(in.Cursor)
				for i := first; i < min(all, first+in.Limit); i++ {
					page.Items = append(page.Items, note{strconv.Itoa(i) + " " + text})
				}
				if next := first + in.Limit; next < all {
					page.Next = strconv.Itoa(next)
				}
				return api.ListOf(ctx, page, func(n note) note { return n }), nil
			}),
	)
}

func ask(t *testing.T, h http.Handler, method, path string, headers http.Header) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, http.NoBody)
	r.Header = headers
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// If-Match takes "*" or a list of entity tags (RFC 9110 section 13.1.1), compared strongly, and nothing else.
func TestIfMatchIsTakenAsTheRFCSays(t *testing.T) {
	h := shelf("")
	for _, c := range []struct {
		lines  []string
		status int
	}{
		{nil, http.StatusNoContent},
		{[]string{"*"}, http.StatusNoContent}, {[]string{" * "}, http.StatusNoContent},
		{[]string{`"3"`}, http.StatusNoContent}, {[]string{`"3-gzip"`}, http.StatusNoContent}, {[]string{`"3.12.0-gzip"`},
			http.StatusNoContent},
		{[]string{`"1", "3"`}, http.StatusNoContent}, {[]string{`"1","2"	,, "3",`}, http.StatusNoContent},
		{[]string{`"1"`, `"3"`}, http.StatusNoContent},
		{[]string{`"a,b", "3"`}, http.StatusNoContent}, {[]string{`"", "é!#~", "3"`}, http.StatusNoContent},
		{[]string{`W/"1", "3"`}, http.StatusNoContent},
		{[]string{`"2"`}, http.StatusPreconditionFailed}, {[]string{`"1", "2"`}, http.StatusPreconditionFailed},
		{[]string{`W/"3"`}, http.StatusPreconditionFailed}, {[]string{`W/"3", W/"1"`}, http.StatusPreconditionFailed},
		{[]string{`"03"`}, http.StatusPreconditionFailed}, {[]string{`"3.x"`}, http.StatusPreconditionFailed},
		{[]string{`"+3"`}, http.StatusPreconditionFailed}, {[]string{`"3-br"`}, http.StatusPreconditionFailed},
		{[]string{`"*"`}, http.StatusPreconditionFailed}, {[]string{`"99999999999999999999"`}, http.StatusPreconditionFailed},
		{[]string{""}, http.StatusPreconditionFailed}, {[]string{" , ,"}, http.StatusPreconditionFailed}, // the empty list
		{[]string{"3"}, http.StatusBadRequest}, {[]string{`"3`}, http.StatusBadRequest}, {[]string{`3"`},
			http.StatusBadRequest},
		{[]string{`"3" "4"`}, http.StatusBadRequest}, {[]string{`"3";"4"`}, http.StatusBadRequest}, {[]string{`w/"3"`},
			http.StatusBadRequest},
		{[]string{`W/ "3"`}, http.StatusBadRequest}, {[]string{`W/`}, http.StatusBadRequest}, {[]string{`*, "3"`},
			http.StatusBadRequest},
		{[]string{`"3", *`}, http.StatusBadRequest}, {[]string{"**"}, http.StatusBadRequest}, {[]string{`'3'`},
			http.StatusBadRequest},
		{[]string{`"a b"`}, http.StatusBadRequest}, {[]string{"\"a\x7f\""}, http.StatusBadRequest}, {[]string{`"3"`, "4"},
			http.StatusBadRequest},
	} {
		got := ask(t, h, http.MethodDelete, "/v1/note", http.Header{"If-Match": c.lines})
		if got.Code != c.status {
			t.Errorf("%q: %d, want %d: %s", c.lines, got.Code, c.status, got.Body)
		}
		if got.Code == http.StatusBadRequest && !strings.Contains(got.Body.String(), `"field":"header.If-Match"`) {
			t.Errorf("%q: the problem does not name the header: %s", c.lines, got.Body)
		}
	}
}

// What a client has already is not sent again, in whatever coding it has it, as a strong tag says or a weak one:
// If-None-Match compares weakly (RFC 9110 section 13.1.2), If-Match strongly.
func TestIfNoneMatch(t *testing.T) {
	long := strings.Repeat("a text that is worth compressing ", 100)
	for _, c := range []struct {
		path, value, accept string
		status              int
		etag                string
	}{
		{"/v1/note", `"3"`, "", http.StatusNotModified, `"3"`},
		{"/v1/note", `W/"3"`, "", http.StatusNotModified, `"3"`}, // weak comparison
		{"/v1/note", `"1", "3-gzip"`, "gzip", http.StatusNotModified, `"3-gzip"`},
		{"/v1/note", `"3"`, "gzip", http.StatusNotModified, `"3"`},
		{"/v1/note", "*", "", http.StatusNotModified, `"3"`},
		{"/v1/note", `"2"`, "", http.StatusOK, `"3"`},
		{"/v1/note", `"2"`, "gzip", http.StatusOK, `"3-gzip"`},
		{"/v1/note", "", "", http.StatusOK, `"3"`},
		{"/v1/weak", `W/"3"`, "", http.StatusNotModified, `W/"3"`},
		{"/v1/weak", `W/"2", "3"`, "gzip", http.StatusNotModified, `W/"3"`},
		{"/v1/weak", "*", "", http.StatusNotModified, `W/"3"`},
		{"/v1/weak", `W/"2"`, "", http.StatusOK, `W/"3"`},
		{"/v1/weak", `W/"2"`, "gzip", http.StatusOK, `W/"3"`},
		{"/v1/note", "3", "", http.StatusBadRequest, ""},
	} {
		got := ask(t, shelf(long), http.MethodGet, c.path, http.Header{"If-None-Match": {c.value},
			"Accept-Encoding": {c.accept}})
		if got.Code != c.status || got.Header().Get("ETag") != c.etag {
			t.Errorf("%s %s, %q: %d, ETag %s; want %d, %s", c.path, c.value, c.accept, got.Code, got.Header().Get("ETag"),
				c.status, c.etag)
		}
		if got.Code == http.StatusNotModified && (got.Body.Len() > 0 || got.Header().Get("Content-Type") != "" ||
			got.Header().Get("Content-Encoding") != "" ||
			got.Header().Get("Vary") != "Accept-Encoding" || got.Header().Get("Cache-Control") != "no-store") {
			t.Errorf("%s: 304 with %v, %q", c.value, got.Header(), got.Body)
		}
	}
	if got := ask(t, shelf(""), http.MethodDelete, "/v1/note",
		http.Header{"If-None-Match": {`"3"`}}); got.Code != http.StatusBadRequest {
		t.Errorf("a deletion with If-None-Match: %d", got.Code)
	}
	for _, c := range []struct {
		path, value string
		status      int
	}{
		{"/v1/note", `"2"`, http.StatusPreconditionFailed}, {"/v1/note", `"3"`, http.StatusOK}, {"/v1/note", `W/"3"`,
			http.StatusPreconditionFailed},
		{"/v1/weak", `"3"`, http.StatusPreconditionFailed}, {"/v1/weak", `W/"3"`, http.StatusPreconditionFailed}, {"/v1/weak",
			"*", http.StatusOK},
	} {
		if got := ask(t, shelf(""), http.MethodGet, c.path, http.Header{"If-Match": {c.value}}); got.Code != c.status {
			t.Errorf("a GET of %s with If-Match %s: %d, want %d", c.path, c.value, got.Code, c.status)
		}
	}
}

// gzip is used where it pays and where the client asks for it (RFC 9110 section 12.5.3), and has an entity tag of its
// own.
func TestGzipWhereItPays(t *testing.T) {
	long := strings.Repeat("a text that is worth compressing ", 100)
	for _, c := range []struct {
		accept []string
		coded  bool
	}{
		{nil, false}, {[]string{""}, false}, {[]string{"gzip"}, true}, {[]string{"GZIP"}, true}, {[]string{"x-gzip"}, true},
		{[]string{"deflate, br"}, false},
		{[]string{"br;q=1.0, gzip;q=0.8, *;q=0.1"}, true}, {[]string{"gzip;q=0"}, false}, {[]string{"gzip;q=0.000, *"},
			false}, {[]string{"*"}, true},
		{[]string{"*;q=0"}, false}, {[]string{"identity"}, false}, {[]string{"identity, gzip"}, true},
		{[]string{"identity;q=1, gzip;q=0.5"}, false},
		{[]string{"identity;q=0.5, gzip;q=1"}, true}, {[]string{"identity;q=0, gzip;q=0.1"}, true}, {[]string{"gzip ; Q=1"},
			true}, {[]string{"br", "gzip"}, true},
		{[]string{"gzip;q=2"}, false}, {[]string{"gzip;q=NaN"}, false}, {[]string{"gzip;level=1"}, false}, {[]string{",,"},
			false},
	} {
		got := ask(t, shelf(long), http.MethodGet, "/v1/note", http.Header{"Accept-Encoding": c.accept})
		coded := got.Header().Get("Content-Encoding") == "gzip"
		if coded != c.coded || got.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: coded %v, want %v; Vary %q", c.accept, coded, c.coded, got.Header().Get("Vary"))
		}
		want, body := `"3"`, io.Reader(got.Body)
		if coded {
			want = `"3-gzip"`
			var err error
			if body, err = gzip.NewReader(got.Body); err != nil {
				t.Fatal(err)
			}
		}
		var read note
		if err := json.NewDecoder(body).Decode(&read); err != nil || read.Text != long || got.Header().Get("ETag") != want {
			t.Errorf("%q: ETag %s, want %s; %d characters, %v", c.accept, got.Header().Get("ETag"), want, len(read.Text), err)
		}
	}
	if short := ask(t, shelf("short"), http.MethodGet, "/v1/note",
		http.Header{"Accept-Encoding": {"gzip"}}); short.Header().Get("Content-Encoding") != "" || short.Header().Get(
		"Vary") != "" {
		t.Errorf("a short answer: %v", short.Header())
	}
}

// HEAD answers as GET would, without the body.
func TestHEADIsGETWithoutABody(t *testing.T) {
	h := shelf(strings.Repeat("long ", 1000))
	for _, accept := range []string{"", "gzip"} {
		get := ask(t, h, http.MethodGet, "/v1/note", http.Header{"Accept-Encoding": {accept}})
		head := ask(t, h, http.MethodHead, "/v1/note", http.Header{"Accept-Encoding": {accept}})
		if head.Code != http.StatusOK || head.Body.Len() != 0 ||
			head.Header().Get("Content-Length") != strconv.Itoa(get.Body.Len()) ||
			head.Header().Get("ETag") != get.Header().Get("ETag") ||
			head.Header().Get("Content-Type") != get.Header().Get("Content-Type") {
			t.Errorf("%q: %d %v, of GET %v, %d bytes", accept, head.Code, head.Header(), get.Header(), get.Body.Len())
		}
	}
}

// Lambda gives answers up to 6 MB, counted as they stand in its JSON. A longer list ends early, with the cursor of its
// end; what is too long by itself is our fault, and told as such.
func TestAListEndsBeforeItIsTooLongForLambda(t *testing.T) {
	const lambda = 6 << 20
	for what, text := range map[string]string{
		"short": "x", "letters": strings.Repeat("x", 60<<10), "quotes": strings.Repeat(`"`, 25<<10),
		"separators": strings.Repeat("\u2028", 10<<10),
	} {
		h := shelf(text)
		cursor, pages, seen := "", 0, 0
		for {
			got := ask(t, h, http.MethodGet, "/v1/notes?limit=100&cursor="+cursor, nil)
			var page struct {
				Items []note
				Next  string
			}
			if err := json.Unmarshal(got.Body.Bytes(), &page); err != nil || got.Code != http.StatusOK || len(page.Items) == 0 {
				t.Fatalf("%s: %d, %v", what, got.Code, err)
			}
			var envelope bytes.Buffer
			encoder := json.NewEncoder(&envelope)
			encoder.SetEscapeHTML(false)
			if err := encoder.Encode(got.Body.String()); err != nil || envelope.Len() > lambda-(64<<10) {
				t.Errorf("%s: a page of %d bytes in Lambda's answer, %v", what, envelope.Len(), err)
			}
			for i, n := range page.Items {
				if number, _, _ := strings.Cut(n.Text, " "); number != strconv.Itoa(seen+i) {
					t.Fatalf("%s: record %s in the place of %d", what, number, seen+i)
				}
			}
			pages, seen = pages+1, seen+len(page.Items)
			if page.Next == "" {
				break
			}
			// with the client's own limit
			if want := "<?cursor=" + page.Next + `&limit=100>; rel="next"`; got.Header().Get("Link") != want {
				t.Errorf("%s: Link %s, want %s", what, got.Header().Get("Link"), want)
			}
			cursor = page.Next
		}
		if seen != 100 || (pages > 1) == (what == "short") {
			t.Errorf("%s: %d records on %d pages", what, seen, pages)
		}
	}
	if got := ask(t, shelf(strings.Repeat("x", lambda)), http.MethodGet, "/v1/note",
		nil); got.Code != http.StatusInternalServerError || got.Body.Len() > 1000 {
		t.Errorf("a record of 6 MB: %d, %d bytes", got.Code, got.Body.Len())
	}
	if got := ask(t, shelf(strings.Repeat("x", lambda)), http.MethodGet, "/v1/notes?limit=1",
		nil); got.Code != http.StatusInternalServerError {
		t.Errorf("a list of records of 6 MB: %d", got.Code)
	}
}

// A parameter of the wrong type is told what it should have been.
func TestAParameterIsToldItsType(t *testing.T) {
	type input struct {
		Count  int       `query:"count"`
		Open   bool      `query:"open"`
		Weight float64   `query:"weight"`
		From   time.Time `query:"from"`
	}
	h := api.Handler(slog.New(slog.DiscardHandler), api.Define(api.Spec{ID: "things-list", Method: http.MethodGet,
		Path: "/v1/things"},
		func(context.Context, *input) (*api.Nothing, error) { return &api.Nothing{}, nil }))
	for parameter, want := range map[string]string{
		"count": "expected an integer", "open": "expected true or false", "weight": "expected a number",
		"from": "expected a date and time as in RFC 3339",
	} {
		got := ask(t, h, http.MethodGet, "/v1/things?"+parameter+"=x", nil)
		var p api.Problem
		if err := json.Unmarshal(got.Body.Bytes(), &p); err != nil || len(p.Errors) != 1 || p.Errors[0].Field != "query."+
			parameter ||
			p.Errors[0].Code != "TYPE" || !strings.HasPrefix(p.Errors[0].Detail, want) {
			t.Errorf("%s: %d %s", parameter, got.Code, got.Body)
		}
	}
}
