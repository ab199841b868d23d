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

type createInput struct {
	api.IdempotencyInput
	Body NewInstructor
}

// Create adds an instructor.
func Create(store CreateStore, system api.System) api.Operation {
	return api.Define(api.Spec{
		ID: "instructors-create", Method: http.MethodPost, Path: "/v1/instructors", Summary: "Create an instructor",
		Tag:         "instructors",
		Description: "No other instructor has the same e-mail address; namesakes are possible.",
		Access:      api.Registrar, Status: http.StatusCreated,
		Codes: []registrar.Code{registrar.NameTaken, registrar.IdempotencyMismatch},
	}, func(ctx context.Context, in *createInput) (*api.Created[Instructor], error) {
		p := in.Body.instructor()
		p.ID = registrar.InstructorID(system.NewID())
		p.Stamp = p.Next(system.Clock())
		if err := p.Validate(); err != nil {
			return nil, err
		}
		return api.Create(in.Key(ctx), "instructors/"+string(p.ID), p.Version, show(p), func(answer registrar.Answer) error {
			return store.CreateInstructor(ctx, p, answer)
		})
	})
}
