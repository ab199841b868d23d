package courses

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// ListStore is what [List] needs of the store.
type ListStore interface {
	Courses(ctx context.Context, filter registrar.CourseFilter, page registrar.PageRequest) (registrar.Page[registrar.Course], error)
}

type listInput struct {
	api.PageInput
	Subject string `query:"subject" maxLength:"8" doc:"Only this subject, by number" example:"CSCI"`
	Title   string `query:"title" maxLength:"200" doc:"Only titles that begin so, in any case" example:"data"`
}

// List pages through courses.
func List(store ListStore) api.Operation {
	return api.Define(api.Spec{
		ID: "courses-list", Method: http.MethodGet, Path: "/v1/courses", Summary: "List courses", Tag: "courses",
		Description: "A subject's by number, or all by title.", Access: api.Public,
	}, func(ctx context.Context, in *listInput) (*api.List[Course], error) {
		page, err := store.Courses(ctx, registrar.CourseFilter{Subject: in.Subject, TextPrefix: in.Title}, in.Request())
		if err != nil {
			return nil, err
		}
		return api.ListOf(ctx, page, show), nil
	})
}
