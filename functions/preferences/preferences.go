// Package preferences has the HTTP operations on what mail people want: a student's preferences, and unsubscribing with
// the link in every mail. It knows the domain, shared/api, shared/mail/unsubscribe and what it needs of a store, as
// small interfaces; no AWS. Start with this file, the form that clients see; each folder below is one Lambda.
package preferences

import (
	"context"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/registrar"
)

// Preferences are a student's, as clients see them. A student who never chose gets all mail.
type Preferences struct {
	RegistrationMade    bool `json:"registrationMade" doc:"Mail when a registration was made" example:"true"`
	RegistrationDropped bool `json:"registrationDropped" doc:"Mail when a registration was dropped" example:"true"`
	api.Stamp
}

// Change is what a client may change of them: what is absent stays.
type Change struct {
	RegistrationMade    *bool `json:"registrationMade,omitempty" example:"false"`
	RegistrationDropped *bool `json:"registrationDropped,omitempty" example:"true"`
}

func show(p mail.Preferences) Preferences {
	return Preferences{
		RegistrationMade:    p.Wants(mail.RegistrationMade),
		RegistrationDropped: p.Wants(mail.RegistrationDropped),
		Stamp:               api.StampOf(p.Stamp),
	}
}

func (c Change) change(p mail.Preferences) mail.Preferences {
	for kind, on := range map[mail.Kind]*bool{
		mail.RegistrationMade: c.RegistrationMade, mail.RegistrationDropped: c.RegistrationDropped,
	} {
		if on != nil {
			p = p.With(kind, *on)
		}
	}
	return p
}

// GetStore is what [Get] needs of the store.
type GetStore interface {
	MailPreferences(ctx context.Context, recipient mail.Recipient) (mail.Preferences, error)
}

// UpdateStore is what [Update] and [Unsubscribe] need of the store.
type UpdateStore interface {
	GetStore
	SaveMailPreferences(ctx context.Context, p mail.Preferences, e registrar.Event) error
}
