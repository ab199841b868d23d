package mails_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"example.com/registrar/functions/mails"
	"example.com/registrar/shared/api/apitest"
	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/registrar"
)

// store has one mail.
type store struct {
	mail     mail.Mail
	stale    int // how often the mail changes before a resolution is written
	resolved mail.Mail
	event    registrar.Event
	answer   registrar.Answer
	state    mail.State
	at       time.Time
	page     registrar.PageRequest
}

func (s *store) OpenMails(
	_ context.Context, state mail.State, at time.Time, page registrar.PageRequest,
) (registrar.Page[mail.Mail], error) {
	s.state, s.at, s.page = state, at, page
	return registrar.Page[mail.Mail]{Items: []mail.Mail{s.mail}, Next: "more"}, nil
}

func (s *store) Mail(_ context.Context, id mail.ID, key registrar.IdempotencyKey) (mail.Mail, error) {
	if key.Key == "used" {
		return mail.Mail{}, &registrar.AnsweredBefore{Reply: []byte(`{"ETag":"\"9\"","Body":{"id":"first"}}`)}
	}
	if id != s.mail.ID {
		return mail.Mail{}, registrar.Refuse(registrar.NotFound, string(id), "there is no such mail")
	}
	return s.mail, nil
}

func (s *store) ResolveMail(_ context.Context, m mail.Mail, e registrar.Event, answer registrar.Answer) error {
	if s.stale > 0 {
		s.stale--
		s.mail.Version++
		return registrar.ErrStale
	}
	s.resolved, s.event, s.answer = m, e, answer
	return nil
}

// claimed is a mail whose claim ends at nine.
func claimed() mail.Mail {
	return mail.Mail{
		ID: mail.ID(apitest.ID(7)), Kind: mail.RegistrationMade, Recipient: mail.OfStudent("p"), Event: "e", Section: "s",
		At: apitest.Now().Add(-time.Hour), State: mail.Claimed, Claims: 1, ClaimEnds: apitest.Now(),
		Stamp: registrar.Stamp{}.Next(apitest.Now()),
	}
}

const about = `"kind":"registration-made","event":"e","student":"p","section":"s","at":"2026-11-24T08:00:00Z",` +
	`"claims":1,` +
	`"createdAt":"2026-11-24T09:00:00Z","updatedAt":"2026-11-24T09:00:00Z"`

func TestList(t *testing.T) {
	s := &store{mail: claimed()}
	list := func(query string) apitest.Answer {
		return apitest.Call(t, mails.List(s, apitest.System()), apitest.Request{Method: http.MethodGet, Path: "/v1/mails?" +
			query})
	}
	a := list("limit=7&cursor=c")
	apitest.Same(t, "a claim that is over", a.Body, `{"items":[{"id":"`+apitest.ID(7)+`","state":"UNKNOWN",`+
		`"reason":"whoever claimed it ended without a word",`+about+`}],"next":"more"}`)
	if s.state != mail.Unknown || !s.at.Equal(apitest.Now()) || s.page != (registrar.PageRequest{Limit: 7, Cursor: "c"}) {
		t.Errorf("asked for %s at %v, %+v", s.state, s.at, s.page)
	}
	s.mail.ClaimEnds = apitest.Now().Add(time.Second)
	apitest.Same(t, "a claim that lasts", list("").Body, `{"items":[{"id":"`+apitest.ID(7)+`","state":"CLAIMED",`+about+
		`}],"next":"more"}`)
	s.mail.State, s.mail.Reason, s.mail.Recipient = mail.Refused, "MessageRejected", mail.OfAddress("a@example.edu")
	s.mail.Section, s.mail.Import = "", "i"
	apitest.Same(t, "of an import", list("state=refused").Body, `{"items":[{"id":"`+apitest.ID(7)+`","state":"REFUSED",`+
		`"reason":"MessageRejected","kind":"registration-made","event":"e","import":"i","at":"2026-11-24T08:00:00Z",`+
		`"claims":1,`+
		`"createdAt":"2026-11-24T09:00:00Z","updatedAt":"2026-11-24T09:00:00Z"}],"next":"more"}`)
	if s.state != mail.Refused {
		t.Errorf("asked for %s", s.state)
	}
	apitest.Refused(t, "another state", list("state=sent"), http.StatusUnprocessableEntity, "INVALID")
}

func TestResolve(t *testing.T) {
	resolve := func(s *store, id int, as, key string) apitest.Answer {
		return apitest.Call(t, mails.Resolve(s, apitest.System()), apitest.Request{Method: http.MethodPost,
			Path: "/v1/mails/" + apitest.ID(id) + "/resolution", Body: `{"as":"` + as + `"}`,
			Header: map[string]string{"Idempotency-Key": key}})
	}
	for as, state := range map[string]mail.State{"sent": mail.Sent, "send-again": mail.Released} {
		s := &store{mail: claimed(), stale: 1}
		a := resolve(s, 7, as, "k")
		if a.Status != http.StatusOK || s.resolved.State != state || s.resolved.Version != 3 ||
			a.Header.Get("ETag") != `"3"` ||
			s.event.Type != registrar.MailResolved || s.answer.Key.Key != "k" || len(s.answer.Reply) == 0 {
			t.Errorf("%s: %d %s, %+v", as, a.Status, a.Body, s)
		}
	}
	lasting := &store{mail: claimed()}
	lasting.mail.ClaimEnds = apitest.Now().Add(time.Second)
	apitest.Refused(t, "a claim that lasts", resolve(lasting, 7, "sent", "k"), http.StatusConflict, "STATE_FORBIDS")
	apitest.Refused(t, "another mail", resolve(lasting, 8, "sent", "k"), http.StatusNotFound, "NOT_FOUND")
	apitest.Refused(t, "another word", resolve(lasting, 7, "lost", "k"), http.StatusUnprocessableEntity, "INVALID")
	if a := resolve(&store{}, 7, "sent", "used"); a.Status != http.StatusOK || a.Header.Get("ETag") != `"9"` {
		t.Errorf("sent again: %d %s", a.Status, a.Body)
	}
}
