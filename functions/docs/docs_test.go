package docs

import "testing"

// A client that did not ask for a page gets JSON: curl, a library, and what cannot be read.
func TestPrefersHTML(t *testing.T) {
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "application/json": false, "text/html": true, "text/*": true, "TEXT/HTML": true,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": true,
		"application/json, text/html;q=0.9":                               false,
		"application/json;q=0.5, text/html":                               true,
		"application/json, text/html":                                     false, // as much wanted
		"*/*, text/html;q=0":                                              false,
		"text/*;q=0.1, text/html;q=0.9, application/json;q=0.5":           true,
		"application/*, text/html;q=0.9":                                  false,
		"text/html;q=x":                                                   false, "text/html;q=2": false,
		";;, /, text/html": true, "text/plain": false,
	} {
		if got := prefersHTML(accept); got != want {
			t.Errorf("%q: %t, want %t", accept, got, want)
		}
	}
}
