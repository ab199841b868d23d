package terms

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// CreateStore is what [Create] needs of the store.
type CreateStore interface {
	CreateTerm(ctx context.Context, t registrar.Term, answer registrar.Answer) error
}

// Create adds an academic term.
func Create(store CreateStore, system api.System) api.Operation {
	return api.Define(api.Spec{
		ID: "terms-create", Method: http.MethodPost, Path: "/v1/terms", Summary: "Create an academic term", Tag: "terms",
		Description: "No other term has the same code. Deadlines are for sections that state none.",
		Access:      api.Registrar, Status: http.StatusCreated,
		Codes: []registrar.Code{registrar.NameTaken, registrar.IdempotencyMismatch},
	}, api.CreateRecord(func(n NewTerm) (registrar.Term, string) {
		t := n.term()
		t.ID = registrar.TermID(system.NewID())
		t.Stamp = t.Next(system.Clock())
		return t, "terms/" + string(t.ID)
	}, store.CreateTerm, show))
}
