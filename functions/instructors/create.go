package instructors

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// CreateStore is what [Create] needs of the store.
type CreateStore interface {
	CreateInstructor(ctx context.Context, p registrar.Instructor, answer registrar.Answer) error
}

// Create adds an instructor.
func Create(store CreateStore, system api.System) api.Operation {
	return api.Define(api.Spec{
		ID: "instructors-create", Method: http.MethodPost, Path: "/v1/instructors", Summary: "Create an instructor",
		Tag:         "instructors",
		Description: "No other instructor has the same e-mail address; namesakes are possible.",
		Access:      api.Registrar, Status: http.StatusCreated,
		Codes: []registrar.Code{registrar.NameTaken, registrar.IdempotencyMismatch},
	}, api.CreateRecord(func(n NewInstructor) (registrar.Instructor, string) {
		p := n.instructor()
		p.ID = registrar.InstructorID(system.NewID())
		p.Stamp = p.Next(system.Clock())
		return p, "instructors/" + string(p.ID)
	}, store.CreateInstructor, show))
}
