package courses

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// UpdateStore is what [Update] needs of the store.
type UpdateStore interface {
	GetStore
	UpdateCourse(ctx context.Context, before, after registrar.Course) error
}

// Update changes a course of the catalogue.
func Update(store UpdateStore, system api.System) api.Operation {
	return api.Define(api.Spec{
		ID: "courses-update", Method: http.MethodPatch, Path: "/v1/courses/{id}", Summary: "Change a course of the catalogue",
		Tag:         "courses",
		Description: "A JSON merge patch (RFC 7396): what is absent stays, null removes. The code is the course's for life.",
		Access:      api.Registrar, Codes: []registrar.Code{registrar.NotFound},
	}, api.UpdateRecord(store.Course, func(c CourseChange, course registrar.Course) registrar.Course {
		course = c.change(course)
		course.Stamp = course.Next(system.Clock())
		return course
	}, store.UpdateCourse, read))
}
