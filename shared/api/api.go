// Package api has what all HTTP operations share: their declaration (from which routing, validation, OpenAPI and access
// follow), problem answers (RFC 9457), paging (RFC 8288 Link), conditional changes (If-Match) and idempotent ones
// (Idempotency-Key).
//
// It knows HTTP, huma and the domain's refusals; neither AWS nor a store. Start with [Define], which every operation
// calls, and [Handler], which makes one or many of them an [http.Handler].
package api

import (
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/registrar/shared/registrar"
	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"
)

// Access says who may call an operation. Accounts come later; until then everyone may, and the declaration is shown in
// the OpenAPI document as x-access.
type Access string

// Who may call.
const (
	Public    Access = "public"    // everyone
	SignedIn  Access = "signed-in" // every member of the university
	Self      Access = "self"      // the student concerned, and the registrar's office
	Teachers  Access = "teachers"  // the section's instructors, and the registrar's office
	Registrar Access = "registrar" // the registrar's office
)

// Spec declares an operation.
type Spec struct {
	ID          string // resource and verb, for example "courses-create"; also the name of its function
	Method      string
	Path        string // with parameters in braces, for example "/v1/courses/{id}"
	Summary     string
	Description string // Markdown
	Tag         string // the resource
	Access      Access
	Status      int              // of success; 0: 200, or 204 without a body
	Codes       []registrar.Code // the refusals that it can answer with
	Form        Form             // instead of JSON; nil: the body, if there is one, is JSON
	Media       []string         // the types of an answer that is a file; nil: JSON of the output's type
}

// Operation is a declared operation: its route, its handler, its documentation.
type Operation struct {
	Spec
	register      func(huma.API)
	input, answer reflect.Type // of the answer its body; nil: it has none
}

// Define declares an operation: the input's and the output's fields and tags are huma's.
func Define[I, O any](spec Spec, handle func(context.Context, *I) (*O, error)) Operation {
	var answer reflect.Type
	if body, ok := reflect.TypeFor[O]().FieldByName("Body"); ok {
		answer = body.Type
	}
	return Operation{Spec: spec, input: reflect.TypeFor[I](), answer: answer, register: func(api huma.API) {
		huma.Register(api, huma.Operation{
			OperationID: spec.ID, Method: spec.Method, Path: spec.Path, Summary: spec.Summary, Description: spec.Description,
			Tags: []string{spec.Tag}, DefaultStatus: spec.Status, Responses: files(spec), MaxBodyBytes: maxBody + 1,
			RejectUnknownQueryParameters: true, Extensions: map[string]any{"x-access": string(spec.Access)},
		}, func(ctx context.Context, in *I) (*O, error) {
			if nulls := exchangeOf(ctx).nulls; len(nulls) > 0 { // nothing else was wrong
				p := newProblem(http.StatusUnprocessableEntity, codeInvalid, "fields of the request are not valid")
				p.Errors = nulls
				return nil, problemOf(ctx, p)
			}
			out, err := handle(ctx, in)
			if err != nil {
				return nil, problemOf(ctx, err)
			}
			return out, nil
		})
	}}
}

// files describes the answers that are files; nil when they are not.
func files(spec Spec) map[string]*huma.Response {
	if spec.Media == nil {
		return nil
	}
	content := make(map[string]*huma.MediaType, len(spec.Media))
	for _, media := range spec.Media {
		content[media] = &huma.MediaType{Schema: &huma.Schema{}} // anything
	}
	return map[string]*huma.Response{strconv.Itoa(http.StatusOK): {Content: content}}
}

// System has what operations need besides their store.
type System struct {
	Clock registrar.Clock
	NewID registrar.IDs
}

// RealSystem has the system's clock, and ids of UUID version 7 (RFC 9562).
func RealSystem() System {
	return System{Clock: time.Now, NewID: func() string { return uuid.Must(uuid.NewV7()).String() }}
}

// newAPI makes a huma API without its own documents, docs and schema routes: those are built once and served by the
// docs functions.
func newAPI(mux humago.Mux) huma.API {
	useProblems()
	config := huma.DefaultConfig("Registrar", Version)
	config.OpenAPIPath, config.DocsPath, config.SchemasPath, config.CreateHooks = "", "", "", nil
	return humago.New(mux, config)
}

// patternOf is the pattern of [http.ServeMux] for a method and a path. "GET /" alone would take every path there is.
func patternOf(route string) string {
	if strings.HasSuffix(route, " /") {
		return route + "{$}"
	}
	return route
}

// exactRoot takes routes under their patterns.
type exactRoot struct{ *http.ServeMux }

// HandleFunc implements [humago.Mux].
func (m exactRoot) HandleFunc(route string, handle func(http.ResponseWriter, *http.Request)) {
	m.ServeMux.HandleFunc(patternOf(route), handle)
}

// undocument leaves out of a function's start what only the document needs: the schemas of problems and of answers,
// which nothing is checked by. Types that a request may hold keep theirs.
func undocument(schemas huma.Registry, operations []Operation) {
	nothing := reflect.TypeFor[undocumented]()
	for _, answer := range append([]Operation{{answer: reflect.TypeFor[Problem]()}}, operations...) {
		if t := answer.answer; t != nil && t.Kind() == reflect.Struct &&
			!slices.ContainsFunc(operations, func(o Operation) bool { return holds(o.input, t, map[reflect.Type]bool{}) }) {
			schemas.RegisterTypeAlias(t, nothing)
		}
	}
}

// undocumented stands for a type of which a function needs no schema.
type undocumented struct{}

// Schema implements [huma.SchemaProvider].
func (undocumented) Schema(huma.Registry) *huma.Schema { return &huma.Schema{} }

// holds reports whether values of a type may hold values of another one, or are such.
func holds(in, t reflect.Type, seen map[reflect.Type]bool) bool {
	if in == t {
		return true
	}
	if seen[in] {
		return false
	}
	seen[in] = true
	switch in.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return holds(in.Elem(), t, seen)
	case reflect.Struct:
		for i := range in.NumField() {
			if holds(in.Field(i).Type, t, seen) {
				return true
			}
		}
	}
	return false
}

// Version is the version of the API that its paths begin with, as OpenAPI wants it.
const Version = "1.0.0"

// Handler serves the operations. It panics when two of them contradict each other; a test over all operations finds
// that.
func Handler(log *slog.Logger, operations ...Operation) http.Handler {
	mux := http.NewServeMux()
	api := newAPI(exactRoot{mux})
	undocument(api.OpenAPI().Components.Schemas, operations)
	f := &middleware{
		mux: mux, log: log, names: make(map[string]string, len(operations)), forms: map[string]Form{},
		lists: map[string]bool{},
		pool:  newCompressors(), bodies: map[string]*huma.Schema{}, registry: api.OpenAPI().Components.Schemas,
	}
	for _, o := range operations {
		o.register(api)
		pattern := patternOf(o.Method + " " + o.Path)
		f.names[pattern] = o.ID
		f.lists[pattern] = slices.ContainsFunc(operationIn(api.OpenAPI(), o.Method, o.Path).Parameters,
			func(p *huma.Param) bool {
				return p.In == "query" && p.Name == "limit"
			})
		if o.Form != nil {
			f.forms[pattern] = o.Form
		}
		if body := operationIn(api.OpenAPI(), o.Method, o.Path).RequestBody; body != nil && body.Content[jsonMedia] != nil {
			f.bodies[pattern] = body.Content[jsonMedia].Schema
		}
	}
	return f
}
