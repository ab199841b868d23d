package sections

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// UpdateStore is what [Update] needs of the store.
type UpdateStore interface {
	GetStore
	UpdateSection(ctx context.Context, before, after registrar.Section) error
}

type updateInput struct {
	api.IDInput
	api.IfMatchInput
	Body SectionChange
}

// Update changes a section.
func Update(store UpdateStore, system api.System) api.Operation {
	return api.Define(api.Spec{
		ID: "sections-update", Method: http.MethodPatch, Path: "/v1/sections/{id}", Summary: "Change a section", Tag: "sections",
		Access: api.Registrar, Codes: []registrar.Code{registrar.NotFound, registrar.NameTaken},
	}, func(ctx context.Context, in *updateInput) (*api.Read[Section], error) {
		expected, err := in.Expects()
		if err != nil {
			return nil, err
		}
		id := registrar.SectionID(in.ID)
		before, err := store.Section(ctx, id)
		if err != nil {
			return nil, err
		}
		if err := api.Match(expected, before.Version); err != nil {
			return nil, err
		}
		after := in.Body.change(before.Section)
		after.Stamp = before.Next(system.Clock())
		if err := after.Validate(); err != nil {
			return nil, err
		}
		if err := store.UpdateSection(ctx, before.Section, after); err != nil {
			return nil, err
		}
		view := registrar.SectionView{Section: after, Seats: before.Seats}
		view.Seats.Free += after.Capacity - before.Capacity
		view.Seats.Capacity = after.Capacity
		return &api.Read[Section]{ETag: api.ETag(after.Version), Body: show(view)}, nil
	})
}
