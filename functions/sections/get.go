package sections

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// GetStore is what [Get] needs of the store.
type GetStore interface {
	Section(ctx context.Context, id registrar.SectionID) (registrar.SectionView, error)
}

// Get shows a section with its seats.
func Get(store GetStore) api.Operation {
	return api.Define(api.Spec{
		ID: "sections-get", Method: http.MethodGet, Path: "/v1/sections/{id}", Summary: "Get a section with its seats",
		Tag: "sections",
		Description: "The ETag is the version of what the registrar's office states, and the account of the seats; " +
			"If-Match of a change compares the version alone.",
		Access: api.Public, Codes: []registrar.Code{registrar.NotFound},
	}, api.ReadRecord(store.Section, read))
}
