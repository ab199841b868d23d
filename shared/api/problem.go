package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/telemetry/request"
)

// Problem is the answer to a request that was not carried out (RFC 9457). Clients act on Code; Detail is for people. It
// repeats no value that was sent.
type Problem struct {
	Type     string         `json:"type" format:"uri" doc:"Stable name of the kind of problem" example:"https://registrar.example.com/problems/section-full"`
	Title    string         `json:"title" doc:"The kind of problem in words" example:"Conflict"`
	Status   int            `json:"status" doc:"HTTP status" example:"409"`
	Code     string         `json:"code" doc:"Stable code: that of the first refusal, or of the request's fault" example:"SECTION_FULL"`
	Detail   string         `json:"detail" doc:"What happened, for people" example:"the section has no free seat"`
	Instance string         `json:"instance,omitempty" doc:"Id of the request, for asking about it"`
	Errors   []ProblemField `json:"errors,omitempty" maxItems:"100" doc:"Every field that was wrong, the first hundred of them"`
	Refusals []ProblemRule  `json:"refusals,omitempty" maxItems:"100" doc:"Every rule that said no, the first hundred of them"`
	More     int            `json:"more,omitempty" doc:"How many more fields were wrong, or rules said no; absent: all are here" example:"20"`

	headers http.Header
}

// ProblemField names one field of a request that was wrong.
type ProblemField struct {
	Field  string `json:"field" doc:"Where it is: path, query, header or body" example:"body.credits.min"`
	Code   string `json:"code" example:"OUT_OF_RANGE"`
	Detail string `json:"detail" example:"must be between 0 and 100"`
}

// ProblemRule is one refusal.
type ProblemRule struct {
	Code     string           `json:"code" example:"TIME_CONFLICT"`
	Detail   string           `json:"detail" example:"time conflict with 12345"`
	Subject  string           `json:"subject,omitempty" doc:"The record that it is about"`
	Evidence map[string]Value `json:"evidence,omitempty" doc:"What the rule looked at: numbers and texts"`
	Clears   string           `json:"clears,omitempty" doc:"What would clear it" example:"dropping the other section"`
}

// The codes of faults of requests; those of refusals are [registrar.Code].
const (
	codeBadRequest           = "BAD_REQUEST"
	codeInvalid              = "INVALID"
	codeBadCursor            = "BAD_CURSOR"
	codeTooLarge             = "TOO_LARGE"
	codeMediaType            = "UNSUPPORTED_MEDIA_TYPE"
	codeNotFound             = string(registrar.NotFound)
	codeMethodNotAllowed     = "METHOD_NOT_ALLOWED"
	codeVersionMismatch      = "VERSION_MISMATCH"
	codePreconditionRequired = "PRECONDITION_REQUIRED"
	codeBusy                 = "BUSY"
	codeOutcomeUnknown       = "OUTCOME_UNKNOWN"
	codeInternal             = "INTERNAL"

	codeType     = "TYPE" // of a field
	fieldFormat  = registrar.FieldFormat
	fieldTooLong = registrar.FieldTooLong
)

// outcomeUnknown is the message when the table did not answer in time. Not every change takes an Idempotency-Key.
const outcomeUnknown = "no answer in time: the change was made whole or not at all; if the request had an " +
	"Idempotency-Key, the same request with " +
	"the same key tells which, else the record itself does"

// problemTypes is the base of the problem types' URIs.
const problemTypes = "https://registrar.example.com/problems/"

func newProblem(status int, code, detail string) *Problem {
	return &Problem{
		Type:  problemTypes + strings.ToLower(strings.ReplaceAll(code, "_", "-")),
		Title: http.StatusText(status), Status: status, Code: code, Detail: detail,
	}
}

func (p *Problem) on(field, code, detail string) *Problem {
	p.Errors = append(p.Errors, ProblemField{Field: field, Code: code, Detail: detail})
	return p
}

func (p *Problem) header(name, value string) {
	if p.headers == nil {
		p.headers = http.Header{}
	}
	p.headers.Set(name, value)
}

// Error implements error.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// GetStatus implements [huma.StatusError].
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements [huma.HeadersError].
func (p *Problem) GetHeaders() http.Header { return p.headers }

// ContentType implements [huma.ContentTypeFilter].
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// mostTold is how many faults a problem names, and how many refusals. A client with more corrects these first.
const mostTold = 100

// bounded is the problem with at most this many faults and refusals, and the number of the others.
func (p *Problem) bounded() *Problem {
	if more := len(p.Errors) - mostTold; more > 0 {
		p.Errors, p.More = slices.Clip(p.Errors[:mostTold]), p.More+more
	}
	if more := len(p.Refusals) - mostTold; more > 0 {
		p.Refusals, p.More = slices.Clip(p.Refusals[:mostTold]), p.More+more
	}
	return p
}

func writeProblem(w http.ResponseWriter, x *exchange, p *Problem) {
	x.code = p.Code
	for name, values := range p.headers {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)    // as huma writes the other answers
	_ = encoder.Encode(p.bounded()) // into a buffer
}

// statusOf is the HTTP status of a refusal.
func statusOf(code registrar.Code) int {
	switch code {
	case registrar.NotFound:
		return http.StatusNotFound
	case registrar.IdempotencyMismatch:
		return http.StatusUnprocessableEntity
	}
	return http.StatusConflict
}

// problemOf makes the answer to an error of an operation. An error that is neither a refusal nor a fault of the request
// is a failure, or a lack of time: it is logged here, once, and not shown.
func problemOf(ctx context.Context, err error) *Problem {
	x := exchangeOf(ctx)
	p := describe(ctx, err).bounded()
	switch p.Status {
	case http.StatusInternalServerError:
		x.log.ErrorContext(ctx, "the request failed", "error", err.Error())
	case http.StatusServiceUnavailable:
		x.log.WarnContext(ctx, "the request was not decided in time", "code", p.Code, "error", err.Error())
	}
	p.Instance = request.From(ctx).ID
	x.code = p.Code
	return p
}

func describe(ctx context.Context, err error) *Problem {
	var problem *Problem
	var refusals registrar.Refusals
	var refusal *registrar.Refusal
	var fields registrar.FieldErrors
	switch {
	case errors.As(err, &problem):
		return problem
	case errors.As(err, &refusals) && len(refusals) > 0:
		return refused(refusals)
	case errors.As(err, &refusal):
		return refused(registrar.Refusals{refusal})
	case errors.As(err, &fields):
		p := newProblem(http.StatusUnprocessableEntity, codeInvalid, "fields of the request are not valid")
		for _, f := range fields {
			// what an operation checks itself; the domain speaks of the record's fields
			if !strings.HasPrefix(f.Field, "query.") {
				f.Field = "body." + f.Field
			}
			p = p.on(f.Field, f.Code, f.Detail)
		}
		return p
	case errors.Is(err, registrar.ErrVersionMismatch):
		return newProblem(http.StatusPreconditionFailed, codeVersionMismatch, "the record has changed since the version in "+
			"If-Match").
			on("header.If-Match", "VERSION", "is not the record's present version")
	case errors.Is(err, registrar.ErrBadCursor):
		return newProblem(http.StatusBadRequest, codeBadCursor, "the cursor is not one of this list").
			on("query.cursor", fieldFormat, "must be a cursor that this list gave")
	case errors.Is(err, registrar.ErrOutcomeUnknown):
		p := newProblem(http.StatusServiceUnavailable, codeOutcomeUnknown, outcomeUnknown)
		p.header("Retry-After", "1")
		return p
	case errors.Is(err, registrar.ErrBusy), errors.Is(err, context.DeadlineExceeded), ctx.Err() != nil:
		p := newProblem(http.StatusServiceUnavailable, codeBusy, "too busy to decide in time; nothing was done, try again")
		p.header("Retry-After", "1")
		return p
	}
	return internal(ctx)
}

func internal(ctx context.Context) *Problem {
	p := newProblem(http.StatusInternalServerError, codeInternal, "something went wrong on our side")
	p.Instance = request.From(ctx).ID
	return p
}

func refused(refusals registrar.Refusals) *Problem {
	p := newProblem(statusOf(refusals[0].Code), string(refusals[0].Code), refusals[0].Detail)
	for _, r := range refusals {
		p.Refusals = append(p.Refusals, ProblemRule{
			Code: string(r.Code), Detail: r.Detail, Subject: r.Subject, Evidence: valuesOf(r.Evidence), Clears: r.Clears,
		})
	}
	return p
}

// shortened bounds the name of a field, which may be the client's own.
func shortened(field string) string {
	const longest = 120
	if len(field) > longest {
		return strings.ToValidUTF8(field[:longest], "") + "…"
	}
	return field
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
