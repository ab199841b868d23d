package terms

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// DeleteStore is what [Delete] needs of the store.
type DeleteStore interface {
	GetStore
	DeleteTerm(ctx context.Context, id registrar.TermID, version registrar.Version) error
}

// Delete removes an academic term.
func Delete(store DeleteStore) api.Operation {
	return api.Define(api.Spec{
		ID: "terms-delete", Method: http.MethodDelete, Path: "/v1/terms/{id}", Summary: "Delete an academic term",
		Tag:         "terms",
		Description: "Refused while anything depends on it: its sections. If-Match is optional.",
		Access:      api.Registrar, Status: http.StatusNoContent, Codes: []registrar.Code{registrar.NotFound,
			registrar.InUse},
	}, api.DeleteRecord(store.Term, store.DeleteTerm))
}
