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

// Create adds a student.
func Create(store CreateStore, system api.System) api.Operation {
	return api.Define(api.Spec{
		ID: "students-create", Method: http.MethodPost, Path: "/v1/students", Summary: "Create a student", Tag: "students",
		Description: "No other student has the same number or e-mail address.",
		Access:      api.Registrar, Status: http.StatusCreated,
		Codes: []registrar.Code{registrar.NameTaken, registrar.IdempotencyMismatch},
	}, api.CreateRecord(func(n NewStudent) (registrar.Student, string) {
		p := n.student()
		p.ID = registrar.StudentID(system.NewID())
		p.Stamp = p.Next(system.Clock())
		return p, "students/" + string(p.ID)
	}, store.CreateStudent, show))
}
