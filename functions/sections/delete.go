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

// Delete removes a section.
func Delete(store DeleteStore) api.Operation {
	return api.Define(api.Spec{
		ID: "sections-delete", Method: http.MethodDelete, Path: "/v1/sections/{id}", Summary: "Delete a section",
		Tag:         "sections",
		Description: "Refused once anybody has registered for it, dropped or not: cancel it instead. If-Match is optional.",
		Access:      api.Registrar, Status: http.StatusNoContent, Codes: []registrar.Code{registrar.NotFound,
			registrar.InUse},
	}, api.DeleteRecord(store.Section, store.DeleteSection))
}
