package registrations

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

type dropInput struct {
	api.IdempotencyInput
	KeyInput
}

// Drop gives a student's seat back.
func Drop(store registrar.RegistrationStore, audit registrar.Auditor, system api.System) api.Operation {
	desk := registrar.Desk{Store: store, Audit: audit, NewID: system.NewID}
	return api.Define(api.Spec{
		ID: "registrations-drop", Method: http.MethodDelete, Path: "/v1/sections/{id}/registrations/{student}",
		Summary:     "Drop a section",
		Description: "The registration stays, as DROPPED, and is answered.", Tag: "registrations", Access: api.Self,
		Codes: []registrar.Code{registrar.NotFound, registrar.NotEnrolled, registrar.DeadlinePassed,
			registrar.IdempotencyMismatch},
	}, func(ctx context.Context, in *dropInput) (*api.Read[Registration], error) {
		r, err := desk.Drop(ctx, registrar.DropRequest{
			Section: registrar.SectionID(in.Section), Student: registrar.StudentID(in.Student),
			Actor: api.ActorOf(ctx), At: arrival(ctx, system.Clock),
		}, in.Key(ctx), func(r registrar.Registration) ([]byte, error) { return api.Reply(read(r)) })
		if err != nil {
			return api.Replayed[api.Read[Registration]](err)
		}
		return read(r), nil
	})
}

func read(r registrar.Registration) *api.Read[Registration] {
	return &api.Read[Registration]{ETag: api.ETag(r.Version), Body: show(r)}
}
