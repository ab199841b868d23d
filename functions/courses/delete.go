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

type deleteInput struct {
	api.IDInput
	api.IfMatchInput
}

// Delete removes a course of the catalogue.
func Delete(store DeleteStore) api.Operation {
	return api.Define(api.Spec{
		ID: "courses-delete", Method: http.MethodDelete, Path: "/v1/courses/{id}",
		Summary: "Delete a course of the catalogue", Tag: "courses",
		Description: "Refused while anything depends on it: its sections in any term. If-Match is optional.",
		Access:      api.Registrar, Status: http.StatusNoContent, Codes: []registrar.Code{registrar.NotFound,
			registrar.InUse},
	}, func(ctx context.Context, in *deleteInput) (*api.Nothing, error) {
		id := registrar.CourseID(in.ID)
		return nil, api.Delete(in.IfMatchInput,
			func() (registrar.Version, error) {
				found, err := store.Course(ctx, id)
				return found.Version, err
			},
			func(version registrar.Version) error { return store.DeleteCourse(ctx, id, version) })
	})
}
