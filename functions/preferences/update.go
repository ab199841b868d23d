package preferences

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/registrar"
)

// Update changes what mail a student wants.
func Update(store UpdateStore, system api.System) api.Operation {
	return api.Define(api.Spec{
		ID: "preferences-update", Method: http.MethodPatch, Path: "/v1/students/{id}/mail-preferences",
		Summary:     "Change what mail a student wants",
		Description: "A JSON merge patch (RFC 7396): what is absent stays.",
		Tag:         "mail", Access: api.Self, Codes: []registrar.Code{registrar.NotFound},
	}, func(ctx context.Context, in *api.UpdateInput[Change]) (*api.Read[Preferences], error) {
		after, err := api.Change(in.IfMatchInput,
			func() (mail.Preferences, error) {
				return store.MailPreferences(ctx, mail.OfStudent(registrar.StudentID(in.ID)))
			},
			func(p mail.Preferences) mail.Preferences {
				p = in.Body.change(p)
				p.Stamp = p.Next(system.Clock())
				return p
			},
			func(_, after mail.Preferences) error {
				return store.SaveMailPreferences(ctx, after, mail.PreferencesEvent(after, api.ActorOf(ctx), system.NewID))
			})
		if err != nil {
			return nil, err
		}
		return &api.Read[Preferences]{ETag: api.ETag(after.Version), Body: show(after)}, nil
	})
}
