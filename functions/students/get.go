package students

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// GetStore is what [Get] needs of the store.
type GetStore interface {
	Student(ctx context.Context, id registrar.StudentID) (registrar.Student, error)
}

// Get shows a student.
func Get(store GetStore) api.Operation {
	return api.Define(api.Spec{
		ID: "students-get", Method: http.MethodGet, Path: "/v1/students/{id}", Summary: "Get a student", Tag: "students",
		Description: "The ETag is the version, which a change has to name.",
		Access:      api.Self, Codes: []registrar.Code{registrar.NotFound},
	}, api.ReadRecord(store.Student, read))
}
