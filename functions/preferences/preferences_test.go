package preferences_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"example.com/registrar/functions/preferences"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/api/apitest"
	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/mail/unsubscribe"
	"example.com/registrar/shared/registrar"
)

// store has the preferences of one recipient.
type store struct {
	preferences mail.Preferences
	read        error
	overtaken   int // how often somebody else is faster
	save        error
	saved       []mail.Preferences
	events      []registrar.Event
}

func (s *store) MailPreferences(_ context.Context, r mail.Recipient) (mail.Preferences, error) {
	if r != s.preferences.Recipient {
		return mail.Preferences{}, registrar.Refuse(registrar.NotFound, "", "there is no such student")
	}
	return s.preferences, s.read
}

func (s *store) SaveMailPreferences(_ context.Context, p mail.Preferences, e registrar.Event) error {
	if s.overtaken > 0 {
		s.overtaken--
		s.preferences.Version++
		return registrar.ErrVersionMismatch
	}
	if s.save != nil {
		return s.save
	}
	s.preferences, s.saved, s.events = p, append(s.saved, p), append(s.events, e)
	return nil
}

func student() mail.Recipient { return mail.OfStudent(registrar.StudentID(apitest.ID(1))) }

func open() *store {
	return &store{preferences: mail.Preferences{Recipient: student(), Stamp: registrar.Stamp{}.Next(apitest.Now())}}
}

func TestGetAndUpdate(t *testing.T) {
	one := "/v1/students/" + apitest.ID(1) + "/mail-preferences"
	const stamp = `"createdAt":"2026-11-24T09:00:00Z","updatedAt":"2026-11-24T09:00:00Z"}`
	a := apitest.Call(t, preferences.Get(open()), apitest.Request{Method: http.MethodGet, Path: one})
	apitest.Same(t, "preferences", a.Body, `{"registrationMade":true,"registrationDropped":true,`+stamp)
	for patch, want := range map[string][]mail.Kind{
		`{"registrationMade":false}`:                             {mail.RegistrationMade},
		`{"registrationDropped":false}`:                          {mail.RegistrationDropped},
		`{"registrationMade":false,"registrationDropped":false}`: {mail.RegistrationMade, mail.RegistrationDropped},
		`{"registrationMade":true}`:                              nil, // as it was: nothing is stored
	} {
		s := open()
		a := apitest.Call(t, preferences.Update(s, apitest.System()), apitest.Request{Method: http.MethodPatch, Path: one,
			Body: patch, Header: map[string]string{"If-Match": `"1"`}})
		if a.Status != http.StatusOK || !slices.Equal(s.preferences.Off, want) || len(s.saved) != min(len(want), 1) {
			t.Errorf("%s: %d %s, off %v, saved %d times", patch, a.Status, a.Body, s.preferences.Off, len(s.saved))
		}
		if len(s.events) == 1 && (s.events[0].Type != registrar.MailPreferencesChanged || s.events[0].Version != 2) {
			t.Errorf("%s: event %+v", patch, s.events[0])
		}
	}
	apitest.Refused(t, "another student", apitest.Call(t, preferences.Get(open()), apitest.Request{Method: http.MethodGet,
		Path: "/v1/students/" + apitest.ID(2) + "/mail-preferences"}), http.StatusNotFound, "NOT_FOUND")
}

func TestUnsubscribe(t *testing.T) {
	tokens := unsubscribe.New("0123456789abcdef")
	call := func(s *store, method, token, form string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/v1/unsubscribe/"+token, strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		api.Handler(slog.New(slog.DiscardHandler), preferences.UnsubscribeOperations(s, tokens, apitest.System())...).
			ServeHTTP(w, r)
		return w
	}
	token := tokens.Make(student(), mail.RegistrationDropped)
	const click = "List-Unsubscribe=One-Click"
	s := open()
	page := call(s, http.MethodGet, token, "")
	if page.Code != http.StatusOK || !strings.Contains(page.Body.String(), "<form") ||
		!strings.Contains(page.Body.String(), "when your enrolment in a section ends") ||
		!strings.Contains(page.Header().Get("Content-Security-Policy"), "form-action 'self'") || len(s.saved) != 0 {
		t.Errorf("the page: %d %s, saved %d times", page.Code, page.Body, len(s.saved))
	}
	s.overtaken = 2
	for range 2 { // to do it again changes nothing
		if done := call(s, http.MethodPost, token, click); done.Code != http.StatusOK ||
			strings.Contains(done.Body.String(), "<form") {
			t.Errorf("one click: %d %s", done.Code, done.Body)
		}
	}
	if len(s.saved) != 1 || !slices.Equal(s.saved[0].Off, []mail.Kind{mail.RegistrationDropped}) ||
		s.saved[0].Version != 4 ||
		s.events[0].Actor != "unsubscribe-link" {
		t.Errorf("saved %+v, told %+v", s.saved, s.events)
	}
	for what, c := range map[string]struct {
		token, form string
		status      int
	}{
		"another's token": {unsubscribe.New("another secret of 16").Make(student(), mail.RegistrationDropped), click,
			http.StatusNotFound},
		"no click":        {token, "List-Unsubscribe=Perhaps", http.StatusUnprocessableEntity},
		"somebody gone":   {tokens.Make(mail.OfStudent("gone"), mail.RegistrationDropped), click, http.StatusOK},
		"no token at all": {"x", click, http.StatusUnprocessableEntity},
	} {
		s := open()
		if w := call(s, http.MethodPost, c.token, c.form); w.Code != c.status || len(s.saved) != 0 {
			t.Errorf("%s: %d %s, want %d", what, w.Code, w.Body, c.status)
		}
	}
	s = open()
	s.read = errors.New("not now")
	if w := call(s, http.MethodPost, token, click); w.Code != http.StatusInternalServerError {
		t.Errorf("a store that fails: %d", w.Code)
	}
	s = open()
	s.save = errors.New("not now")
	if w := call(s, http.MethodPost, token, click); w.Code != http.StatusInternalServerError {
		t.Errorf("a store that cannot write: %d", w.Code)
	}
}
