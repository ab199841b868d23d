package audit_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"

	"example.com/registrar/functions/audit"
	"example.com/registrar/shared/api/apitest"
	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/consumer/cloudevents"
	"example.com/registrar/shared/reconcile"
	"example.com/registrar/shared/registrar"
)

// store has one event, and keeps what was asked for and what was written.
type store struct {
	filter registrar.EventFilter
	page   registrar.PageRequest
	kept   [][]string // ids, by call
	fails  string     // id of an event that cannot be written
	latest reconcile.Reconciliation
	found  []reconcile.Difference
	broken error
}

func (s *store) Events(
	_ context.Context, filter registrar.EventFilter, page registrar.PageRequest,
) (registrar.Page[registrar.Event], error) {
	s.filter, s.page = filter, page
	return registrar.Page[registrar.Event]{Next: "more", Items: []registrar.Event{{
		ID: "e", Type: registrar.RegistrationEnrolled, At: apitest.Now(), Actor: "ann", OnBehalfOf: "ben", Version: 4,
		Record: registrar.Record{Kind: registrar.KindSection, ID: "s"}, Student: "p", Request: "r", Correlation: "c",
		Facts: registrar.Facts{"crn": "12345"},
	}}}, nil
}

func (s *store) KeepRefused(_ context.Context, events []registrar.Event) error {
	var ids []string
	for _, e := range events {
		ids = append(ids, string(e.ID))
	}
	s.kept = append(s.kept, ids)
	if slices.Contains(ids, s.fails) {
		return errors.New("not now")
	}
	return nil
}

func (s *store) LatestReconciliation(context.Context) (reconcile.Reconciliation, error) {
	return s.latest, s.broken
}

func (s *store) Differences(
	_ context.Context, id reconcile.ReconciliationID, page registrar.PageRequest,
) (registrar.Page[reconcile.Difference], error) {
	s.page = page
	if id != s.latest.ID {
		return registrar.Page[reconcile.Difference]{}, errors.New("of another reconciliation")
	}
	return registrar.Page[reconcile.Difference]{Items: s.found, Next: "more"}, nil
}

func TestList(t *testing.T) {
	s := &store{}
	list := func(query string) apitest.Answer {
		return apitest.Call(t, audit.List(s), apitest.Request{Method: http.MethodGet, Path: "/v1/audit?" + query})
	}
	const day, late = "2026-11-24T09:00:00Z", "2026-12-25T09:00:00Z" // 31 days apart
	upper := "0198C0A4-2B6E-7C3D-9A41-5F0E2D7C8B11"
	from, to := apitest.Now(), apitest.Now().Add(31*24*time.Hour)
	for query, want := range map[string]registrar.EventFilter{
		"from=" + day + "&to=" + late: {From: from, To: to},
		"record=section/" + upper: {Record: registrar.Record{Kind: registrar.KindSection,
			ID: "0198c0a4-2b6e-7c3d-9a41-5f0e2d7c8b11"}},
		// is no UUID
		"record=import/0198C0A4": {Record: registrar.Record{Kind: registrar.KindImport, ID: "0198C0A4"}},
		"record=recipient/student:Ann&to=" + late: {Record: registrar.Record{Kind: registrar.KindRecipient,
			ID: "student:Ann"}, To: to},
		"student=" + upper + "&from=" + day: {Student: "0198c0a4-2b6e-7c3d-9a41-5f0e2d7c8b11", From: from},
	} {
		a := list(query + "&limit=7&cursor=c")
		if a.Status != http.StatusOK || s.filter != want || s.page != (registrar.PageRequest{Limit: 7, Cursor: "c"}) {
			t.Errorf("%s: %d, asked for %+v of %+v", query, a.Status, s.page, s.filter)
		}
		apitest.Same(t, query, a.Body, `{"items":[{"id":"e","type":"registration.enrolled","at":"2026-11-24T09:00:00Z",`+
			`"actor":"ann","onBehalfOf":"ben","record":"section/s","student":"p","version":4,"request":"r","correlation":"c",`+
			`"facts":{"crn":"12345"}}],"next":"more"}`)
	}
	for query, field := range map[string]string{
		"":                            "query.from REQUIRED",
		"from=" + day:                 "query.to REQUIRED",
		"to=" + day:                   "query.from REQUIRED",
		"from=" + day + "&to=" + day:  "query.to OUT_OF_RANGE",
		"from=" + late + "&to=" + day: "query.to OUT_OF_RANGE",
		"from=" + day + "&to=2026-12-25T09:00:01Z":     "query.to OUT_OF_RANGE",
		"record=section/s&student=" + upper:            "query.student DUPLICATE",
		"record=section/s&from=" + late + "&to=" + day: "query.to OUT_OF_RANGE",
		"record=room/1": "query.record FORMAT",
	} {
		if a := list(query); a.Status != http.StatusUnprocessableEntity || !slices.Equal(a.Fields, []string{field}) {
			t.Errorf("%q: %d %q, want %s", query, a.Status, a.Fields, field)
		}
	}
}

func TestDifferences(t *testing.T) {
	s := &store{}
	get := func() string {
		return apitest.Call(t, audit.Differences(s), apitest.Request{Method: http.MethodGet,
			Path: "/v1/audit/differences?limit=7&cursor=c"}).Body
	}
	apitest.Same(t, "before the first reconciliation", get(), `{"items":[],"next":"more"}`)
	s.latest = reconcile.Reconciliation{ID: "r", StartedAt: apitest.Now(), Differences: 2, Unsettled: 1,
		Checked: reconcile.Checked{Sections: 1, Courses: 2, Students: 3, Imports: 4}, Stamp: registrar.Stamp{Version: 1}}
	s.found = []reconcile.Difference{
		{Record: registrar.Record{Kind: registrar.KindSection, ID: "s"}, Count: reconcile.CountSeatsTaken, Kept: "12",
			Derived: "11"},
		{Record: registrar.Record{Kind: registrar.KindStudent, ID: "p"}, Count: reconcile.CountHoldings, Of: "s",
			Kept:    "none",
			Derived: "4 credits"},
	}
	const items = `"items":[{"record":"section/s","count":"seats.taken","kept":12,"derived":11},` +
		`{"record":"student/p","count":"termRecord.holdings","of":"s","kept":"none","derived":"4 credits"}],"next":"more"}`
	const head = `{"reconciliation":{"id":"r","startedAt":"2026-11-24T09:00:00Z",`
	const counts = `"checked":{"sections":1,"courses":2,"students":3,"imports":4},"differences":2,"unsettled":1},`
	apitest.Same(t, "while one goes on", get(), head+counts+items)
	s.latest.EndedAt = apitest.Now().Add(time.Hour)
	apitest.Same(t, "when it has ended", get(), head+`"endedAt":"2026-11-24T10:00:00Z",`+counts+items)
	if s.page != (registrar.PageRequest{Limit: 7, Cursor: "c"}) {
		t.Errorf("asked for %+v", s.page)
	}
	s.broken = errors.New("not now")
	apitest.Refused(t, "a store that fails", apitest.Call(t, audit.Differences(s), apitest.Request{Method: http.MethodGet,
		Path: "/v1/audit/differences"}), http.StatusInternalServerError, "INTERNAL")
}

// queue keeps the messages that were given up.
type queue struct{ dead []string }

func (q *queue) ChangeVisibility(context.Context, consumer.Message, time.Duration) error { return nil }
func (q *queue) SendToDeadLetters(_ context.Context, m consumer.Message, _ string) error {
	q.dead = append(q.dead, m.ID)
	return nil
}

// Refusals are written a batch at once. One that cannot be written stands in nobody's way, and what is no refusal is
// given up.
func TestRecorder(t *testing.T) {
	refused := func(id string) consumer.Message {
		e := registrar.RefusedEvent("enrol", "t", "s", "p", registrar.Anonymous(), apitest.Now(),
			registrar.Refusals{registrar.Full("s")}, func() string { return id })
		body, err := cloudevents.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return consumer.Message{ID: "m" + id, Body: body, Receives: 1}
	}
	done, err := cloudevents.Marshal(registrar.RecordEvent(registrar.KindTerm.Updated(),
		registrar.Record{Kind: registrar.KindTerm, ID: "t"}, 2, apitest.Now(), nil, func() string { return "e" }))
	if err != nil {
		t.Fatal(err)
	}
	s, q := &store{}, &queue{}
	h := audit.Recorder(consumer.Settings{Queue: q, Receives: 3, Clock: apitest.Now, NewID: func() string { return "t" },
		Log: slog.New(slog.DiscardHandler)}, s)
	if failed := h.HandleBatch(t.Context(), []consumer.Message{refused("1"), refused("2")}); len(failed) > 0 ||
		len(s.kept) != 1 || !slices.Equal(s.kept[0], []string{"1", "2"}) {
		t.Errorf("failed %v, kept %v", failed, s.kept)
	}
	s.fails = "2"
	failed := h.HandleBatch(t.Context(), []consumer.Message{refused("1"), refused("2"), refused("3")})
	if !slices.Equal(failed, []string{"m2"}) || len(q.dead) > 0 {
		t.Errorf("failed %v, dead %v", failed, q.dead)
	}
	h.HandleBatch(t.Context(), []consumer.Message{{ID: "done", Body: done, Receives: 1}, {ID: "text", Body: []byte("?"),
		Receives: 1}})
	if !slices.Equal(q.dead, []string{"done", "text"}) {
		t.Errorf("dead %v", q.dead)
	}
}
