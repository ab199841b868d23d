package api

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"example.com/registrar/shared/registrar"
	"github.com/danielgtaylor/huma/v2"
)

// About is what the document says about the API as a whole.
type About struct {
	Description string            // Markdown
	Tags        map[string]string // what each resource is, by the tag of its operations
}

// Examples are a request to an operation and its answer.
type Examples struct {
	Request, Answer any               // bodies; nil where there is none
	Path            map[string]string // the parameters of its address
}

// Document is the OpenAPI 3.1 document of the operations, with examples by operation id. It is made beforehand, so it
// costs nothing at a function's start.
func Document(about About, operations []Operation, examples map[string]Examples) ([]byte, error) {
	api := newAPI(http.NewServeMux())
	for _, o := range operations {
		o.register(api)
	}
	doc := api.OpenAPI()
	introduce(doc, about)
	for _, schema := range doc.Components.Schemas.Map() {
		withoutWords(schema)
	}
	for _, o := range operations {
		described := operationIn(doc, o.Method, o.Path)
		if described == nil {
			return nil, fmt.Errorf("operation %s is not in the document", o.ID)
		}
		if _, ok := about.Tags[o.Tag]; !ok {
			return nil, fmt.Errorf("operation %s has a tag that nobody describes: %q", o.ID, o.Tag)
		}
		if o.Form != nil {
			o.Form.describe(described)
		}
		describeRequest(described, o.Spec, examples[o.ID])
		describeAnswers(described, o.Spec)
		example := examples[o.ID]
		if described.RequestBody != nil {
			showExample(described.RequestBody.Content, example.Request)
		}
		for status, response := range described.Responses {
			if strings.HasPrefix(status, "2") {
				showExample(response.Content, example.Answer)
			}
		}
	}
	return doc.MarshalJSON()
}

// introduce writes the parts of the document that are above the operations, and those that they share.
func introduce(doc *huma.OpenAPI, about About) {
	doc.Info.Description = about.Description
	doc.Info.Contact = &huma.Contact{Name: "The Registrar authors"}
	doc.Info.License = &huma.License{Name: "MIT", Identifier: "MIT"}
	doc.Servers = []*huma.Server{
		{URL: ".", Description: "The deployment that this document comes from, behind whatever domain and path it is " +
			"mapped to"},
		{
			URL: "https://{api}.execute-api.{region}.amazonaws.com", Description: "A deployment without a domain of its own, " +
				"as API Gateway names it",
			Variables: map[string]*huma.ServerVariable{
				"api":    {Default: "a1b2c3d4e5", Description: "The API's id, an output of the stack"},
				"region": {Default: "us-east-1", Description: "The AWS Region of the stack"},
			},
		},
		{URL: "http://127.0.0.1:8080", Description: "`make run` on this machine"},
	}
	doc.Security = []map[string][]string{} // explicit: there are no accounts yet, everyone may call
	for _, name := range slices.Sorted(maps.Keys(about.Tags)) {
		doc.Tags = append(doc.Tags, &huma.Tag{Name: name, Description: about.Tags[name]})
	}
	doc.Components.Headers = headers()
	doc.Components.Parameters = map[string]*huma.Param{headerCorrelation: {
		Name: headerCorrelation, In: "header", Example: "registration-morning-1",
		Description: "What the log lines, events and messages that this request causes shall have in common. What is not " +
			"of this form is not used: " +
			"the request's own id is.",
		Schema: &huma.Schema{Type: huma.TypeString},
	}, headerIfNoneMatch: {
		Name: headerIfNoneMatch, In: "header", Example: `"1"`,
		Description: "ETag of what the client has, or several: if it is that still, the answer is 304, without it",
		Schema:      &huma.Schema{Type: huma.TypeString, Extensions: map[string]any{"pattern": entityTagsPattern}},
	}}
	doc.Components.Schemas.Map()["GatewayMessage"] = &huma.Schema{
		Type: huma.TypeObject, Description: "What API Gateway answers itself, before or instead of a function",
		Required:   []string{"message"},
		Properties: map[string]*huma.Schema{"message": {Type: huma.TypeString, Examples: []any{"Too Many Requests"}}},
	}
	doc.Components.Responses = map[string]*huma.Response{}
	// an operation without refusals of its own that can answer with all of them
	shared := statuses(Spec{Method: http.MethodPatch})
	for _, status := range shared {
		doc.Components.Responses[componentOf(status)] = answer(status, nil)
	}
}

// The headers that the operations share.
const (
	headerCorrelation = "X-Correlation-Id"
	headerRequest     = "Apigw-Requestid"
	headerRetryAfter  = "Retry-After"
)

func headers() map[string]*huma.Header {
	return map[string]*huma.Header{
		headerCorrelation: {
			Description: "What the log lines, events and messages of this request have in common: the client's own, or the " +
				"request's id. " +
				"An answer of API Gateway's own has none.",
			Schema: &huma.Schema{Type: huma.TypeString, Examples: []any{"JKJaXmPLvHcESHA="}},
		},
		headerRequest: {
			Description: "Id of the request, for asking about it",
			Schema:      &huma.Schema{Type: huma.TypeString, Examples: []any{"JKJaXmPLvHcESHA="}},
		},
		headerRetryAfter: {
			Description: "Seconds after which to try again. An answer of API Gateway's own has none: wait a second, and twice " +
				"as long each time.",
			Schema: &huma.Schema{Type: huma.TypeInteger, Minimum: new(float64), Examples: []any{1}},
		},
	}
}

func headerRef(name string) *huma.Header { return &huma.Header{Ref: "#/components/headers/" + name} }

// describeRequest adds what is not in the input's type.
func describeRequest(o *huma.Operation, spec Spec, example Examples) {
	o.Parameters = append(o.Parameters, &huma.Param{Ref: "#/components/parameters/" + headerCorrelation})
	if conditional(o, spec) {
		o.Parameters = append(o.Parameters, &huma.Param{Ref: "#/components/parameters/" + headerIfNoneMatch})
	}
	if o.RequestBody != nil && spec.Method == http.MethodPatch {
		o.RequestBody.Content[patchMedia] = o.RequestBody.Content[jsonMedia]
	}
	for _, p := range o.Parameters {
		// When it is absent the operation itself answers with 428, and not with 422 as for a parameter that huma requires.
		if p.In == "header" && p.Name == "If-Match" && spec.mustMatch() {
			p.Required = true
		}
		if p.Schema == nil {
			continue // a reference
		}
		// A description of the parameter as a whole is at the parameter, not in its schema.
		schema := *p.Schema
		p.Schema, schema.Description = &schema, ""
		if p.Name == "If-Match" {
			schema.Extensions = map[string]any{"pattern": entityTagsPattern} // which the middleware checks itself
		}
		if p.Name == "cursor" { // its content is sealed: see the store
			schema.Extensions = map[string]any{"pattern": "^[!-~]*$"}
		}
		if value, ok := example.Path[p.Name]; ok && p.In == "path" { // a record that the sample data has
			p.Example, schema.Examples = value, nil
		}
	}
}

// conditional reports whether the operation returns a record with an entity tag, so that a client that has it already
// need not get it again.
func conditional(o *huma.Operation, spec Spec) bool {
	response := o.Responses[strconv.Itoa(http.StatusOK)]
	return spec.Method == http.MethodGet && response != nil && response.Headers["ETag"] != nil
}

// mustMatch reports whether the operation answers 428 to a request without If-Match.
func (s Spec) mustMatch() bool { return s.Method == http.MethodPatch }

// statuses are the statuses of the operation's own refusals, and of the answers that every operation can give, or API
// Gateway instead of it.
func statuses(spec Spec) []int {
	all := []int{
		http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
		http.StatusUnprocessableEntity,
		http.StatusTooManyRequests, http.StatusRequestHeaderFieldsTooLarge, http.StatusInternalServerError,
		http.StatusServiceUnavailable,
	}
	if spec.Method == http.MethodPatch || spec.Method == http.MethodDelete {
		all = append(all, http.StatusPreconditionFailed)
	}
	if spec.mustMatch() {
		all = append(all, http.StatusPreconditionRequired)
	}
	for _, code := range spec.Codes {
		all = append(all, statusOf(code))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// describeAnswers adds to an operation's documentation the answers to requests that are not carried out, and to each
// answer the headers that all have.
func describeAnswers(o *huma.Operation, spec Spec) {
	delete(o.Responses, "default") // huma's, when it knows of no errors
	for _, response := range o.Responses {
		if response.Headers == nil {
			response.Headers = map[string]*huma.Header{}
		}
		for name, header := range response.Headers {
			// A new record always has a Location; the last page has no Link.
			header.Required = name == "Location"
			if header.Schema != nil { // the header has the description
				header.Description, header.Schema.Description = cmp.Or(header.Description, header.Schema.Description), ""
			}
		}
		delete(response.Headers, "Content-Type") // which OpenAPI has in another place
		response.Headers[headerCorrelation] = headerRef(headerCorrelation)
		response.Headers[headerRequest] = headerRef(headerRequest)
	}
	own := map[int][]registrar.Code{}
	for _, code := range spec.Codes {
		own[statusOf(code)] = append(own[statusOf(code)], code)
	}
	all := statuses(spec)
	if conditional(o, spec) {
		all = append(all, http.StatusPreconditionFailed)
		o.Responses[strconv.Itoa(http.StatusNotModified)] = &huma.Response{
			Description: "The client has the record as it is: If-None-Match names its entity tag.",
			Headers: map[string]*huma.Header{
				"ETag": {Schema: &huma.Schema{Type: huma.TypeString}, Description: "That which the client has",
					Required: true},
				headerCorrelation: headerRef(headerCorrelation), headerRequest: headerRef(headerRequest),
			},
		}
	}
	for _, status := range all {
		key := strconv.Itoa(status)
		if codes := own[status]; len(codes) > 0 {
			o.Responses[key] = answer(status, codes)
		} else {
			o.Responses[key] = &huma.Response{Ref: "#/components/responses/" + componentOf(status)}
		}
	}
}

// componentOf is the name of the answer that operations share: "TooManyRequests".
func componentOf(status int) string { return strings.ReplaceAll(http.StatusText(status), " ", "") }

// answer describes a status that is not a success: when it comes, and an example of each problem. Some also come from
// API Gateway, or from it alone (API Gateway developer guide, "Quotas for configuring and running an HTTP API").
func answer(status int, own []registrar.Code) *huma.Response {
	says := explain(status)
	response := &huma.Response{
		Description: says.when, Content: map[string]*huma.MediaType{},
		Headers: map[string]*huma.Header{headerRequest: headerRef(headerRequest)},
	}
	if says.gateway {
		response.Content["application/json"] = &huma.MediaType{
			Schema: &huma.Schema{Ref: "#/components/schemas/GatewayMessage"}, Example: map[string]string{
				"message": http.StatusText(status)},
		}
	}
	if status == http.StatusServiceUnavailable {
		response.Headers[headerRetryAfter] = headerRef(headerRetryAfter)
	}
	problems := map[string]*huma.Example{}
	for _, code := range own {
		problems[string(code)] = &huma.Example{
			Summary: string(code), Value: newProblem(status, string(code), fmt.Sprintf("the request was refused: %s", code)),
		}
	}
	for _, p := range says.problems {
		problems[p.code] = &huma.Example{Summary: p.code, Value: newProblem(status, p.code, p.detail)}
	}
	if len(problems) > 0 {
		response.Headers[headerCorrelation] = headerRef(headerCorrelation)
		response.Content["application/problem+json"] = &huma.MediaType{
			Schema: &huma.Schema{Ref: "#/components/schemas/Problem"}, Examples: problems,
		}
	}
	return response
}

// explanation is the document's explanation of a status that is not a success.
type explanation struct {
	when     string
	gateway  bool // it may come from API Gateway itself
	problems []exampleProblem
}

type exampleProblem struct{ code, detail string }

func explain(status int) explanation {
	switch status {
	case http.StatusBadRequest:
		return explanation{"The request cannot be read: its query, its body, its cursor or its entity tag is none.", false,
			[]exampleProblem{
				{codeBadRequest, "the body is not valid JSON"},
				{codeBadCursor, "the cursor is not one of this list"},
			}}
	case http.StatusNotFound:
		return explanation{"There is no such record.", false, nil}
	case http.StatusConflict:
		return explanation{"A rule said no, and nothing was changed: `code` says which rule it was.", false, nil}
	case http.StatusPreconditionFailed:
		return explanation{"The record has changed since the version in If-Match: read it again.", false, []exampleProblem{
			{codeVersionMismatch, "the record has changed since the version in If-Match"},
		}}
	case http.StatusRequestEntityTooLarge:
		return explanation{"The body is larger than 256 KiB, or than the 6 MB that Lambda takes.", true, []exampleProblem{
			{codeTooLarge, "the body is larger than 256 KiB"},
		}}
	case http.StatusUnsupportedMediaType:
		return explanation{"The body is not of the type that the operation takes.", false, []exampleProblem{
			{codeMediaType, "the body must be application/json, or in a change application/merge-patch+json"},
		}}
	case http.StatusUnprocessableEntity:
		return explanation{"Fields of the request are not valid: `errors` names each.", false, []exampleProblem{
			{codeInvalid, "fields of the request are not valid"},
		}}
	case http.StatusPreconditionRequired:
		return explanation{"The change needs the version that it was made of, in If-Match.", false, []exampleProblem{
			{codePreconditionRequired, "the change needs the version that it was made of, in If-Match"},
		}}
	case http.StatusTooManyRequests:
		return explanation{"More requests than API Gateway lets through. Nothing was done: wait a second, and twice as " +
			"long each time.", true, nil}
	case http.StatusRequestHeaderFieldsTooLarge:
		return explanation{"The request line and the headers have more than 10,240 bytes.", true, nil}
	case http.StatusInternalServerError:
		return explanation{"Something went wrong on our side.", true, []exampleProblem{
			{codeInternal, "something went wrong on our side"},
		}}
	case http.StatusServiceUnavailable:
		return explanation{"Too busy to decide in time, or no answer in time.", true, []exampleProblem{
			{codeBusy, "too busy to decide in time; nothing was done, try again"},
			{codeOutcomeUnknown, outcomeUnknown},
		}}
	}
	return explanation{when: http.StatusText(status)}
}

// withoutWords removes what JSON Schema does not know: huma's description of a pattern.
func withoutWords(s *huma.Schema) {
	if s == nil {
		return
	}
	s.PatternDescription = ""
	for _, property := range s.Properties {
		withoutWords(property)
	}
	withoutWords(s.Items)
	if additional, ok := s.AdditionalProperties.(*huma.Schema); ok {
		withoutWords(additional)
	}
	for _, alternative := range s.AnyOf {
		withoutWords(alternative)
	}
}

func showExample(content map[string]*huma.MediaType, example any) {
	if example == nil { // a form has its own
		return
	}
	for _, media := range content {
		media.Example = example
	}
}

func operationIn(doc *huma.OpenAPI, method, path string) *huma.Operation {
	item := doc.Paths[path]
	if item == nil {
		return nil
	}
	switch method {
	case http.MethodGet:
		return item.Get
	case http.MethodPost:
		return item.Post
	case http.MethodPatch:
		return item.Patch
	case http.MethodDelete:
		return item.Delete
	}
	return nil
}
