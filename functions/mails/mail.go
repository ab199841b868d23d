// Package mails has the HTTP operations by which an operator sees and settles open mails: mails whose outcome is
// unknown, and mails that were refused. It knows the domain, shared/api and what it needs of a store, as small
// interfaces; no AWS. Start with this file, the form that clients see; each folder below is one Lambda. Package
// notifications sends mail.
package mails

import (
	"time"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/mail"
)

// Mail is the record of a mail as an operator sees it. It has no address: that is in the student's record.
type Mail struct {
	ID      string     `json:"id" format:"uuid"`
	Kind    string     `json:"kind" enum:"registration-made,registration-dropped,import-finished"`
	State   string     `json:"state" enum:"CLAIMED,SENT,REFUSED,UNKNOWN,SUPPRESSED,RELEASED" example:"UNKNOWN"`
	Reason  string     `json:"reason,omitempty" doc:"Why it is refused or unknown: the mail provider's code, or words" example:"HTTP 503"`
	Event   string     `json:"event" doc:"Id of the event that the mail tells of, as the log and the mail's tags have it"`
	Student string     `json:"student,omitempty" format:"uuid" doc:"Whom it is for; absent when it is for an address that was given with an import"`
	Section string     `json:"section,omitempty" format:"uuid" doc:"What it tells of"`
	Import  string     `json:"import,omitempty" format:"uuid" doc:"What it tells of"`
	At      *time.Time `json:"at,omitempty" doc:"When that happened"`
	Message string     `json:"message,omitempty" doc:"The mail provider's id of it, once it is sent"`
	Claims  int        `json:"claims" doc:"How often it was about to be sent" example:"1"`
	api.Stamp
}

func show(m mail.Mail, at time.Time) Mail {
	student, _ := m.Recipient.Student()
	shown := Mail{
		ID: string(m.ID), Kind: string(m.Kind), State: string(m.StateAt(at)), Reason: m.Reason, Event: string(m.Event),
		Student: string(student),
		Section: string(m.Section), Import: string(m.Import), At: api.TimeOf(m.At), Message: m.Message, Claims: m.Claims,
		Stamp: api.StampOf(m.Stamp),
	}
	if m.State == mail.Claimed && m.StateAt(at) == mail.Unknown {
		shown.Reason = "whoever claimed it ended without a word"
	}
	return shown
}
