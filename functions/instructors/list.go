package instructors

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// ListStore is what [List] needs of the store.
type ListStore interface {
	Instructors(ctx context.Context, page registrar.PageRequest) (registrar.Page[registrar.Instructor], error)
}

type listInput struct {
	api.PageInput
}

// List pages through instructors.
func List(store ListStore) api.Operation {
	return api.Define(api.Spec{
		ID: "instructors-list", Method: http.MethodGet, Path: "/v1/instructors", Summary: "List instructors",
		Tag:         "instructors",
		Description: "By name.", Access: api.Public,
	}, func(ctx context.Context, in *listInput) (*api.List[Instructor], error) {
		page, err := store.Instructors(ctx, in.Request())
		if err != nil {
			return nil, err
		}
		return api.ListOf(ctx, page, show), nil
	})
}
