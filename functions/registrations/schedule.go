package registrations

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// ScheduleStore is what [Schedule] needs of the store.
type ScheduleStore interface {
	Student(ctx context.Context, id registrar.StudentID) (registrar.Student, error)
	Schedule(ctx context.Context, student registrar.StudentID, term registrar.TermID) ([]registrar.Registration, error)
}

type scheduleInput struct {
	api.IDInput
	Term api.ID `path:"term" doc:"Id of the term"`
}

// ScheduleView is a student's term as clients see it.
type ScheduleView struct {
	Student string         `json:"student" format:"uuid"`
	Term    string         `json:"term" format:"uuid"`
	Credits api.Credits    `json:"credits" doc:"Sum over what is enrolled" example:"16"`
	Items   []Registration `json:"items" doc:"Dropped ones too"`
}

type scheduleOutput struct {
	Body ScheduleView
}

// Schedule shows what a student takes in a term.
func Schedule(store ScheduleStore) api.Operation {
	return api.Define(api.Spec{
		ID: "registrations-schedule", Method: http.MethodGet, Path: "/v1/students/{id}/terms/{term}/registrations",
		Summary: "Get a student's schedule in a term", Tag: "registrations", Access: api.Self, Codes: []registrar.Code{
			registrar.NotFound},
		Description: "All registrations, dropped ones too, and the credits of those that are enrolled.",
	}, func(ctx context.Context, in *scheduleInput) (*scheduleOutput, error) {
		student := registrar.StudentID(in.ID)
		if _, err := store.Student(ctx, student); err != nil {
			return nil, err
		}
		all, err := store.Schedule(ctx, student, registrar.TermID(in.Term))
		if err != nil {
			return nil, err
		}
		view := ScheduleView{Student: string(in.ID), Term: string(in.Term), Items: make([]Registration, len(all))}
		var load registrar.Credits
		for i, r := range all {
			view.Items[i] = show(r)
			if r.State.Live() {
				load += r.Credits
			}
		}
		view.Credits = api.CreditsOf(load)
		return &scheduleOutput{Body: view}, nil
	})
}
