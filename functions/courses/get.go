package courses

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// GetStore is what [Get] needs of the store.
type GetStore interface {
	Course(ctx context.Context, id registrar.CourseID) (registrar.Course, error)
}

// Get shows a course of the catalogue.
func Get(store GetStore) api.Operation {
	return api.Define(api.Spec{
		ID: "courses-get", Method: http.MethodGet, Path: "/v1/courses/{id}", Summary: "Get a course of the catalogue",
		Tag:         "courses",
		Description: "The ETag is its version, which a change has to name.",
		Access:      api.Public, Codes: []registrar.Code{registrar.NotFound},
	}, api.ReadRecord(store.Course, read))
}
