package courses

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// CreateStore is what [Create] needs of the store.
type CreateStore interface {
	CreateCourse(ctx context.Context, c registrar.Course, answer registrar.Answer) error
}

// Create adds a course of the catalogue.
func Create(store CreateStore, system api.System) api.Operation {
	return api.Define(api.Spec{
		ID: "courses-create", Method: http.MethodPost, Path: "/v1/courses", Summary: "Create a course of the catalogue",
		Tag:         "courses",
		Description: "Subject and number together are its code, which no other course has.",
		Access:      api.Registrar, Status: http.StatusCreated,
		Codes: []registrar.Code{registrar.NameTaken, registrar.IdempotencyMismatch},
	}, api.CreateRecord(func(n NewCourse) (registrar.Course, string) {
		c := n.course()
		c.ID = registrar.CourseID(system.NewID())
		c.Stamp = c.Next(system.Clock())
		return c, "courses/" + string(c.ID)
	}, store.CreateCourse, show))
}
