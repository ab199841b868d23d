package sections

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// DeleteStore is what [Delete] needs of the store.
type DeleteStore interface {
	DeleteSection(ctx context.Context, id registrar.SectionID, version registrar.Version) error
}

type deleteInput struct {
	api.IDInput
	api.IfMatchInput
}

// Delete removes a section.
func Delete(store DeleteStore) api.Operation {
	return api.Define(api.Spec{
		ID: "sections-delete", Method: http.MethodDelete, Path: "/v1/sections/{id}", Summary: "Delete a section", Tag: "sections",
		Description: "Refused once anybody has registered for it, dropped or not: cancel it instead. If-Match is optional.",
		Access:      api.Registrar, Status: http.StatusNoContent, Codes: []registrar.Code{registrar.NotFound, registrar.InUse},
	}, func(ctx context.Context, in *deleteInput) (*api.Nothing, error) {
		version, err := in.ExpectsIfSaid()
		if err != nil {
			return nil, err
		}
		return nil, store.DeleteSection(ctx, registrar.SectionID(in.ID), version)
	})
}
