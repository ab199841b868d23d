package courses

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// ListStore is what [List] needs of the store.
type ListStore interface {
	Courses(ctx context.Context, filter registrar.CourseFilter,
		page registrar.PageRequest) (registrar.Page[registrar.Course], error)
}

type listInput struct {
	api.PageInput
	Subject api.Code `query:"subject" doc:"Only this subject in any case, by number" example:"CSCI"`
	Title   api.Line `query:"title" minLength:"1" maxLength:"200" doc:"Only titles that begin so, in any case and without regard to diacritics" example:"data"`
}

// List pages through courses.
func List(store ListStore) api.Operation {
	return api.Define(api.Spec{
		ID: "courses-list", Method: http.MethodGet, Path: "/v1/courses", Summary: "List courses", Tag: "courses",
		Description: "A subject's by number, or all by title.", Access: api.Public,
	}, func(ctx context.Context, in *listInput) (*api.List[Course], error) {
		page, err := store.Courses(ctx, registrar.CourseFilter{Subject: string(in.Subject), TextPrefix: string(in.Title)},
			in.Request())
		if err != nil {
			return nil, err
		}
		return api.ListOf(ctx, page, show), nil
	})
}
