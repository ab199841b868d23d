package students

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// UpdateStore is what [Update] needs of the store.
type UpdateStore interface {
	GetStore
	UpdateStudent(ctx context.Context, before, after registrar.Student) error
}

type updateInput struct {
	api.IDInput
	api.IfMatchInput
	Body StudentChange
}

// Update changes a student.
func Update(store UpdateStore, system api.System) api.Operation {
	return api.Define(api.Spec{
		ID: "students-update", Method: http.MethodPatch, Path: "/v1/students/{id}", Summary: "Change a student", Tag: "students",
		Access: api.Registrar, Codes: []registrar.Code{registrar.NotFound, registrar.NameTaken},
	}, func(ctx context.Context, in *updateInput) (*api.Read[Student], error) {
		expected, err := in.Expects()
		if err != nil {
			return nil, err
		}
		before, err := store.Student(ctx, registrar.StudentID(in.ID))
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
		if err := store.UpdateStudent(ctx, before, after); err != nil {
			return nil, err
		}
		return &api.Read[Student]{ETag: api.ETag(after.Version), Body: show(after)}, nil
	})
}
