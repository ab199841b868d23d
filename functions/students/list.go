package students

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// ListStore is what [List] needs of the store.
type ListStore interface {
	Students(ctx context.Context, filter registrar.StudentFilter,
		page registrar.PageRequest) (registrar.Page[registrar.Student], error)
}

type listInput struct {
	api.PageInput
	Number api.Code `query:"number" doc:"Only the student with this number" example:"U1000001"`
	Name   api.Line `query:"name" minLength:"1" maxLength:"200" doc:"Only family names that begin so, in any case and without regard to diacritics; of people with one name, that" example:"hop"`
}

// List pages through students.
func List(store ListStore) api.Operation {
	return api.Define(api.Spec{
		ID: "students-list", Method: http.MethodGet, Path: "/v1/students", Summary: "List students", Tag: "students",
		Description: "By family name.", Access: api.Registrar,
	}, func(ctx context.Context, in *listInput) (*api.List[Student], error) {
		page, err := store.Students(ctx, registrar.StudentFilter{Number: registrar.Personal(in.Number),
			NamePrefix: registrar.Personal(in.Name)}, in.Request())
		if err != nil {
			return nil, err
		}
		return api.ListOf(ctx, page, show), nil
	})
}
