package instructors

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// GetStore is what [Get] needs of the store.
type GetStore interface {
	Instructor(ctx context.Context, id registrar.InstructorID) (registrar.Instructor, error)
}

// Get shows an instructor.
func Get(store GetStore) api.Operation {
	return api.Define(api.Spec{
		ID: "instructors-get", Method: http.MethodGet, Path: "/v1/instructors/{id}", Summary: "Get an instructor",
		Tag:         "instructors",
		Description: "The ETag is the version, which a change has to name.",
		Access:      api.Public, Codes: []registrar.Code{registrar.NotFound},
	}, api.ReadRecord(store.Instructor, read))
}
