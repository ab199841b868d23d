package terms

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// GetStore is what [Get] needs of the store.
type GetStore interface {
	Term(ctx context.Context, id registrar.TermID) (registrar.Term, error)
}

// Get shows an academic term.
func Get(store GetStore) api.Operation {
	return api.Define(api.Spec{
		ID: "terms-get", Method: http.MethodGet, Path: "/v1/terms/{id}", Summary: "Get an academic term", Tag: "terms",
		Description: "The ETag is its version, which a change has to name.",
		Access:      api.Public, Codes: []registrar.Code{registrar.NotFound},
	}, func(ctx context.Context, in *api.IDInput) (*api.Read[Term], error) {
		t, err := store.Term(ctx, registrar.TermID(in.ID))
		if err != nil {
			return nil, err
		}
		return &api.Read[Term]{ETag: api.ETag(t.Version), Body: show(t)}, nil
	})
}
