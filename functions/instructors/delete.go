package instructors

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// DeleteStore is what [Delete] needs of the store.
type DeleteStore interface {
	DeleteInstructor(ctx context.Context, id registrar.InstructorID, version registrar.Version) error
}

type deleteInput struct {
	api.IDInput
	api.IfMatchInput
}

// Delete removes an instructor.
func Delete(store DeleteStore) api.Operation {
	return api.Define(api.Spec{
		ID: "instructors-delete", Method: http.MethodDelete, Path: "/v1/instructors/{id}", Summary: "Delete an instructor", Tag: "instructors",
		Description: "Refused while anything depends on it: sections that the instructor teaches. If-Match is optional.",
		Access:      api.Registrar, Status: http.StatusNoContent, Codes: []registrar.Code{registrar.NotFound, registrar.InUse},
	}, func(ctx context.Context, in *deleteInput) (*api.Nothing, error) {
		version, err := in.ExpectsIfSaid()
		if err != nil {
			return nil, err
		}
		return nil, store.DeleteInstructor(ctx, registrar.InstructorID(in.ID), version)
	})
}
