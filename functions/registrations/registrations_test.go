package registrations_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/registrar/functions/registrations"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/api/apitest"
	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/consumer/cloudevents"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/telemetry/request"
)

const sectionID, studentID, termID = "00000000-0000-7000-8000-0000000000a1", "00000000-0000-7000-8000-0000000000a2",
	"00000000-0000-7000-8000-0000000000a3"

// store answers with its facts, and keeps what is committed. It is its own audit.
type store struct {
	facts     registrar.EnrolFacts
	committed []registrar.RegistrationChange
	answer    registrar.Answer
	err       error // of a commit
	refused   []registrar.Event
	asked     []string
}

func (s *store) RegistrationFacts(
	_ context.Context, _ registrar.SectionID, _ registrar.StudentID, key registrar.IdempotencyKey,
) (registrar.EnrolFacts, error) {
	if key.Key == "used" {
		return registrar.EnrolFacts{}, &registrar.AnsweredBefore{
			Reply: []byte(`{"ETag":"\"9\"","Location":"registrations/x",` +
				`"Body":{"crn":"first"}}`)}
	}
	return s.facts, nil
}

func (s *store) EnrolmentFacts(
	ctx context.Context, section registrar.SectionID, student registrar.StudentID, key registrar.IdempotencyKey,
) (registrar.EnrolFacts, error) {
	return s.RegistrationFacts(ctx, section, student, key)
}

func (s *store) CommitRegistration(_ context.Context, c registrar.RegistrationChange, answer registrar.Answer) error {
	s.committed, s.answer = append(s.committed, c), answer
	return s.err
}

func (s *store) Refused(_ context.Context, e registrar.Event) error {
	s.refused = append(s.refused, e)
	return nil
}

// facts of an open section with one seat, whose last day to add ends at nine.
func facts() registrar.EnrolFacts {
	stamp := registrar.Stamp{Version: 3}
	return registrar.EnrolFacts{
		Term: registrar.Term{ID: termID, Start: "2026-12-01", End: "2027-05-10", TimeZone: "UTC", Stamp: stamp,
			Registration: registrar.Window{Open: apitest.Now().Add(-time.Hour)}},
		Section: registrar.Section{ID: sectionID, Term: termID, Course: "c", CRN: "12345", Status: registrar.SectionOpen,
			Capacity: 1, Credits: registrar.CreditRange{Min: 100, Max: 400}, Stamp: stamp,
			Deadlines: registrar.Deadlines{LastAdd: apitest.Now().Add(-time.Nanosecond),
				LastDrop: apitest.Now().Add(-time.Nanosecond)}},
		Seats: registrar.Seats{Capacity: 1, Free: 1, Status: registrar.SectionOpen, SectionVersion: 3},
		Student: registrar.Student{ID: studentID, Number: "U1", FamilyName: "Hopper", GivenName: "Grace", Active: true,
			Stamp: stamp},
		Record: registrar.TermRecord{Student: studentID, Term: termID, Version: 1},
	}
}

func enrolled() registrar.Registration {
	return registrar.Registration{Section: sectionID, Student: studentID, Term: termID, Course: "c", CRN: "12345",
		StudentName: "Hopper, Grace", State: registrar.Enrolled, Attempt: 1, Credits: 250,
		EnrolledAt: apitest.Now().Add(-time.Hour), Stamp: registrar.Stamp{}.Next(apitest.Now())}
}

func shown(state, dropped string) string {
	return `{"section":"` + sectionID + `","student":"` + studentID + `","term":"` + termID + `","course":"c",` +
		`"crn":"12345","name":"Hopper, Grace","state":"` + state + `","attempt":1,"credits":2.5,` +
		`"enrolledAt":"2026-11-24T08:00:00Z",` + dropped +
		`"createdAt":"2026-11-24T09:00:00Z","updatedAt":"2026-11-24T09:00:00Z"}`
}

// send sends a request that the gateway received some time ago; 0: of which that is not known.
func send(o api.Operation, method, path, body, key string, ago time.Duration) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	if ago != 0 {
		r = r.WithContext(request.With(r.Context(), request.Info{ReceivedAt: apitest.Now().Add(-ago)}))
	}
	w := httptest.NewRecorder()
	api.Handler(slog.New(slog.DiscardHandler), o).ServeHTTP(w, r)
	return w
}

const list, one = "/v1/sections/" + sectionID + "/registrations", "/v1/sections/" + sectionID + "/registrations/" +
	studentID

// Deadlines are decided on when the gateway received the request, not on when the function came to run.
func TestCreate(t *testing.T) {
	for what, c := range map[string]struct {
		body, key, code string
		ago             time.Duration
		credits         registrar.Credits
	}{
		"in time": {body: `{"student":"` + studentID + `"}`, ago: time.Minute, credits: 100},
		"for so many credits": {body: `{"student":"` + studentID + `","credits":2.5}`, key: "k", ago: time.Minute,
			credits: 250},
		"for too many credits": {body: `{"student":"` + studentID + `","credits":5}`, ago: time.Minute,
			code: "INVALID"},
		"late":                        {body: `{"student":"` + studentID + `"}`, code: "DEADLINE_PASSED"},
		"with a key that is answered": {body: `{"student":"` + studentID + `"}`, key: "used", ago: time.Minute},
	} {
		s := &store{facts: facts()}
		w := send(registrations.Create(s, s, apitest.System()), http.MethodPost, list, c.body, c.key, c.ago)
		switch {
		case c.code != "":
			if !strings.Contains(w.Body.String(), c.code) || len(s.committed) != 0 {
				t.Errorf("%s: %d %s", what, w.Code, w.Body)
			}
			if told := c.code != "INVALID"; told != (len(s.refused) == 1) {
				t.Errorf("%s: the audit has %+v", what, s.refused)
			}
		case c.key == "used":
			if w.Code != http.StatusCreated || w.Header().Get("ETag") != `"9"` || len(s.committed) != 0 {
				t.Errorf("%s: %d %s", what, w.Code, w.Body)
			}
		default:
			if w.Code != http.StatusCreated || w.Header().Get("Location") != "registrations/"+studentID ||
				w.Header().Get("ETag") != `"1"` || len(s.committed) != 1 {
				t.Fatalf("%s: %d %v %s", what, w.Code, w.Header(), w.Body)
			}
			made := s.committed[0].Registration
			if made.Credits != c.credits || !made.EnrolledAt.Equal(apitest.Now().Add(-c.ago)) || s.answer.Key.Key != c.key ||
				(c.key != "") != (len(s.answer.Reply) > 0) {
				t.Errorf("%s: %+v, answer %+v", what, made, s.answer)
			}
		}
	}
}

func TestDrop(t *testing.T) {
	for what, c := range map[string]struct {
		key, code string
		ago       time.Duration
	}{
		"in time": {key: "k", ago: time.Minute}, "late": {code: "DEADLINE_PASSED"}, "again": {key: "used", ago: time.Minute},
	} {
		s := &store{facts: facts()}
		s.facts.Registration = enrolled()
		s.facts.Record.Holdings = []registrar.Holding{registrar.HoldingOf(s.facts.Section, 250)}
		w := send(registrations.Drop(s, s, apitest.System()), http.MethodDelete, one, "", c.key, c.ago)
		switch {
		case c.code != "":
			if w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), c.code) || len(s.refused) != 1 {
				t.Errorf("%s: %d %s", what, w.Code, w.Body)
			}
		case c.key == "used":
			if w.Code != http.StatusOK || w.Header().Get("ETag") != `"9"` || len(s.committed) != 0 {
				t.Errorf("%s: %d %s", what, w.Code, w.Body)
			}
		default:
			if w.Code != http.StatusOK || w.Header().Get("ETag") != `"2"` || len(s.committed) != 1 ||
				s.committed[0].Registration.State != registrar.Dropped || s.answer.Key.Key != "k" {
				t.Errorf("%s: %d %s", what, w.Code, w.Body)
			}
		}
	}
}

// reads has one registration, and one that was dropped.
type reads struct {
	page    registrar.PageRequest
	student error
}

func (r *reads) Registration(
	_ context.Context, section registrar.SectionID, student registrar.StudentID,
) (registrar.Registration, error) {
	if section != sectionID || student != studentID {
		return registrar.Registration{}, registrar.Refuse(registrar.NotFound, "", "there is none")
	}
	return enrolled(), nil
}

func (r *reads) Roster(
	_ context.Context, _ registrar.SectionID, page registrar.PageRequest,
) (registrar.Page[registrar.Registration], error) {
	r.page = page
	return registrar.Page[registrar.Registration]{Items: []registrar.Registration{enrolled()}, Next: "more"}, nil
}

func (r *reads) Student(context.Context, registrar.StudentID) (registrar.Student, error) {
	return registrar.Student{}, r.student
}

func (r *reads) Schedule(context.Context, registrar.StudentID, registrar.TermID) ([]registrar.Registration, error) {
	dropped := enrolled()
	dropped.State, dropped.DroppedAt = registrar.Dropped, apitest.Now()
	return []registrar.Registration{enrolled(), dropped}, nil
}

func TestReads(t *testing.T) {
	r := &reads{}
	get := func(o api.Operation, path string) apitest.Answer {
		return apitest.Call(t, o, apitest.Request{Method: http.MethodGet, Path: path})
	}
	got := get(registrations.Get(r), one)
	apitest.Same(t, "a registration", got.Body, shown("ENROLLED", ""))
	if got.Header.Get("ETag") != `"1"` {
		t.Errorf("ETag %s", got.Header.Get("ETag"))
	}
	apitest.Refused(t, "another registration", get(registrations.Get(r), "/v1/sections/"+studentID+"/registrations/"+
		studentID),
		http.StatusNotFound, "NOT_FOUND")
	apitest.Same(t, "a roster", get(registrations.Roster(r), list+"?limit=7&cursor=c").Body,
		`{"items":[`+shown("ENROLLED", "")+`],"next":"more"}`)
	if r.page != (registrar.PageRequest{Limit: 7, Cursor: "c"}) {
		t.Errorf("asked for %+v", r.page)
	}
	schedule := "/v1/students/" + studentID + "/terms/" + termID + "/registrations"
	// the credits of what was dropped do not count
	apitest.Same(t, "a schedule", get(registrations.Schedule(r), schedule).Body, `{"student":"`+studentID+`","term":"`+
		termID+`","credits":2.5,"items":[`+shown("ENROLLED", "")+`,`+shown("DROPPED", `"droppedAt":"2026-11-24T09:00:00Z",`)+
		`]}`)
	r.student = registrar.Refuse(registrar.NotFound, studentID, "there is no such student")
	apitest.Refused(t, "nobody's schedule", get(registrations.Schedule(r), schedule), http.StatusNotFound, "NOT_FOUND")
}

func (s *store) SaveCopies(_ context.Context, c registrar.Copies) error {
	s.asked = append(s.asked, "copies of "+string(c.Registration.Student)+" in "+string(c.Registration.Section))
	return s.err
}

func (s *store) CourseTerms(_ context.Context, c registrar.CourseID) ([]registrar.TermID, error) {
	s.asked = append(s.asked, "terms of "+string(c))
	return []registrar.TermID{"t1", "t2"}, nil
}

func (s *store) Sections(
	_ context.Context, f registrar.SectionFilter, page registrar.PageRequest,
) (registrar.Page[registrar.SectionView], error) {
	s.asked = append(s.asked, "sections of "+string(f.Course)+" in "+string(f.Term)+" from "+page.Cursor)
	found := registrar.SectionView{Section: registrar.Section{ID: registrar.SectionID("s-" + f.Term)}}
	return registrar.Page[registrar.SectionView]{Items: []registrar.SectionView{found},
		Next: map[string]string{"": "2"}[page.Cursor]}, nil
}

func (s *store) Roster(
	_ context.Context, section registrar.SectionID, page registrar.PageRequest,
) (registrar.Page[registrar.Registration], error) {
	if section == "gone" {
		return registrar.Page[registrar.Registration]{}, registrar.Refuse(registrar.NotFound, "gone", "it is gone")
	}
	s.asked = append(s.asked, "roster of "+string(section)+" from "+page.Cursor)
	return registrar.Page[registrar.Registration]{Items: []registrar.Registration{enrolled()},
		Next: map[string]string{"": "2"}[page.Cursor]}, nil
}

func (s *store) Registrations(_ context.Context, student registrar.StudentID) ([]registrar.Registration, error) {
	s.asked = append(s.asked, "registrations of "+string(student))
	return []registrar.Registration{enrolled()}, nil
}

func (s *store) Course(_ context.Context, id registrar.CourseID) (registrar.Course, error) {
	return registrar.Course{ID: id, Title: "New"}, nil
}

func (s *store) Section(_ context.Context, id registrar.SectionID) (registrar.SectionView, error) {
	return registrar.SectionView{Section: registrar.Section{ID: id, Course: "c", Title: "Old", TitleFollows: true}}, nil
}

func (s *store) SaveTitle(_ context.Context, _, after registrar.Section, _ registrar.Course) error {
	s.asked = append(s.asked, "title of "+string(after.ID)+": "+after.Title)
	return s.err
}

// queue keeps what was given up.
type queue struct{ dead int }

func (q *queue) ChangeVisibility(context.Context, consumer.Message, time.Duration) error { return nil }
func (q *queue) SendToDeadLetters(context.Context, consumer.Message, string) error {
	q.dead++
	return nil
}

// An event leads to all copies of what changed, page by page, and to nothing when nothing changed that is copied.
func TestRefresh(t *testing.T) {
	changed := func(kind registrar.Kind, id string, fields ...string) registrar.Event {
		e := registrar.RecordEvent(kind.Updated(), registrar.Record{Kind: kind, ID: id}, 2, apitest.Now(), fields,
			func() string { return "e" })
		e.Actor = "anonymous"
		return e
	}
	copies := "copies of " + studentID + " in " + sectionID
	for what, c := range map[string]struct {
		event registrar.Event
		asked []string
	}{
		"a section moved": {changed(registrar.KindSection, "s", "capacity", "meetings"),
			[]string{"roster of s from ", copies, "roster of s from 2", copies}},
		"a section with a new CRN": {changed(registrar.KindSection, "s", "crn"), []string{"roster of s from ", copies,
			"roster of s from 2", copies}},
		"a larger section":       {changed(registrar.KindSection, "s", "capacity"), nil},
		"a section that is gone": {changed(registrar.KindSection, "gone", "crn"), nil},
		"a course with a new title": {changed(registrar.KindCourse, "c", "title"),
			[]string{"terms of c", "sections of c in t1 from ",
				"title of s-t1: New", "sections of c in t1 from 2", "title of s-t1: New", "sections of c in t2 from ",
				"title of s-t2: New", "sections of c in t2 from 2", "title of s-t2: New"}},
		"a course with a new school": {changed(registrar.KindCourse, "c", "school"), nil},
		"a student with a new name": {changed(registrar.KindStudent, "p", "familyName"), []string{"registrations of p",
			copies}},
		"a student with a new address": {changed(registrar.KindStudent, "p", "email"), nil},
	} {
		body, err := cloudevents.Marshal(c.event)
		if err != nil {
			t.Fatal(err)
		}
		s, q := &store{facts: facts()}, &queue{}
		s.facts.Registration = enrolled()
		s.facts.Registration.CRN = "old" // so that there is something to refresh
		h := registrations.Refresh(consumer.Settings{Queue: q, Receives: 3, Clock: apitest.Now,
			NewID: func() string { return "t" }, Log: slog.New(slog.DiscardHandler)}, s)
		if failed := h.HandleBatch(t.Context(), []consumer.Message{{ID: "m", Body: body, Receives: 1}}); len(
			failed) > 0 || q.dead > 0 {
			t.Errorf("%s: failed %v, %d dead", what, failed, q.dead)
		}
		if !slices.Equal(s.asked, c.asked) {
			t.Errorf("%s: asked for %q, want %q", what, s.asked, c.asked)
		}
		s.err = errors.New("not now")
		if len(c.asked) > 0 {
			if failed := h.HandleBatch(t.Context(), []consumer.Message{{ID: "m", Body: body, Receives: 1}}); len(failed) != 1 {
				t.Errorf("%s: a failure does not come back", what)
			}
		}
	}
}
