package audit

import (
	"context"
	"net/http"
	"strings"
	"time"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
	"github.com/google/uuid"
)

// ListStore is what [List] needs of the store.
type ListStore interface {
	Events(ctx context.Context, filter registrar.EventFilter, page registrar.PageRequest) (registrar.Page[registrar.Event],
		error)
}

type listInput struct {
	api.PageInput
	Record  string      `query:"record" maxLength:"100" pattern:"^(term|course|section|student|instructor|import|mail|recipient)/[0-9A-Za-z:-]{1,80}$" doc:"Only what happened to this record, kind and id; a section's registrations too" example:"section/0198c0a4-2b6e-7c3d-9a41-5f0e2d7c8b11"`
	Student api.ID      `query:"student" doc:"Only what happened to this student"`
	From    api.Instant `query:"from" doc:"Not before this moment" example:"2026-11-24T09:00:00Z"`
	To      api.Instant `query:"to" doc:"Before this moment" example:"2026-11-24T10:00:00Z"`
}

// longestSpan bounds the time of a list of all events: each day has 32 partitions to read.
const longestSpan = 31 * 24 * time.Hour

// List pages through the audit.
func List(store ListStore) api.Operation {
	return api.Define(api.Spec{
		ID: "audit-list", Method: http.MethodGet, Path: "/v1/audit", Summary: "List what was done, and what was refused",
		Tag: "audit",
		Description: "Oldest first. By record, or by student, or by time alone: then `from` and `to` are needed, at most " +
			"31 days apart. " +
			"What was done shows at once by time, and within moments by record or student; what was refused within seconds.",
		Access: api.Registrar,
	}, func(ctx context.Context, in *listInput) (*api.List[Event], error) {
		filter := registrar.EventFilter{Student: registrar.StudentID(in.Student), From: in.From.Time(), To: in.To.Time()}
		if kind, id, ok := strings.Cut(in.Record, "/"); ok {
			filter.Record = registrar.Record{Kind: registrar.Kind(kind), ID: canonicalID(id)}
		}
		if err := in.check(); err != nil {
			return nil, err
		}
		page, err := store.Events(ctx, filter, in.Request())
		if err != nil {
			return nil, err
		}
		return api.ListOf(ctx, page, show), nil
	})
}

func (in *listInput) check() error {
	var wrong registrar.FieldErrors
	add := func(field, code, detail string) {
		wrong = append(wrong, registrar.FieldError{Field: "query." + field, Code: code, Detail: detail})
	}
	switch {
	case in.Record != "" && in.Student != "":
		add("student", registrar.FieldDuplicate, "not together with record")
	case in.To.Given() && !in.From.Time().Before(in.To.Time()):
		add("to", registrar.FieldOutOfRange, "must be after from")
	case in.Record == "" && in.Student == "" && !in.From.Given():
		add("from", registrar.FieldRequired, "is needed without record or student")
	case in.Record == "" && in.Student == "" && !in.To.Given():
		add("to", registrar.FieldRequired, "is needed without record or student")
	case in.Record == "" && in.Student == "" && in.To.Time().Sub(in.From.Time()) > longestSpan:
		add("to", registrar.FieldOutOfRange, "at most 31 days after from")
	}
	return wrong.OrNil()
}

// canonicalID is the id of a record as it is stored: a UUID in lower case; other ids stay as they are.
func canonicalID(id string) string {
	if parsed, err := uuid.Parse(id); err == nil && len(id) == len(parsed.String()) {
		return parsed.String()
	}
	return id
}
