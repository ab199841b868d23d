package registrations

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// RosterStore is what [Roster] needs of the store.
type RosterStore interface {
	Roster(ctx context.Context, section registrar.SectionID,
		page registrar.PageRequest) (registrar.Page[registrar.Registration], error)
}

type rosterInput struct {
	api.IDInput
	api.PageInput
}

// Roster lists who is enrolled in a section.
func Roster(store RosterStore) api.Operation {
	return api.Define(api.Spec{
		ID: "registrations-roster", Method: http.MethodGet, Path: "/v1/sections/{id}/registrations",
		Summary:     "List a section's enrolled students",
		Description: "By family name. It may lag behind the last moment.", Tag: "registrations", Access: api.Teachers,
		Codes: []registrar.Code{registrar.NotFound},
	}, func(ctx context.Context, in *rosterInput) (*api.List[Registration], error) {
		page, err := store.Roster(ctx, registrar.SectionID(in.ID), in.Request())
		if err != nil {
			return nil, err
		}
		return api.ListOf(ctx, page, show), nil
	})
}
