package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/registrar/shared/api"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// spec is the document as a client reads it: shared headers, parameters and answers stand where they are used.
type spec struct {
	whole      map[string]any
	operations []operation
	schemas    *jsonschema.Compiler
}

type operation struct {
	id, method, path string
	described        map[string]any
	at               string // JSON pointer
}

func (o operation) String() string { return o.id }

const docURL = "openapi.json"

func read(t *testing.T) spec {
	t.Helper()
	text, err := Document("../..")
	if err != nil {
		t.Fatal(err)
	}
	var s spec
	if err := json.Unmarshal(text, &s.whole); err != nil {
		t.Fatal(err)
	}
	s.whole, _ = s.inPlace(s.whole).(map[string]any)
	for path, methods := range object(s.whole, "paths") {
		for method, described := range methods.(map[string]any) {
			o := described.(map[string]any)
			s.operations = append(s.operations, operation{
				id: o["operationId"].(string), method: strings.ToUpper(method), path: path, described: o,
				at: "/paths/" + escaped(path) + "/" + method,
			})
		}
	}
	s.schemas = jsonschema.NewCompiler()
	s.schemas.DefaultDraft(jsonschema.Draft2020)
	s.schemas.AssertFormat()
	if err := s.schemas.AddResource(docURL, s.whole); err != nil {
		t.Fatal(err)
	}
	return s
}

// inPlace puts what is shared, but for schemas, where it is used.
func (s spec) inPlace(node any) any {
	switch node := node.(type) {
	case map[string]any:
		if ref, ok := node["$ref"].(string); ok && !strings.HasPrefix(ref, "#/components/schemas/") {
			var found any = s.whole
			for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
				found = found.(map[string]any)[name]
			}
			if found == nil {
				panic("nothing at " + ref)
			}
			return s.inPlace(found)
		}
		out := make(map[string]any, len(node))
		for name, value := range node {
			out[name] = s.inPlace(value)
		}
		return out
	case []any:
		out := make([]any, len(node))
		for i, value := range node {
			out[i] = s.inPlace(value)
		}
		return out
	}
	return node
}

func escaped(segment string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(segment)
}

// object is a member that is an object; nil when there is none.
func object(node map[string]any, path ...string) map[string]any {
	for _, name := range path {
		node, _ = node[name].(map[string]any)
	}
	return node
}

// valid says what is wrong with the value by the schema at that place of the document; nil: nothing.
func (s spec) valid(t *testing.T, at string, value any) error {
	t.Helper()
	schema, err := s.schemas.Compile(docURL + "#" + (&url.URL{Path: at}).EscapedPath())
	if err != nil {
		t.Fatalf("the schema at %s: %v", at, err)
	}
	return schema.Validate(value)
}

// parameters are an operation's, by place and name: "header If-Match".
func (o operation) parameters() map[string]map[string]any {
	all := map[string]map[string]any{}
	list, _ := o.described["parameters"].([]any)
	for i, p := range list {
		p := p.(map[string]any)
		p["at"] = fmt.Sprintf("%s/parameters/%d", o.at, i)
		all[p["in"].(string)+" "+p["name"].(string)] = p
	}
	return all
}

func (o operation) response(status int) map[string]any {
	return object(o.described, "responses", strconv.Itoa(status))
}

// A client reads in the document all that can come back to it, and what it has to send.
func TestEveryOperationSaysAllThatItCanAnswer(t *testing.T) {
	s := read(t)
	ids := map[string]bool{}
	for _, o := range s.operations {
		if ids[o.id] {
			t.Errorf("two operations are named %s", o)
		}
		ids[o.id] = true
		want := []int{
			http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
			http.StatusUnprocessableEntity,
			http.StatusTooManyRequests, http.StatusRequestHeaderFieldsTooLarge, http.StatusInternalServerError,
			http.StatusServiceUnavailable,
		}
		parameters := o.parameters()
		if strings.Contains(o.path, "{id}") || strings.Contains(o.path, "{queue}") {
			want = append(want, http.StatusNotFound)
		}
		match, takesMatch := parameters["header If-Match"]
		if takesMatch {
			want = append(want, http.StatusPreconditionFailed)
		}
		if o.method == http.MethodPatch {
			want = append(want, http.StatusPreconditionRequired)
			if !takesMatch || match["required"] != true {
				t.Errorf("%s: a change needs If-Match, and the document does not say so", o)
			}
		}
		for _, status := range want {
			if o.response(status) == nil {
				t.Errorf("%s: does not say that it can answer %d", o, status)
			}
		}
		if parameters["header X-Correlation-Id"] == nil {
			t.Errorf("%s: does not say that it takes X-Correlation-Id", o)
		}
		if _, ok := parameters["query cursor"]; ok && o.id != "imports-get" && object(o.response(http.StatusOK), "headers",
			"Link") == nil {
			t.Errorf("%s: a list without Link", o)
		}
		if made := o.response(http.StatusCreated); made != nil {
			if object(made, "headers", "Location")["required"] != true || object(made, "headers", "ETag") == nil &&
				o.id != "imports-create" {
				t.Errorf("%s: makes a record, and does not say where it is, or of which version", o)
			}
		}
		if object(o.response(http.StatusServiceUnavailable), "headers", "Retry-After", "schema")["type"] != "integer" {
			t.Errorf("%s: 503 without Retry-After", o)
		}
		for status, r := range object(o.described, "responses") {
			r := r.(map[string]any)
			if object(r, "headers", "Apigw-Requestid") == nil {
				t.Errorf("%s: %s without the request's id", o, status)
			}
			_, problem := object(r, "content")["application/problem+json"]
			_, gateways := object(r, "content")["application/json"]
			if status[0] >= '4' && !problem && !gateways {
				t.Errorf("%s: %s is neither a problem nor API Gateway's own", o, status)
			}
			if (problem || status[0] == '2') && object(r, "headers", "X-Correlation-Id") == nil {
				t.Errorf("%s: %s without X-Correlation-Id", o, status)
			}
		}
	}
	if ids := len(ids); ids < 48 {
		t.Errorf("%d operations in the document", ids)
	}
}

func TestTheDocumentSaysWhoseItIsAndWhere(t *testing.T) {
	s := read(t)
	if object(s.whole, "info", "license")["identifier"] != "MIT" || object(s.whole, "info", "contact")["name"] == nil {
		t.Errorf("info: %v", s.whole["info"])
	}
	servers, _ := s.whole["servers"].([]any)
	if len(servers) < 2 || servers[0].(map[string]any)["url"] != "." {
		t.Errorf("the servers are %v; first stands the one that the document comes from", servers)
	}
	if security, ok := s.whole["security"].([]any); !ok || len(security) > 0 {
		t.Errorf("security is %v; nobody has to sign in", s.whole["security"])
	}
	tags := map[string]bool{}
	for _, tag := range s.whole["tags"].([]any) {
		tag := tag.(map[string]any)
		tags[tag["name"].(string)] = tag["description"] != ""
	}
	used := map[string]bool{}
	for _, o := range s.operations {
		for _, tag := range o.described["tags"].([]any) {
			if used[tag.(string)] = true; !tags[tag.(string)] {
				t.Errorf("%s: nobody describes the tag %v", o, tag)
			}
		}
	}
	if len(used) != len(tags) {
		t.Errorf("described are %v, used %v", slices.Sorted(maps.Keys(tags)), slices.Sorted(maps.Keys(used)))
	}
}

// walk calls on every object within a node, with its JSON pointer.
func walk(node any, at string, visit func(node map[string]any, at string)) {
	switch node := node.(type) {
	case map[string]any:
		visit(node, at)
		for name, value := range node {
			walk(value, at+"/"+escaped(name), visit)
		}
	case []any:
		for i, value := range node {
			walk(value, at+"/"+strconv.Itoa(i), visit)
		}
	}
}

// Null is nothing that an answer has, so that a client in a typed language need not ask for it: what is absent is left
// out. In a request it may stand where it removes something, in a merge patch (RFC 7396); never for a list elsewhere.
func TestNoListIsNull(t *testing.T) {
	s := read(t)
	patches := map[string]bool{}
	answers := map[string]bool{}
	for _, o := range s.operations {
		if o.method == http.MethodPatch {
			s.reach(o.described["requestBody"], patches)
		}
		s.reach(o.described["responses"], answers)
	}
	if len(answers) < 20 || len(patches) < 5 {
		t.Fatalf("answers have %d schemas, patches %d", len(answers), len(patches))
	}
	for name, schema := range object(s.whole, "components", "schemas") {
		walk(schema, "/components/schemas/"+name, func(node map[string]any, at string) {
			types, _ := node["type"].([]any)
			if slices.Contains(types, any("null")) && (answers[name] || !patches[name]) {
				t.Errorf("%s may be null: %v", at, types)
			}
		})
	}
}

// reach adds the names of all schemas that a node leads to.
func (s spec) reach(node any, names map[string]bool) {
	walk(node, "", func(node map[string]any, _ string) {
		if name, ok := strings.CutPrefix(fmt.Sprint(node["$ref"]), "#/components/schemas/"); ok && !names[name] {
			names[name] = true
			s.reach(object(s.whole, "components", "schemas", name), names)
		}
	})
}

func TestExamplesAreValid(t *testing.T) {
	s := read(t)
	count := 0
	check := func(at string, value any) {
		count++
		if err := s.valid(t, at, value); err != nil {
			t.Errorf("an example at %s is not valid: %v\n%v", at, err, value)
		}
	}
	walk(s.whole, "", func(node map[string]any, at string) {
		if strings.Contains(at, "/example/") || strings.Contains(at, "/examples/") || strings.HasSuffix(at, "/properties") {
			return
		}
		if schema := object(node, "schema"); schema != nil { // a media type, a parameter or a header
			if example, ok := node["example"]; ok {
				check(at+"/schema", example)
			}
			for _, example := range object(node, "examples") {
				check(at+"/schema", example.(map[string]any)["value"])
			}
			return
		}
		if examples, ok := node["examples"].([]any); ok { // a schema
			for _, example := range examples {
				check(at, example)
			}
		}
	})
	if count < 400 {
		t.Errorf("%d examples", count)
	}
}

// exchange is a request and its answer in a golden file of functions/testdata.
type exchange struct {
	method, path string
	query        url.Values
	sent, given  http.Header
	body, answer string
	status       int
}

func exchanges(t *testing.T, file string) []exchange {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// What differs each time is left out of the files.
	whole := strings.NewReplacer("{message}", "1a2b36b4-87a3-44ab-83d2-661975830a7d").Replace(string(text))
	var all []exchange
	for step := range strings.SplitSeq(whole, "-- request --\n") {
		request, answer, ok := strings.Cut(step, "-- answer --\n")
		if !ok {
			t.Fatalf("%s: a request without its answer", file)
		}
		var x exchange
		var target, status string
		target, x.sent, x.body = parted(request)
		status, x.given, x.answer = parted(answer)
		x.method, target, _ = strings.Cut(target, " ")
		var query string
		x.path, query, _ = strings.Cut(target, "?")
		x.query, _ = url.ParseQuery(query)
		status, _, _ = strings.Cut(status, " ")
		if x.status, err = strconv.Atoi(status); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, x)
	}
	return all
}

// parted splits a message of a golden file into its first line, its headers, its body.
func parted(message string) (first string, headers http.Header, body string) {
	head, body, _ := strings.Cut(strings.TrimSpace(message), "\n\n")
	lines := strings.Split(head, "\n")
	headers = http.Header{}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		headers.Add(name, value)
	}
	return lines[0], headers, body
}

// Every answer of the golden files is what the document promises for its status: its media type, its headers and its
// body; and what was taken there is what the document says that it takes.
func TestAnswersKeepWhatTheDocumentPromises(t *testing.T) {
	s := read(t)
	mux := http.NewServeMux()
	byPattern := map[string]operation{}
	for _, o := range s.operations {
		pattern := o.method + " " + o.path
		if o.path == "/" {
			pattern += "{$}" // the path alone, and not every path below it
		}
		mux.Handle(pattern, http.NotFoundHandler())
		byPattern[pattern] = o
	}
	files, err := filepath.Glob("../../functions/testdata/*/*.golden")
	if err != nil {
		t.Fatal(err)
	}
	bodies, sent := 0, 0
	for _, file := range files {
		for i, x := range exchanges(t, file) {
			at := fmt.Sprintf("%s, request %d", strings.TrimPrefix(file, "../../functions/testdata/"), i+1)
			_, pattern := mux.Handler(httptest.NewRequest(x.method, x.path, http.NoBody))
			o, ok := byPattern[pattern]
			if !ok {
				continue // no operation's address
			}
			if s.keeps(t, at, o, x) {
				bodies++
			}
			if x.status < http.StatusMultipleChoices && s.takes(t, at, o, x) {
				sent++
			}
		}
	}
	if len(files) < 200 || bodies < 250 || sent < 40 {
		t.Errorf("%d files, %d bodies of answers, %d of requests", len(files), bodies, sent)
	}
}

// keeps holds an answer to its description, and reports whether it had a body of JSON.
func (s spec) keeps(t *testing.T, at string, o operation, x exchange) bool {
	t.Helper()
	r := o.response(x.status)
	if r == nil {
		t.Errorf("%s: %s answers %d, which the document does not know of", at, o, x.status)
		return false
	}
	for name, header := range object(r, "headers") {
		header := header.(map[string]any)
		value := x.given.Get(name)
		if value == "" {
			if header["required"] == true {
				t.Errorf("%s: %s answers %d without the header %s", at, o, x.status, name)
			}
			continue
		}
		var given any = value
		if object(header, "schema")["type"] == "integer" {
			given = json.Number(value)
		}
		if err := s.valid(t, o.at+"/responses/"+strconv.Itoa(x.status)+"/headers/"+name+"/schema", given); err != nil {
			t.Errorf("%s: %s, header %s: %v", at, o, name, err)
		}
	}
	for name := range x.given {
		switch name {
		// how HTTP is spoken, not the API
		case "Content-Type", "Content-Encoding", "Vary", "Cache-Control", "Content-Security-Policy", "X-Content-Type-Options",
			"Allow":
		default:
			if object(r, "headers", name) == nil && object(r, "headers", named(r, name)) == nil {
				t.Errorf("%s: %s answers %d with the header %s, which the document does not know of", at, o, x.status, name)
			}
		}
	}
	kind, _, _ := strings.Cut(x.given.Get("Content-Type"), ";")
	if kind == "" {
		if len(object(r, "content")) > 0 {
			t.Errorf("%s: %s answers %d without a body", at, o, x.status)
		}
		return false
	}
	if object(r, "content", kind) == nil {
		t.Errorf("%s: %s answers %d with a body of type %s, which the document does not know of", at, o, x.status, kind)
		return false
	}
	if kind != "application/json" && kind != "application/problem+json" || strings.HasPrefix(x.answer, "(left out") {
		return false
	}
	body, err := jsonschema.UnmarshalJSON(strings.NewReader(x.answer))
	if err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	if err := s.valid(t, o.at+"/responses/"+strconv.Itoa(x.status)+"/content/"+escaped(kind)+"/schema", body); err != nil {
		t.Errorf("%s: the answer of %s: %v", at, o, err)
	}
	return true
}

// named is a header's name as the document writes it.
func named(response map[string]any, name string) string {
	for written := range object(response, "headers") {
		if strings.EqualFold(written, name) {
			return written
		}
	}
	return ""
}

// takes holds a request that succeeded to what its operation says that it takes, and reports whether it had a body of
// JSON.
func (s spec) takes(t *testing.T, at string, o operation, x exchange) bool {
	t.Helper()
	for _, p := range o.parameters() {
		name := p["name"].(string)
		value, ok := x.query.Get(name), x.query.Has(name)
		switch p["in"] {
		case "path":
			continue // the route matched
		case "header":
			value, ok = x.sent.Get(name), x.sent.Get(name) != ""
		}
		if !ok {
			if p["required"] == true {
				t.Errorf("%s: %s succeeded without %s, which the document says it needs", at, o, name)
			}
			continue
		}
		var sent any = value
		switch object(p, "schema")["type"] {
		case "integer", "number":
			sent = json.Number(value)
		case "boolean":
			sent = value == "true"
		}
		if err := s.valid(t, p["at"].(string)+"/schema", sent); err != nil {
			t.Errorf("%s: %s took %s=%s: %v", at, o, name, value, err)
		}
	}
	kind, _, _ := strings.Cut(x.sent.Get("Content-Type"), ";")
	if x.body == "" || kind != "application/json" {
		return false
	}
	if object(o.described, "requestBody", "content", kind) == nil {
		t.Errorf("%s: %s took a body of type %s, which the document does not know of", at, o, kind)
		return false
	}
	body, err := jsonschema.UnmarshalJSON(strings.NewReader(x.body))
	if err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	if err := s.valid(t, o.at+"/requestBody/content/"+escaped(kind)+"/schema", body); err != nil {
		t.Errorf("%s: %s took %s: %v", at, o, x.body, err)
	}
	return true
}

// What the document says of entity tags is what the door takes.
func TestEntityTagsAreAsTheDocumentSays(t *testing.T) {
	s := read(t)
	const at = "/components/parameters/If-None-Match/schema"
	note := api.Define(api.Spec{ID: "notes-get", Method: http.MethodGet, Path: "/v1/note"},
		func(context.Context, *struct{}) (*api.Read[struct{}], error) {
			return &api.Read[struct{}]{ETag: `"1"`}, nil
		})
	handler := api.Handler(slog.New(slog.DiscardHandler), note)
	for _, tags := range []string{
		"*", " * ", `"1"`, `W/"1"`, `"1-gzip"`, `"1", "2"`, `"1" ,W/"2"`, `,"1",,"2",`, `""`, `"ä"`, "", ",",
		"1", `"1`, `1"`, `"1" "2"`, `w/"1"`, `"1",*`, `*, "1"`, `"a b"`, "\"\x01\"", `W/ "1"`, `"1";`,
	} {
		r := httptest.NewRequest(http.MethodGet, "/v1/note", http.NoBody)
		r.Header.Set("If-None-Match", tags)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if said := s.valid(t, at, tags) == nil; said != (w.Code != http.StatusBadRequest) {
			t.Errorf("If-None-Match: %s is answered with %d, and valid by the document: %t", tags, w.Code, said)
		}
	}
}
