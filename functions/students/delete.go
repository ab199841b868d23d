package students

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// DeleteStore is what [Delete] needs of the store.
type DeleteStore interface {
	GetStore
	DeleteStudent(ctx context.Context, id registrar.StudentID, version registrar.Version) error
}

type deleteInput struct {
	api.IDInput
	api.IfMatchInput
}

// Delete removes a student.
func Delete(store DeleteStore) api.Operation {
	return api.Define(api.Spec{
		ID: "students-delete", Method: http.MethodDelete, Path: "/v1/students/{id}", Summary: "Delete a student",
		Tag:         "students",
		Description: "Refused while anything depends on it: registrations, dropped ones too. If-Match is optional.",
		Access:      api.Registrar, Status: http.StatusNoContent, Codes: []registrar.Code{registrar.NotFound,
			registrar.InUse},
	}, func(ctx context.Context, in *deleteInput) (*api.Nothing, error) {
		id := registrar.StudentID(in.ID)
		return nil, api.Delete(in.IfMatchInput,
			func() (registrar.Version, error) {
				found, err := store.Student(ctx, id)
				return found.Version, err
			},
			func(version registrar.Version) error { return store.DeleteStudent(ctx, id, version) })
	})
}
