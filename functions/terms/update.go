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
		ID: "terms-update", Method: http.MethodPatch, Path: "/v1/terms/{id}", Summary: "Change an academic term",
		Tag: "terms",
		Description: "A JSON merge patch (RFC 7396): what is absent stays, null removes. " +
			"A term does not become shorter than the meetings of its sections.",
		Access: api.Registrar, Codes: []registrar.Code{registrar.NotFound, registrar.NameTaken},
	}, func(ctx context.Context, in *updateInput) (*api.Read[Term], error) {
		after, err := api.Change(in.IfMatchInput,
			func() (registrar.Term, error) { return store.Term(ctx, registrar.TermID(in.ID)) },
			func(t registrar.Term) registrar.Term {
				t = in.Body.change(t)
				t.Stamp = t.Next(system.Clock())
				return t
			},
			func(before, after registrar.Term) error { return store.UpdateTerm(ctx, before, after) })
		if err != nil {
			return nil, err
		}
		return &api.Read[Term]{ETag: api.ETag(after.Version), Body: show(after)}, nil
	})
}
