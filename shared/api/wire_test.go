package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/api/apitest"
	"example.com/registrar/shared/registrar"
)

type patchBody struct {
	Name  *api.Line                          `json:"name,omitempty" maxLength:"10"`
	Note  api.Removable[api.Prose]           `json:"note,omitzero"`
	Since api.Removable[api.Instant]         `json:"since,omitzero"`
	Last  api.Removable[api.DeadlinesChange] `json:"last,omitzero"`
	Email api.Removable[api.Email]           `json:"email,omitzero"`
	Cost  *api.CreditRangeChange             `json:"cost,omitempty"`
	Codes *[]api.Code                        `json:"codes,omitempty"`
	Of    *api.ID                            `json:"of,omitempty"`
}

// patched sends a patch to an operation, and gives what the operation read.
func patched(t *testing.T, body string) (patchBody, apitest.Answer) {
	t.Helper()
	var read patchBody
	type input struct{ Body patchBody }
	a := apitest.Call(t, api.Define(api.Spec{ID: "things-update", Method: http.MethodPatch, Path: "/v1/thing"},
		func(_ context.Context, in *input) (*api.Nothing, error) {
			read = in.Body
			return nil, nil
		}), apitest.Request{Method: http.MethodPatch, Path: "/v1/thing", Body: body,
		Header: map[string]string{"Content-Type": "application/merge-patch+json"}})
	return read, a
}

// Null, absent and a value are three things; what cannot be read is refused, by its place.
func TestPatchesAreRead(t *testing.T) {
	for body, field := range map[string]string{
		`{"name":null}`:                                   "body.name TYPE",
		`{"name":"abcdefghijk"}`:                          "body.name TOO_LONG",
		`{"email":"nobody"}`:                              "",
		`{"email":""}`:                                    "body.email FORMAT",
		`{"since":"2026-11-24"}`:                          "body.since FORMAT",
		`{"since":"0001-01-01T00:00:00Z"}`:                "body.since OUT_OF_RANGE",
		`{"last":{"lastAdd":"2025-02-30"}}`:               "body.last.lastAdd FORMAT",
		`{"last":{"lastAdd":"9999-12-31"}}`:               "",
		`{"last":{"lastAdd":"1800-01-01"}}`:               "body.last.lastAdd OUT_OF_RANGE",
		`{"last":{"lastDrop":"tomorrow"}}`:                "body.last.lastDrop FORMAT",
		`{"last":{"lastDrop":"2025-02-30T10:00:00Z"}}`:    "body.last.lastDrop FORMAT",
		`{"cost":{"min":0.125}}`:                          "body.cost.min FORMAT",
		`{"cost":{"min":null}}`:                           "body.cost.min TYPE",
		`{"of":"{0198c0a4-2b6e-7c3d-9a41-5f0e2d7c8b11}"}`: "body.of FORMAT",
		`{"codes":[null]}`:                                "body.codes[0] TYPE",
		`{"other":1}`:                                     "body.other UNKNOWN",
	} {
		_, a := patched(t, body)
		if field == "" && a.Status != http.StatusNoContent || field != "" && (a.Status != http.StatusUnprocessableEntity ||
			!slices.Equal(a.Fields, []string{field})) {
			t.Errorf("%s: %d %q, want %q", body, a.Status, a.Fields, field)
		}
	}
	read, a := patched(t, `{"name":" e\u0301 ","note":"a\r\nb ","since":"2026-11-24T10:00:00.123456+01:00",`+
		`"last":{"lastAdd":"2025-01-27","lastDrop":null},"cost":{"max":4.5},"codes":[" a "],`+
		`"of":"0198C0A4-2B6E-7C3D-9A41-5F0E2D7C8B11"}`)
	if a.Status != http.StatusNoContent {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	note, _ := read.Note.Get()
	if *read.Name != "\u00e9" || note != "a\nb" || (*read.Codes)[0] != "a" ||
		*read.Of != "0198c0a4-2b6e-7c3d-9a41-5f0e2d7c8b11" {
		t.Errorf("text is read as %q, %q, %q, %q", *read.Name, note, *read.Codes, *read.Of)
	}
	at := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	api.PatchInstant(&at, read.Since)
	if !at.Equal(time.Date(2026, 11, 24, 9, 0, 0, 123e6, time.UTC)) || at.Location() != time.UTC {
		t.Errorf("since %v", at)
	}
	d := registrar.Deadlines{LastDrop: at}
	if !api.Dated(read.Last) {
		t.Error("a day is not seen as one")
	}
	api.PatchDeadlines(&d, read.Last, "America/New_York")
	if want := time.Date(2025, 1, 28, 4, 59, 59, 999e6, time.UTC); !d.LastAdd.Equal(want) || !d.LastDrop.IsZero() {
		t.Errorf("deadlines %+v", d)
	}
	c := registrar.CreditRange{Min: 100, Max: 100}
	read.Cost.Change(&c)
	if c != (registrar.CreditRange{Min: 100, Max: 450}) {
		t.Errorf("credits %+v", c)
	}
}

func TestPatchesAreApplied(t *testing.T) {
	absent, _ := patched(t, `{}`)
	null, _ := patched(t, `{"note":null,"since":null,"last":null}`)
	value, _ := patched(t, `{"name":"n","note":"v","last":{}}`)
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	type facts struct {
		name, note string
		since      time.Time
		last       registrar.Deadlines
	}
	before := facts{"a", "b", at, registrar.Deadlines{LastAdd: at, LastDrop: at}}
	for what, c := range map[string]struct {
		patch patchBody
		want  facts
	}{
		"absent": {absent, before}, "null": {null, facts{name: "a"}}, "a value": {value, facts{"n", "v", at, before.last}},
	} {
		got := before
		api.SetText(&got.name, c.patch.Name)
		api.PatchText(&got.note, c.patch.Note)
		api.PatchInstant(&got.since, c.patch.Since)
		api.PatchDeadlines(&got.last, c.patch.Last, "UTC")
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", what, got, c.want)
		}
	}
	n, m := 1, 2
	if api.Set(&n, nil); n != 1 {
		t.Error("nothing was set")
	}
	if api.Set(&n, &m); n != 2 {
		t.Error("a value was not set")
	}
	if api.Patch(&n, api.Stated(&m)); n != 2 {
		t.Errorf("%d", n)
	}
	if api.Patch(&n, api.Stated[int](nil)); n != 2 {
		t.Error("what is not stated was changed")
	}
	var removed api.Removable[int]
	if err := json.Unmarshal([]byte(" null "), &removed); err != nil || !removed.Sent() {
		t.Error("null was not sent")
	}
	if api.Patch(&n, removed); n != 0 {
		t.Error("null did not remove")
	}
	if api.Dated(value.Last) || api.Dated(null.Last) {
		t.Error("there is no day")
	}
}

// A day of a term whose zone is none is one in UTC, never no deadline.
func TestADayInAnUnknownZone(t *testing.T) {
	read, _ := patched(t, `{"last":{"lastAdd":"2025-01-27","lastDrop":"2025-01-27T10:00:00Z"}}`)
	var d registrar.Deadlines
	api.PatchDeadlines(&d, read.Last, "Mars/North")
	if !d.LastAdd.Equal(time.Date(2025, 1, 27, 23, 59, 59, 999e6, time.UTC)) ||
		!d.LastDrop.Equal(time.Date(2025, 1, 27, 10, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", d)
	}
}

func TestListOf(t *testing.T) {
	next := ""
	list := func(path string) apitest.Answer {
		return apitest.Call(t, api.Define(api.Spec{ID: "things-list", Method: http.MethodGet, Path: "/v1/things"},
			func(ctx context.Context, in *struct {
				api.PageInput
				Name api.Line `query:"name"`
			}) (*api.List[string], error) {
				page := registrar.Page[int]{Next: next}
				for range in.Request().Limit {
					page.Items = append(page.Items, len(in.Request().Cursor))
				}
				return api.ListOf(ctx, page, func(n int) string { return strings.Repeat("x", n) }), nil
			}), apitest.Request{Method: http.MethodGet, Path: path})
	}
	a := list("/v1/things?limit=2&cursor=abc")
	apitest.Same(t, "the last page", a.Body, `{"items":["xxx","xxx"]}`)
	if a.Header.Get("Link") != "" {
		t.Errorf("the last page links to %s", a.Header.Get("Link"))
	}
	next = "a/b+c"
	a = list("/v1/things?name=%C5%A0&limit=1&cursor=old")
	apitest.Same(t, "a page", a.Body, `{"items":["xxx"],"next":"a/b+c"}`)
	if want := `<?cursor=a%2Fb%2Bc&limit=1&name=%C5%A0>; rel="next"`; a.Header.Get("Link") != want {
		t.Errorf("Link %s, want %s", a.Header.Get("Link"), want)
	}
	if n := strings.Count(list("/v1/things").Body, `""`); n != 50 {
		t.Errorf("%d records on a page by default", n)
	}
	for query, field := range map[string]string{"limit=0": "query.limit OUT_OF_RANGE",
		"limit=101": "query.limit OUT_OF_RANGE",
		"limit=1.5": "query.limit TYPE", "name=": "query.name REQUIRED", "limit=1&limit=2": "query.limit DUPLICATE",
		"name=a%00": "query.name FORMAT", "cursor=" + strings.Repeat("c", 4001): "query.cursor TOO_LONG"} {
		if a := list("/v1/things?" + query); a.Status < 400 || !slices.Equal(a.Fields, []string{field}) {
			t.Errorf("%s: %d %q, want %s", query, a.Status, a.Fields, field)
		}
	}
}
