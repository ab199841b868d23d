package api_test

import (
	"bytes"
	"context"
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
		"a fault":            {cause, http.StatusInternalServerError, "level=ERROR"},
		"too busy":           {fmt.Errorf("%w: %w", registrar.ErrBusy, cause), http.StatusServiceUnavailable, "level=WARN"},
		"the time was over":  {fmt.Errorf("%w: %w", context.DeadlineExceeded, cause), http.StatusServiceUnavailable, "level=WARN"},
		"an unknown outcome": {fmt.Errorf("%w: %w", registrar.ErrOutcomeUnknown, cause), http.StatusServiceUnavailable, "level=WARN"},
		"a refusal":          {registrar.Refuse(registrar.SectionFull, "s", "full"), http.StatusConflict, ""},
		"a fault of theirs":  {registrar.ErrBadCursor, http.StatusBadRequest, ""},
	} {
		var log bytes.Buffer
		operation := api.Define(api.Spec{ID: "things-get", Method: http.MethodGet, Path: "/v1/things", Codes: []registrar.Code{registrar.SectionFull}},
			func(context.Context, *struct{}) (*api.Nothing, error) { return nil, c.err })
		w := httptest.NewRecorder()
		api.Handler(slog.New(slog.NewTextHandler(&log, nil)), operation).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/things", http.NoBody))
		if w.Code != c.status || strings.Contains(w.Body.String(), cause.Error()) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		lines := strings.Count(log.String(), "\n")
		if c.line == "" && lines > 0 || c.line != "" && (lines != 1 || !strings.Contains(log.String(), c.line) || !strings.Contains(log.String(), cause.Error())) {
			t.Errorf("%s: logged %q", name, log.String())
		}
	}
}
