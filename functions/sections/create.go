package sections

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// CreateStore is what [Create] needs of the store.
type CreateStore interface {
	api.Answers
	Course(ctx context.Context, id registrar.CourseID) (registrar.Course, error)
	Term(ctx context.Context, id registrar.TermID) (registrar.Term, error)
	CreateSection(ctx context.Context, s registrar.Section, answer registrar.Answer) error
}

// Create schedules a section.
func Create(store CreateStore, system api.System) api.Operation {
	return api.Define(api.Spec{
		ID: "sections-create", Method: http.MethodPost, Path: "/v1/sections", Summary: "Schedule a section", Tag: "sections",
		Description: "Makes the course's offering in the term, too, when this is its first section.",
		Access:      api.Registrar, Status: http.StatusCreated,
		Codes: []registrar.Code{registrar.NotFound, registrar.NameTaken, registrar.IdempotencyMismatch},
	}, func(ctx context.Context, in *api.CreateInput[NewSection]) (*api.Created[Section], error) {
		course, err := store.Course(ctx, registrar.CourseID(in.Body.Course))
		if err != nil {
			return api.AnswerOr[api.Created[Section]](ctx, store, in.Key(ctx), err)
		}
		zone := ""
		if api.Dated(in.Body.Deadlines.Stated()) {
			term, err := store.Term(ctx, registrar.TermID(in.Body.Term))
			if err != nil && !registrar.IsRefusal(err, registrar.NotFound) {
				return nil, err
			}
			zone = term.TimeZone
		}
		s := in.Body.section(course, zone)
		s.ID = registrar.SectionID(system.NewID())
		s.Stamp = s.Next(system.Clock())
		if err := s.Validate(); err != nil {
			return api.AnswerOr[api.Created[Section]](ctx, store, in.Key(ctx), err)
		}
		term, err := store.Term(ctx, s.Term)
		if err == nil {
			err = s.FitsIn(term)
		}
		// The store refuses a term that does not exist, together with everything else that does not.
		if err != nil && !registrar.IsRefusal(err, registrar.NotFound) {
			return api.AnswerOr[api.Created[Section]](ctx, store, in.Key(ctx), err)
		}
		registrar.SortMeetings(s.Meetings)
		view := registrar.SectionView{Section: s, Seats: registrar.Seats{Capacity: s.Capacity, Free: s.Capacity}}
		return api.Create(in.Key(ctx), "sections/"+string(s.ID), s.Version, show(view), func(answer registrar.Answer) error {
			return store.CreateSection(ctx, s, answer)
		}, seatParts(view)...)
	})
}
