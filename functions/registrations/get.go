package registrations

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// GetStore is what [Get] needs of the store.
type GetStore interface {
	Registration(ctx context.Context, section registrar.SectionID, student registrar.StudentID) (registrar.Registration,
		error)
}

// Get shows a student's registration in a section.
func Get(store GetStore) api.Operation {
	return api.Define(api.Spec{
		ID: "registrations-get", Method: http.MethodGet, Path: "/v1/sections/{id}/registrations/{student}",
		Summary: "Get a student's registration in a section", Tag: "registrations", Access: api.Self, Codes: []registrar.Code{
			registrar.NotFound},
		Description: "A dropped one, too: `state` says which it is.",
	}, func(ctx context.Context, in *KeyInput) (*api.Read[Registration], error) {
		r, err := store.Registration(ctx, registrar.SectionID(in.Section), registrar.StudentID(in.Student))
		if err != nil {
			return nil, err
		}
		return read(r), nil
	})
}
