package api

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"unicode/utf8"

	"example.com/registrar/shared/registrar"
	"github.com/danielgtaylor/huma/v2"
)

// Form is the body of an operation that takes a form instead of JSON: the one value that each of its fields must have.
// A form is sent by a page's button, and by a mail program that unsubscribes (RFC 8058).
type Form map[string]string

// The media types of forms (HTML standard, "Form submission"; RFC 7578).
const (
	formURLEncoded = "application/x-www-form-urlencoded"
	formMultipart  = "multipart/form-data"
)

// fault is what is wrong with a request's body; nil when it is the form.
func (f Form) fault(contentType string, body []byte) *Problem {
	bad := newProblem(http.StatusBadRequest, codeBadRequest, "the body is not a valid form")
	kind, parameters, err := mime.ParseMediaType(contentType)
	var values url.Values
	switch {
	case err == nil && kind == formURLEncoded && utf8.Valid(body):
		values, err = url.ParseQuery(string(body))
	case err == nil && kind == formMultipart && utf8.Valid(body):
		values, err = parts(body, parameters["boundary"])
	case err == nil && (kind == formURLEncoded || kind == formMultipart):
		return bad.on("body", fieldFormat, "must be UTF-8")
	case len(body) == 0:
		return bad.on("body", registrar.FieldRequired, "must be there")
	default:
		return newProblem(http.StatusUnsupportedMediaType, codeMediaType, "the body must be a form").
			on("header.Content-Type", fieldFormat, "must be "+formURLEncoded+" or "+formMultipart)
	}
	if err != nil {
		return bad.on("body", fieldFormat, "cannot be read as a form")
	}
	wrong := newProblem(http.StatusUnprocessableEntity, codeInvalid, "fields of the request are not valid")
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if !slices.Equal(values[name], []string{f[name]}) {
			wrong = wrong.on("body."+name, "NOT_ONE_OF", "must be "+f[name]+", once")
		}
	}
	if len(wrong.Errors) > 0 {
		return wrong
	}
	return nil // other fields are the sender's own
}

// mostFields is how many names a multipart form may have.
const mostFields = 16

// parts reads the fields of a multipart form; the body is bounded already.
func parts(body []byte, boundary string) (url.Values, error) {
	values := url.Values{}
	for reader := multipart.NewReader(bytes.NewReader(body), boundary); ; {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		if len(values) == mostFields && !values.Has(part.FormName()) {
			return nil, errors.New("too many fields")
		}
		values.Add(part.FormName(), string(text))
	}
}

// describe adds the form to an operation's documentation.
func (f Form) describe(o *huma.Operation) {
	schema := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}}
	example := map[string]string{}
	for name, value := range f {
		schema.Properties[name] = &huma.Schema{Type: huma.TypeString, Enum: []any{value}}
		schema.Required = append(schema.Required, name)
		example[name] = value
	}
	slices.Sort(schema.Required)
	// Other fields are the sender's own.
	schema.AdditionalProperties = &huma.Schema{Type: huma.TypeString}
	content := &huma.MediaType{Schema: schema, Example: example}
	o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{formURLEncoded: content,
		formMultipart: content}}
}
