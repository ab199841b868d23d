package api

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"

	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/telemetry/request"
	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
)

// Only this file knows the errors that huma makes of a request. Our own errors have a type, [fieldFault]. An error of
// huma has one type for all kinds, with a text and a place. Its kind is found by the format that huma exports for its
// text, or, for a parameter, by the parameter's schema. No text of huma is repeated here, so a changed text changes no
// code.

// useProblems makes huma answer with problems of ours, know a field by its exact name alone, and take no null for a
// list. These are the only package variables of another that this project sets: huma offers no other way.
var useProblems = sync.OnceFunc(func() {
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false // no list of ours is null, sent or taken
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		return fromHuma(nil, status, message, errs)
	}
	huma.NewErrorWithContext = func(c huma.Context, status int, message string, errs ...error) huma.StatusError {
		if c == nil {
			return fromHuma(nil, status, message, errs).bounded()
		}
		p := fromHuma(c.Operation(), status, message, errs)
		x := exchangeOf(c.Context())
		if status == http.StatusUnprocessableEntity {
			p.Errors = append(p.Errors, x.nulls...)
		}
		x.code = p.Code
		p.Instance = request.From(c.Context()).ID
		return p.bounded()
	}
})

// fieldFault is the error of one of our types that resolve themselves.
type fieldFault struct{ field, code, detail string }

// Error implements error.
func (f *fieldFault) Error() string { return f.field + ": " + f.detail }

// fromHuma makes a problem of what huma says of a request to an operation; nil: of none.
func fromHuma(o *huma.Operation, status int, message string, errs []error) *Problem {
	code := codeInvalid
	switch status {
	case http.StatusBadRequest:
		code = codeBadRequest
	case http.StatusNotAcceptable:
		code = "NOT_ACCEPTABLE"
	case http.StatusRequestEntityTooLarge:
		code = codeTooLarge
	case http.StatusUnsupportedMediaType:
		code = codeMediaType
	case http.StatusInternalServerError:
		code, message = codeInternal, "something went wrong on our side"
	}
	if status == http.StatusUnprocessableEntity {
		message = "fields of the request are not valid"
	}
	p := newProblem(status, code, message)
	for i, err := range errs {
		if i >= mostTold { // the text of each costs something
			p.More = len(errs) - i
			break
		}
		var detailed huma.ErrorDetailer
		var ours *fieldFault
		if errors.As(err, &ours) {
			p = p.on(shortened(ours.field), ours.code, ours.detail)
		} else if errors.As(err, &detailed) {
			f := fieldOf(o, detailed.ErrorDetail())
			p = p.on(shortened(f.Field), f.Code, f.Detail)
		}
	}
	if len(p.Errors) == 0 && status == http.StatusBadRequest {
		p = p.on("body", registrar.FieldRequired, "must be there")
	}
	return p
}

// fieldOf gives a validation error a code, and cuts what the client sent from its text.
func fieldOf(o *huma.Operation, d *huma.ErrorDetail) ProblemField {
	if name, ok := argument(d.Message, validation.MsgExpectedRequiredProperty); ok {
		return ProblemField{Field: d.Location + "." + name, Code: registrar.FieldRequired, Detail: mustBeThere}
	}
	for _, kind := range messageKinds() {
		for _, format := range kind.formats {
			if _, ok := argument(d.Message, format); !ok {
				continue
			}
			f := ProblemField{Field: d.Location, Code: kind.code, Detail: d.Message}
			if kind.detail != "" {
				f.Detail = kind.detail
			} else if text, reason := strings.CutSuffix(format, ": %v"); reason { // which repeats the value
				f.Detail = text
			}
			return f
		}
	}
	return parameterFault(o, d)
}

const (
	mustBeThere = "must be there"
	notKnown    = "is not known here"
	codeUnknown = "UNKNOWN"
)

// messageKind is a code, and the formats of huma's messages that it stands for.
type messageKind struct {
	code    string
	detail  string // instead of huma's text; empty: huma's
	formats []string
}

// messageKinds has every format of huma but the one of a missing property, which names its field. A format that begins
// as another does comes before it.
func messageKinds() []messageKind {
	return []messageKind{
		{code: codeUnknown, detail: notKnown, formats: []string{validation.MsgUnexpectedProperty}},
		{code: fieldTooLong, formats: []string{validation.MsgExpectedMaxLength, validation.MsgExpectedMaxItems}},
		{code: registrar.FieldRequired, formats: []string{validation.MsgExpectedMinLength, validation.MsgExpectedMinItems}},
		{code: registrar.FieldOutOfRange, formats: []string{
			validation.MsgExpectedMinimumNumber, validation.MsgExpectedExclusiveMinimumNumber,
			validation.MsgExpectedMaximumNumber, validation.MsgExpectedExclusiveMaximumNumber,
		}},
		{code: "NOT_ONE_OF", formats: []string{validation.MsgExpectedOneOf}},
		{code: codeType, formats: []string{
			validation.MsgExpectedBoolean, validation.MsgExpectedNumber, validation.MsgExpectedInteger,
			validation.MsgExpectedString, validation.MsgExpectedArray, validation.MsgExpectedObject,
		}},
		{code: fieldFormat, formats: []string{
			validation.MsgExpectedRFC3339DateTime, validation.MsgExpectedRFC1123DateTime, validation.MsgExpectedRFC3339Date,
			validation.MsgExpectedRFC3339Time, validation.MsgExpectedRFC5322Email, validation.MsgExpectedRFC5890Hostname,
			validation.MsgExpectedRFC2673IPv4, validation.MsgExpectedRFC2373IPv6, validation.MsgExpectedRFCIPAddr,
			validation.MsgExpectedRFC3986URI, validation.MsgExpectedRFC4122UUID, validation.MsgExpectedRFC6570URITemplate,
			validation.MsgExpectedRFC6901JSONPointer, validation.MsgExpectedRFC6901RelativeJSONPointer,
			validation.MsgExpectedRegexp, validation.MsgExpectedDuration, validation.MsgExpectedBase64String,
			validation.MsgExpectedMatchAtLeastOneSchema, validation.MsgExpectedMatchExactlyOneSchema,
			validation.MsgExpectedNotMatchSchema, validation.MsgExpectedPropertyNameInObject,
			validation.MsgExpectedArrayItemsUnique, validation.MsgExpectedNumberBeMultipleOf,
			validation.MsgExpectedMinProperties, validation.MsgExpectedMaxProperties,
			validation.MsgExpectedDependentRequiredProperty, validation.MsgExpectedMatchPattern,
			validation.MsgExpectedBePattern,
		}},
	}
}

// argument reports whether a text was made by a format of package fmt, and returns its one argument. For a format with
// several verbs it compares only the text before the first.
func argument(text, format string) (string, bool) {
	before, rest, formatted := strings.Cut(format, "%")
	if !formatted {
		return "", text == format
	}
	value, ok := strings.CutPrefix(text, before)
	after := rest[1:] // behind the verb's letter
	if !ok || strings.Contains(after, "%") {
		return "", ok
	}
	return strings.CutSuffix(value, after)
}

// parameterFault says what is wrong with a parameter that huma could not read, by the parameter's schema. Otherwise it
// is a body: its schema allows more than its type can read.
func parameterFault(o *huma.Operation, d *huma.ErrorDetail) ProblemField {
	f := ProblemField{Field: d.Location, Code: codeType, Detail: "has not the type that is expected here"}
	in, name, _ := strings.Cut(d.Location, ".")
	if o == nil || !slices.Contains([]string{"path", "query", "header"}, in) {
		return f
	}
	i := slices.IndexFunc(o.Parameters, func(p *huma.Param) bool { return p.In == in && p.Name == name })
	switch {
	case i < 0:
		f.Code, f.Detail = codeUnknown, notKnown
	case d.Value == "":
		f.Code, f.Detail = registrar.FieldRequired, mustBeThere
	case o.Parameters[i].Schema != nil:
		if expected := expectedType(o.Parameters[i].Schema); expected != "" {
			f.Detail = expected
		}
	}
	return f
}

// expectedType says in words what a parameter must be; empty for what can always be read.
func expectedType(s *huma.Schema) string {
	switch {
	case s.Type == huma.TypeInteger:
		return "expected an integer"
	case s.Type == huma.TypeNumber:
		return "expected a number"
	case s.Type == huma.TypeBoolean:
		return "expected true or false"
	case s.Format == "date-time":
		return expectedInstant
	}
	return ""
}
