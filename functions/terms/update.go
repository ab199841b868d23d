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

// Update changes an academic term.
func Update(store UpdateStore, system api.System) api.Operation {
	return api.Define(api.Spec{
		ID: "terms-update", Method: http.MethodPatch, Path: "/v1/terms/{id}", Summary: "Change an academic term",
		Tag: "terms",
		Description: "A JSON merge patch (RFC 7396): what is absent stays, null removes. " +
			"A term does not become shorter than the meetings of its sections.",
		Access: api.Registrar, Codes: []registrar.Code{registrar.NotFound, registrar.NameTaken},
	}, api.UpdateRecord(store.Term, func(c TermChange, t registrar.Term) registrar.Term {
		t = c.change(t)
		t.Stamp = t.Next(system.Clock())
		return t
	}, store.UpdateTerm, read))
}
