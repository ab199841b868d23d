package cloud_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/faults"
	"example.com/registrar/infra/local/ses"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/registrartest"
)

// TestMailUnderFaults lets messages come twice and late, SES throttle, fail and lose its replies, and workers die,
// while forty students enrol and half of them drop. In the end each event has at most one mail, and what nobody knows
// of lies open for an operator, who sends it again.
func TestMailUnderFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const students = 40
		m := &mailing{T: t}
		m.open("")
		u := registrartest.New(t, m.cloud.Store)
		section := u.NewSection(u.NewTerm("T"), u.NewCourse("MAIL", "1", "X"), "1", students)
		var ids []registrar.StudentID
		for n := range students {
			p := registrar.Student{
				ID: registrar.StudentID(u.NewID()), Number: registrar.Personal(fmt.Sprint("S", n)), GivenName: "G", FamilyName: "F",
				Active: true,
				Email:  registrar.Personal(fmt.Sprintf("s%d@example.edu", n)), Stamp: registrar.Stamp{}.Next(time.Now()),
			}
			if err := u.CreateStudent(t.Context(), p, registrar.Answer{}); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, p.ID)
		}

		injector := m.open("sqs duplicate=30% delay=..3s; ses throttle=30%,lost-reply=15%,error=10%; " +
			"lambda:notifications-send kill=10%; " +
			"dynamodb:TransactWriteItems conflict=10%,lost-reply=5%")
		running, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- m.cloud.Run(running) }()
		path := "/v1/sections/" + string(section.ID) + "/registrations"
		for n, id := range ids {
			m.insist(http.MethodPost, path, map[string]any{"student": id})
			if n%2 == 0 {
				m.insist(http.MethodDelete, path+"/"+string(id), nil)
			}
		}
		time.Sleep(time.Hour) // messages of workers that died come back

		events := m.events(ids)
		open := m.audit(events)
		if len(events) != students*3/2 || len(open) < 3 || len(open) > students {
			t.Errorf("%d events, %d mails are open: %v", len(events), len(open), injector.Counts())
		}
		if injector.Counts()["ses:SendEmail lost-reply"] == 0 {
			t.Errorf("no reply was lost: %v", injector.Counts())
		}
		for round := 0; len(open) > 0 && round < 10; round++ { // what is lost again is settled again
			for _, mail := range open {
				m.insist(http.MethodPost, "/v1/mails/"+mail+"/resolution", map[string]any{"as": "send-again"})
			}
			time.Sleep(30 * time.Minute)
			open = m.audit(nil)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		sent := m.sent()
		for _, e := range events {
			if sent[string(e.ID)] == 0 {
				t.Errorf("event %s %s was told nobody, though operators insisted", e.Type, e.ID)
			}
		}
		if left := m.audit(nil); len(left) > 0 {
			t.Errorf("still open: %v", left)
		}
	})
}

// mailing is a local cloud in a bubble, as this test sees it.
type mailing struct {
	*testing.T
	cloud   *cloud.Cloud
	engines cloud.Engines
	key     int
}

// open makes a cloud over the engines that stand.
func (m *mailing) open(notation string) *faults.Injector {
	m.Helper()
	rules, err := faults.Parse(notation)
	if err != nil {
		m.Fatal(err)
	}
	const seed = 5
	injector := faults.New(rules, seed, slog.New(slog.DiscardHandler))
	if m.cloud, err = cloud.Open(m.Context(), cloud.Options{
		Log: slog.New(slog.DiscardHandler), System: api.RealSystem(), SQSAddress: "http://sqs.local",
		S3Address:  "http://s3.local",
		APIAddress: "http://api.local", SESAddress: "http://mailbox.local", Engines: m.engines, Faults: injector,
		Unthrottled: true,
	}); err != nil {
		m.Fatal(err)
	}
	m.engines = m.cloud.Engines
	return injector
}

// insist sends a change until it is answered for certain; its key keeps it from being made twice.
func (m *mailing) insist(method, path string, in map[string]any) {
	m.Helper()
	m.key++
	body, err := json.Marshal(in)
	if err != nil {
		m.Fatal(err)
	}
	for range 50 {
		r := httptest.NewRequestWithContext(m.Context(), method, path, bytes.NewReader(body))
		r.Header.Set("Idempotency-Key", fmt.Sprint("k", m.key))
		if in != nil {
			r.Header.Set("Content-Type", "application/json")
		} else {
			r.Body, r.ContentLength = http.NoBody, 0
		}
		w := httptest.NewRecorder()
		if m.cloud.API.ServeHTTP(w, r); w.Code < http.StatusMultipleChoices {
			return
		} else if w.Code < http.StatusInternalServerError {
			m.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
		time.Sleep(time.Second)
	}
	m.Fatalf("%s %s was never answered", method, path)
}

// events are those of the students' registrations.
func (m *mailing) events(ids []registrar.StudentID) []registrar.Event {
	m.Helper()
	var all []registrar.Event
	for _, id := range ids {
		for _, e := range registrartest.All(m.T, registrar.MaxPage,
			func(p registrar.PageRequest) (registrar.Page[registrar.Event], error) {
				return m.cloud.Store.Events(m.Context(), registrar.EventFilter{Student: id}, p)
			}) {
			if e.Type == registrar.RegistrationEnrolled || e.Type == registrar.RegistrationDropped {
				all = append(all, e)
			}
		}
	}
	return all
}

// sent counts the mails that SES took, by event.
func (m *mailing) sent() map[string]int {
	m.Helper()
	engine, ok := m.engines.SES.(*ses.Engine)
	if !ok {
		m.Fatalf("the mail service is %T", m.engines.SES)
	}
	count := map[string]int{}
	for _, sent := range engine.Sent() {
		for _, tag := range sent.Tags {
			if tag.Name == "event" {
				count[tag.Value]++
			}
		}
	}
	return count
}

// audit holds the mails of events to their records, and gives the ids of the open ones.
func (m *mailing) audit(events []registrar.Event) (open []string) {
	m.Helper()
	sent := m.sent()
	for _, e := range events {
		kind := mail.RegistrationMade
		if e.Type == registrar.RegistrationDropped {
			kind = mail.RegistrationDropped
		}
		record, err := m.cloud.Store.Mail(m.Context(), mail.Of(e.ID, mail.OfStudent(e.Student), kind).ID,
			registrar.IdempotencyKey{})
		if err != nil {
			m.Errorf("event %s: %v", e.ID, err)
			continue
		}
		switch n := sent[string(e.ID)]; {
		case n > 1:
			m.Errorf("event %s was told %d times", e.ID, n)
		case record.State == mail.Sent && n == 1, record.StateAt(time.Now()) == mail.Unknown:
		default:
			m.Errorf("event %s was told %d times, and its mail is %s", e.ID, n, record.State)
		}
	}
	for _, found := range registrartest.All(m.T, registrar.MaxPage,
		func(p registrar.PageRequest) (registrar.Page[mail.Mail], error) {
			return m.cloud.Store.OpenMails(m.Context(), mail.Unknown, time.Now(), p)
		}) {
		open = append(open, string(found.ID))
	}
	return open
}
