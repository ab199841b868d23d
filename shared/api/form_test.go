package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestForm(t *testing.T) {
	form := Form{"List-Unsubscribe": "One-Click"}
	part := func(name, value string) string {
		return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	many := ""
	for n := range mostFields {
		many += part(fmt.Sprint("f", n), "x")
	}
	const end = "--b--\r\n"
	for what, c := range map[string]struct {
		contentType, body string
		status            int // 0: it is the form
	}{
		"a form":             {formURLEncoded, "List-Unsubscribe=One-Click", 0},
		"a form with others": {formURLEncoded + "; charset=utf-8", "a=b&List-Unsubscribe=One%2DClick", 0},
		"of parts":           {formMultipart + "; boundary=b", part("List-Unsubscribe", "One-Click") + end, 0},
		"of parts and others": {formMultipart + "; boundary=b", part("a", "b") + part("List-Unsubscribe", "One-Click") + end,
			0},
		"of many parts": {formMultipart + "; boundary=b", many + part("List-Unsubscribe", "One-Click") + end,
			http.StatusBadRequest},
		"cut":                {formMultipart + "; boundary=b", part("List-Unsubscribe", "One-Click"), http.StatusBadRequest},
		"without a boundary": {formMultipart, part("List-Unsubscribe", "One-Click") + end, http.StatusBadRequest},
		"another value":      {formURLEncoded, "List-Unsubscribe=one-click", http.StatusUnprocessableEntity},
		"twice": {formURLEncoded, "List-Unsubscribe=One-Click&List-Unsubscribe=One-Click",
			http.StatusUnprocessableEntity},
		"without the field": {formURLEncoded, "a=b", http.StatusUnprocessableEntity},
		"no UTF-8":          {formURLEncoded, "List-Unsubscribe=One-Click&a=\xff", http.StatusBadRequest},
		"half an escape":    {formURLEncoded, "List-Unsubscribe=One-Click&a=%f", http.StatusBadRequest},
		"JSON":              {jsonMedia, `{"List-Unsubscribe":"One-Click"}`, http.StatusUnsupportedMediaType},
		"no type":           {"", "List-Unsubscribe=One-Click", http.StatusUnsupportedMediaType},
		"nothing":           {"", "", http.StatusBadRequest},
	} {
		p := form.fault(c.contentType, []byte(c.body))
		if (p == nil) != (c.status == 0) || p != nil && p.Status != c.status {
			t.Errorf("%s: %+v, want %d", what, p, c.status)
		}
		if p != nil && strings.Contains(p.Detail, "One-Click") {
			t.Errorf("%s: the problem repeats the body", what)
		}
	}
}
