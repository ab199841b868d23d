package students

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// CreateStore is what [Create] needs of the store.
type CreateStore interface {
	CreateStudent(ctx context.Context, p registrar.Student, answer registrar.Answer) error
}

type createInput struct {
	api.IdempotencyInput
	Body NewStudent
}

// Create adds a student.
func Create(store CreateStore, system api.System) api.Operation {
	return api.Define(api.Spec{
		ID: "students-create", Method: http.MethodPost, Path: "/v1/students", Summary: "Create a student", Tag: "students",
		Description: "No other student has the same number or e-mail address.",
		Access:      api.Registrar, Status: http.StatusCreated,
		Codes: []registrar.Code{registrar.NameTaken, registrar.IdempotencyMismatch},
	}, func(ctx context.Context, in *createInput) (*api.Created[Student], error) {
		p := in.Body.student()
		p.ID = registrar.StudentID(system.NewID())
		p.Stamp = p.Next(system.Clock())
		if err := p.Validate(); err != nil {
			return nil, err
		}
		return api.Create(in.Key(ctx), "students/"+string(p.ID), p.Version, show(p), func(answer registrar.Answer) error {
			return store.CreateStudent(ctx, p, answer)
		})
	})
}
