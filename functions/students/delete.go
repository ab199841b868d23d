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

// Delete removes a student.
func Delete(store DeleteStore) api.Operation {
	return api.Define(api.Spec{
		ID: "students-delete", Method: http.MethodDelete, Path: "/v1/students/{id}", Summary: "Delete a student",
		Tag:         "students",
		Description: "Refused while anything depends on it: registrations, dropped ones too. If-Match is optional.",
		Access:      api.Registrar, Status: http.StatusNoContent, Codes: []registrar.Code{registrar.NotFound,
			registrar.InUse},
	}, api.DeleteRecord(store.Student, store.DeleteStudent))
}
