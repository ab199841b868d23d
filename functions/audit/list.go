package audit

import (
	"context"
	"net/http"
	"strings"
	"time"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// ListStore is what [List] needs of the store.
type ListStore interface {
	Events(ctx context.Context, filter registrar.EventFilter, page registrar.PageRequest) (registrar.Page[registrar.Event], error)
}

type listInput struct {
	api.PageInput
	Record  string    `query:"record" maxLength:"100" pattern:"^(term|course|section|student|instructor|import|mail|recipient)/[0-9A-Za-z:-]{1,80}$" doc:"Only what happened to this record, kind and id; a section's registrations too" example:"section/0198c0a4-2b6e-7c3d-9a41-5f0e2d7c8b11"`
	Student string    `query:"student" format:"uuid" maxLength:"36" doc:"Only what happened to this student"`
	From    time.Time `query:"from" doc:"Not before this moment" example:"2026-11-24T09:00:00Z"`
	To      time.Time `query:"to" doc:"Before this moment" example:"2026-11-24T10:00:00Z"`
}

// longestSpan bounds what a list of all events reads: each day is 32 partitions.
const longestSpan = 31 * 24 * time.Hour

// The years that can be asked for: an event's time is compared as text.
const earliest, latest = 1970, 2200

// List pages through the audit.
func List(store ListStore) api.Operation {
	return api.Define(api.Spec{
		ID: "audit-list", Method: http.MethodGet, Path: "/v1/audit", Summary: "List what was done, and what was refused", Tag: "audit",
		Description: "Oldest first. By record, or by student, or by time alone: then `from` and `to` are needed, at most 31 days apart. " +
			"What was done shows at once by time, and within moments by record or student; what was refused within seconds.",
		Access: api.Registrar,
	}, func(ctx context.Context, in *listInput) (*api.List[Event], error) {
		filter := registrar.EventFilter{Student: registrar.StudentID(in.Student), From: in.From.UTC(), To: in.To.UTC()}
		if kind, id, ok := strings.Cut(in.Record, "/"); ok {
			filter.Record = registrar.Record{Kind: registrar.Kind(kind), ID: id}
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
	for field, moment := range map[string]time.Time{"from": in.From, "to": in.To} {
		if year := moment.UTC().Year(); !moment.IsZero() && (year < earliest || year > latest) {
			add(field, registrar.FieldOutOfRange, "must be in the years 1970 to 2200")
		}
	}
	switch {
	case in.Record != "" && in.Student != "":
		add("student", registrar.FieldDuplicate, "not together with record")
	case !in.To.IsZero() && !in.From.Before(in.To):
		add("to", registrar.FieldOutOfRange, "must be after from")
	case in.Record == "" && in.Student == "" && in.From.IsZero():
		add("from", registrar.FieldRequired, "is needed without record or student")
	case in.Record == "" && in.Student == "" && in.To.IsZero():
		add("to", registrar.FieldRequired, "is needed without record or student")
	case in.Record == "" && in.Student == "" && in.To.Sub(in.From) > longestSpan:
		add("to", registrar.FieldOutOfRange, "at most 31 days after from")
	}
	return wrong.OrNil()
}
