package imports

import (
	"context"
	"net/http"
	"strings"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/registrar"
)

// ListStore is what [List] needs of the store.
type ListStore interface {
	NewestImports(
		ctx context.Context,
		filter intake.Filter,
		page registrar.PageRequest,
	) (registrar.Page[intake.Import], error)
}

type listInput struct {
	api.PageInput
	State string `query:"state" enum:"waiting,running,finished,failed" doc:"Only imports in this state"`
	Kind  string `query:"kind" enum:"sections,students,instructors,registrations" doc:"Only imports of this kind"`
	Term  api.ID `query:"term" doc:"Only imports of this term, by its id"`
}

// List pages through imports.
func List(store ListStore) api.Operation {
	return api.Define(api.Spec{
		ID: "imports-list", Method: http.MethodGet, Path: "/v1/imports", Summary: "List imports", Tag: "imports",
		Description: "The newest first. With a filter a page may have fewer imports than its limit, or none, and still be " +
			"followed by another: " +
			"go on while there is a cursor. The list may lag behind by a moment.",
		Access: api.Registrar,
	}, func(ctx context.Context, in *listInput) (*api.List[Import], error) {
		page, err := store.NewestImports(ctx, intake.Filter{
			State: intake.State(strings.ToUpper(in.State)),
			Kind:  intake.Kind(in.Kind), Term: registrar.TermID(in.Term),
		}, in.Request())
		if err != nil {
			return nil, err
		}
		return api.ListOf(ctx, page, show), nil
	})
}
