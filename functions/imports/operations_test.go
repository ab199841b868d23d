package imports_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/registrar/functions/imports"
	"example.com/registrar/shared/api/apitest"
	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/schedule"
	"github.com/google/go-cmp/cmp"
)

// records has imports in memory, and keeps what was asked of it.
type records struct {
	made   intake.Import
	answer registrar.Answer
	filter intake.Filter
	page   registrar.PageRequest
	open   []intake.Import
	stale  registrar.ImportID // of an import that somebody works on after all
	saved  []intake.Import
	sent   []string
}

func (r *records) CreateImport(_ context.Context, im intake.Import, answer registrar.Answer) error {
	r.made, r.answer = im, answer
	return nil
}

func (r *records) Import(_ context.Context, id registrar.ImportID) (intake.Import, error) {
	if id != r.made.ID {
		return intake.Import{}, registrar.Refuse(registrar.NotFound, string(id), "there is no such import")
	}
	return r.made, nil
}

func (r *records) ImportProblems(
	_ context.Context, _ intake.Import, page registrar.PageRequest,
) (registrar.Page[intake.Problem], error) {
	r.page = page
	return registrar.Page[intake.Problem]{Items: []intake.Problem{{Row: 2, Field: "crn", Reason: "is none",
		Refused: true}},
		Next: "more"}, nil
}

func (r *records) ImportChanges(
	_ context.Context, _ intake.Import, page registrar.PageRequest,
) (registrar.Page[intake.Change], error) {
	r.page = page
	return registrar.Page[intake.Change]{Items: []intake.Change{
		{Row: 2, Record: "student", Effect: intake.EffectUpdated, Fields: []string{"email"}},
		{Row: 3, Record: "student", Effect: intake.EffectCreated},
	}}, nil
}

func (r *records) NewestImports(
	_ context.Context, filter intake.Filter, page registrar.PageRequest,
) (registrar.Page[intake.Import], error) {
	r.filter, r.page = filter, page
	return registrar.Page[intake.Import]{Items: []intake.Import{r.made}, Next: "more"}, nil
}

func (r *records) Imports(
	_ context.Context, ended bool, page registrar.PageRequest,
) (registrar.Page[intake.Import], error) {
	if ended {
		return registrar.Page[intake.Import]{}, errors.New("those that have ended need no sweeping")
	}
	if page.Cursor == "" { // a page of one, and the rest
		return registrar.Page[intake.Import]{Items: r.open[:1], Next: "rest"}, nil
	}
	return registrar.Page[intake.Import]{Items: r.open[1:]}, nil
}

func (r *records) SaveImport(_ context.Context, im intake.Import, _ intake.Report) error {
	if im.ID == r.stale {
		return registrar.ErrVersionMismatch
	}
	r.saved = append(r.saved, im)
	return nil
}

func (r *records) Send(_ context.Context, body []byte) error {
	r.sent = append(r.sent, string(body))
	return nil
}

func (r *records) Job(_ context.Context, name string) (schedule.Job, error) {
	return schedule.Job{Name: name}, nil
}
func (r *records) SaveJob(context.Context, schedule.Job) error { return nil }

const term = "00000000-0000-7000-8000-0000000000a1"

func TestCreate(t *testing.T) {
	now, percent := apitest.Now(), 5
	r := &records{}
	create := func(body string) apitest.Answer {
		return apitest.Call(t, imports.Create(r, signer{&now}, apitest.System()), apitest.Request{Method: http.MethodPost,
			Path: "/v1/imports", Body: body, Header: map[string]string{"Idempotency-Key": "k"}})
	}
	made := func(im intake.Import) intake.Import {
		im.ID, im.State, im.Stamp = registrar.ImportID(apitest.ID(1)), intake.Waiting, registrar.Stamp{}.Next(now)
		return im
	}
	for body, want := range map[string]intake.Import{
		`{"kind":"sections","term":"` + term + `"}`: {Kind: "sections", Term: term, Format: "yacs-csv"},
		`{"kind":"sections","term":"` + term + `","complete":true}`: {Kind: "sections", Term: term, Format: "yacs-csv",
			Complete: true},
		`{"kind":"sections","term":"` + term + `","format":"yacs-csv"}`: {Kind: "sections", Term: term, Format: "yacs-csv"},
		`{"kind":"registrations","term":"` + term + `","dryRun":true}`: {Kind: "registrations", Term: term,
			Format: "registrations-csv", DryRun: true},
		`{"kind":"students","notify":"Ann@example.edu"}`: {Kind: "students", Format: "people-csv",
			Notify: "Ann@example.edu"},
		`{"kind":"instructors","maxRefusedPercent":5}`: {Kind: "instructors", Format: "people-csv",
			MaxRefusedPercent: &percent},
	} {
		a := create(body)
		if a.Status != http.StatusCreated || a.Header.Get("Location") != "imports/"+apitest.ID(1) ||
			a.Header.Get("ETag") != `W/"1"` || r.answer.Key.Key != "k" {
			t.Errorf("%s: %d %v", body, a.Status, a.Header)
		}
		if d := cmp.Diff(made(want), r.made); d != "" {
			t.Errorf("%s (-want +got):\n%s", body, d)
		}
		// the address is a secret, and is not kept with the answer
		if !strings.Contains(a.Body, "https://bucket.example/imports/") || strings.Contains(string(r.answer.Reply),
			"bucket.example") {
			t.Errorf("%s: answered %s, kept %s", body, a.Body, r.answer.Reply)
		}
	}
	r.made = intake.Import{}
	for body, field := range map[string]string{
		`{"kind":"sections"}`:                         "body.term REQUIRED",
		`{"kind":"registrations"}`:                    "body.term REQUIRED",
		`{"kind":"students","term":"` + term + `"}`:   "body.term FORMAT",
		`{"kind":"students","format":"yacs-csv"}`:     "body.format FORMAT",
		`{"kind":"students","complete":true}`:         "body.complete FORMAT",
		`{"kind":"students","notify":"ann"}`:          "body.notify FORMAT",
		`{"kind":"rooms"}`:                            "body.kind NOT_ONE_OF",
		`{"kind":"students","maxRefusedPercent":101}`: "body.maxRefusedPercent OUT_OF_RANGE",
	} {
		if a := create(body); a.Status != http.StatusUnprocessableEntity || !slices.Equal(a.Fields, []string{field}) {
			t.Errorf("%s: %d %q, want %s", body, a.Status, a.Fields, field)
		}
	}
	if r.made.ID != "" {
		t.Errorf("stored %+v", r.made)
	}
}

func TestGetAndList(t *testing.T) {
	percent := 5
	r := &records{made: intake.Import{ID: registrar.ImportID(apitest.ID(1)), Kind: intake.KindStudents,
		Format:   "people-csv",
		Complete: true, DryRun: true, MaxRefusedPercent: &percent, Notify: "ann@example.edu", State: intake.Failed,
		Reason: "why",
		Rows:   intake.Rows{Read: 10, Applied: 7, Refused: 2, Skipped: 1}, Changed: intake.Changes{Created: 1, Updated: 2,
			Unchanged: 4},
		StartedAt: apitest.Now(), EndedAt: apitest.Now().Add(time.Minute), Stamp: registrar.Stamp{}.Next(apitest.Now())}}
	one := "/v1/imports/" + apitest.ID(1)
	get := func(path string) apitest.Answer {
		return apitest.Call(t, imports.Get(r), apitest.Request{Method: http.MethodGet, Path: path})
	}
	shown := `{"id":"` + apitest.ID(1) + `","kind":"students","format":"people-csv","complete":true,"dryRun":true,` +
		`"maxRefusedPercent":5,"notify":"ann@example.edu","state":"FAILED","reason":"why",` +
		`"rows":{"read":10,"applied":7,"refused":2,"skipped":1},"changed":{"created":1,"updated":2,"unchanged":4},` +
		`"startedAt":"2026-11-24T09:00:00Z","endedAt":"2026-11-24T09:01:00Z",` +
		`"createdAt":"2026-11-24T09:00:00Z","updatedAt":"2026-11-24T09:00:00Z"`
	a := get(one + "?limit=7&cursor=c")
	apitest.Same(t, "with problems", a.Body,
		shown+`,"problems":[{"row":2,"field":"crn","reason":"is none","refused":true}],`+
			`"changes":[],"next":"more"}`)
	if a.Header.Get("ETag") != `W/"1"` || a.Header.Get("Link") != `<?cursor=more&limit=7>; rel="next"` ||
		r.page != (registrar.PageRequest{Limit: 7, Cursor: "c"}) {
		t.Errorf("%v, asked for %+v", a.Header, r.page)
	}
	apitest.Same(t, "with changes", get(one+"?show=changes").Body, shown+`,"problems":[],"changes":[`+
		`{"row":2,"record":"student","effect":"updated","fields":["email"]},`+
		`{"row":3,"record":"student","effect":"created","fields":[]}]}`)
	apitest.Refused(t, "another import", get("/v1/imports/"+apitest.ID(2)), http.StatusNotFound, "NOT_FOUND")
	list := apitest.Call(t, imports.List(r), apitest.Request{Method: http.MethodGet,
		Path: "/v1/imports?state=failed&kind=students&term=" + term + "&limit=7&cursor=c"})
	apitest.Same(t, "imports", list.Body, `{"items":[`+shown+`}],"next":"more"}`)
	if r.filter != (intake.Filter{State: intake.Failed, Kind: intake.KindStudents, Term: term}) ||
		r.page != (registrar.PageRequest{Limit: 7, Cursor: "c"}) {
		t.Errorf("asked for %+v of %+v", r.page, r.filter)
	}
}

// What stands still is ended or announced again; what somebody works on after all is left alone.
func TestSweep(t *testing.T) {
	long := apitest.Now().Add(-48 * time.Hour)
	of := func(id string, state intake.State, since time.Time) intake.Import {
		return intake.Import{ID: registrar.ImportID(id), State: state, Stamp: registrar.Stamp{}.Next(since)}
	}
	r := &records{stale: "busy", open: []intake.Import{
		of("never uploaded", intake.Waiting, long), of("killed", intake.Running, long), of("busy", intake.Running, long),
		of("new", intake.Waiting, apitest.Now()), of("at work", intake.Running, apitest.Now()),
	}}
	expression, err := schedule.Parse("rate(15 minutes)")
	if err != nil {
		t.Fatal(err)
	}
	sweep := imports.Sweep(schedule.Settings{Name: "imports-sweep", Expression: expression, Registry: r,
		Clock: apitest.Now,
		NewID: func() string { return "t" }, Log: slog.New(slog.DiscardHandler)}, r, r)
	if err := sweep(t.Context(), apitest.Now()); err != nil {
		t.Fatal(err)
	}
	var saved []string
	for _, im := range r.saved {
		saved = append(saved, string(im.ID)+" "+string(im.State))
	}
	if !slices.Equal(saved, []string{"never uploaded FAILED", "killed RUNNING"}) {
		t.Errorf("saved %q", saved)
	}
	if !slices.Equal(r.sent, []string{`{"Records":[{"s3":{"object":{"key":"imports%2Fkilled"}}}]}`}) {
		t.Errorf("announced %q", r.sent)
	}
}
