package instructors

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// DeleteStore is what [Delete] needs of the store.
type DeleteStore interface {
	GetStore
	DeleteInstructor(ctx context.Context, id registrar.InstructorID, version registrar.Version) error
}

// Delete removes an instructor.
func Delete(store DeleteStore) api.Operation {
	return api.Define(api.Spec{
		ID: "instructors-delete", Method: http.MethodDelete, Path: "/v1/instructors/{id}", Summary: "Delete an instructor",
		Tag:         "instructors",
		Description: "Refused while anything depends on it: sections that the instructor teaches. If-Match is optional.",
		Access:      api.Registrar, Status: http.StatusNoContent, Codes: []registrar.Code{registrar.NotFound,
			registrar.InUse},
	}, api.DeleteRecord(store.Instructor, store.DeleteInstructor))
}
