package instructors

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// UpdateStore is what [Update] needs of the store.
type UpdateStore interface {
	GetStore
	UpdateInstructor(ctx context.Context, before, after registrar.Instructor) error
}

type updateInput struct {
	api.IDInput
	api.IfMatchInput
	Body InstructorChange
}

// Update changes an instructor.
func Update(store UpdateStore, system api.System) api.Operation {
	return api.Define(api.Spec{
		ID: "instructors-update", Method: http.MethodPatch, Path: "/v1/instructors/{id}", Summary: "Change an instructor",
		Tag:         "instructors",
		Description: "A JSON merge patch (RFC 7396): what is absent stays, null removes.",
		Access:      api.Registrar, Codes: []registrar.Code{registrar.NotFound, registrar.NameTaken},
	}, func(ctx context.Context, in *updateInput) (*api.Read[Instructor], error) {
		after, err := api.Change(in.IfMatchInput,
			func() (registrar.Instructor, error) { return store.Instructor(ctx, registrar.InstructorID(in.ID)) },
			func(p registrar.Instructor) registrar.Instructor {
				p = in.Body.change(p)
				p.Stamp = p.Next(system.Clock())
				return p
			},
			func(before, after registrar.Instructor) error { return store.UpdateInstructor(ctx, before, after) })
		if err != nil {
			return nil, err
		}
		return &api.Read[Instructor]{ETag: api.ETag(after.Version), Body: show(after)}, nil
	})
}
