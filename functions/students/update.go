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
		ID: "students-update", Method: http.MethodPatch, Path: "/v1/students/{id}", Summary: "Change a student",
		Tag:         "students",
		Description: "A JSON merge patch (RFC 7396): what is absent stays, null removes.",
		Access:      api.Registrar, Codes: []registrar.Code{registrar.NotFound, registrar.NameTaken},
	}, func(ctx context.Context, in *updateInput) (*api.Read[Student], error) {
		after, err := api.Change(in.IfMatchInput,
			func() (registrar.Student, error) { return store.Student(ctx, registrar.StudentID(in.ID)) },
			func(p registrar.Student) registrar.Student {
				p = in.Body.change(p)
				p.Stamp = p.Next(system.Clock())
				return p
			},
			func(before, after registrar.Student) error { return store.UpdateStudent(ctx, before, after) })
		if err != nil {
			return nil, err
		}
		return &api.Read[Student]{ETag: api.ETag(after.Version), Body: show(after)}, nil
	})
}
