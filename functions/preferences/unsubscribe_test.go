package preferences_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"example.com/registrar/functions/preferences"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/mail/unsubscribe"
)

// What the operation takes for a token fits every token that there is.
func TestUnsubscribe_TakesEveryToken(t *testing.T) {
	tokens := unsubscribe.New("0123456789abcdef")
	handler := api.Handler(slog.New(slog.DiscardHandler), preferences.UnsubscribeOperations(nil, tokens, api.System{})...)
	for _, recipient := range []mail.Recipient{
		mail.OfStudent("0198c0a4-2b6e-7c3d-9a41-5f0e2d7c8b11"), mail.OfAddress("ann@example.edu"),
	} {
		for _, kind := range mail.Kinds() {
			address := unsubscribe.Links{Tokens: tokens, API: "https://api.example.edu"}.Address(recipient, kind)
			w := httptest.NewRecorder()
			if handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, address, http.NoBody)); w.Code != http.StatusOK {
				t.Errorf("%s: %d %s", address, w.Code, w.Body)
			}
		}
	}
}
