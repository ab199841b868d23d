package courses

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// DeleteStore is what [Delete] needs of the store.
type DeleteStore interface {
	GetStore
	DeleteCourse(ctx context.Context, id registrar.CourseID, version registrar.Version) error
}

// Delete removes a course of the catalogue.
func Delete(store DeleteStore) api.Operation {
	return api.Define(api.Spec{
		ID: "courses-delete", Method: http.MethodDelete, Path: "/v1/courses/{id}",
		Summary: "Delete a course of the catalogue", Tag: "courses",
		Description: "Refused while anything depends on it: its sections in any term. If-Match is optional.",
		Access:      api.Registrar, Status: http.StatusNoContent, Codes: []registrar.Code{registrar.NotFound,
			registrar.InUse},
	}, api.DeleteRecord(store.Course, store.DeleteCourse))
}
