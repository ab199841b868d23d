package api

import (
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.com/registrar/shared/registrar"
	"github.com/danielgtaylor/huma/v2"
)

type probeInput struct {
	Limit  int     `query:"limit" minimum:"1" maximum:"9"`
	Share  float64 `query:"share"`
	Open   bool    `query:"open"`
	From   Instant `query:"from"`
	Of     string  `query:"of" required:"true"`
	Kind   string  `query:"kind" enum:"a,b"`
	Number int     `header:"X-Number"`
	Body   struct {
		Name   string   `json:"name" minLength:"2" maxLength:"4"`
		Code   string   `json:"code,omitempty" pattern:"^a:b$"`
		Day    string   `json:"day,omitempty" format:"date"`
		Mail   string   `json:"mail,omitempty" format:"email"`
		Least  int      `json:"least,omitempty" exclusiveMinimum:"3"`
		Most   int      `json:"most,omitempty" exclusiveMaximum:"3"`
		Kind   string   `json:"kind,omitempty" enum:"a,b"`
		List   []string `json:"list,omitempty" minItems:"1" maxItems:"2"`
		Sure   bool     `json:"sure,omitempty"`
		Credit *Credits `json:"credit,omitempty"`
		Part   *struct {
			X int `json:"x"`
		} `json:"part,omitempty"`
	}
}

// Each kind of error that huma makes has its field, its code and words that repeat nothing of the request. It fails
// when huma changes its types, its texts, or what it says of which fault.
func TestEveryFaultThatHumaFindsHasItsCode(t *testing.T) {
	h := Handler(slog.New(slog.DiscardHandler),
		Define(Spec{ID: "things-make", Method: http.MethodPost, Path: "/v1/things"},
			func(context.Context, *probeInput) (*Nothing, error) { return nil, nil }))
	const right = `{"name":"abc"}`
	long := strings.Repeat("n", 200)
	for what, c := range map[string]struct {
		query, header, body string
		want                ProblemField
	}{
		"an integer":  {query: "of=x&limit=many", want: ProblemField{"query.limit", "TYPE", "expected an integer"}},
		"a number":    {query: "of=x&share=half", want: ProblemField{"query.share", "TYPE", "expected a number"}},
		"a truth":     {query: "of=x&open=perhaps", want: ProblemField{"query.open", "TYPE", "expected true or false"}},
		"an instant":  {query: "of=x&from=monday", want: ProblemField{"query.from", "TYPE", expectedInstant}},
		"a header":    {query: "of=x", header: "one", want: ProblemField{"header.X-Number", "TYPE", "expected an integer"}},
		"a parameter": {query: "limit=1", want: ProblemField{"query.of", "REQUIRED", "must be there"}},
		"another one": {query: "of=x&secret=1", want: ProblemField{"query.secret", "UNKNOWN", "is not known here"}},
		"too small":   {query: "of=x&limit=0", want: ProblemField{"query.limit", "OUT_OF_RANGE", "expected number >= 1"}},
		"too large":   {query: "of=x&limit=10", want: ProblemField{"query.limit", "OUT_OF_RANGE", "expected number <= 9"}},
		"none of some": {query: "of=x&kind=c", want: ProblemField{"query.kind", "NOT_ONE_OF",
			`expected value to be one of "a, b"`}},

		"a property": {body: `{}`, want: ProblemField{"body.name", "REQUIRED", "must be there"}},
		"another property": {body: `{"name":"abc","secret":1}`, want: ProblemField{"body.secret", "UNKNOWN",
			"is not known here"}},
		"too short": {body: `{"name":"a"}`, want: ProblemField{"body.name", "REQUIRED", "expected length >= 2"}},
		"too long":  {body: `{"name":"abcde"}`, want: ProblemField{"body.name", "TOO_LONG", "expected length <= 4"}},
		"a pattern": {body: `{"name":"abc","code":"secret"}`, want: ProblemField{"body.code", "FORMAT",
			"expected string to match pattern ^a:b$"}},
		"a day": {body: `{"name":"abc","day":"secret"}`, want: ProblemField{"body.day", "FORMAT",
			"expected string to be RFC 3339 date"}},
		"an address": {body: `{"name":"abc","mail":"secret"}`, want: ProblemField{"body.mail", "FORMAT",
			"expected string to be RFC 5322 email"}},
		"not above": {body: `{"name":"abc","least":3}`, want: ProblemField{"body.least", "OUT_OF_RANGE",
			"expected number > 3"}},
		"not below": {body: `{"name":"abc","most":3}`, want: ProblemField{"body.most", "OUT_OF_RANGE",
			"expected number < 3"}},
		"none of some words": {body: `{"name":"abc","kind":"secret"}`, want: ProblemField{"body.kind", "NOT_ONE_OF",
			`expected value to be one of "a, b"`}},
		"no item": {body: `{"name":"abc","list":[]}`, want: ProblemField{"body.list", "REQUIRED",
			"expected array length >= 1"}},
		"many items": {body: `{"name":"abc","list":["a","b","c"]}`, want: ProblemField{"body.list", "TOO_LONG",
			"expected array length <= 2"}},
		"no list": {body: `{"name":"abc","list":"secret"}`, want: ProblemField{"body.list", "TYPE",
			"expected array"}},
		"no text": {body: `{"name":7}`, want: ProblemField{"body.name", "TYPE", "expected string"}},
		"no integer": {body: `{"name":"abc","least":4.5}`, want: ProblemField{"body.least", "TYPE",
			"expected integer"}},
		"no truth": {body: `{"name":"abc","sure":"secret"}`, want: ProblemField{"body.sure", "TYPE",
			"expected boolean"}},
		"no number": {body: `{"name":"abc","credit":"secret"}`, want: ProblemField{"body.credit", "TYPE",
			"expected number"}},
		"a thousandth": {body: `{"name":"abc","credit":0.125}`, want: ProblemField{"body.credit", "FORMAT",
			"expected at most two decimal places"}},
		"no object": {body: `{"name":"abc","part":[]}`, want: ProblemField{"body.part", "TYPE", "expected object"}},
		"within an object": {body: `{"name":"abc","part":{}}`, want: ProblemField{"body.part.x", "REQUIRED",
			"must be there"}},
		"a long name": {body: `{"name":"abc","` + long + `":1}`, want: ProblemField{"body." + long[:115] + "…",
			"UNKNOWN", "is not known here"}},
	} {
		if c.body == "" {
			c.body = right
		}
		if c.query == "" {
			c.query = "of=x"
		}
		r := httptest.NewRequest(http.MethodPost, "/v1/things?"+c.query, strings.NewReader(c.body))
		r.Header.Set("Content-Type", "application/json")
		if c.header != "" {
			r.Header.Set("X-Number", c.header)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		var p Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatalf("%s: %d %s", what, w.Code, w.Body)
		}
		if w.Code != http.StatusUnprocessableEntity || len(p.Errors) != 1 || p.Errors[0] != c.want {
			t.Errorf("%s: %d %+v, want %+v", what, w.Code, p.Errors, c.want)
		}
		if strings.Contains(w.Body.String(), "secret") && !strings.Contains(c.want.Field, "secret") {
			t.Errorf("%s repeats what was sent: %s", what, w.Body)
		}
	}
}

// Every text is told by its own format, and by none that begins alike.
func TestFormatsAreToldApart(t *testing.T) {
	for _, kind := range messageKinds() {
		for _, format := range kind.formats {
			arguments := make([]any, strings.Count(format, "%"))
			for i := range arguments {
				if arguments[i] = "secret"; strings.Contains(format, "%d") {
					arguments[i] = 7
				}
			}
			text := fmt.Sprintf(format, arguments...)
			f := fieldOf(nil, &huma.ErrorDetail{Message: text, Location: "body.x", Value: "secret"})
			if f.Code != kind.code || kind.detail != "" && f.Detail != kind.detail {
				t.Errorf("%q is %+v, want %s", text, f, kind.code)
			}
			if strings.HasSuffix(format, ": %v") && strings.Contains(f.Detail, "secret") {
				t.Errorf("%q repeats the value: %q", text, f.Detail)
			}
		}
	}
	f := fieldOf(nil, &huma.ErrorDetail{Message: "a text of next year: secret", Location: "body.x", Value: "secret"})
	if want := (ProblemField{"body.x", codeType, "has not the type that is expected here"}); f != want {
		t.Errorf("an unknown text: %+v, want %+v", f, want)
	}
	if f := fieldOf(nil, &huma.ErrorDetail{Message: "a text", Location: "query.x"}); f.Code != codeType {
		t.Errorf("a parameter of no operation: %+v", f)
	}
}

// A message that a newer huma has must be given a code.
func TestAllMessagesOfHumaAreKnown(t *testing.T) {
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}",
		"github.com/danielgtaylor/huma/v2/validation").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	known := map[string]bool{}
	inspect(t, "validation.go", func(n ast.Node) {
		if s, ok := n.(*ast.SelectorExpr); ok && fmt.Sprint(s.X) == "validation" {
			known[s.Sel.Name] = true
		}
	})
	found := 0
	for _, file := range files {
		inspect(t, file, func(n ast.Node) {
			s, ok := n.(*ast.ValueSpec)
			if !ok {
				return
			}
			for _, name := range s.Names {
				if found++; !known[name.Name] {
					t.Errorf("huma has validation.%s, and messageKinds gives it no code", name.Name)
				}
			}
		})
	}
	if found < len(known) || len(known) == 0 {
		t.Errorf("looked at %d messages, know %d", found, len(known))
	}
}

func inspect(t *testing.T, file string, look func(ast.Node)) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		look(n)
		return true
	})
}

func TestWhatOursSaysIsTakenByItsType(t *testing.T) {
	wrapped := fmt.Errorf("around it: %w", &fieldFault{"body.x", registrar.FieldOutOfRange, "must be small"})
	p := fromHuma(nil, http.StatusUnprocessableEntity, "validation failed", []error{wrapped})
	if len(p.Errors) != 1 || p.Errors[0] != (ProblemField{"body.x", registrar.FieldOutOfRange, "must be small"}) ||
		p.Detail != "fields of the request are not valid" {
		t.Errorf("%+v", p)
	}
	for status, code := range map[int]string{400: "BAD_REQUEST", 406: "NOT_ACCEPTABLE", 413: "TOO_LARGE",
		415: "UNSUPPORTED_MEDIA_TYPE", 422: "INVALID", 500: "INTERNAL"} {
		if p := fromHuma(nil, status, "what huma says", nil); p.Code != code || status == 500 &&
			strings.Contains(p.Detail, "huma") {
			t.Errorf("%d: %+v", status, p)
		}
	}
	if p := fromHuma(nil, 400, "request body is required", nil); len(p.Errors) != 1 || p.Errors[0].Field != "body" ||
		p.Errors[0].Code != registrar.FieldRequired {
		t.Errorf("no body: %+v", p.Errors)
	}
}
