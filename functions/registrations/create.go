package registrations

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// NewRegistration is who wants a seat.
type NewRegistration struct {
	Student api.ID       `json:"student" doc:"Id of the student" example:"0198c0a4-2b6e-7c3d-9a41-5f0e2d7c8b11"`
	Credits *api.Credits `json:"credits,omitempty" minimum:"0" maximum:"100" doc:"For a section with a range of credits; absent: the least" example:"4"`
}

type createInput struct {
	api.IdempotencyInput
	Section api.ID `path:"id" doc:"Id of the section"`
	Body    NewRegistration
}

// Create enrols a student in a section.
func Create(store registrar.RegistrationStore, audit registrar.Auditor, system api.System) api.Operation {
	desk := registrar.Desk{Store: store, Audit: audit, NewID: system.NewID}
	return api.Define(api.Spec{
		ID: "registrations-create", Method: http.MethodPost, Path: "/v1/sections/{id}/registrations",
		Summary:     "Enrol a student in a section",
		Description: "Every rule that says no is told at once, in `refusals`.", Tag: "registrations", Access: api.Self,
		Status: http.StatusCreated,
		Codes: []registrar.Code{
			registrar.NotFound, registrar.SectionFull, registrar.SectionNotOpen, registrar.TimeConflict,
			registrar.DuplicateCourse,
			registrar.CreditsOver, registrar.AlreadyEnrolled, registrar.WindowClosed, registrar.DeadlinePassed,
			registrar.StateForbids,
			registrar.IdempotencyMismatch,
		},
	}, func(ctx context.Context, in *createInput) (*api.Created[Registration], error) {
		enrol := registrar.EnrolRequest{
			Section: registrar.SectionID(in.Section), Student: registrar.StudentID(in.Body.Student),
			Actor: api.ActorOf(ctx), At: arrival(ctx, system.Clock),
		}
		if in.Body.Credits != nil {
			credits := in.Body.Credits.Domain()
			enrol.Credits = &credits
		}
		r, err := desk.Enrol(ctx, enrol, in.Key(ctx), func(r registrar.Registration) ([]byte,
			error) {
			return api.Reply(created(r))
		})
		if err != nil {
			return api.Replayed[api.Created[Registration]](err)
		}
		return created(r), nil
	})
}

func created(r registrar.Registration) *api.Created[Registration] {
	return &api.Created[Registration]{Location: location(r), ETag: api.ETag(r.Version), Body: show(r)}
}
