package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// What is our fault, or was not decided in time, has its cause in the log, once, and never in the answer.
func TestTheCauseOfAFailureIsLogged(t *testing.T) {
	cause := errors.New("conflict with another transaction")
	for name, c := range map[string]struct {
		err    error
		status int
		line   string // of the log; "": there is none
	}{
		"a fault":  {cause, http.StatusInternalServerError, "level=ERROR"},
		"too busy": {fmt.Errorf("%w: %w", registrar.ErrBusy, cause), http.StatusServiceUnavailable, "level=WARN"},
		"the time was over": {fmt.Errorf("%w: %w", context.DeadlineExceeded, cause), http.StatusServiceUnavailable,
			"level=WARN"},
		"an unknown outcome": {fmt.Errorf("%w: %w", registrar.ErrOutcomeUnknown, cause), http.StatusServiceUnavailable,
			"level=WARN"},
		"a refusal":         {registrar.Refuse(registrar.SectionFull, "s", "full"), http.StatusConflict, ""},
		"a fault of theirs": {registrar.ErrBadCursor, http.StatusBadRequest, ""},
	} {
		var log bytes.Buffer
		operation := api.Define(api.Spec{ID: "things-get", Method: http.MethodGet, Path: "/v1/things",
			Codes: []registrar.Code{registrar.SectionFull}},
			func(context.Context, *struct{}) (*api.Nothing, error) { return nil, c.err })
		w := httptest.NewRecorder()
		api.Handler(slog.New(slog.NewTextHandler(&log, nil)), operation).ServeHTTP(w, httptest.NewRequest(http.MethodGet,
			"/v1/things", http.NoBody))
		if w.Code != c.status || strings.Contains(w.Body.String(), cause.Error()) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		lines := strings.Count(log.String(), "\n")
		if c.line == "" && lines > 0 || c.line != "" && (lines != 1 || !strings.Contains(log.String(), c.line) ||
			!strings.Contains(log.String(), cause.Error())) {
			t.Errorf("%s: logged %q", name, log.String())
		}
	}
}

// A problem names a hundred faults at most, and says how many more there are; a body that could have more faults than
// are worth counting is refused before they are.
func TestProblemsAreBounded(t *testing.T) {
	type input struct {
		Body struct {
			Numbers []int `json:"numbers"`
			Parts   []struct {
				Room string `json:"room,omitempty"`
			} `json:"parts,omitempty"`
		}
	}
	h := api.Handler(slog.New(slog.DiscardHandler), api.Define(api.Spec{ID: "things-make", Method: http.MethodPost,
		Path: "/v1/things"},
		func(_ context.Context, in *input) (*api.Nothing, error) {
			var wrong registrar.FieldErrors
			for i := range in.Body.Numbers {
				wrong = append(wrong, registrar.FieldError{Field: fmt.Sprintf("numbers[%d]", i), Code: registrar.FieldFormat,
					Detail: "is none"})
			}
			return nil, wrong.OrNil()
		}), api.Define(api.Spec{ID: "things-refuse", Method: http.MethodGet, Path: "/v1/things", Codes: []registrar.Code{
		registrar.SectionFull}},
		func(context.Context, *struct{}) (*api.Nothing, error) {
			var no registrar.Refusals
			for range 150 {
				no = append(no, registrar.Refuse(registrar.SectionFull, "s", "full"))
			}
			return nil, no
		}))
	body := func(value string, n int) string {
		return `{"numbers":[` + strings.Repeat(value+",", n-1) + value + `]}`
	}
	nulls := func(before string) string {
		return before + `,"parts":[` + strings.Repeat(`{"room":null},`, 4899) + `{"room":null}]}`
	}
	for what, c := range map[string]struct {
		method, body                   string
		status, errors, refusals, more int
	}{
		"types":              {http.MethodPost, body(`"x"`, 5000), http.StatusUnprocessableEntity, 100, 0, 4900},
		"nulls":              {http.MethodPost, nulls(`{"numbers":[]`), http.StatusUnprocessableEntity, 100, 0, 4800},
		"nulls, and a type":  {http.MethodPost, nulls(`{"numbers":1`), http.StatusUnprocessableEntity, 100, 0, 4801},
		"an unknown member":  {http.MethodPost, `{"a":1,"numbers":[]}`, http.StatusUnprocessableEntity, 1, 0, 0},
		"the domain's":       {http.MethodPost, body("1", 150), http.StatusUnprocessableEntity, 100, 0, 50},
		"a hundred":          {http.MethodPost, body("1", 100), http.StatusUnprocessableEntity, 100, 0, 0},
		"a hundred thousand": {http.MethodPost, body("1", 100_000), http.StatusRequestEntityTooLarge, 1, 0, 0},
		"refusals":           {http.MethodGet, "", http.StatusConflict, 0, 100, 50},
	} {
		r := httptest.NewRequest(c.method, "/v1/things", strings.NewReader(c.body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		var p api.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		if w.Code != c.status || len(p.Errors) != c.errors || len(p.Refusals) != c.refusals || p.More != c.more ||
			w.Body.Len() > 32<<10 {
			t.Errorf("%s: %d, %d errors, %d refusals, %d more, %d bytes; want %d, %d, %d, %d", what, w.Code, len(p.Errors),
				len(p.Refusals),
				p.More, w.Body.Len(), c.status, c.errors, c.refusals, c.more)
		}
	}
}
