package imports_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/registrar/functions/imports"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/registrar"
)

// signer signs uploads that are good for a quarter of an hour.
type signer struct{ now *time.Time }

func (s signer) PresignUpload(_ context.Context, key string) (intake.Upload, error) {
	return intake.Upload{
		Method: http.MethodPut, URL: fmt.Sprint("https://bucket.example/", key, "?signed=", s.now.Unix()), Until: s.now.Add(
			intake.UploadTime),
	}, nil
}

// A request for an import that is sent again with its key gets an address that is good from then on, for the same
// import, and none when the import does not wait for its file any more.
func TestCreate_AnAnswerGivenAgainHasAnAddressThatIsGood(t *testing.T) {
	o := openOffice(t)
	now := time.Now().UTC().Truncate(time.Second)
	clock := func() time.Time { return now }
	handler := api.Handler(
		slog.New(slog.DiscardHandler),
		imports.Create(o.Store, signer{&now}, api.System{Clock: clock, NewID: o.University.NewID}),
	)
	ask := func() (asked struct {
		ID     string          `json:"id"`
		Upload *imports.Upload `json:"upload"`
	}) {
		t.Helper()
		r := httptest.NewRequest(
			http.MethodPost,
			"/v1/imports",
			strings.NewReader(`{"kind":"sections","term":"`+string(o.term.ID)+`"}`),
		)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", "once")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if err := json.Unmarshal(w.Body.Bytes(), &asked); err != nil || w.Code != http.StatusCreated {
			t.Fatalf("%d %s, %v", w.Code, w.Body, err)
		}
		return asked
	}
	first := ask()
	for _, later := range []time.Duration{time.Minute, 2 * time.Hour} {
		now = now.Add(later)
		again := ask()
		if again.ID != first.ID || again.Upload == nil || !again.Upload.Until.Equal(now.Add(intake.UploadTime)) ||
			again.Upload.URL != fmt.Sprint("https://bucket.example/imports/", first.ID, "?signed=", now.Unix()) {
			t.Errorf("after %s: %+v %+v", later, again, again.Upload)
		}
	}
	if _, err := o.applies(registrar.ImportID(first.ID), strings.NewReader(header)); err != nil {
		t.Fatal(err)
	}
	if again := ask(); again.ID != first.ID || again.Upload != nil {
		t.Errorf("after the import has ended: %+v", again)
	}
}
