package sections

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// ListStore is what [List] needs of the store.
type ListStore interface {
	Sections(ctx context.Context, filter registrar.SectionFilter,
		page registrar.PageRequest) (registrar.Page[registrar.SectionView], error)
}

type listInput struct {
	api.PageInput
	Term       api.ID   `query:"term" required:"true" doc:"Id of the term"`
	Course     api.ID   `query:"course" doc:"Only this course's"`
	Subject    api.Code `query:"subject" doc:"Only this subject's, in any case" example:"CSCI"`
	Instructor api.ID   `query:"instructor" doc:"Only those that the instructor teaches"`
	Open       bool     `query:"open" doc:"Only open sections with a seat that can be had"`
}

// List pages through the sections of a term.
func List(store ListStore) api.Operation {
	return api.Define(api.Spec{
		ID: "sections-list", Method: http.MethodGet, Path: "/v1/sections",
		Summary: "List sections of a term with their seats", Tag: "sections",
		Description: "A course's or a subject's by number and CRN, else by time of creation. A page of a filtered list may " +
			"be short, " +
			"or empty, and yet have a next one.",
		Access: api.Public,
	}, func(ctx context.Context, in *listInput) (*api.List[Section], error) {
		page, err := store.Sections(ctx, registrar.SectionFilter{
			Term: registrar.TermID(in.Term), Course: registrar.CourseID(in.Course), Subject: string(in.Subject),
			Instructor: registrar.InstructorID(in.Instructor), OpenSeats: in.Open,
		}, in.Request())
		if err != nil {
			return nil, err
		}
		return api.ListOf(ctx, page, show), nil
	})
}
