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

type createInput struct {
	api.IdempotencyInput
	Body NewTerm
}

// Create adds an academic term.
func Create(store CreateStore, system api.System) api.Operation {
	return api.Define(api.Spec{
		ID: "terms-create", Method: http.MethodPost, Path: "/v1/terms", Summary: "Create an academic term", Tag: "terms",
		Description: "No other term has the same code. Deadlines are for sections that state none.",
		Access:      api.Registrar, Status: http.StatusCreated,
		Codes: []registrar.Code{registrar.NameTaken, registrar.IdempotencyMismatch},
	}, func(ctx context.Context, in *createInput) (*api.Created[Term], error) {
		t := in.Body.term()
		t.ID = registrar.TermID(system.NewID())
		t.Stamp = t.Next(system.Clock())
		if err := t.Validate(); err != nil {
			return nil, err
		}
		return api.Create(in.Key(ctx), "terms/"+string(t.ID), t.Version, show(t), func(answer registrar.Answer) error {
			return store.CreateTerm(ctx, t, answer)
		})
	})
}
