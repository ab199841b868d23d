package terms

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// UpdateStore is what [Update] needs of the store.
type UpdateStore interface {
	GetStore
	UpdateTerm(ctx context.Context, before, after registrar.Term) error
}

type updateInput struct {
	api.IDInput
	api.IfMatchInput
	Body TermChange
}

// Update changes an academic term.
func Update(store UpdateStore, system api.System) api.Operation {
	return api.Define(api.Spec{
		ID: "terms-update", Method: http.MethodPatch, Path: "/v1/terms/{id}", Summary: "Change an academic term", Tag: "terms",
		Access: api.Registrar, Codes: []registrar.Code{registrar.NotFound, registrar.NameTaken},
	}, func(ctx context.Context, in *updateInput) (*api.Read[Term], error) {
		expected, err := in.Expects()
		if err != nil {
			return nil, err
		}
		before, err := store.Term(ctx, registrar.TermID(in.ID))
		if err != nil {
			return nil, err
		}
		if err := api.Match(expected, before.Version); err != nil {
			return nil, err
		}
		after := in.Body.change(before)
		after.Stamp = before.Next(system.Clock())
		if err := after.Validate(); err != nil {
			return nil, err
		}
		if err := store.UpdateTerm(ctx, before, after); err != nil {
			return nil, err
		}
		return &api.Read[Term]{ETag: api.ETag(after.Version), Body: show(after)}, nil
	})
}
