package terms

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// ListStore is what [List] needs of the store.
type ListStore interface {
	Terms(ctx context.Context, page registrar.PageRequest) (registrar.Page[registrar.Term], error)
}

type listInput struct {
	api.PageInput
}

// List pages through terms.
func List(store ListStore) api.Operation {
	return api.Define(api.Spec{
		ID: "terms-list", Method: http.MethodGet, Path: "/v1/terms", Summary: "List terms", Tag: "terms",
		Description: "By first day.", Access: api.Public,
	}, func(ctx context.Context, in *listInput) (*api.List[Term], error) {
		page, err := store.Terms(ctx, in.Request())
		if err != nil {
			return nil, err
		}
		return api.ListOf(ctx, page, show), nil
	})
}
