package api

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"testing"

	"example.com/registrar/shared/registrar"
)

func TestETag(t *testing.T) {
	for got, want := range map[string]string{
		ETag(3): `"3"`, ETag(3, 12, 0): `"3.12.0"`, WeakETag(3): `W/"3"`, WeakETag(12): `W/"12"`,
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestParseEntityTags(t *testing.T) {
	pattern := regexp.MustCompile(entityTagsPattern)
	for value, c := range map[string]struct {
		ok       bool
		all      bool
		versions []registrar.Version // by strong comparison
	}{
		`*`: {ok: true, all: true}, ` * `: {ok: true, all: true}, ``: {ok: true}, ` , ,`: {ok: true},
		`"3"`: {ok: true, versions: []registrar.Version{3}}, `"3.12.18"`: {ok: true, versions: []registrar.Version{3}},
		`"3-gzip"`: {ok: true, versions: []registrar.Version{3}}, `"3.1-gzip"`: {ok: true, versions: []registrar.Version{3}},
		`"3" , "4",`: {ok: true, versions: []registrar.Version{3, 4}},
		`W/"3"`:      {ok: true}, `W/"3", "4"`: {ok: true, versions: []registrar.Version{4}},
		// tags that this API never gave
		`"0"`: {ok: true}, `"-3"`: {ok: true}, `"+3"`: {ok: true}, `"03"`: {ok: true}, `"x"`: {ok: true}, `""`: {ok: true},
		`"3.x"`: {ok: true}, `"3-br"`: {ok: true}, `"9999999999999999999"`: {ok: true},
		// neither "*" nor tags
		`3`: {}, `"3`: {}, `3"`: {}, `*, "3"`: {}, `"3" "4"`: {}, `"3"x`: {}, `w/"3"`: {}, `W/ "3"`: {}, "\"3\x7f\"": {},
		"\" 3\"": {}, `"3", x`: {},
	} {
		tags, ok := parseEntityTags(value)
		if ok != c.ok || ok && (tags.all != c.all || !slices.Equal(tags.versions(), c.versions)) {
			t.Errorf("%q: %t, %+v, versions %v, want %+v", value, ok, tags, tags.versions(), c)
		}
		if pattern.MatchString(value) != c.ok {
			t.Errorf("%q: the document's pattern says otherwise", value)
		}
	}
}

func TestEntityTagsFind(t *testing.T) {
	tags, _ := parseEntityTags(`W/"3", "4-gzip", "4.1"`)
	for served, want := range map[string]string{`"3"`: `"3"`, `"4"`: `"4-gzip"`, `"4.1"`: `"4.1"`, `"4.1-gzip"`: `"4.1"`,
		`"5"`: ""} {
		if got, ok := tags.find(served); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %t", served, got, ok)
		}
	}
	if _, ok := tags.strong().find(`"3"`); ok {
		t.Error("a weak tag is found among the strong ones")
	}
	if got, ok := (entityTags{all: true}).find(`"9"`); got != `"9"` || !ok {
		t.Errorf("*: %q, %t", got, ok)
	}
}

// An empty list names no version: it must not look like no condition, which a deletion would take for any.
func TestConditionFault(t *testing.T) {
	for what, c := range map[string]struct {
		header string
		lines  []string
		fault  bool
		value  string // afterwards
	}{
		"none":          {headerIfMatch, nil, false, ""},
		"one":           {headerIfMatch, []string{`"1"`}, false, `"1"`},
		"several lines": {headerIfMatch, []string{`"1"`, `"2"`}, false, `"1", "2"`},
		"for reading":   {headerIfNoneMatch, []string{`"1"`}, true, `"1"`}, // and this is a deletion
		"no tag":        {headerIfNoneMatch, []string{`1`}, true, `1`},
		"no tag among":  {headerIfMatch, []string{`"1"`, `2`}, true, `"1"`},
	} {
		r := httptest.NewRequest(http.MethodDelete, "/", http.NoBody)
		for _, line := range c.lines {
			r.Header.Add(c.header, line)
		}
		if p := conditionFault(r); (p != nil) != c.fault || p != nil && p.Status != http.StatusBadRequest {
			t.Errorf("%s: %+v", what, p)
		}
		if got := r.Header.Get(c.header); got != c.value {
			t.Errorf("%s: %q afterwards, want %q", what, got, c.value)
		}
	}
	r := httptest.NewRequest(http.MethodDelete, "/", http.NoBody)
	r.Header.Set(headerIfMatch, "")
	if p := conditionFault(r); p != nil {
		t.Fatalf("%+v", p)
	}
	if _, err := (IfMatchInput{IfMatch: r.Header.Get(headerIfMatch)}).expects(false); err != nil {
		t.Fatal(err)
	}
	if e, _ := (IfMatchInput{IfMatch: r.Header.Get(headerIfMatch)}).expects(false); e.any || e.met(1) {
		t.Errorf("an empty If-Match is %+v", e)
	}
}
