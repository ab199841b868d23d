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

// Update changes an instructor.
func Update(store UpdateStore, system api.System) api.Operation {
	return api.Define(api.Spec{
		ID: "instructors-update", Method: http.MethodPatch, Path: "/v1/instructors/{id}", Summary: "Change an instructor",
		Tag:         "instructors",
		Description: "A JSON merge patch (RFC 7396): what is absent stays, null removes.",
		Access:      api.Registrar, Codes: []registrar.Code{registrar.NotFound, registrar.NameTaken},
	}, api.UpdateRecord(store.Instructor, func(c InstructorChange, p registrar.Instructor) registrar.Instructor {
		p = c.change(p)
		p.Stamp = p.Next(system.Clock())
		return p
	}, store.UpdateInstructor, read))
}
