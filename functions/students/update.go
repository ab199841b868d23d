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

// Update changes a student.
func Update(store UpdateStore, system api.System) api.Operation {
	return api.Define(api.Spec{
		ID: "students-update", Method: http.MethodPatch, Path: "/v1/students/{id}", Summary: "Change a student",
		Tag:         "students",
		Description: "A JSON merge patch (RFC 7396): what is absent stays, null removes.",
		Access:      api.Registrar, Codes: []registrar.Code{registrar.NotFound, registrar.NameTaken},
	}, api.UpdateRecord(store.Student, func(c StudentChange, p registrar.Student) registrar.Student {
		p = c.change(p)
		p.Stamp = p.Next(system.Clock())
		return p
	}, store.UpdateStudent, read))
}
