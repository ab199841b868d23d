package courses

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// UpdateStore is what [Update] needs of the store.
type UpdateStore interface {
	GetStore
	UpdateCourse(ctx context.Context, before, after registrar.Course) error
}

type updateInput struct {
	api.IDInput
	api.IfMatchInput
	Body CourseChange
}

// Update changes a course of the catalogue.
func Update(store UpdateStore, system api.System) api.Operation {
	return api.Define(api.Spec{
		ID: "courses-update", Method: http.MethodPatch, Path: "/v1/courses/{id}", Summary: "Change a course of the catalogue", Tag: "courses",
		Access: api.Registrar, Codes: []registrar.Code{registrar.NotFound},
	}, func(ctx context.Context, in *updateInput) (*api.Read[Course], error) {
		expected, err := in.Expects()
		if err != nil {
			return nil, err
		}
		before, err := store.Course(ctx, registrar.CourseID(in.ID))
		if err != nil {
			return nil, err
		}
		if err := api.Match(expected, before.Version); err != nil {
			return nil, err
		}
		after := in.Body.change(before)
		after.Stamp = before.Next(system.Clock())
		if err := after.Validate(); err != nil {
			return nil, err
		}
		if err := store.UpdateCourse(ctx, before, after); err != nil {
			return nil, err
		}
		return &api.Read[Course]{ETag: api.ETag(after.Version), Body: show(after)}, nil
	})
}
