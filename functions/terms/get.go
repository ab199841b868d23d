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
	}, api.ReadRecord(store.Term, read))
}
