package docs_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"example.com/registrar/functions/docs"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/api/apitest"
)

func operation(t *testing.T, id string) api.Operation {
	t.Helper()
	for _, o := range docs.Operations() {
		if o.ID == id {
			return o
		}
	}
	t.Fatalf("there is no operation %s", id)
	return api.Operation{}
}

func TestFiles(t *testing.T) {
	get := func(id, path string) apitest.Answer {
		return apitest.Call(t, operation(t, id), apitest.Request{Method: http.MethodGet, Path: path})
	}
	for path, c := range map[string]struct{ id, media, cache, holds string }{
		"/openapi.json":           {"docs-openapi", "application/json", "no-cache", `"openapi":`},
		"/docs":                   {"docs-page", "text/html; charset=utf-8", "no-cache", "swagger-ui"},
		"/docs/page.js":           {"docs-asset", "text/javascript; charset=utf-8", "max-age=3600", "openapi.json"},
		"/docs/swagger-ui.css":    {"docs-asset", "text/css; charset=utf-8", "max-age=3600", "swagger-ui"},
		"/docs/favicon-32x32.png": {"docs-asset", "image/png", "max-age=3600", "PNG"},
		"/docs/NOTICE":            {"docs-asset", "application/octet-stream", "max-age=3600", ""},
	} {
		a := get(c.id, path)
		if a.Status != http.StatusOK || a.Header.Get("Content-Type") != c.media || a.Header.Get("Cache-Control") != c.cache ||
			!strings.Contains(a.Body, c.holds) {
			t.Errorf("%s: %d %v", path, a.Status, a.Header)
		}
		// the page runs nothing from elsewhere, and is shown in nobody's frame
		policy := a.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "script-src 'self';") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %s", path, policy)
		}
	}
	if !json.Valid([]byte(get("docs-openapi", "/openapi.json").Body)) {
		t.Error("the document is not JSON")
	}
	for _, path := range []string{"/docs/secret", "/docs/..%2Fopenapi.json", "/docs/page.html%2F"} {
		apitest.Refused(t, path, get("docs-asset", path), http.StatusNotFound, "NOT_FOUND")
	}
}
