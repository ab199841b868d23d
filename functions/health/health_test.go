package health_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"example.com/registrar/functions/health"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/api/apitest"
	"example.com/registrar/shared/registrar"
)

type store struct{ err error }

func (s store) Reachable(context.Context) error { return s.err }

func TestGet(t *testing.T) {
	get := func(err error) apitest.Answer {
		return apitest.Call(t, health.Get(store{err}), apitest.Request{Method: http.MethodGet, Path: "/health"})
	}
	a := get(nil)
	if a.Status != http.StatusOK {
		t.Errorf("%d", a.Status)
	}
	apitest.Same(t, "health", a.Body, `{"status":"ok","version":"`+api.Version+`"}`)
	apitest.Refused(t, "a table that is not there", get(errors.New("no table")), http.StatusInternalServerError,
		"INTERNAL")
	apitest.Refused(t, "a throttled table", get(fmt.Errorf("read: %w", registrar.ErrBusy)), http.StatusServiceUnavailable,
		"BUSY")
}
