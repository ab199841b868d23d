package sections

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// DeleteStore is what [Delete] needs of the store.
type DeleteStore interface {
	GetStore
	DeleteSection(ctx context.Context, id registrar.SectionID, version registrar.Version) error
}

type deleteInput struct {
	api.IDInput
	api.IfMatchInput
}

// Delete removes a section.
func Delete(store DeleteStore) api.Operation {
	return api.Define(api.Spec{
		ID: "sections-delete", Method: http.MethodDelete, Path: "/v1/sections/{id}", Summary: "Delete a section",
		Tag:         "sections",
		Description: "Refused once anybody has registered for it, dropped or not: cancel it instead. If-Match is optional.",
		Access:      api.Registrar, Status: http.StatusNoContent, Codes: []registrar.Code{registrar.NotFound,
			registrar.InUse},
	}, func(ctx context.Context, in *deleteInput) (*api.Nothing, error) {
		id := registrar.SectionID(in.ID)
		return nil, api.Delete(in.IfMatchInput,
			func() (registrar.Version, error) {
				found, err := store.Section(ctx, id)
				return found.Version, err
			},
			func(version registrar.Version) error { return store.DeleteSection(ctx, id, version) })
	})
}
