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
		ID: "courses-update", Method: http.MethodPatch, Path: "/v1/courses/{id}", Summary: "Change a course of the catalogue",
		Tag:         "courses",
		Description: "A JSON merge patch (RFC 7396): what is absent stays, null removes. The code is the course's for life.",
		Access:      api.Registrar, Codes: []registrar.Code{registrar.NotFound},
	}, func(ctx context.Context, in *updateInput) (*api.Read[Course], error) {
		after, err := api.Change(in.IfMatchInput,
			func() (registrar.Course, error) { return store.Course(ctx, registrar.CourseID(in.ID)) },
			func(c registrar.Course) registrar.Course {
				c = in.Body.change(c)
				c.Stamp = c.Next(system.Clock())
				return c
			},
			func(before, after registrar.Course) error { return store.UpdateCourse(ctx, before, after) })
		if err != nil {
			return nil, err
		}
		return &api.Read[Course]{ETag: api.ETag(after.Version), Body: show(after)}, nil
	})
}
